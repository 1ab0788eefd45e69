"""The join of one day of a log, as one would write it in Polars or pandas, on one core.

    join.py polars|pandas LOG          (the bench `join` runs it: make bench BENCH=join)

Reads the log's Parquet files, drops what was delivered twice, keeps the interactions within 24 h of their request and of
its tenant, labels by the largest of click=1, message=3, dismiss=-1, and writes one Parquet file. Prints JSON.
"""

import json
import os
import pathlib
import resource
import sys
import tempfile
import time

os.environ["POLARS_MAX_THREADS"] = "1"
os.sched_setaffinity(0, {0})

OBJECTIVE = {"click": 1.0, "message": 3.0, "dismiss": -1.0}
EARLY, WINDOW = 60_000, 24 * 3_600_000
CORPUS, SOURCE = "corpus=channel", "source=channel-browser"
OF_REQUEST = ["request", "tenant", "user", "model", "variant"]


def with_polars(log, output):
    import polars as pl

    def read(table, *levels):
        # By columns: this version cannot filter keys of a fixed size while it reads.
        return pl.scan_parquet(str(pathlib.Path(log, table, *levels) / "date=*/*.parquet"), hive_partitioning=False, parallel="columns")

    requests = read("requests", CORPUS, SOURCE).unique("request")
    impressions = read("impressions", CORPUS, SOURCE).filter("shown").drop("fetchers", "shown")
    times = requests.select("request", "tenant", pl.col("time").cast(pl.Int64).alias("asked"))
    labels = (
        read("interactions", CORPUS)
        .filter(pl.col("kind").is_in(list(OBJECTIVE)) & pl.col("request").is_not_null())
        .unique("id")
        .join(times, on=["request", "tenant"])
        .filter((pl.col("time").cast(pl.Int64) - pl.col("asked")).is_between(-EARLY, WINDOW))
        .with_columns(label=pl.col("kind").replace_strict(OBJECTIVE, return_dtype=pl.Float32))
        .group_by("request", "entity")
        .agg(pl.col("label").max())
    )
    joined = (
        impressions.join(requests.select(OF_REQUEST), on="request")
        .join(labels, on=["request", "entity"], how="left", maintain_order="left")
        .with_columns(pl.col("label").fill_null(0.0))
        .collect(engine="streaming")
    )
    joined.write_parquet(output)
    return len(joined), int((joined["label"] > 0).sum())


def with_pandas(log, output):
    import pandas as pd
    import pyarrow.dataset as ds

    def read(table, *levels, columns=None):
        files = ds.dataset(pathlib.Path(log, table, *levels), format="parquet")
        return files.to_table(columns=columns, use_threads=False).to_pandas()

    requests = read("requests", CORPUS, SOURCE, columns=OF_REQUEST + ["time"]).drop_duplicates("request")
    files = ds.dataset(pathlib.Path(log, "impressions", CORPUS, SOURCE), format="parquet")
    columns = [name for name in files.schema.names if name != "fetchers"]
    impressions = read("impressions", CORPUS, SOURCE, columns=columns)
    impressions = impressions[impressions["shown"]].drop(columns="shown")
    done = read("interactions", CORPUS, columns=["id", "request", "tenant", "entity", "kind", "time"])
    done = done[done["kind"].isin(list(OBJECTIVE)) & done["request"].notna()].drop_duplicates("id")
    done = done.merge(requests[["request", "tenant", "time"]], on=["request", "tenant"], suffixes=("", "_asked"))
    after = (done["time"] - done["time_asked"]).dt.total_seconds() * 1000
    done = done[after.between(-EARLY, WINDOW)].assign(label=lambda rows: rows["kind"].map(OBJECTIVE).astype("float32"))
    labels = done.groupby(["request", "entity"], as_index=False)["label"].max()
    joined = impressions.merge(requests[OF_REQUEST], on="request").merge(labels, on=["request", "entity"], how="left")
    joined["label"] = joined["label"].fillna(0.0).astype("float32")
    joined.to_parquet(output)
    return len(joined), int((joined["label"] > 0).sum())


if __name__ == "__main__":
    engine, log = sys.argv[1:]
    run = {"polars": with_polars, "pandas": with_pandas}[engine]
    __import__(engine)
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "rows.parquet")
        started, cpu = time.perf_counter(), time.process_time()
        rows, positives = run(log, output)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        size = os.path.getsize(output)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = dict(seconds=seconds, cpu_seconds=cpu, peak_mib=peak, rows=rows, positives=positives, bytes=size)
    print(json.dumps(report))
