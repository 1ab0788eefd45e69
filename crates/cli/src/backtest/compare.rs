//! Paired comparisons: the recommender against everything else, user by user.

use recommend_backtest::BacktestResult;
use recommend_training::Metric;
use recommend_training::metrics::Difference;

use super::RECOMMENDER;

/// The metrics that are compared.
pub(super) const COMPARED: [(&str, Metric); 2] = [("recall", Metric::RecallCapped), ("ndcg", Metric::Ndcg)];

/// What the recommender is better by than another one, in recall and nDCG.
pub(super) struct Comparison<'a> {
    /// The other one.
    pub(super) other: &'a str,
    /// The recommender less the other, by [`COMPARED`].
    pub(super) by: Vec<Difference>,
}

/// Compares with all others at the cut-off in place `at`.
pub(super) fn all(result: &BacktestResult, at: usize) -> Vec<Comparison<'_>> {
    let others = result.evaluations.iter().map(|evaluation| evaluation.name.as_str());
    let others = others.filter(|name| *name != RECOMMENDER);
    let compared = others.map(|other| {
        let by = COMPARED.iter().filter_map(|(_, metric)| result.compare(RECOMMENDER, other, at, *metric));
        Comparison { other, by: by.collect() }
    });
    compared.collect()
}
