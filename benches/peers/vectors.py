"""Nearest neighbours beside usearch, hnswlib and faiss, with equal parameters in one run.

    make peers-vectors                 (the packages go into .deps/peers-vectors)
    make peers-vectors ARGS=100000     (fewer vectors)

Vectors of 128 numbers in 2,000 clusters, compared by cosine; one thread each, CPU time. First 50,000, exactly; then a million
in a graph of M = 16, ef_construction = 160, the 100 nearest for several widths. Recall is of the exact neighbours of the
vectors as they were given, by faiss; usearch keeps bytes as ours does, hnswlib floats, faiss 8-bit codes of its own.

Writes target/bench/vectors-peers.json.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target/bench/vectors"
BINARY = pathlib.Path(sys.argv[1])
N = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
DIMENSION, QUERIES, K, LINKS, BUILD = 128, 1_000, 100, 16, 160
WIDTHS = [112, 160, 240, 360, 540]
ROWS = []


def say(case, metric, value, peer=None):
    ROWS.append({"case": case, "metric": metric, "ours": value if peer is None else None, "peer": peer,
                 "peer_value": value if peer else None, "ratio": None})
    print(f"{case:44} {peer or 'ours':10} {metric:28} {value:12.4f}", flush=True)


def drawn(n, seed):
    """Clusters whose directions have less and less in them, as those of learned vectors do."""
    rng = np.random.default_rng(5)
    spectrum = (1.0 / np.sqrt(1 + np.arange(DIMENSION) / 8)).astype(np.float32)
    centres = rng.normal(size=(2_000, DIMENSION)).astype(np.float32) * spectrum
    rng = np.random.default_rng(seed)
    at = rng.integers(0, len(centres), n)
    vectors = centres[at] + rng.normal(size=(n, DIMENSION)).astype(np.float32) * spectrum * 0.7
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def exact(base, queries, k):
    import faiss

    index = faiss.IndexFlatIP(DIMENSION)
    index.add(base)
    return index.search(queries, k)[1]


def recall(found, truth):
    return float(np.mean([len(set(f) & set(t)) / len(t) for f, t in zip(found.tolist(), truth.tolist())]))


def cpu(call):
    start = time.process_time()
    value = call()
    return time.process_time() - start, value


def ours(base, queries, k, precision, scan_up_to, widths, truth, case):
    base.tofile(WORK / "base.f32")
    queries.tofile(WORK / "queries.f32")
    settings = {"base": str(WORK / "base.f32"), "queries": str(WORK / "queries.f32"), "dimension": DIMENSION, "k": k,
                "precision": precision, "scan_up_to": scan_up_to, "links": LINKS, "build_width": BUILD,
                "widths": widths, "found": str(WORK / "found"), "repeats": 3}
    done = subprocess.run([str(BINARY), json.dumps(settings)], check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    say(case, "CPU s to build", answer["build_cpu"])
    say(case, "resident MB", int(answer["resident"].split()[0]) / 1024)
    for search in answer["searches"]:
        found = np.fromfile(search["file"], np.uint32).reshape(-1, k)
        name = f"{case}, ef {search['width']}" if len(widths) > 1 else case
        say(name, f"recall@{k}", recall(found, truth))
        say(name, "searches a second", 1 / search["seconds"])


def exactly():
    import faiss

    base, queries = drawn(50_000, 1), drawn(QUERIES, 2)
    truth = exact(base, queries, 10)
    for precision in ("f32", "f16", "i8"):
        ours(base, queries, 10, precision, 10**9, [0], truth, f"50k × 128, exact, {precision}")
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(base)
    seconds, _ = cpu(lambda: [index.search(queries[i : i + 1], 10) for i in range(QUERIES)])
    say("50k × 128, exact, f32", "searches a second", QUERIES / seconds, "faiss")
    from usearch.index import MetricKind, search

    for kind in ("f32", "i8"):
        data, asked = (base, queries) if kind == "f32" else ((base * 127).astype(np.int8), (queries * 127).astype(np.int8))
        seconds, _ = cpu(lambda: [search(data, asked[i : i + 1], 10, MetricKind.Cos, exact=True, threads=1) for i in range(100)])
        say(f"50k × 128, exact, {kind}", "searches a second", 100 / seconds, "usearch")


def graph():
    base, queries = drawn(N, 3), drawn(QUERIES, 4)
    truth = exact(base, queries, K)
    name = f"{N:,} × {DIMENSION}"
    ours(base, queries, K, "i8", 0, WIDTHS, truth, f"{name}, i8")

    from usearch.index import Index

    index = Index(ndim=DIMENSION, metric="cos", dtype="i8", connectivity=LINKS, expansion_add=BUILD)
    seconds, _ = cpu(lambda: index.add(np.arange(N), base, threads=1))
    say(f"{name}, i8", "CPU s to build", seconds, "usearch")
    for width in WIDTHS:
        index.expansion_search = width
        seconds, found = cpu(lambda: [index.search(q, K, threads=1).keys for q in queries])
        found = np.array([np.resize(f, K) for f in found])
        say(f"{name}, i8, ef {width}", f"recall@{K}", recall(found, truth), "usearch")
        say(f"{name}, i8, ef {width}", "searches a second", QUERIES / seconds, "usearch")
    del index

    import hnswlib

    index = hnswlib.Index(space="ip", dim=DIMENSION)
    index.init_index(max_elements=N, M=LINKS, ef_construction=BUILD)
    index.set_num_threads(1)
    seconds, _ = cpu(lambda: index.add_items(base))
    say(f"{name}, f32", "CPU s to build", seconds, "hnswlib")
    for width in WIDTHS:
        index.set_ef(width)
        seconds, found = cpu(lambda: index.knn_query(queries, K, num_threads=1)[0])
        say(f"{name}, f32, ef {width}", f"recall@{K}", recall(found.astype(np.int64), truth), "hnswlib")
        say(f"{name}, f32, ef {width}", "searches a second", QUERIES / seconds, "hnswlib")
    del index

    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWSQ(DIMENSION, faiss.ScalarQuantizer.QT_8bit, LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BUILD
    index.train(base[:100_000])
    seconds, _ = cpu(lambda: index.add(base))
    say(f"{name}, 8 bits", "CPU s to build", seconds, "faiss")
    for width in WIDTHS:
        index.hnsw.efSearch = width
        seconds, found = cpu(lambda: np.concatenate([index.search(queries[i : i + 1], K)[1] for i in range(QUERIES)]))
        say(f"{name}, 8 bits, ef {width}", f"recall@{K}", recall(found, truth), "faiss")
        say(f"{name}, 8 bits, ef {width}", "searches a second", QUERIES / seconds, "faiss")


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    exactly()
    graph()
    (ROOT / "target/bench/vectors-peers.json").write_text(json.dumps(ROWS, indent=1))
    for file in WORK.iterdir():
        file.unlink()
