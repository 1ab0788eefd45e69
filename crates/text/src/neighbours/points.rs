//! Rows as points: equal rows once, with the sum of their weights.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use crate::{Metric, Rows};

/// The different rows of a matrix. For cosine they have length 1, but for rows without entries, which are no one's
/// equals there.
#[derive(Debug)]
pub(crate) struct Points {
    metric: Metric,
    rows: Rows,
    squares: Vec<f64>,
    weights: Vec<f64>,
    /// By sample: its point. Points are numbered in the order of their first samples.
    of: Vec<u32>,
}

/// The samples of a matrix: which row each has, and what it weighs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub(crate) rows: &'a Rows,
    /// None: one sample per row.
    pub(crate) which: Option<&'a [u32]>,
    /// None: each weighs 1.
    pub(crate) weights: Option<&'a [f64]>,
}

impl<'a> Samples<'a> {
    pub(crate) fn of(rows: &'a Rows) -> Self {
        Samples { rows, which: None, weights: None }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let count = self.which.map_or(self.rows.len(), <[u32]>::len);
        (0..count).map(|sample| {
            let row = self.which.map_or(sample, |which| which[sample] as usize);
            (row, self.weights.map_or(1.0, |weights| weights[sample]))
        })
    }
}

impl Points {
    pub(crate) fn new(samples: Samples<'_>, metric: Metric) -> Self {
        let rows = samples.rows;
        let mut points = Points {
            metric,
            rows: Rows::new(rows.columns()),
            squares: Vec::new(),
            weights: Vec::new(),
            of: Vec::new(),
        };
        // By point: the row that it was first; by row: its point, if it had one already.
        let mut first: Vec<u32> = Vec::new();
        let mut known: Vec<u32> = vec![u32::MAX; rows.len()];
        let mut table: HashTable<u32> = HashTable::new();
        for (row, weight) in samples.iter() {
            let lonely = metric == Metric::Cosine && rows.row(row).0.is_empty();
            if !lonely && known[row] != u32::MAX {
                points.weights[known[row] as usize] += weight;
                points.of.push(known[row]);
                continue;
            }
            let next = first.len() as u32;
            let point = if lonely {
                next
            } else {
                let same = |point: &u32| rows.row(first[*point as usize] as usize) == rows.row(row);
                let hashed = |point: &u32| hash(rows, first[*point as usize] as usize);
                *table.entry(hash(rows, row), same, hashed).or_insert(next).get()
            };
            known[row] = point;
            if point == next {
                first.push(row as u32);
                points.weights.push(0.0);
                points.push(rows, row);
            }
            points.weights[point as usize] += weight;
            points.of.push(point);
        }
        points
    }

    fn push(&mut self, rows: &Rows, row: usize) {
        let (columns, values) = rows.row(row);
        let length = match self.metric {
            Metric::Cosine => rows.length(row),
            Metric::Euclidean => 1.0,
        };
        self.rows.push_sorted(columns.iter().zip(values).map(|(column, value)| (*column, value / length)));
        self.squares.push(self.rows.row(self.rows.len() - 1).1.iter().map(|value| value * value).sum());
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    /// By point: the sum of its samples' weights.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// By sample: its point.
    pub(crate) fn of(&self) -> &[u32] {
        &self.of
    }

    pub(crate) fn bound(&self, point: usize, eps: f64) -> f64 {
        self.metric.bound(self.squares[point].sqrt(), eps)
    }

    /// The product of a point with one that is spread over all columns.
    pub(crate) fn product(&self, spread: &[f64], other: usize) -> f64 {
        let (columns, values) = self.rows.row(other);
        columns.iter().zip(values).map(|(column, value)| spread[*column as usize] * value).sum()
    }

    /// Whether a point, which is also spread over all columns, is within `eps` of another.
    pub(crate) fn near(&self, point: usize, spread: &[f64], other: usize, eps: f64) -> bool {
        let squares = (self.squares[point], self.squares[other]);
        self.metric.near(self.product(spread, other), squares, eps)
    }

    /// Whether a point is within `eps` of itself.
    pub(crate) fn is_near_itself(&self, point: usize, eps: f64) -> bool {
        self.metric == Metric::Euclidean || !self.rows.row(point).0.is_empty() || eps >= 1.0
    }

    /// The distance of two points of this product.
    pub(crate) fn distance(&self, product: f64, a: usize, b: usize) -> f64 {
        self.metric.distance(product, (self.squares[a], self.squares[b]))
    }
}

fn hash(rows: &Rows, row: usize) -> u64 {
    let mut hasher = FxHasher::default();
    let (columns, values) = rows.row(row);
    columns.hash(&mut hasher);
    for value in values {
        value.to_bits().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(dense: &[[f64; 2]]) -> Rows {
        let mut rows = Rows::new(2);
        for row in dense {
            rows.push([(0, row[0]), (1, row[1])]).unwrap();
        }
        rows
    }

    #[test]
    fn equal_rows_are_one_point_with_the_sum_of_their_weights() {
        let rows = rows(&[[1.0, 2.0], [3.0, 0.0], [1.0, 2.0]]);
        let weights = [1.0, 2.0, 4.0];
        let points =
            Points::new(Samples { rows: &rows, which: None, weights: Some(&weights) }, Metric::Euclidean);
        assert_eq!(points.of(), [0, 1, 0]);
        assert_eq!(points.weights(), [5.0, 2.0]);
    }

    #[test]
    fn rows_without_entries_stay_apart_where_they_are_no_neighbours() {
        let rows = rows(&[[0.0, 0.0], [0.0, 0.0]]);
        assert_eq!(Points::new(Samples::of(&rows), Metric::Cosine).len(), 2);
        assert_eq!(Points::new(Samples::of(&rows), Metric::Euclidean).len(), 1);
    }

    #[test]
    fn repeated_rows_are_as_if_they_were_written_out() {
        let rows = rows(&[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]);
        let which = [2, 1, 0, 1];
        let points = Points::new(Samples { rows: &rows, which: Some(&which), weights: None }, Metric::Cosine);
        assert_eq!(points.of(), [0, 1, 0, 1]);
        assert_eq!(points.weights(), [2.0, 2.0]);
    }
}
