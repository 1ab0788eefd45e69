"""scikit-learn as the judge of `recommend-text`, and as its peer.

    make peers-text            both
    text.py judge BINARY       random texts and settings: terms, weights and labels must be the same (`examples/judge.rs`)
    text.py time LINES OUT     TfidfVectorizer(max_features=2000) and DBSCAN(cosine) over a file of lines: CPU seconds,
                               peak memory and labels, as JSON; the bench `text` starts it in the same run
    text.py grid FILE          the best adjusted Rand index over a grid of eps, for JSON lines with text and label
                               (`examples/mask.rs` masks them as ours does)

Of terms that are equally frequent at the limit of `max_features`, ours takes the first by code point. scikit-learn's
choice depends on how NumPy sorts on the processor at hand, so labels are compared under our choice, given to it as `vocabulary`.
"""

import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score, pairwise_distances

EPS, MIN_SAMPLES, TERMS = 0.3, 5, 2000


def vocabulary(texts, limit):
    count = Counter(token for text in texts for token in TfidfVectorizer().build_analyzer()(text))
    return sorted(sorted(count, key=lambda term: (-count[term], term))[:limit])


def case(rng):
    words = [f"w{n}" for n in range(rng.choice([6, 20, 60]))] + ["größe", "ΟΔΟΣ", "naïve_x", "数据", "a"]
    shapes = [[rng.choice(words) for _ in range(rng.randrange(0, 9))] for _ in range(rng.randrange(1, 12))]
    texts = []
    for _ in range(rng.randrange(2, 80)):
        text = list(rng.choice(shapes))
        for _ in range(rng.randrange(0, 3)):
            text.insert(rng.randrange(0, len(text) + 1), rng.choice(words))
        texts.append(rng.choice([" ", ", ", " - "]).join(text))
    norm = rng.choice(["l2", "l2", "l1", None])
    tfidf = {
        "min_df": rng.choice([1, 2, 0.05]),
        "max_df": rng.choice([1.0, 0.9]),
        "sublinear_tf": rng.random() < 0.3,
        "binary": rng.random() < 0.2,
        "use_idf": rng.random() < 0.8,
        "smooth_idf": rng.random() < 0.8,
        "norm": norm,
    }
    metric = rng.choice(["cosine", "euclidean"])
    return {
        "texts": texts,
        "tfidf": tfidf,
        "ngrams": rng.choice([(1, 1), (1, 2), (2, 3)]),
        "eps": rng.uniform(0.02, 1.3 if metric == "cosine" or norm else 8.0),
        "min_samples": rng.randrange(1, 8),
        "metric": metric,
        "weights": [float(rng.randrange(-1, 5)) for _ in texts] if rng.random() < 0.4 else None,
    }


def ours(tfidf):
    def frequency(value):
        return {"count": value} if isinstance(value, int) else {"share": value}

    norm = tfidf["norm"] or "none"
    return tfidf | {"norm": norm, "min_df": frequency(tfidf["min_df"]), "max_df": frequency(tfidf["max_df"])}


def judge(binary, cases=600):
    rng = random.Random(1)
    process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    judged = ties = empty = 0
    while judged < cases:
        this = case(rng)
        options = this["tfidf"]
        try:
            vectorizer = TfidfVectorizer(ngram_range=this["ngrams"], **options)
            matrix = vectorizer.fit_transform(this["texts"])
        except ValueError:  # no term is left, or min_df and max_df contradict one another
            empty += 1
            continue
        process.stdin.write(json.dumps(this | {"tfidf": ours(options)}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert answer["terms"] == list(vectorizer.get_feature_names_out()), this
        dense = np.zeros(matrix.shape)
        for row, (columns, weights) in enumerate(answer["rows"]):
            dense[row, columns] = weights
        assert np.abs(dense - matrix.toarray()).max(initial=0.0) < 1e-12, this
        distances = pairwise_distances(matrix, metric=this["metric"])
        if np.abs(distances - this["eps"]).min() < 1e-9:
            ties += 1  # rounding decides there
            continue
        theirs = DBSCAN(eps=this["eps"], min_samples=this["min_samples"], metric=this["metric"])
        labels = theirs.fit(matrix, sample_weight=this["weights"]).labels_
        assert answer["labels"] == labels.tolist(), this
        judged += 1
    process.stdin.close()
    print(f"{judged} cases: the same terms, weights and labels ({ties} ties and {empty} without terms left out)")


def measure(lines, out):
    texts = open(lines, encoding="utf-8").read().splitlines()
    chosen = vocabulary(texts, TERMS)
    start = time.process_time()
    matrix = TfidfVectorizer(max_features=TERMS).fit_transform(texts)
    vectorized = time.process_time()
    DBSCAN(eps=EPS, min_samples=MIN_SAMPLES, metric="cosine").fit(matrix)
    end = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    matrix = TfidfVectorizer(vocabulary=chosen).fit_transform(texts)
    labels = DBSCAN(eps=EPS, min_samples=MIN_SAMPLES, metric="cosine").fit(matrix).labels_
    result = {
        "seconds": end - start,
        "vectorize_seconds": vectorized - start,
        "peak_mb": peak,
        "labels": labels.tolist(),
    }
    json.dump(result, open(out, "w"))


def grid(path):
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    matrix = TfidfVectorizer().fit_transform([row["text"] for row in rows])
    truth = [row["label"] for row in rows]
    best = (-1.0, None)
    for eps in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        labels = DBSCAN(eps=eps, min_samples=5, metric="cosine").fit(matrix).labels_
        best = max(best, (adjusted_rand_score(truth, labels), eps))
    print(json.dumps({"ari": best[0], "eps": best[1]}))


if __name__ == "__main__":
    {"judge": judge, "time": measure, "grid": grid}[sys.argv[1]](*sys.argv[2:])
