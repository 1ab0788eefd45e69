//! Metrics by hand, and properties of them all.

use proptest::prelude::*;

use super::*;
use crate::dataset::libsvm::{FirstIndex, parse};

fn data(labels: &[&[f32]]) -> Dataset {
    let rows: String =
        labels.iter().flat_map(|group| group.iter()).map(|label| format!("{label} 0:1\n")).collect();
    let sizes: String = labels.iter().map(|group| format!("{}\n", group.len())).collect();
    parse(&rows, Some(&sizes), FirstIndex::Zero).unwrap()
}

#[test]
fn a_worked_example_comes_out_as_by_hand() {
    let data = data(&[&[0.0, 3.0, 1.0], &[0.0, 0.0], &[1.0, 0.0]]);
    let scores = [0.9, 0.6, 0.3, 0.5, 0.5, 0.2, 0.1];
    let found = Evaluation::of("m", &data, &scores, true, &Options { cutoffs: vec![2], seed: 0 });
    let value = |name: &str| found.figures[name].value;
    // The first request ranks 0, 3, 1; the second has nothing to find; the third is perfect.
    let first = (7.0 / 3.0_f64.log2()) / (7.0 + 1.0 / 3.0_f64.log2());
    assert!((value("ndcg@2") - (first + 1.0) / 2.0).abs() < 1e-12);
    assert!((value("mrr") - 0.75).abs() < 1e-12);
    assert!((value("precision@2") - 0.5).abs() < 1e-12);
    assert!((value("recall@2") - 0.75).abs() < 1e-12);
    assert_eq!((found.requests, found.ranked, found.positives), (3, 2, 3));
    // Positives at 0.6, 0.3, 0.2; negatives at 0.9, 0.5, 0.5, 0.1: three pairs of four, one, one.
    assert!((value("auc") - 5.0 / 12.0).abs() < 1e-12);
    let said = [0.1_f64, 0.6, 0.3, 0.5, 0.5, 0.2, 0.9];
    assert!((value("log_loss") + said.iter().map(|p| p.ln()).sum::<f64>() / 7.0).abs() < 1e-6);
    assert_eq!(found.reliability.iter().map(|bin| bin.rows).sum::<usize>(), 7);
}

#[test]
fn margins_have_no_probability_metrics() {
    let data = data(&[&[0.0, 1.0]]);
    let found = Evaluation::of("m", &data, &[-3.0, 5.0], false, &Options::default());
    assert!(!found.figures.contains_key("log_loss") && found.reliability.is_empty());
    assert_eq!(found.figures["auc"].value, 1.0);
    assert!(served(&data).is_none(), "nobody served it");
}

#[test]
fn a_better_model_passes_gates_by_how_sure_that_is() {
    let groups: Vec<Vec<f32>> =
        (0..200).map(|at| (0..5).map(|row| f32::from(row == at % 5)).collect()).collect();
    let data = data(&groups.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let noise = |row: usize| (row * 7919 % 1000) as f32 / 1000.0;
    let good: Vec<f32> = (0..data.len()).map(|row| noise(row) * 0.9 + data.labels()[row] * 0.1).collect();
    let bad: Vec<f32> = (0..data.len()).map(|row| noise(row * 31 + 5)).collect();
    for metric in [Judge::Ndcg(5), Judge::Mrr, Judge::Auc, Judge::LogLoss] {
        let (ahead, behind) =
            (compare(metric, &data, &good, &bad, 1), compare(metric, &data, &bad, &good, 1));
        assert!((ahead.difference.mean + behind.difference.mean).abs() < 1e-12, "{metric}");
        if metric != Judge::LogLoss {
            assert!(Gate::Better.judge(ahead).passed && !Gate::Better.judge(behind).passed, "{metric}");
        }
        let same = compare(metric, &data, &good, &good, 1);
        assert!(!Gate::Better.judge(same).passed && Gate::NotWorse(0.01).judge(same).passed, "{metric}");
        assert!(same.p_value > 0.5);
    }
    let perfect = data.labels().to_vec();
    let sure = compare(Judge::Ndcg(5), &data, &perfect, &bad, 1);
    assert!(Gate::SurelyBetter.judge(sure).passed && sure.p_value < 0.001);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn metrics_keep_their_ranges_and_auc_is_the_share_of_pairs(
        rows in prop::collection::vec((prop::bool::ANY, 0u8..6), 2..60), size in 1usize..7,
    ) {
        let labels: Vec<f32> = rows.iter().map(|row| f32::from(u8::from(row.0))).collect();
        let data = data(&labels.chunks(size).collect::<Vec<_>>());
        let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.1) / 5.0).collect();
        let found = Evaluation::of("m", &data, &scores, true, &Options::default());
        for (name, figure) in &found.figures {
            prop_assert!(figure.value >= 0.0 && (name == "log_loss" || figure.value <= 1.0 + 1e-12), "{} {}", name, figure.value);
            prop_assert!(figure.low <= figure.high);
        }
        let (mut pairs, mut won) = (0.0, 0.0);
        for (label, score) in labels.iter().zip(&scores).filter(|(label, _)| **label > 0.0) {
            for (_, other) in labels.iter().zip(&scores).filter(|(other, _)| **other < *label) {
                pairs += 1.0;
                won += if score > other { 1.0 } else if score == other { 0.5 } else { 0.0 };
            }
        }
        match found.figures.get("auc") {
            Some(auc) => prop_assert!((auc.value - won / pairs).abs() < 1e-9),
            None => prop_assert_eq!(pairs, 0.0),
        }
    }
}
