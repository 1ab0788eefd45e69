"""The sample of the Open Bandit Dataset through the whole loop: imported, joined, looked at, and a policy's value estimated.

    make obd          (brings the sample, part of the PyPI package obp, into .deps/obd, and builds the binary)

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

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / ".deps/obd/obp/dataset/obd"
CAMPAIGN = "all"


def rows(policy):
    with open(SAMPLE / policy / CAMPAIGN / f"{CAMPAIGN}.csv", newline="") as file:
        yield from csv.DictReader(file)


def convert(policy, path):
    """The sample as a table of impressions: hashed categories become numbers in the order of their first appearance."""
    with open(SAMPLE / policy / CAMPAIGN / "item_context.csv", newline="") as file:
        items = {item["item_id"]: item["item_feature_0"] for item in csv.DictReader(file)}
    segments = [{} for _ in range(4)]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        names = [f"segment_{n}" for n in range(4)]
        writer.writerow(["time", "user", "entity", "position", "propensity", "click", "affinity", "item_score", *names])
        for row in rows(policy):
            user = [row[f"user_feature_{n}"] for n in range(4)]
            codes = [known.setdefault(value, len(known)) for known, value in zip(segments, user)]
            item = row["item_id"]
            writer.writerow([
                row["timestamp"].replace(" ", "T"), hashlib.sha256("".join(user).encode()).hexdigest()[:16], item,
                row["position"], row["propensity_score"], row["click"], row[f"user-item_affinity_{item}"], items[item],
                *codes,
            ])


def policy_of_bts(path):
    """How likely BTS shows an item at a position: the mean of its propensities there, as in obp's own example."""
    seen = {}
    for row in rows("bts"):
        seen.setdefault((row["item_id"], row["position"]), []).append(float(row["propensity_score"]))
    policy = {key: sum(values) / len(values) for key, values in seen.items()}
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["entity", "position", "probability"])
        writer.writerows([*key, value] for key, value in sorted(policy.items()))
    return policy


def by_loop(policy):
    weights = [policy.get((r["item_id"], r["position"]), 0.0) / float(r["propensity_score"]) for r in rows("random")]
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

    def run(*words):
        print("\n$ recommend", *words)
        sys.stdout.flush()
        done = subprocess.run([args.binary, *map(str, words)], cwd=folder, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="")
        if done.returncode != 0:
            sys.exit(f"it ended with {done.returncode}")
        return done.stdout

    features = ["position", "affinity", "item_score", *(f"segment_{n}" for n in range(4))]
    flags = [word for name in features for word in ("--feature", f"{name}={name}")]
    for policy in ("random", "bts"):
        convert(policy, folder / f"{policy}.csv")
        run("import", "impressions", f"{policy}.csv", "--data", "data", "--tenant", "zozo", "--corpus", "item",
            "--source", policy, "--model", policy, *flags, "--answer", "click=click")
        run("join", "--log", "data", "--corpus", "item", "--source", policy, "--objective", "click=1", "--output", policy)
        run("dataset", "show", policy)
    policy = policy_of_bts(folder / "policy.csv")
    run("dataset", "value", "random", "--policy", "policy.csv")
    estimate = json.loads(run("dataset", "value", "random", "--policy", "policy.csv", "--json"))
    ips, snips = by_loop(policy)
    clicks = [row["click"] == "1" for row in rows("bts")]
    print(f"\nby a loop: IPS {ips:.6f}, SNIPS {snips:.6f}; BTS itself earned {sum(clicks) / len(clicks):.6f}")
    for name, expected in (("ips", ips), ("snips", snips)):
        if abs(estimate[name]["mean"] - expected) > 1e-6:
            sys.exit(f"{name} differs: {estimate[name]['mean']} and {expected}")


if __name__ == "__main__":
    main()
