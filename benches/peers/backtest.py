"""The metrics of `recommend backtest` beside ir-measures, and item cosine beside RecTools, on the same split in one run.

    make peers-backtest        (brings MovieLens-100k into .deps/movielens and the packages into .deps/peers-backtest)

Runs the binary on MovieLens-100k, last 20 % of each user, and then

- computes recall, nDCG, MAP, MRR and hit rate of every answer with ir-measures (trec_eval) from what was shown and what was
  relevant, and fails when a mean differs by more than 1e-9 from what the binary said;
- evaluates item cosine with RecTools on the same training and test rows and prints quality and time side by side.

Writes target/bench/backtest-peers.json.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import time
from collections import defaultdict

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / ".deps/movielens/ml-100k.csv"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = TARGET / "release/recommend" if len(sys.argv) < 2 else pathlib.Path(sys.argv[1])
CONFIG = ROOT / "benches/peers/backtest.toml"
OUT = ROOT / "target/bench"
CUTOFFS = (5, 10)
SHARE = 0.2


def ours(extra=()):
    command = [
        str(BINARY), "backtest", "--config", str(CONFIG), "--recommender", "item/cosine", "--interactions", str(DATA),
        "--label-kind", "rating", "--split", f"last:{SHARE}", "--k", ",".join(map(str, CUTOFFS)), "--json", *extra,
    ]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()], time.perf_counter() - start


def check_metrics(lines, answers):
    """Every mean of ours against ir-measures, for every name and cut-off."""
    import ir_measures
    from ir_measures import AP, R, RR, Qrel, ScoredDoc, Success, nDCG

    by_name = defaultdict(list)
    for answer in answers:
        by_name[answer["name"]].append(answer)
    worst = 0.0
    for name, of_name in by_name.items():
        qrels = [Qrel(a["user"], entity, 1) for a in of_name for entity in a["relevant"]]
        run = [ScoredDoc(a["user"], entity, -place) for a in of_name for place, entity in enumerate(a["shown"])]
        relevant = {a["user"]: len(a["relevant"]) for a in of_name}
        for k in CUTOFFS:
            measures = {"all_recall": R @ k, "ndcg": nDCG @ k, "mrr": RR @ k, "hit_rate": Success @ k, "ap": AP @ k}
            users = defaultdict(dict)
            for value in ir_measures.iter_calc(list(measures.values()), qrels, run):
                users[value.query_id][str(value.measure)] = value.value
            mean = {key: sum(u[str(measure)] for u in users.values()) / len(users) for key, measure in measures.items()}
            # trec_eval divides by all that is relevant; here what fits into k is the most that counts.
            fit = {user: relevant[user] / min(k, relevant[user]) for user in users}
            mean["recall"] = sum(v[str(R @ k)] * fit[u] for u, v in users.items()) / len(users)
            mean["map"] = sum(v[str(AP @ k)] * fit[u] for u, v in users.items()) / len(users)
            line = next(line for line in lines if line["name"] == name and line["k"] == k)
            for key in ("recall", "all_recall", "ndcg", "map", "mrr", "hit_rate"):
                worst = max(worst, abs(line[key] - mean[key]))
                assert abs(line[key] - mean[key]) < 1e-9, (name, k, key, line[key], mean[key])
    print(f"metrics: {len(by_name)} names × {len(CUTOFFS)} cut-offs × 6 metrics agree with ir-measures to {worst:.1e}")


def rectools():
    """Item cosine in RecTools, from rows in memory to metrics; reading and splitting are not counted."""
    import pandas
    from implicit.nearest_neighbours import CosineRecommender
    from rectools import Columns
    from rectools.dataset import Dataset
    from rectools.metrics import MAP, NDCG, HitRate, Recall, calc_metrics
    from rectools.models import ImplicitItemKNNWrapperModel

    frame = pandas.read_csv(DATA)
    frame = frame.rename(columns={"user": Columns.User, "entity": Columns.Item, "time": Columns.Datetime})
    frame[Columns.Weight] = 1
    frame = frame.sort_values(Columns.Datetime, kind="stable")
    place = frame.groupby(Columns.User).cumcount()
    count = frame.groupby(Columns.User)[Columns.Item].transform("size")
    past = place < count - (count * SHARE + 1e-9).astype(int)
    columns = [Columns.User, Columns.Item, Columns.Weight, Columns.Datetime]
    train, test = frame[past][columns], frame[~past][columns]
    k = max(CUTOFFS)
    start = time.perf_counter()
    dataset = Dataset.construct(train)
    model = ImplicitItemKNNWrapperModel(CosineRecommender(K=train[Columns.Item].nunique()))
    model.fit(dataset)
    recos = model.recommend(users=test[Columns.User].unique(), dataset=dataset, k=k, filter_viewed=True)
    metrics = {f"all_recall@{c}": Recall(k=c) for c in CUTOFFS} | {f"hit_rate@{c}": HitRate(k=c) for c in CUTOFFS}
    metrics |= {f"map@{k}": MAP(k=k), f"ndcg@{k}": NDCG(k=k)}
    values = calc_metrics(metrics, recos, test)
    taken = time.perf_counter() - start
    relevant = test.groupby(Columns.User)[Columns.Item].apply(set).to_dict()
    shown = recos.groupby(Columns.User)[Columns.Item].apply(list).to_dict()
    for c in CUTOFFS:
        hits = [len(relevant[u] & set(shown.get(u, [])[:c])) / min(c, len(relevant[u])) for u in relevant]
        values[f"recall@{c}"] = sum(hits) / len(hits)
    return values, taken


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    answers = OUT / "backtest-answers.jsonl"
    lines, whole = ours(["--answers", str(answers)])
    with open(answers) as file:
        check_metrics(lines, [json.loads(line) for line in file])
    _, alone = ours(["--no-baselines"])
    values, peer = rectools()
    cosine = {line["k"]: line for line in lines if line["name"] == "item-cosine"}
    rows = []
    for key in ("recall", "all_recall", "hit_rate"):
        for k in CUTOFFS:
            rows.append((f"item cosine, {key}@{k}", cosine[k][key], values[f"{key}@{k}"]))
    print(f"\n{'':40} {'recommend':>10} {'RecTools':>10}")
    for name, mine, theirs in rows:
        print(f"{name:40} {mine:10.4f} {theirs:10.4f}")
    print(f"{'item cosine alone, seconds':40} {alone:10.2f} {peer:10.2f}   ours with start, reading and intervals")
    print(f"{'with four baselines, seconds':40} {whole:10.2f}")
    rows.append(("item cosine, seconds", alone, peer))
    report = [
        {"case": name, "metric": name.split(", ")[-1], "ours": mine, "peer": "RecTools", "peer_value": theirs,
         "ratio": mine / theirs if theirs and not math.isnan(theirs) else None}
        for name, mine, theirs in rows
    ]
    (OUT / "backtest-peers.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
