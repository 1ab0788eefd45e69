"""The sample of the Open Bandit Dataset through the whole loop: imported, joined, looked at, and a policy's value estimated.

    make obd          (brings the sample, part of the PyPI package obp, into .deps/obd, and builds the binary)

Then models are trained on what BTS showed, each impression weighing the inverse of its propensity, and judged on the random
policy's impressions: by AUC, and by what a policy would have earned that shows items in proportion to the clicks that the
model foretells.

ZOZOTOWN showed fashion items by two policies at once: uniformly at random, and by Bernoulli Thompson sampling (BTS); 10,000
impressions of each are in the sample, with position, click and true propensity (Saito et al., NeurIPS 2021 Datasets and
Benchmarks). Asked is what BTS earns, from the impressions of the random policy alone; its own impressions tell what it
really did. IPS and SNIPS are computed here by a plain loop too, and must agree to six digits.
"""

import argparse
import csv
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / ".deps/obd/obp/dataset/obd"
CAMPAIGN = "all"
SEGMENTS = [{} for _ in range(4)]
FEATURES = ["affinity", "item_score", *(f"segment_{n}" for n in range(4))]


def rows(policy):
    with open(SAMPLE / policy / CAMPAIGN / f"{CAMPAIGN}.csv", newline="") as file:
        yield from csv.DictReader(file)


def users_of(row):
    """The four hashed categories of a user as numbers, in the order of their first appearance in either policy's rows."""
    return [known.setdefault(row[f"user_feature_{n}"], len(known)) for n, known in enumerate(SEGMENTS)]


def items_of(policy):
    with open(SAMPLE / policy / CAMPAIGN / "item_context.csv", newline="") as file:
        return {item["item_id"]: item["item_feature_0"] for item in csv.DictReader(file)}


def features_of(row, item, items):
    """What a model reads of an item in the place of a row, in the order of FEATURES."""
    return [row[f"user-item_affinity_{item}"], items[item], *users_of(row)]


def convert(policy, path):
    """The sample as a table of impressions. Its row number is a feature too: no model reads it, but a policy may."""
    items = items_of(policy)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "user", "entity", "position", "propensity", "click", "row", *FEATURES])
        for number, row in enumerate(rows(policy)):
            user = "".join(row[f"user_feature_{n}"] for n in range(4))
            writer.writerow([
                row["timestamp"].replace(" ", "T"), hashlib.sha256(user.encode()).hexdigest()[:16], row["item_id"],
                row["position"], row["propensity_score"], row["click"], number,
                *features_of(row, row["item_id"], items),
            ])


def candidates(path):
    """Every item in the place of every row of the random policy, as a model would have had to score them."""
    items = items_of("random")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FEATURES)
        for row in rows("random"):
            writer.writerows(features_of(row, item, items) for item in items)


def policy_of_model(scores, path):
    """Shows an item in proportion to the probability of a click that a model gave it."""
    items, found = list(items_of("random")), {}
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["entity", "row", "probability"])
        for number, _ in enumerate(rows("random")):
            of_row = scores[number * len(items):(number + 1) * len(items)]
            whole = sum(of_row)
            for item, score in zip(items, of_row):
                found[item, number] = score / whole
                writer.writerow([item, number, score / whole])
    return found


def specs(folder):
    kinds = {
        "lr": 'kind = "logistic-regression", l2 = 10.0',
        "xgb": 'kind = "xgboost-classifier", n_estimators = 60, max_depth = 3, learning_rate = 0.1, reg_lambda = 10.0',
    }
    for name, kind in kinds.items():
        (folder / f"{name}.toml").write_text(
            f'name = "bts_{name}"\nmodel = {{ {kind} }}\n'
            f'input = {{ corpus = "item", source = "bts", features = {json.dumps(FEATURES)} }}\n'
            f'debias = {{ inverse_propensity = true, max_weight = 200.0 }}\nsplit = {{ by = "request" }}\n'
            f'metric = "auc"\n'
        )
        yield folder / f"{name}.toml"


def policy_of_bts(path):
    """How likely BTS shows an item at a position: the share of its impressions there. The mean of its propensities would
    be too much, because an item is seen most while it is likely."""
    seen = Counter((row["item_id"], row["position"]) for row in rows("bts"))
    places = Counter(position for _, position in seen.elements())
    policy = {(item, position): count / places[position] for (item, position), count in seen.items()}
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["entity", "position", "probability"])
        writer.writerows([*key, value] for key, value in sorted(policy.items()))
    return policy


def by_loop(probability):
    """IPS and SNIPS of a policy; `probability` is of a row's item, by the row's number."""
    weights = [probability(n, r) / float(r["propensity_score"]) for n, r in enumerate(rows("random"))]
    earned = sum(w for w, r in zip(weights, rows("random")) if r["click"] == "1")
    return earned / len(weights), earned / sum(weights)


def main():
    parser = argparse.ArgumentParser()
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    parser.add_argument("--binary", default=pathlib.Path(target) / "release/recommend")
    parser.add_argument("--keep", help="a folder for the data, which is then kept", type=pathlib.Path)
    args = parser.parse_args()
    folder = args.keep or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)

    def run(*words, quiet=False):
        print("\n$ recommend", *words)
        sys.stdout.flush()
        done = subprocess.run([args.binary, *map(str, words)], cwd=folder, stdout=subprocess.PIPE, text=True)
        if not quiet:
            print(done.stdout, end="")
        if done.returncode != 0:
            sys.exit(f"it ended with {done.returncode}")
        return done.stdout

    def value(policy, probability):
        """What a policy earns by the binary, which must be what a loop says."""
        run("dataset", "value", "random", "--policy", policy)
        estimate = json.loads(run("dataset", "value", "random", "--policy", policy, "--json", quiet=True))
        ips, snips = by_loop(probability)
        print(f"by a loop: IPS {ips:.6f}, SNIPS {snips:.6f}")
        for name, expected in (("ips", ips), ("snips", snips)):
            if abs(estimate[name]["mean"] - expected) > 1e-6:
                sys.exit(f"{name} differs: {estimate[name]['mean']} and {expected}")

    flags = [word for name in ("position", "row", *FEATURES) for word in ("--feature", f"{name}={name}")]
    for policy in ("random", "bts"):
        convert(policy, folder / f"{policy}.csv")
        run("import", "impressions", f"{policy}.csv", "--data", "data", "--tenant", "zozo", "--corpus", "item",
            "--source", policy, "--model", policy, *flags, "--answer", "click=click")
        run("join", "--log", "data", "--corpus", "item", "--source", policy, "--objective", "click=1", "--output", policy)
        run("dataset", "show", policy)
    bts = policy_of_bts(folder / "policy.csv")
    value("policy.csv", lambda _, row: bts.get((row["item_id"], row["position"]), 0.0))
    clicks = [row["click"] == "1" for row in rows("bts")]
    print(f"BTS itself earned {sum(clicks) / len(clicks):.6f}")

    store = ("--artifacts", "artifacts")
    run("train", *(word for spec in specs(folder) for word in ("--spec", spec)), "--data", "bts", *store)
    run("evaluate", "--artifact", "bts_xgb", "--artifact", "bts_lr", "--data", "random", "--part", "all", *store)
    [model] = folder.glob("artifacts/bts_xgb/*/model.ubj")
    candidates(folder / "candidates.csv")
    scores = [float(line) for line in run("score", "--model", model, "--input", "candidates.csv", quiet=True).split()]
    learned = policy_of_model(scores, folder / "learned.csv")
    value("learned.csv", lambda number, row: learned[row["item_id"], number])


if __name__ == "__main__":
    main()
