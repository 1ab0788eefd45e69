//! Models, inputs and predictions of the gbdt-rs project: what others made of XGBoost's models must come out here too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use recommend_models::Explain;
use recommend_models::explain::{importances, mean_absolute_shap};
use recommend_models::xgboost::{Booster, LoadOptions};
use support::{csv, data, libsvm};

const MODELS: [&str; 5] =
    ["binary_logistic", "binary_logitraw", "rank_pairwise", "reg_linear", "reg_logistic"];

#[test]
fn predictions_are_those_of_gbdt_rs() {
    let Some(data) = data("xgboost-conformance") else { return };
    for name in MODELS {
        let folder = data.join(format!("gbdtrs_xgb_{name}"));
        let booster = Booster::open(&folder.join("model.json"), &LoadOptions::default()).unwrap();
        let matrix =
            libsvm(&std::fs::read_to_string(folder.join("input.libsvm")).unwrap(), booster.features());
        let expected = csv(&std::fs::read_to_string(folder.join("expected_predict.txt")).unwrap());
        let mut scores = vec![0.0; matrix.labels.len()];
        booster.predict(&matrix.rows(), &mut scores);
        assert_eq!(scores.len(), expected.len());
        let mut worst = 0.0f32;
        for (score, expected) in scores.iter().zip(&expected) {
            worst = worst.max((score - expected[0]).abs() / expected[0].abs().max(1.0));
        }
        println!("{name}: {} rows, largest difference {worst:e}", scores.len());
        assert!(worst <= 1e-6, "{name}: {worst}");
    }
}

#[test]
fn shap_values_are_those_of_xgboost_and_sum_to_the_margin() {
    let Some(data) = data("xgboost-conformance") else { return };
    for (name, file) in [
        ("binary_logistic", "shap_xgboost2.1.4_first50.csv"),
        ("rank_pairwise", "shap_xgboost2.1.4_first100.csv"),
        ("reg_linear", "shap_xgboost2.1.4_first40.csv"),
    ] {
        let folder = data.join(format!("gbdtrs_xgb_{name}"));
        let booster = Booster::open(&folder.join("model.json"), &LoadOptions::default()).unwrap();
        let expected = csv(&std::fs::read_to_string(folder.join(file)).unwrap());
        let text = std::fs::read_to_string(folder.join("input.libsvm")).unwrap();
        let text: Vec<&str> = text.lines().take(expected.len()).collect();
        let matrix = libsvm(&text.join("\n"), booster.features());
        let width = booster.features() + 1;
        let (mut values, mut margins) = (vec![0.0; expected.len() * width], vec![0.0; expected.len()]);
        booster.contributions(&matrix.rows(), &mut values).unwrap();
        booster.margins(&matrix.rows(), &mut margins);
        for (row, (values, expected)) in values.chunks_exact(width).zip(&expected).enumerate() {
            let scale = margins[row].abs().max(1.0);
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() <= 2e-5 * scale, "{name} row {row}: {value} {expected}");
            }
            let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
            assert!((sum - f64::from(margins[row])).abs() <= 1e-5 * f64::from(scale), "{name} row {row}");
        }
        let first = &matrix.rows();
        let mut pairs = vec![0.0; expected.len() * width * width];
        booster.interactions(first, &mut pairs).unwrap();
        for (line, value) in pairs.chunks_exact(width).zip(&values) {
            let sum: f64 = line.iter().map(|value| f64::from(*value)).sum();
            assert!(
                (sum - f64::from(*value)).abs() <= 1e-4 * f64::from(value.abs().max(1.0)),
                "{sum} {value}"
            );
        }
    }
}

#[test]
fn importances_name_the_features_that_the_trees_use() {
    let Some(data) = data("xgboost-conformance") else { return };
    let folder = data.join("gbdtrs_xgb_binary_logistic");
    let booster = Booster::open(&folder.join("model.json"), &LoadOptions::default()).unwrap();
    let matrix = libsvm(&std::fs::read_to_string(folder.join("input.libsvm")).unwrap(), booster.features());
    let all = importances(&booster);
    let splits: usize = all.iter().map(|importance| importance.splits).sum();
    assert_eq!(splits, booster.forest().unwrap().trees().iter().map(|tree| tree.leaves() - 1).sum::<usize>());
    let best = all.iter().max_by(|a, b| a.total_gain.total_cmp(&b.total_gain)).unwrap();
    assert_eq!(*best, all[28]);
    let shap = mean_absolute_shap(&booster, &matrix.rows(), 0).unwrap();
    for (importance, shap) in all.iter().zip(shap) {
        assert_eq!(importance.splits == 0, shap == 0.0);
    }
}
