"""A backtest of many synthetic interactions: wall time and peak memory of the binary.

    make bench-backtest [ROWS=10000000]

Writes target/bench/backtest-<rows>.csv once: a user for every 100 interactions and an entity for every 500, both drawn from
power laws, with a drift in time so that recency matters; then runs `recommend backtest` with the general configuration on
the last 20 % of the time, with the four baselines, and prints what it took. Needs nothing but Python.
"""

import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
BINARY = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/recommend"
CONFIG = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else ROOT / "examples/generic/recommend.toml"
RECOMMENDER = sys.argv[4] if len(sys.argv) > 4 else "item/generic"
OUT = ROOT / "target/bench"
DAY = 86_400


def generate(path):
    draw = random.Random(1)
    users, entities = max(100, ROWS // 100), max(50, ROWS // 500)
    start, span = 1_600_000_000, 180 * DAY
    with open(path, "w", buffering=1 << 20) as out:
        out.write("user,entity,time,kind,value\n")
        for row in range(ROWS):
            # Squares and cubes of uniforms are power laws: a few do most.
            user = int(users * draw.random() ** 2)
            taste = user % 16
            popular = int(entities * draw.random() ** 3)
            # Half of what people do is in their own sixteenth of the catalogue; what is popular drifts with time.
            entity = popular - popular % 16 + taste if draw.random() < 0.5 else (popular + row * entities // (4 * ROWS)) % entities
            out.write(f"{user},{min(entity, entities - 1)},{start + span * row // ROWS},view,1\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"backtest-{ROWS}.csv"
    if not path.exists():
        begin = time.perf_counter()
        generate(path)
        print(f"generated {ROWS:,} interactions in {time.perf_counter() - begin:.0f} s")
    command = [
        str(BINARY), "backtest", "--config", str(CONFIG), "--recommender", RECOMMENDER, "--interactions", str(path),
        "--label-kind", "view", "--split", "time:0.8", "--k", "10", "--json",
    ]
    begin = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    for line in map(json.loads, done.stdout.splitlines()):
        print(f"{line['name']:20} recall@{line['k']} {line['recall']:.4f}  nDCG {line['ndcg']:.4f}  users {line['users']:,}")
    print(f"{ROWS:,} interactions: {seconds:.1f} s, {peak:.2f} GiB")
    result = [{"case": f"{ROWS} interactions", "seconds": seconds, "gib": peak}]
    (OUT / "backtest-scale.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
