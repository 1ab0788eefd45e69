"""One DAG per recommender: join -> train -> evaluate and gate -> promote, every day.

Every step is one command of the `recommend` binary, idempotent and with an exit code that means something, so that a
retry or a backfill does no harm: the join replaces whole days, training publishes the same content only once, and
promoting what is promoted already changes nothing. A model that does not pass the gate (exit code 4) skips the promotion;
that is an outcome and not a failure.

What to train stands in `pipelines.toml` beside this file, or where RECOMMEND_PIPELINES points to. The steps need the
binary (RECOMMEND_BIN), the event log, and places for datasets and artifacts that the server reads too.
"""

import os
import pathlib
import shlex
import tomllib
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PIPELINES = pathlib.Path(
    os.environ.get("RECOMMEND_PIPELINES", pathlib.Path(__file__).with_name("pipelines.toml"))
)
NOT_BETTER = 4  # the exit code of `recommend evaluate --gate`


def command(*words):
    return shlex.join(str(word) for word in words)


def objective(weights):
    return ",".join(f"{kind}={weight}" for kind, weight in weights.items())


def dag_of(settings, pipeline):
    binary = os.environ.get("RECOMMEND_BIN", settings.get("binary", "recommend"))
    corpus, source, artifact = pipeline["corpus"], pipeline["source"], pipeline["artifact"]
    dataset = pathlib.Path(settings["datasets"]) / f"{corpus}-{source}"
    data = ("--data", dataset, "--artifacts", settings["artifacts"])
    specs = [word for spec in pipeline["specs"] for word in ("--spec", spec)]
    gate = pipeline.get("gate", "not-worse")
    with DAG(
        dag_id=f"recommend_{corpus}_{source}",
        description=f"Train and promote the model of {corpus}/{source}",
        schedule=pipeline.get("schedule", "@daily"),
        start_date=datetime(2026, 1, 1),
        catchup=False,
        # Two runs at once would train twice on the same days.
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
        tags=["recommend"],
    ) as dag:
        join = BashOperator(
            task_id="join",
            bash_command=command(
                binary, "join", "--log", settings["log"], "--corpus", corpus, "--source", source,
                "--objective", objective(pipeline["objective"]), "--window", pipeline.get("window", "24h"),
                "--output", dataset,
            ),
        )
        train = BashOperator(task_id="train", bash_command=command(binary, "train", *specs, *data))
        evaluate = BashOperator(
            task_id="evaluate",
            bash_command=command(binary, "evaluate", "--artifact", artifact, *data, "--gate", gate),
            skip_on_exit_code=NOT_BETTER,
        )
        promote = BashOperator(
            task_id="promote",
            bash_command=command(
                binary, "artifacts", "promote", artifact, "latest", "--artifacts", settings["artifacts"]
            ),
        )
        join >> train >> evaluate >> promote
    return dag


with PIPELINES.open("rb") as file:
    _settings = tomllib.load(file)
for _pipeline in _settings["pipeline"]:
    _dag = dag_of(_settings, _pipeline)
    # Airflow finds DAGs among the names of the module.
    globals()[_dag.dag_id] = _dag
