"""Cosines of texts beside sentence-transformers, which is how all-MiniLM-L6-v2 is meant to be read, and how fast each is.

    make peers-embed-text                    (the packages go into .deps/peers-embed-text: PyTorch has gigabytes)
    make peers-embed-text ARGS=--record      (writes the cosines that `make test-text-model` compares with)

Cosines are of all pairs of the texts in crates/embeddings/tests/data/minilm.json, which are of every kind: short, longer than
the model reads, without words, with letters that it takes apart. Messages a second are of one core each, in a process of its
own, on the first 4,000 utterances of CLINC150 where ../shared/data has it.

Writes target/bench/embed-text-peers.json.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"]:
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target/bench/embed-text"
FIXTURE = ROOT / "crates/embeddings/tests/data/minilm.json"
CLINC = ROOT.parent / "shared/data/clinc150/data_full.json"
BINARY, MODEL = pathlib.Path(sys.argv[1]), sys.argv[2]
ROWS = []


def ours(texts):
    """The vectors, and what the example says of its time."""
    (WORK / "texts.json").write_text(json.dumps(texts))
    run = [BINARY, MODEL, WORK / "texts.json", WORK / "vectors"]
    said = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE).stdout)
    return np.fromfile(WORK / "vectors", "<f4").reshape(len(texts), said["dimension"]), said


def pairs(vectors):
    """Cosines of all pairs, row by row above the diagonal."""
    vectors = vectors.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]


def say(case, metric, value, peer, peer_value, better=None):
    ratio = better and round(better, 3)
    ROWS.append({"case": case, "metric": metric, "ours": value, "peer": peer, "peer_value": peer_value, "ratio": ratio})
    print(f"{case:34} {metric:28} {value!s:>14} {peer or '':24} {peer_value or '':>12} {ratio or '':>8}", flush=True)


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    model = SentenceTransformer(MODEL, device="cpu")
    peer = f"sentence-transformers {__import__('sentence_transformers').__version__}"
    fixture = json.loads(FIXTURE.read_text())
    texts = fixture["texts"]
    reference = pairs(model.encode(texts, convert_to_numpy=True))
    if "--record" in sys.argv:
        fixture["made_by"] = peer
        fixture["cosines"] = [round(float(cosine), 7) for cosine in reference]
        FIXTURE.write_text(json.dumps(fixture, ensure_ascii=False, indent=0) + "\n")
    found, _ = ours(texts)
    largest = float(np.abs(pairs(found) - reference).max())
    say(f"{len(texts)} texts, {len(reference)} pairs", "largest difference of cosines", f"{largest:.2e}", peer, None)

    if CLINC.exists():
        utterances = [text for text, _ in json.loads(CLINC.read_text())["train"]][:4_000]
        name = "4,000 utterances of CLINC150"
    else:
        utterances, name = (texts * 100)[:4_000], "the texts, again and again"
    found, said = ours(utterances)
    start, cpu = time.perf_counter(), time.process_time()
    theirs = model.encode(utterances, convert_to_numpy=True, batch_size=64)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    n = len(utterances)
    sample = np.random.default_rng(1).integers(0, n, (200_000, 2))
    cosines = [np.einsum("ij,ij->i", v[sample[:, 0]], v[sample[:, 1]], dtype=np.float64) for v in (found, theirs)]
    largest = max(largest, float(np.abs(cosines[0] - cosines[1]).max()))
    say(f"{name}, 200,000 pairs", "largest difference of cosines", f"{np.abs(cosines[0] - cosines[1]).max():.2e}", peer, None)
    say(name, "messages a second of wall", round(n / said["seconds"], 1), peer, round(n / seconds, 1), seconds / said["seconds"])
    say(name, "messages a second of CPU", round(n / said["cpu"], 1), peer, round(n / cpu, 1), cpu / said["cpu"])
    say("the model", "seconds to open", round(said["opening"], 3), None, None)
    (ROOT / "target/bench/embed-text-peers.json").write_text(json.dumps(ROWS, indent=1))
    if largest > 1e-4:
        sys.exit(f"cosines differ by {largest:.1e}, more than 1e-4")


main()
