//! The result as JSON: one object a line, for each name and cut-off.

use recommend_backtest::{AtCutoff, BacktestResult};
use recommend_training::Metric;
use serde::Serialize;

/// One line. Metrics are means over users, in 0..=1 but for the novelty, which is in bits.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    k: usize,
    users: usize,
    /// Of min(k, relevant).
    recall: f64,
    recall_low: f64,
    recall_high: f64,
    ndcg: f64,
    map: f64,
    mrr: f64,
    hit_rate: f64,
    coverage: f64,
    /// Of everything relevant.
    all_recall: f64,
    precision: f64,
    novelty: Option<f64>,
    diversity: Option<f64>,
    popularity_bias: Option<f64>,
    ndcg_low: f64,
    ndcg_high: f64,
}

/// All lines.
pub(super) fn lines(result: &BacktestResult, seed: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for evaluation in &result.evaluations {
        for at in &evaluation.at {
            // A struct of numbers and strings always serializes.
            lines.extend(serde_json::to_string(&line(&evaluation.name, at, seed)));
        }
    }
    lines
}

fn line<'a>(name: &'a str, at: &AtCutoff, seed: u64) -> Line<'a> {
    let (recall, ndcg) = (at.interval(Metric::RecallCapped, seed), at.interval(Metric::Ndcg, seed));
    let known = |value: f64| value.is_finite().then_some(value);
    Line {
        name,
        k: at.k,
        users: at.scores.len(),
        recall: recall.mean,
        recall_low: recall.low,
        recall_high: recall.high,
        ndcg: ndcg.mean,
        map: at.mean(Metric::Map),
        mrr: at.mean(Metric::Mrr),
        hit_rate: at.mean(Metric::HitRate),
        coverage: at.coverage,
        all_recall: at.mean(Metric::Recall),
        precision: at.mean(Metric::Precision),
        novelty: known(at.novelty),
        diversity: known(at.diversity),
        popularity_bias: known(at.popularity_bias),
        ndcg_low: ndcg.low,
        ndcg_high: ndcg.high,
    }
}
