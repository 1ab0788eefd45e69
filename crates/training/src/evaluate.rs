//! How good scores are on labelled impressions: ranking metrics by request, probabilities over all rows, intervals over
//! requests.
//!
//! | metric | of | positive is | source |
//! |---|---|---|---|
//! | `ndcg@k` | a request | graded: gain 2^label − 1 for whole labels up to 31, otherwise the label; below 0 is 0 | Burges et al., ICML 2005 |
//! | `map@k`, `mrr`, `precision@k`, `recall@k` | a request | a label above 0 | [`crate::metrics`] |
//! | `auc` | all rows | a label above 0 | Fawcett, Pattern Recognition Letters 2006; ties count half |
//! | `log_loss`, `ece` | all rows, of probabilities alone | a label above 0 | Guo et al., ICML 2017 (15 bins of equal width) |
//!
//! Requests without a positive label have no ranking to be good or bad, and are left out of the ranking metrics. Rows are
//! ranked by (score descending, entity ascending), as they are served. Intervals are 95 %, from the percentile bootstrap
//! over requests: the rows of one request are not independent, so it stays whole.

mod compare;
mod pooled;
mod ranking;
mod reliability;

use std::collections::BTreeMap;

use recommend_artifacts::Figure;

pub use compare::{Gate, GateOutcome, compare};
pub use reliability::Bin;

use crate::dataset::Dataset;
use crate::metrics::{Difference, Interval, bootstrap_mean};
use crate::spec::Judge;
use pooled::Pooled;
use ranking::Requests;

/// What to evaluate.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The cut-offs of ranking metrics.
    pub cutoffs: Vec<usize>,
    /// Changes what the bootstrap draws.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { cutoffs: vec![5, 10], seed: 0 }
    }
}

/// Some scores on one dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Whose scores.
    pub name: String,
    /// How many rows.
    pub rows: usize,
    /// How many requests.
    pub requests: usize,
    /// How many requests have a positive label, which the ranking metrics are over.
    pub ranked: usize,
    /// How many rows have one.
    pub positives: usize,
    /// The metrics by name. What does not exist for these scores, such as the log loss of margins, is absent.
    pub figures: BTreeMap<String, Figure>,
    /// Predicted against observed, for probabilities.
    pub reliability: Vec<Bin>,
}

impl Evaluation {
    /// Evaluates scores, one per row. `probabilities` says whether they are any.
    ///
    /// ```
    /// use recommend_training::dataset::libsvm;
    /// use recommend_training::evaluate::{Evaluation, Options};
    ///
    /// let data = libsvm::parse("0 0:1\n1 0:2\n0 0:3\n", None, libsvm::FirstIndex::Zero)?;
    /// let found = Evaluation::of("m", &data, &[0.1, 0.8, 0.3], true, &Options::default());
    /// assert_eq!((found.figures["mrr"].value, found.figures["auc"].value), (1.0, 1.0));
    /// # Ok::<(), recommend_training::DatasetError>(())
    /// ```
    ///
    /// # Panics
    /// When there are not as many scores as rows.
    pub fn of(name: &str, data: &Dataset, scores: &[f32], probabilities: bool, options: &Options) -> Self {
        assert_eq!(scores.len(), data.len(), "a score for each row");
        let requests = Requests::of(data, scores);
        let mut figures = BTreeMap::new();
        let mut add = |name: String, interval: Interval| {
            if interval.mean.is_finite() {
                figures.insert(name, Figure { value: interval.mean, low: interval.low, high: interval.high });
            }
        };
        for (name, values) in requests.metrics(&options.cutoffs) {
            add(name, bootstrap_mean(&values, options.seed));
        }
        let pooled = Pooled::new(data, scores);
        add("auc".to_owned(), pooled.bootstrap(options.seed, &|weights| pooled.auc(weights)));
        let mut reliability = Vec::new();
        if probabilities {
            add("log_loss".to_owned(), pooled.bootstrap(options.seed, &|weights| pooled.log_loss(weights)));
            add("ece".to_owned(), pooled.bootstrap(options.seed, &|weights| pooled.ece(weights)));
            reliability = reliability::bins(data.labels(), scores);
        }
        Evaluation {
            name: name.to_owned(),
            rows: data.len(),
            requests: data.groups().len(),
            ranked: requests.len(),
            positives: data.positives(),
            figures,
            reliability,
        }
    }
}

/// The value of one metric, without an interval.
pub fn judge(metric: Judge, data: &Dataset, scores: &[f32]) -> f64 {
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    match metric {
        Judge::Ndcg(_) | Judge::Map(_) | Judge::Mrr => mean(Requests::of(data, scores).values(metric)),
        Judge::Auc => Pooled::new(data, scores).auc(None),
        Judge::LogLoss => Pooled::new(data, scores).log_loss(None),
    }
}

/// The scores that the rows were served with; `None` where any is unknown.
pub fn served(data: &Dataset) -> Option<&[f32]> {
    let known = !data.is_empty() && data.scores().iter().all(|score| score.is_finite());
    known.then(|| data.scores())
}

/// `a - b`, or the other way round where less is better, so that above 0 means that `a` is better.
fn oriented(metric: Judge, difference: Difference) -> Difference {
    if metric.larger_is_better() {
        return difference;
    }
    let Interval { mean, low, high } = difference.difference;
    Difference { difference: Interval { mean: -mean, low: -high, high: -low }, ..difference }
}

#[cfg(test)]
mod tests;
