//! `recommend score` and `recommend inspect` over real files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, RecordBatch};
use common::{Place, shared};

/// A small model of the fuzzer's corpus; its features are a, b, c and d.
fn model(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fuzz/corpus/model");
    folder.join(name).canonicalize().unwrap().display().to_string()
}

fn numbers(text: &str) -> Vec<f32> {
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn predictions_of_a_libsvm_file_are_those_that_others_made() {
    let Some(data) = shared("xgboost-conformance") else { return };
    let place = Place::new();
    for name in ["binary_logistic", "binary_logitraw", "rank_pairwise", "reg_linear", "reg_logistic"] {
        let folder = data.join(format!("gbdtrs_xgb_{name}"));
        let file = |name: &str| folder.join(name).display().to_string();
        place
            .run(&format!(
                "score --model {} --input {} --output out",
                file("model.json"),
                file("input.libsvm")
            ))
            .code(0);
        let (ours, theirs) = (
            numbers(&place.read("out")),
            numbers(&std::fs::read_to_string(folder.join("expected_predict.txt")).unwrap()),
        );
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!((ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0), "{name}: {ours} {theirs}");
        }
    }
}

/// The same four rows in every format; the second has nothing.
fn write_rows(place: &Place) -> [PathBuf; 4] {
    let csv =
        place.write("rows.csv", "label,d,c,b,a\n1,0.5,1,-2,3\n0,,nan,NA,\n1,1,0,0.25,-1\n0,-3,1,2,0.125\n");
    let plain = place.write("plain.csv", "3,-2,1,0.5\n,,,\n-1,0.25,0,1\n0.125,2,1,-3\n");
    let svm = place
        .write("rows.libsvm", "1 1:3 2:-2 3:1 4:0.5\n0\n1 1:-1 2:0.25 3:0 4:1\n0 1:0.125 2:2 3:1 4:-3\n");
    let parquet = place.path().join("rows.parquet");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("c", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
        ("a", Arc::new(Float64Array::from(vec![Some(3.0), None, Some(-1.0), Some(0.125)]))),
        ("b", Arc::new(Float32Array::from(vec![Some(-2.0), None, Some(0.25), Some(2.0)]))),
        ("d", Arc::new(Float32Array::from(vec![Some(0.5), Some(f32::NAN), Some(1.0), Some(-3.0)]))),
        ("other", Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(&parquet).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    [csv, plain, svm, parquet]
}

#[test]
fn a_row_scores_the_same_from_any_format() {
    let place = Place::new();
    let files = write_rows(&place);
    let model = model("logistic.ubj");
    for flags in ["", "--margin", "--contributions"] {
        let outputs: Vec<String> = files
            .iter()
            .map(|file| {
                let base = if file.extension().is_some_and(|e| e == "libsvm") { "--one-based" } else { "" };
                let run = format!("score --model {model} --input {} {base} {flags}", file.display());
                place.run(&run).code(0).out
            })
            .collect();
        assert_eq!(outputs[0].lines().count(), 4);
        assert!(outputs.iter().all(|output| *output == outputs[0]), "{flags}: {outputs:?}");
    }
}

#[test]
fn contributions_sum_to_the_margin() {
    let place = Place::new();
    let [csv, ..] = write_rows(&place);
    let model = model("dart.json");
    let run = |flag: &str| {
        place.run(&format!("score --model {model} --input {} {flag}", csv.display())).code(0).out
    };
    for (margin, parts) in numbers(&run("--margin")).iter().zip(run("--contributions").lines()) {
        let parts: Vec<f32> = parts.split(',').map(|part| part.parse().unwrap()).collect();
        assert_eq!(parts.len(), 5);
        assert!((parts.iter().sum::<f32>() - margin).abs() < 1e-5);
    }
}

#[test]
fn classes_are_all_printed_or_one_is_chosen() {
    let place = Place::new();
    let [csv, ..] = write_rows(&place);
    let run = |rest: &str| {
        place.run(&format!("score --model {} --input {} {rest}", model("softprob.ubj"), csv.display()))
    };
    let all = run("").code(0).out;
    for (line, second) in all.lines().zip(run("--class 1").code(0).out.lines()) {
        let classes: Vec<f32> = line.split(',').map(|class| class.parse().unwrap()).collect();
        assert!((classes.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(line.split(',').nth(1), Some(second));
    }
    run("--class 3").code(2).says("classes are 0 to 2");
    run("--contributions").code(2).says("need --class");
    run("--contributions --class 2").code(0);
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_fix() {
    let place = Place::new();
    place.write("words.csv", "a,b,c,d\n1,2,3,4\n1,x,3,4\n");
    place.write("narrow.csv", "a,b\n1,2\n");
    place.write("ragged.csv", "1,2,3,4\n1,2\n");
    place.write("rows.libsvm", "1 0:2\n1 4:2\n");
    place.write("rows.dat", "1,2,3,4\n");
    let run = |model: &str, file: &str| place.run(&format!("score --model {model} --input {file}"));
    let good = model("logistic.ubj");
    run(&good, "words.csv").code(1).says("words.csv line 3: b is \"x\"");
    run(&good, "narrow.csv").code(1).says("no column for the model's features c, d");
    run(&good, "ragged.csv").code(1).says("line 2: has 2 cells");
    run(&good, "rows.libsvm")
        .code(1)
        .says("line 2: feature 4 is beyond the model's 4; is the file --one-based?");
    run(&good, "rows.dat").code(2).says("add --format");
    run(&good, "absent.csv").code(1).says("absent.csv");
    run(&model("bad-cycle-left.json"), "words.csv").code(1).says("cycle");
    run(&model("bad-deprecated-binary.bin"), "words.csv").code(1).says("save it again");
}

#[test]
fn a_model_is_described_and_drawn() {
    let place = Place::new();
    let [csv, ..] = write_rows(&place);
    let ran = place
        .run(&format!("inspect {} --rows {} --plot out.svg", model("early-stopped.ubj"), csv.display()))
        .code(0)
        .says("objective binary:logistic")
        .says("of which the first")
        .says("total gain");
    assert!(ran.out.contains("mean |SHAP|") && ran.out.contains("leaves"));
    let svg = place.read("out.svg");
    assert!(svg.starts_with("<svg") && svg.contains("mean |SHAP|"));
    place.run(&format!("inspect {}", model("gblinear.json"))).code(0).says("booster gblinear").says("weight");
    place.run(&format!("inspect {}", model("categorical-partition.json"))).code(0).says("categorical");
}
