"""Training and evaluation beside scikit-learn, XGBoost's Python package and ranx, on the same rows.

    make peers-training        (brings the packages into .deps/peers-training)

First half (`train`): makes 500,000 rows of 50 features, trains scikit-learn's logistic regression (lbfgs) and XGBoost's
Python package on 400,000 of them, and a ranker on the public LightGBM example; times and losses go to
target/bench/training/peers.json, the ranker's trees beside it. Then the Rust bench `training` does the same.
Second half (`check`): reads the scores that the bench wrote and compares its metrics with scikit-learn's and ranx's.
"""

import json
import pathlib
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target/bench/training"
RANK = ROOT.parent / "shared/data/lightgbm-lambdarank"
ROWS, FEATURES, TRAIN = 500_000, 50, 400_000
BOOST = {"max_depth": 6, "learning_rate": 0.1, "tree_method": "hist", "seed": 0}
ROUNDS = 100
RANKER = {"objective": "rank:ndcg", "max_depth": 5, "learning_rate": 0.1, "seed": 0, "eval_metric": "ndcg@10"}
RANKER_ROUNDS = 100


def made():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    x[:, ::5] = np.exp(x[:, ::5])  # counts are skewed
    weights = rng.normal(size=FEATURES) * (rng.random(FEATURES) < 0.5)
    raw = ((x - x.mean(0)) / x.std(0)) @ weights * 0.5 + 0.4 * x[:, 1] * x[:, 2] - 2.0
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-raw))).astype(np.float32)
    return x, y


def timed(call, repeat=3):
    """The fastest of a few runs: other work on the machine only adds."""
    seconds, cpu, value = float("inf"), float("inf"), None
    for _ in range(repeat):
        start, cpu_start = time.perf_counter(), time.process_time()
        value = call()
        seconds = min(seconds, time.perf_counter() - start)
        cpu = min(cpu, time.process_time() - cpu_start)
    return {"seconds": seconds, "cpu_seconds": cpu}, value


def log_loss(y, p):
    p = np.clip(p.astype(np.float64), 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(y > 0, np.log(p), np.log(1 - p))))


def logistic(x, y):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, solver="lbfgs", tol=1e-6, max_iter=200))
        return model.fit(x[:TRAIN], y[:TRAIN])

    took, model = timed(fit)
    return {**took, "loss": log_loss(y[TRAIN:], model.predict_proba(x[TRAIN:])[:, 1])}


def boosted(x, y):
    import xgboost

    def fit():
        data = xgboost.DMatrix(x[:TRAIN], label=y[:TRAIN])
        return xgboost.train({"objective": "binary:logistic", **BOOST}, data, ROUNDS)

    took, model = timed(fit)
    return {**took, "loss": log_loss(y[TRAIN:], model.predict(xgboost.DMatrix(x[TRAIN:])))}


def libsvm(path):
    labels, cells = [], []
    for line in path.read_text().splitlines():
        label, *rest = line.split()
        labels.append(float(label))
        cells.append([word.split(":") for word in rest])
    width = 1 + max(int(index) for row in cells for index, _ in row)
    x = np.full((len(labels), width), np.nan, np.float32)
    for row, words in enumerate(cells):
        for index, value in words:
            x[row, int(index)] = float(value)
    sizes = [int(size) for size in pathlib.Path(f"{path}.query").read_text().split()]
    return x, np.array(labels, np.float32), sizes


def ranker():
    import xgboost

    train, test = libsvm(RANK / "rank.train"), libsvm(RANK / "rank.test")
    width = max(train[0].shape[1], test[0].shape[1])

    def matrix(part):
        x = np.full((len(part[1]), width), np.nan, np.float32)
        x[:, : part[0].shape[1]] = part[0]
        data = xgboost.DMatrix(x, label=part[1])
        data.set_group(part[2])
        return data

    data, judge = matrix(train), matrix(test)
    model = xgboost.train(RANKER, data, RANKER_ROUNDS)
    (WORK / "ranker.json").write_bytes(model.save_raw("json"))
    metric = model.eval(judge).split(":")[-1]
    return {"ndcg": float(metric), "width": width}


def train():
    WORK.mkdir(parents=True, exist_ok=True)
    x, y = made()
    x.tofile(WORK / "x.f32")
    y.tofile(WORK / "y.f32")
    found = {"rows": ROWS, "features": FEATURES, "train": TRAIN, "rounds": ROUNDS, "boost": BOOST}
    found |= {"ranker_parameters": RANKER, "ranker_rounds": RANKER_ROUNDS}
    found["logistic"] = logistic(x, y)
    found["xgboost"] = boosted(x, y)
    if RANK.exists():
        found["ranker"] = ranker()
    (WORK / "peers.json").write_text(json.dumps(found, indent=1))
    print(json.dumps({key: found[key] for key in ("logistic", "xgboost", "ranker") if key in found}, indent=1))


def check():
    from ranx import Qrels, Run, evaluate
    from sklearn.metrics import log_loss as sk_log_loss, roc_auc_score

    given = json.loads((WORK / "scored.json").read_text())
    labels, scores = np.array(given["labels"]), np.array(given["scores"])
    ours, theirs = given["metrics"], {}
    # Rankers give margins: their log loss exists for nobody. The bench scores this set with a classifier.
    theirs["auc"] = roc_auc_score(labels > 0, scores)
    theirs["log_loss"] = sk_log_loss(labels > 0, scores)
    edges = np.minimum((scores.astype(np.float32) * np.float32(15)).astype(int), 14)
    theirs["ece"] = sum(
        abs(scores[edges == b].sum() - (labels[edges == b] > 0).sum()) for b in range(15)
    ) / len(scores)
    qrels, run, at = {}, {}, 0
    for query, size in enumerate(given["groups"]):
        rows = range(at, at + size)
        at += size
        if (labels[list(rows)] > 0).any():
            qrels[f"q{query}"] = {f"d{row - rows[0]:04}": int(labels[row]) for row in rows if labels[row] > 0}
            # Ties go to the smaller id, as they are served; ranx leaves their order open.
            run[f"q{query}"] = {f"d{row - rows[0]:04}": float(scores[row]) - 1e-9 * (row - rows[0]) for row in rows}
    names = {"ndcg@10": "ndcg_burges@10", "ndcg@5": "ndcg_burges@5", "mrr": "mrr",
             "precision@5": "precision@5", "precision@10": "precision@10",
             "recall@5": "recall@5", "recall@10": "recall@10", "map@1000": "map"}
    found = evaluate(Qrels(qrels), Run(run), list(names.values()), make_comparable=False)
    theirs |= {name: float(found[peer]) for name, peer in names.items()}
    worst = 0.0
    for name, value in sorted(theirs.items()):
        difference = abs(ours[name] - value)
        worst = max(worst, difference)
        print(f"{name:14} ours {ours[name]:.9f}  peer {value:.9f}  difference {difference:.1e}")
    assert worst < 1e-6, "a metric differs from its peer"
    print("every metric agrees with its peer")


if __name__ == "__main__":
    {"train": train, "check": check}[sys.argv[1]]()
