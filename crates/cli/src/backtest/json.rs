//! The result as JSON: one object a line, for each name and cut-off.

use recommend_backtest::{AtCutoff, BacktestResult};
use recommend_training::Metric;
use recommend_training::metrics::Difference;
use serde::Serialize;

use super::{RECOMMENDER, compare};

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
    /// The recommender less this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    recommender_better_by: Option<Better>,
}

#[derive(Debug, Serialize)]
struct Better {
    recall: f64,
    recall_low: f64,
    recall_high: f64,
    recall_p_value: f64,
    ndcg: f64,
    ndcg_low: f64,
    ndcg_high: f64,
    ndcg_p_value: f64,
}

impl Better {
    fn of(by: &[Difference]) -> Option<Self> {
        let [recall, ndcg] = by else { return None };
        Some(Better {
            recall: recall.difference.mean,
            recall_low: recall.difference.low,
            recall_high: recall.difference.high,
            recall_p_value: recall.p_value,
            ndcg: ndcg.difference.mean,
            ndcg_low: ndcg.difference.low,
            ndcg_high: ndcg.difference.high,
            ndcg_p_value: ndcg.p_value,
        })
    }
}

/// The lines of the cut-offs that were asked for.
pub(super) fn lines(result: &BacktestResult, cutoffs: &[usize], seed: u64) -> Vec<String> {
    let count = result.evaluations.first().map_or(0, |evaluation| evaluation.at.len());
    let compared: Vec<_> = (0..count).map(|at| compare::all(result, at)).collect();
    let mut lines = Vec::new();
    for evaluation in &result.evaluations {
        for (place, at) in evaluation.at.iter().enumerate().filter(|(_, at)| cutoffs.contains(&at.k)) {
            let mut line = line(&evaluation.name, at, seed);
            if evaluation.name != RECOMMENDER {
                let found = compared[place].iter().find(|comparison| comparison.other == evaluation.name);
                line.recommender_better_by = found.and_then(|comparison| Better::of(&comparison.by));
            }
            // A struct of numbers and strings always serializes.
            lines.extend(serde_json::to_string(&line));
        }
    }
    lines
}

fn line<'a>(name: &'a str, at: &AtCutoff, seed: u64) -> Line<'a> {
    let recall = at.interval(Metric::RecallCapped, seed);
    let known = |value: f64| value.is_finite().then_some(value);
    Line {
        name,
        k: at.k,
        users: at.scores.len(),
        recall: recall.mean,
        recall_low: recall.low,
        recall_high: recall.high,
        ndcg: at.mean(Metric::Ndcg),
        map: at.mean(Metric::Map),
        mrr: at.mean(Metric::Mrr),
        hit_rate: at.mean(Metric::HitRate),
        coverage: at.coverage,
        all_recall: at.mean(Metric::Recall),
        precision: at.mean(Metric::Precision),
        novelty: known(at.novelty),
        diversity: known(at.diversity),
        popularity_bias: known(at.popularity_bias),
        recommender_better_by: None,
    }
}
