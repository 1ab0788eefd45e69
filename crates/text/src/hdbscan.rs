//! HDBSCAN: clusters of different density, without a radius (Campello, Moulavi, Sander, *Density-based clustering based on
//! hierarchical density estimates*, 2013).
//!
//! 1. The *core distance* of a point is how far its `min_samples`-th sample is, itself included.
//! 2. Two points are as far from one another as the largest of their distance and their core distances: *mutual reachability*.
//! 3. The minimum spanning tree over that says at which distance which points fall apart.
//! 4. Splits into parts of at least `min_cluster_size` are kept, the rest are points that fall out.
//! 5. Of all those clusters the most *stable* are chosen: the mass over 1 / distance between a cluster's birth and its end.
//!
//! Equal rows are one weighted point. The tree is Prim's with distances through the inverted index: time is that of all pairs that
//! share a term, memory is linear.

mod tree;

use crate::dbscan::DbscanError;
use crate::neighbours::{Points, Samples};
use crate::{Metric, Rows};

/// Distances below this count as this. Equal messages have distance 0, and a cluster that never ends would outweigh all.
const CLOSEST: f64 = 0.02;

/// Clusters without a radius.
///
/// ```
/// use recommend_text::{Hdbscan, Rows};
///
/// let mut rows = Rows::new(4);
/// for (a, b) in [(0, 1), (0, 1), (0, 1), (2, 3), (2, 3), (2, 3)] {
///     rows.push([(a, 1.0), (b, 0.5)])?;
/// }
/// assert_eq!(Hdbscan::new(3, 3)?.labels(&rows), [0, 0, 0, 1, 1, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hdbscan {
    min_cluster_size: usize,
    min_samples: usize,
    metric: Metric,
}

/// An edge of the spanning tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edge {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) distance: f64,
}

impl Hdbscan {
    /// Cosine distance.
    ///
    /// # Errors
    /// When `min_samples` is 0, or `min_cluster_size` is below 2.
    pub fn new(min_cluster_size: usize, min_samples: usize) -> Result<Self, DbscanError> {
        if min_samples == 0 {
            return Err(DbscanError::MinSamples);
        }
        if min_cluster_size < 2 {
            return Err(DbscanError::MinClusterSize(min_cluster_size));
        }
        Ok(Hdbscan { min_cluster_size, min_samples, metric: Metric::Cosine })
    }

    /// Another distance.
    #[must_use]
    pub fn metric(self, metric: Metric) -> Self {
        Hdbscan { metric, ..self }
    }

    /// One label per row: clusters count up from 0 in the order of their first rows, -1 is in none.
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

    fn run(&self, samples: Samples<'_>) -> Vec<i32> {
        let points = Points::new(samples, self.metric);
        let edges = self.spanning_tree(&points);
        let labels = tree::labels(points.weights(), edges, self.min_cluster_size as f64);
        // Numbers in the order of first rows, which is that of points.
        points.of().iter().map(|point| labels[*point as usize]).collect()
    }

    /// Prim's algorithm: the point that is nearest to the tree comes next.
    fn spanning_tree(&self, points: &Points) -> Vec<Edge> {
        let count = points.len();
        let mut lines = Lines::new(points);
        let cores: Vec<f64> = (0..count).map(|point| self.core_distance(points, &mut lines, point)).collect();
        let mut nearest = vec![(f64::INFINITY, 0_u32); count];
        let mut inside = vec![false; count];
        let mut edges = Vec::with_capacity(count.saturating_sub(1));
        let mut current = 0;
        for _ in 1..count {
            inside[current] = true;
            let distances = lines.from(current);
            let mut next = (f64::INFINITY, usize::MAX);
            for other in 0..count {
                if inside[other] {
                    continue;
                }
                let reach = distances[other].max(cores[current]).max(cores[other]);
                if reach < nearest[other].0 {
                    nearest[other] = (reach, current as u32);
                }
                if nearest[other].0 < next.0 || next.1 == usize::MAX {
                    next = (nearest[other].0, other);
                }
            }
            edges.push(Edge { from: nearest[next.1].1, to: next.1 as u32, distance: next.0.max(CLOSEST) });
            current = next.1;
        }
        edges
    }

    /// How far the `min_samples`-th sample is.
    fn core_distance(&self, points: &Points, lines: &mut Lines<'_>, point: usize) -> f64 {
        let enough = self.min_samples as f64;
        let weights = points.weights();
        if weights[point] >= enough {
            return 0.0;
        }
        let distances = lines.from(point);
        let mut order: Vec<u32> = (0..points.len() as u32).collect();
        // The nearest `min_samples` points are enough samples: each has at least one.
        let most = self.min_samples.min(order.len() - 1);
        let nearer = |a: &u32, b: &u32| distances[*a as usize].total_cmp(&distances[*b as usize]);
        order.select_nth_unstable_by(most, nearer);
        order.truncate(most + 1);
        order.sort_unstable_by(nearer);
        let mut sum = 0.0;
        for other in order {
            sum += weights[other as usize];
            if sum >= enough {
                return distances[other as usize];
            }
        }
        f64::INFINITY
    }
}

/// Distances from one point to all, by way of an index of all columns.
struct Lines<'a> {
    points: &'a Points,
    /// By column: where its list begins.
    starts: Vec<u32>,
    listed: Vec<(u32, f64)>,
    line: Vec<f64>,
}

impl<'a> Lines<'a> {
    fn new(points: &'a Points) -> Self {
        let rows = points.rows();
        let mut starts = vec![0_u32; rows.columns() + 1];
        for point in 0..rows.len() {
            rows.row(point).0.iter().for_each(|column| starts[*column as usize + 1] += 1);
        }
        for column in 0..rows.columns() {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut listed = vec![(0, 0.0); rows.stored()];
        for point in 0..rows.len() {
            let (columns, values) = rows.row(point);
            for (column, value) in columns.iter().zip(values) {
                let place = &mut next[*column as usize];
                listed[*place as usize] = (point as u32, *value);
                *place += 1;
            }
        }
        Lines { points, starts, listed, line: vec![0.0; rows.len()] }
    }

    /// The distances of all points from this one; 0 from itself.
    fn from(&mut self, point: usize) -> &[f64] {
        self.line.fill(0.0);
        let (columns, values) = self.points.rows().row(point);
        for (column, value) in columns.iter().zip(values) {
            let column = *column as usize;
            for (other, weight) in
                &self.listed[self.starts[column] as usize..self.starts[column + 1] as usize]
            {
                self.line[*other as usize] += value * weight;
            }
        }
        for (other, product) in self.line.iter_mut().enumerate() {
            *product = self.points.distance(*product, point, other);
        }
        self.line[point] = 0.0;
        &self.line
    }
}

#[cfg(test)]
mod tests;
