"""ALS beside `implicit`: time per iteration at equal loss, and the quality of what is recommended, in one run.

    make peers-als             (brings MovieLens-100k into .deps/movielens and the packages into .deps/peers-als)
    make peers-als ARGS=scale  (10 million interactions of a million users: ours alone)

Speed: 624,000 interactions of 6,040 users with 3,706 items (the shape of MovieLens-1M), drawn from latent tastes; one
thread each, the two take turns, CPU time, the median iteration. The loss of both is computed here by one function.
Quality: MovieLens-100k, the last 20 % of each user; recall@10 and nDCG@10 as `recommend backtest` counts them.

Writes target/bench/als-peers.json.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import scipy.sparse as sp  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target/bench/als"
DATA = ROOT / ".deps/movielens/ml-100k.csv"
BINARY = pathlib.Path(sys.argv[1])
ALPHA, REGULARIZATION = 10.0, 10.0
ROWS = []


def row(case, metric, ours, peer=None, theirs=None, less=True):
    ratio = None if theirs is None else (theirs / ours if less else ours / theirs)
    ROWS.append({"case": case, "metric": metric, "ours": ours, "peer": peer, "peer_value": theirs, "ratio": ratio})
    text = f"{case:44} {metric:24} {ours:12.5f}"
    print(text + (f" {peer:22} {theirs:12.5f} {ratio:7.2f}×" if peer else ""), flush=True)


def drawn(users, items, cells, seed=5):
    """Interactions from 24 latent tastes: activity is lognormal, items follow a power law."""
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0, 1.1, users)
    counts = np.maximum(1, (activity / activity.sum() * cells * 1.15)).astype(int)
    tastes = rng.dirichlet(np.full(24, 0.2), users)
    popular = 1.0 / np.arange(1, items + 1) ** 0.8
    orders = [popular[rng.permutation(items)] for _ in range(24)]
    orders = [np.cumsum(o / o.sum()) for o in orders]
    user = np.repeat(np.arange(users), counts)
    cumulative = np.cumsum(tastes, 1)
    taste = (cumulative[user] < rng.random(len(user))[:, None]).sum(1).clip(0, 23)
    draw, item = rng.random(len(user)), np.zeros(len(user), np.int64)
    for t in range(24):
        item[taste == t] = np.searchsorted(orders[t], draw[taste == t]).clip(0, items - 1)
    keys = np.unique(user * items + item)
    keys = np.sort(rng.permutation(keys)[:cells])
    return sp.csr_matrix((np.ones(len(keys), np.float32), (keys // items, keys % items)), (users, items))


def written(matrix, name):
    coo = matrix.tocoo()
    out = np.zeros((coo.nnz, 3), np.uint32)
    out[:, 0], out[:, 1], out[:, 2] = coo.row, coo.col, coo.data.astype(np.float32).view(np.uint32)
    path = WORK / name
    with open(path, "wb") as file:
        np.array(matrix.shape, np.uint32).tofile(file)
        out.tofile(file)
    return path


def ours(path, shape, factors, cg_steps, iterations, seed=1, threads=1, scaling=0.0, regularization=REGULARIZATION,
         vectors=True, losses=False):
    settings = {"matrix": str(path), "factors": factors, "regularization": regularization, "alpha": ALPHA, "seed": seed,
                "frequency_scaling": scaling, "cg_steps": cg_steps, "threads": threads, "iterations": iterations,
                "losses": losses}
    if vectors:
        settings |= {"users": str(WORK / "users.f32"), "items": str(WORK / "items.f32")}
    done = subprocess.run([str(BINARY), json.dumps(settings)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.replace("NaN", "null"))
    if not vectors:
        return found, None, None
    return found, np.fromfile(WORK / "users.f32", np.float32).reshape(shape[0], factors), np.fromfile(
        WORK / "items.f32", np.float32).reshape(shape[1], factors)


def theirs(matrix, factors, cg, iterations, seed=1):
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=factors, regularization=REGULARIZATION, alpha=1.0, iterations=iterations,
                                    use_native=True, use_cg=cg, num_threads=1, random_state=seed, dtype=np.float32)
    confident = matrix.copy()
    confident.data = 1 + ALPHA * confident.data
    times, last = [], time.process_time()

    def lap(*_):
        nonlocal last
        now = time.process_time()
        times.append(now - last)
        last = now

    start = time.process_time()
    model.fit(confident, show_progress=False, callback=lambda *args: lap())
    times[0] -= 0 if len(times) > 1 else start - last
    return times, model.user_factors, model.item_factors


def loss(matrix, users, items):
    """Per summed confidence: Σ c (p − x·y)² + λ (Σ|x|² + Σ|y|²)."""
    x, y = users.astype(np.float64), items.astype(np.float64)
    coo = matrix.tocoo()
    total = np.sum((x.T @ x) * (y.T @ y))
    for part in np.array_split(np.arange(coo.nnz), 20):
        score = np.einsum("ij,ij->i", x[coo.row[part]], y[coo.col[part]])
        added = ALPHA * coo.data[part]
        total += np.sum((1 + added) * (1 - score) ** 2 - score ** 2)
    total += REGULARIZATION * ((x ** 2).sum() + (y ** 2).sum())
    return total / (matrix.shape[0] * matrix.shape[1] + ALPHA * matrix.data.sum())


def speed():
    matrix = drawn(6_040, 3_706, 624_000)
    path = written(matrix, "speed.bin")
    print(f"{matrix.shape[0]} × {matrix.shape[1]}, {matrix.nnz} interactions, one thread each")
    for factors in (64, 128):
        for name, steps in (("Cholesky", 0), ("conjugate gradients", 3)):
            mine, other = [], []
            for _ in range(3):
                found, users, items = ours(path, matrix.shape, factors, steps, 6)
                mine += found["cpu"][1:]
                times, their_users, their_items = theirs(matrix, factors, steps > 0, 6)
                other += times[1:]
            case = f"{name}, {factors} factors"
            row(case, "CPU s an iteration", float(np.median(mine)), "implicit", float(np.median(other)))
            row(case, "fastest", min(mine), "implicit", min(other))
            row(case, "loss after 6", loss(matrix, users, items), "implicit", loss(matrix, their_users, their_items))


def last_of_each(share=0.2):
    import csv

    by_user = {}
    with open(DATA) as file:
        for at, line in enumerate(csv.DictReader(file)):
            by_user.setdefault(line["user"], []).append((float(line["time"]), at, line["entity"]))
    items = {}
    train, test = [], []
    for number, lines in enumerate(by_user.values()):
        lines.sort()
        past = len(lines) - int(len(lines) * share + 1e-9)
        for place, (_, _, item) in enumerate(lines):
            (train if place < past else test).append((number, items.setdefault(item, len(items))))
    shape = (len(by_user), len(items))
    rows, columns = zip(*train)
    return sp.csr_matrix((np.ones(len(train), np.float32), (rows, columns)), shape), test


def quality_of(train, test, users, items, k=10):
    scores = users @ items.T
    scores[train.nonzero()] = -np.inf
    top = np.argsort(-scores, 1, kind="stable")[:, :k]
    relevant = {}
    for user, item in test:
        relevant.setdefault(user, set()).add(item)
    recall = ndcg = 0.0
    for user, wanted in relevant.items():
        hits = [item in wanted for item in top[user]]
        recall += sum(hits) / min(k, len(wanted))
        ideal = sum(1 / np.log2(place + 2) for place in range(min(k, len(wanted))))
        ndcg += sum(hit / np.log2(place + 2) for place, hit in enumerate(hits)) / ideal
    return recall / len(relevant), ndcg / len(relevant)


def quality():
    train, test = last_of_each()
    path = written(train, "quality.bin")
    for name, steps in (("Cholesky", 0), ("conjugate gradients", 3)):
        mine, other = [], []
        for seed in range(1, 6):
            _, users, items = ours(path, train.shape, 64, steps, 20, seed)
            mine.append((*quality_of(train, test, users, items), loss(train, users, items)))
            _, users, items = theirs(train, 64, steps > 0, 20, seed)
            other.append((*quality_of(train, test, users, items), loss(train, users, items)))
        mine, other = np.mean(mine, 0), np.mean(other, 0)
        for at, metric in enumerate(("recall@10", "nDCG@10")):
            row(f"MovieLens-100k, {name}, 5 seeds", metric, mine[at], "implicit", other[at], False)
            assert abs(mine[at] - other[at]) < 0.005, "quality differs from the peer's"
        row(f"MovieLens-100k, {name}, 5 seeds", "loss after 20", mine[2], "implicit", other[2])


def scale():
    matrix = drawn(1_000_000, 100_000, 10_000_000)
    path = written(matrix, "scale.bin")
    print(f"{matrix.shape[0]} × {matrix.shape[1]}, {matrix.nnz} interactions, all cores")
    shape = matrix.shape
    del matrix
    for name, steps in (("conjugate gradients", 3), ("Cholesky", 0)):
        found, _, _ = ours(path, shape, 64, steps, 3, threads=0, vectors=False)
        row(f"10 M interactions, {name}, 64 factors", "s an iteration", float(np.median(found["seconds"])))
        row(f"10 M interactions, {name}, 64 factors", "CPU s an iteration", float(np.median(found["cpu"])))
        row(f"10 M interactions, {name}, 64 factors", "peak MB", float(found["peak"].split()[0]) / 1024)
    path.unlink()


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    if sys.argv[2:] == ["scale"]:
        scale()
    else:
        speed()
        if DATA.exists():
            quality()
        else:
            print(f"no {DATA}: make movielens brings it")
    name = "als-scale" if sys.argv[2:] == ["scale"] else "als-peers"
    (ROOT / f"target/bench/{name}.json").write_text(json.dumps(ROWS, indent=1))
