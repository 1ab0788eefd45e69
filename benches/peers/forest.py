"""One thread, the same model and rows, other engines: treelite, TL2cgen, ONNX Runtime, lleaves, and XGBoost through Python.

    make peers-forest          (brings the packages into .deps/peers)

Reads the model that the bench `forest` has trained (target/bench/forest/depth-6.json, 500 trees) and prints microseconds
a call for 1, 10, 100 and 1,000 rows, the fastest of many calls by the thread's own time; writes
target/bench/forest-peers.json. What cannot be installed is left out, and said so. Scores are compared with XGBoost's.
lleaves compiles LightGBM models only: it gets a LightGBM model of the same shape, trained on the same rows.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "target/bench/forest/depth-6.json"
COUNTS = (1, 10, 100, 1000)
FEATURES = 100


def fastest(call, budget=1.0):
    call()
    best, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < budget:
        start = time.thread_time_ns()
        call()
        best = min(best, time.thread_time_ns() - start)
    return best / 1e3


def xgboost_peer(rows):
    import xgboost

    booster = xgboost.Booster({"nthread": 1}, model_file=str(MODEL))
    matrix = xgboost.DMatrix(rows)
    return "xgboost (Python, in place)", lambda x: booster.inplace_predict(x), booster.predict(matrix)


def tl2cgen_peer(rows):
    import tl2cgen
    import treelite

    model = treelite.frontend.load_xgboost_model(str(MODEL))
    folder = tempfile.mkdtemp()
    library = os.path.join(folder, "model.so")
    tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params={"parallel_comp": 8}, verbose=False)
    predictor = tl2cgen.Predictor(library, nthread=1)
    return "TL2cgen", lambda x: predictor.predict(tl2cgen.DMatrix(x)), None


def treelite_peer(rows):
    import treelite

    model = treelite.frontend.load_xgboost_model(str(MODEL))
    return "treelite GTIL", lambda x: treelite.gtil.predict(model, x, nthread=1), None


def onnx_peer(rows):
    import onnxruntime
    import xgboost
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    classifier = xgboost.XGBClassifier()
    classifier.load_model(str(MODEL))
    graph = convert_xgboost(classifier, initial_types=[("x", FloatTensorType([None, FEATURES]))])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    output = session.get_outputs()[1].name
    return "ONNX Runtime", lambda x: session.run([output], {"x": x}), None


def lleaves_peer(rows):
    import lightgbm
    import lleaves

    rng = np.random.default_rng(1)
    x = rng.standard_normal((20_000, FEATURES)).astype(np.float32)
    y = (x @ rng.standard_normal(FEATURES) + np.sin(3 * x[:, 0] * x[:, 1]) * 3 > 0).astype(int)
    parameters = dict(objective="binary", num_leaves=64, max_depth=6, min_data_in_leaf=1, learning_rate=0.05, verbose=-1)
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        lightgbm.train(parameters, lightgbm.Dataset(x, y), 500).save_model(file.name)
        model = lleaves.Model(model_file=file.name)
        model.compile()
    return "lleaves (a LightGBM model)", lambda x: model.predict(x, n_jobs=1), None


def main():
    if not MODEL.exists():
        sys.exit(f"{MODEL} is not there: run `make bench BENCH=forest` first")
    rows = np.random.default_rng(2).standard_normal((max(COUNTS), FEATURES)).astype(np.float32)
    figures = []
    for make in (xgboost_peer, treelite_peer, tl2cgen_peer, onnx_peer, lleaves_peer):
        try:
            name, predict, _ = make(rows)
        except Exception as error:  # a peer that is not there is not a failure of ours
            print(f"{make.__name__}: left out: {type(error).__name__}: {str(error)[:120]}")
            continue
        for count in COUNTS:
            some = np.ascontiguousarray(rows[:count])
            spent = fastest(lambda: predict(some))
            print(f"{name:28} {count:5} rows {spent:10.1f} µs", flush=True)
            figures.append({"case": f"500 trees, depth 6, {count} rows", "metric": "µs", "peer": name, "peer_value": spent})
    ours = ROOT / "target/bench/forest.json"
    if ours.exists():
        known = {row["case"]: row["ours"] for row in json.loads(ours.read_text()) if row["metric"] == "µs"}
        for figure in figures:
            mine = known.get(figure["case"])
            figure["ours"] = mine
            figure["ratio"] = figure["peer_value"] / mine if mine else None
    out = ROOT / "target/bench/forest-peers.json"
    out.write_text(json.dumps(figures, indent=2))
    print(f"written to {out}")


if __name__ == "__main__":
    main()
