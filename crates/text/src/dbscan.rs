//! DBSCAN: clusters are what is connected through dense places (Ester, Kriegel, Sander, Xu, 1996).
//!
//! Labels are those of scikit-learn's `DBSCAN`, number by number. A cluster is a connected component of the cores; clusters
//! are numbered in the order of their first cores; a point that is near cores but is none belongs to the first of their
//! clusters. None of that depends on the order of the search, so threads share it:
//!
//! 1. *cores*: equal rows are one weighted point, and counting stops as soon as there is enough weight. Points remember whom
//!    they met on the way;
//! 2. *components*: cores join the cores that they met, and then those of other components in reach. A list of the index whose
//!    cores are all in one component has nothing more to tell them, and is not read again;
//! 3. *borders*: the others take the first cluster of those whom they met.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use thiserror::Error;

use crate::components::Components;
use crate::neighbours::{ANYWHERE, Index, Next, Points, Samples, Scratch};
use crate::parallel;
use crate::{Metric, Rows};

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
        let points = Points::new(samples, self.metric);
        let search = Search {
            index: Index::new(&points, self.eps),
            points: &points,
            eps: self.eps,
            enough: self.min_samples as f64,
            cores: (0..points.len()).map(|_| AtomicBool::new(false)).collect(),
            met: (0..points.len()).map(|_| OnceLock::new()).collect(),
            components: Components::new(points.len()),
            uniform: (0..=samples.rows.columns()).map(|_| AtomicBool::new(false)).collect(),
            any_negative: samples.weights.is_some_and(|weights| weights.iter().any(|weight| *weight < 0.0)),
        };
        let room = || search.index.scratch();
        parallel::for_each(points.len(), room, |scratch, point| search.count(scratch, point));
        parallel::for_each(points.len(), || (), |(), point| search.greet(point));
        parallel::for_each(points.len(), room, |scratch, point| search.connect(scratch, point));
        let labels = search.label();
        points.of().iter().map(|point| labels[*point as usize]).collect()
    }
}

/// How many neighbours a point remembers. Who is no core has fewer than `min_samples` different ones, unless they weigh less than 1.
const REMEMBERED: usize = 32;

struct Search<'a> {
    index: Index<'a>,
    points: &'a Points,
    eps: f64,
    enough: f64,
    cores: Vec<AtomicBool>,
    /// By point: the neighbours that were met while it was counted, at most [`REMEMBERED`]. Those of a point that is no core are all
    /// that it has, if they are fewer.
    met: Vec<OnceLock<Box<[u32]>>>,
    components: Components,
    /// By list: whether its cores are known to be in one component. They stay so: components only grow.
    uniform: Vec<AtomicBool>,
    any_negative: bool,
}

impl Search<'_> {
    fn is_core(&self, point: usize) -> bool {
        self.cores[point].load(Relaxed)
    }

    fn uniform(&self, list: u32) -> &AtomicBool {
        let at = if list == ANYWHERE { self.uniform.len() - 1 } else { list as usize };
        &self.uniform[at]
    }

    /// Decides whether a point is a core.
    fn count(&self, scratch: &mut Scratch, point: usize) {
        let weights = self.points.weights();
        // A row without entries is at distance 1 even of itself, by cosine; scikit-learn counts so.
        let is_own = self.points.is_near_itself(point, self.eps);
        let mut sum = if is_own { weights[point] } else { 0.0 };
        let stops = |sum: f64| !self.any_negative && sum >= self.enough;
        let mut met = Vec::new();
        if !stops(sum) {
            self.index.neighbours(
                point,
                scratch,
                |_| false,
                |_| true,
                |other| {
                    sum += weights[other];
                    if met.len() < REMEMBERED {
                        met.push(other as u32);
                    }
                    if stops(sum) { Next::Stop } else { Next::On }
                },
            );
        }
        self.cores[point].store(sum >= self.enough, Relaxed);
        if !met.is_empty() {
            // A point is counted once.
            let _ = self.met[point].set(met.into_boxed_slice());
        }
    }

    fn met(&self, point: usize) -> impl Iterator<Item = usize> + '_ {
        self.met[point].get().into_iter().flatten().map(|other| *other as usize)
    }

    /// Joins a core with the cores that it met.
    fn greet(&self, point: usize) {
        if self.is_core(point) {
            self.met(point)
                .filter(|other| self.is_core(*other))
                .for_each(|other| self.components.join(point, other));
        }
    }

    /// Joins a core with the cores before it in reach that are in other components.
    fn connect(&self, scratch: &mut Scratch, point: usize) {
        if !self.is_core(point) {
            return;
        }
        let apart = |other| self.components.root(point) != self.components.root(other);
        self.index.neighbours(
            point,
            scratch,
            |list| self.uniform(list).load(Relaxed),
            |other| other < point && self.is_core(other) && apart(other),
            |other| {
                self.components.join(point, other);
                Next::On
            },
        );
        for list in self.index.lists_of(point) {
            if !self.uniform(list).load(Relaxed)
                && self.index.list(list).iter().all(|other| {
                    let other = *other as usize;
                    !self.is_core(other) || !apart(other)
                })
            {
                self.uniform(list).store(true, Relaxed);
            }
        }
    }

    /// Numbers the clusters and finds those of the points at their borders.
    fn label(&self) -> Vec<i32> {
        let mut labels = vec![NOISE; self.points.len()];
        let mut next = 0;
        for point in 0..labels.len() {
            if !self.is_core(point) {
                continue;
            }
            // The root is the component's first core, so it has a number before all others.
            let root = self.components.root(point);
            if root == point {
                labels[point] = next;
                next += 1;
            } else {
                labels[point] = labels[root];
            }
        }
        let mut scratch = self.index.scratch();
        for point in 0..labels.len() {
            if self.is_core(point) {
                continue;
            }
            if self.met(point).count() < REMEMBERED {
                let clusters =
                    self.met(point).filter(|other| self.is_core(*other)).map(|other| labels[other]);
                labels[point] = clusters.min().unwrap_or(NOISE);
                continue;
            }
            let mut first = i32::MAX;
            self.index.neighbours(
                point,
                &mut scratch,
                |_| false,
                |other| self.is_core(other),
                |other| {
                    first = first.min(labels[other]);
                    Next::On
                },
            );
            if first != i32::MAX {
                labels[point] = first;
            }
        }
        labels
    }
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
