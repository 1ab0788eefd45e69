//! DBSCAN: clusters are what is connected through dense places (Ester, Kriegel, Sander, Xu, 1996).
//!
//! Labels are those of scikit-learn's `DBSCAN`, number by number. A cluster is a connected component of the cores; clusters
//! are numbered in the order of their first cores; a point that is near cores but is none belongs to the first of their
//! clusters. None of that depends on the order of the search, so threads share it, and it begins where the answers are:
//! `dbscan::search`.

mod search;

use thiserror::Error;

use crate::neighbours::{Points, Samples};
use crate::{Metric, Rows};
use search::Search;

/// The label of a point in no cluster.
pub const NOISE: i32 = -1;

/// Clusters points that have `min_samples` points, themselves included, within `eps`.
///
/// ```
/// use recommend_text::{Analyzer, Dbscan, Documents, NOISE, Tfidf, TfidfOptions};
///
/// let texts = ["disk full on a", "disk full on b", "disk full on c", "hello"];
/// let documents = Documents::of(&Analyzer::default(), &texts);
/// let (_, rows) = Tfidf::fit(&documents, &TfidfOptions::default())?;
/// let dbscan = Dbscan::new(0.5, 3)?;
/// assert_eq!(dbscan.labels_repeated(&rows, documents.which()), [0, 0, 0, NOISE]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dbscan {
    eps: f64,
    min_samples: usize,
    metric: Metric,
}

/// Why nothing can be clustered.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum DbscanError {
    /// A radius is above 0.
    #[error("eps = {0} is no radius: give a number above 0")]
    Eps(f64),
    /// A core has at least itself.
    #[error("min_samples = 0 makes everything a core: give 1 or more")]
    MinSamples,
    /// One row is no cluster.
    #[error("min_cluster_size = {0} makes single rows clusters: give 2 or more")]
    MinClusterSize(usize),
    /// There must be a finite weight for every row.
    #[error("{weights} weights for {rows} rows, all of them finite: give one for each")]
    Weights {
        /// How many finite weights there are.
        weights: usize,
        /// How many rows.
        rows: usize,
    },
}

impl Dbscan {
    /// Cosine distance.
    ///
    /// # Errors
    /// When `eps` is not above 0 or `min_samples` is 0.
    pub fn new(eps: f64, min_samples: usize) -> Result<Self, DbscanError> {
        if !(eps > 0.0 && eps.is_finite()) {
            return Err(DbscanError::Eps(eps));
        }
        if min_samples == 0 {
            return Err(DbscanError::MinSamples);
        }
        Ok(Dbscan { eps, min_samples, metric: Metric::Cosine })
    }

    /// Another distance.
    #[must_use]
    pub fn metric(self, metric: Metric) -> Self {
        Dbscan { metric, ..self }
    }

    /// One label per row: clusters count up from 0 in the order of their first cores, [`NOISE`] is in none.
    pub fn labels(&self, rows: &Rows) -> Vec<i32> {
        self.run(Samples::of(rows))
    }

    /// The labels of `rows.repeat(which)`, which is not made.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn labels_repeated(&self, rows: &Rows, which: &[u32]) -> Vec<i32> {
        self.run(Samples { rows, which: Some(which), weights: None })
    }

    /// The same where a row counts for its weight: a core has a weight of `min_samples` within `eps`. A negative weight keeps
    /// its neighbours from being cores.
    ///
    /// # Errors
    /// When there is not one finite weight for each row.
    pub fn labels_weighted(&self, rows: &Rows, weights: &[f64]) -> Result<Vec<i32>, DbscanError> {
        let finite = weights.iter().filter(|weight| weight.is_finite()).count();
        if finite != rows.len() || weights.len() != rows.len() {
            return Err(DbscanError::Weights { weights: finite, rows: rows.len() });
        }
        Ok(self.run(Samples { rows, which: None, weights: Some(weights) }))
    }

    fn run(&self, samples: Samples<'_>) -> Vec<i32> {
        let points = Points::gathered(samples, self.metric);
        let any_negative = samples.weights.is_some_and(|weights| weights.iter().any(|weight| *weight < 0.0));
        let labels = Search::new(&points, self.eps, self.min_samples as f64, any_negative).labels();
        points.of().iter().map(|point| labels[*point as usize]).collect()
    }
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
