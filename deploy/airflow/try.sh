#!/usr/bin/env bash
# Loads the DAG in a real Airflow from PyPI and runs it once, over the log of a demo workspace: what comes out must be a
# promoted artifact, and after a second run nothing but the same one. Everything goes into .deps/ and target/airflow/.
#
#   deploy/airflow/try.sh                      builds the binary itself
#   RECOMMEND_BIN=path deploy/airflow/try.sh   takes one that is there
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD work=$PWD/target/airflow venv=$PWD/.deps/airflow

if [ ! -x "$venv/bin/airflow" ]; then
    echo "installing Airflow into .deps/airflow (once)"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r deploy/airflow/requirements.txt
fi
if [ -z "${RECOMMEND_BIN:-}" ]; then
    cargo build --release --package recommend --features training
    RECOMMEND_BIN=${CARGO_TARGET_DIR:-$root/target}/release/recommend
fi
export RECOMMEND_BIN

rm -rf "$work"
mkdir -p "$work/dags"
cp deploy/airflow/recommend_training.py "$work/dags/"
"$RECOMMEND_BIN" demo --no-learning --people 300 --channels 120 --days 30 --rounds 400 --data "$work/data"

cat > "$work/spec.toml" <<SPEC
name = "channel_browser"
model = { kind = "logistic-regression", l2 = 1.0 }
input = { corpus = "channel", source = "channel-browser" }
split = { by = "request" }
SPEC
cat > "$work/pipelines.toml" <<PIPELINES
log = "$work/data/log"
datasets = "$work/datasets"
artifacts = "$work/artifacts"

[[pipeline]]
corpus = "channel"
source = "channel-browser"
objective = { click = 1.0, join = 1.0 }
specs = ["$work/spec.toml"]
artifact = "channel_browser"
PIPELINES

export AIRFLOW_HOME=$work/home AIRFLOW__CORE__DAGS_FOLDER=$work/dags AIRFLOW__CORE__LOAD_EXAMPLES=False
export RECOMMEND_PIPELINES=$work/pipelines.toml PATH=$venv/bin:$PATH
airflow db migrate > "$work/airflow.log" 2>&1
airflow dags list-import-errors 2>> "$work/airflow.log" | tee "$work/import-errors.txt"
grep -q "No data found" "$work/import-errors.txt"

for run in 2026-01-01 2026-01-02; do
    airflow dags test recommend_channel_channel-browser "$run" >> "$work/airflow.log" 2>&1 || {
        tail -40 "$work/airflow.log"
        echo "the run of $run failed; the whole log is in $work/airflow.log"
        exit 1
    }
    "$RECOMMEND_BIN" artifacts list --artifacts "$work/artifacts"
done
promoted=$("$RECOMMEND_BIN" artifacts list --artifacts "$work/artifacts" --json | grep -c '"current":true')
versions=$("$RECOMMEND_BIN" artifacts list --artifacts "$work/artifacts" --json | wc -l)
[ "$promoted" = 1 ] && [ "$versions" = 1 ]
echo "two runs of the DAG: one version, promoted"
