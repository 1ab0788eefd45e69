//! Rows as points: equal rows once, with the sum of their weights.

use std::cmp::Ordering;
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
    /// By sample: its point.
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
    /// Points in the order of their first samples.
    pub(crate) fn new(samples: Samples<'_>, metric: Metric) -> Self {
        Self::arranged(samples, metric, |_, _| None)
    }

    /// Points in an order in which those are beside each other that have their most frequent columns in common: they are
    /// likely to be near, and what is done with them finds them in the same cache lines.
    pub(crate) fn gathered(samples: Samples<'_>, metric: Metric) -> Self {
        Self::arranged(samples, metric, |rows, first| Some(alike(rows, first)))
    }

    /// `arrange` has the rows and, by point, the row that it was first; it says where each point shall be.
    fn arranged(
        samples: Samples<'_>,
        metric: Metric,
        arrange: impl FnOnce(&Rows, &[u32]) -> Option<Vec<u32>>,
    ) -> Self {
        let rows = samples.rows;
        // By point: the row that it was first; by row: its point, if it had one already.
        let mut first: Vec<u32> = Vec::new();
        let mut known: Vec<u32> = vec![NONE; rows.len()];
        let mut table: HashTable<u32> = HashTable::new();
        let (mut weights, mut of): (Vec<f64>, Vec<u32>) = (Vec::new(), Vec::new());
        for (row, weight) in samples.iter() {
            let lonely = metric == Metric::Cosine && rows.row(row).0.is_empty();
            if !lonely && known[row] != NONE {
                weights[known[row] as usize] += weight;
                of.push(known[row]);
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
                weights.push(0.0);
            }
            weights[point as usize] += weight;
            of.push(point);
        }
        drop((known, table));
        if let Some(places) = arrange(rows, &first) {
            first = moved(&first, &places);
            weights = moved(&weights, &places);
            of.iter_mut().for_each(|point| *point = places[*point as usize]);
        }
        let squares = Vec::with_capacity(first.len());
        let mut points = Points { metric, rows: Rows::new(rows.columns()), squares, weights, of };
        first.iter().for_each(|row| points.push(rows, *row as usize));
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

    /// Whether two points are within `eps` of each other.
    pub(crate) fn are_near(&self, a: usize, b: usize, eps: f64) -> bool {
        let ((left, values), (right, weights)) = (self.rows.row(a), self.rows.row(b));
        let (mut i, mut j, mut product) = (0, 0, 0.0);
        while i < left.len() && j < right.len() {
            match left[i].cmp(&right[j]) {
                Ordering::Less => i += 1,
                Ordering::Greater => j += 1,
                Ordering::Equal => {
                    product += values[i] * weights[j];
                    (i, j) = (i + 1, j + 1);
                }
            }
        }
        self.metric.near(product, (self.squares[a], self.squares[b]), eps)
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

const NONE: u32 = u32::MAX;

fn moved<T: Copy + Default>(values: &[T], places: &[u32]) -> Vec<T> {
    let mut moved = vec![T::default(); values.len()];
    for (value, place) in values.iter().zip(places) {
        moved[*place as usize] = *value;
    }
    moved
}

/// So many columns decide beside whom a row is.
const DECIDING: usize = 6;
/// Bits for the rank of each.
const BITS: u32 = 21;

/// By point: its place when rows are sorted by the ranks of their most frequent columns, and then as they come.
fn alike(rows: &Rows, first: &[u32]) -> Vec<u32> {
    let mut frequency = vec![0_u32; rows.columns()];
    let columns = |point: &u32| rows.row(*point as usize).0;
    first.iter().flat_map(columns).for_each(|column| frequency[*column as usize] += 1);
    let mut ranked: Vec<u32> = (0..rows.columns() as u32).collect();
    ranked.sort_unstable_by_key(|column| (u32::MAX - frequency[*column as usize], *column));
    let mut ranks = vec![0_u32; rows.columns()];
    for (rank, column) in ranked.iter().enumerate() {
        ranks[*column as usize] = (rank as u32).min((1 << BITS) - 1);
    }
    let mut own = Vec::new();
    let mut order: Vec<(u128, u32)> = Vec::with_capacity(first.len());
    for (point, row) in first.iter().enumerate() {
        own.clear();
        own.extend(columns(row).iter().map(|column| ranks[*column as usize]));
        if own.len() > DECIDING {
            own.select_nth_unstable(DECIDING);
            own.truncate(DECIDING);
        }
        own.sort_unstable();
        own.resize(DECIDING, (1 << BITS) - 1);
        order.push((own.iter().fold(0, |key, rank| key << BITS | u128::from(*rank)), point as u32));
    }
    order.sort_unstable();
    let mut places = vec![0; first.len()];
    for (place, (_, point)) in order.iter().enumerate() {
        places[*point as usize] = place as u32;
    }
    places
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
    fn gathered_rows_have_their_most_frequent_columns_in_common_with_those_beside_them() {
        let mut rows = Rows::new(6);
        for (a, b) in [(0, 5), (1, 4), (0, 3), (1, 2), (0, 4), (0, 5)] {
            rows.push([(a, 1.0), (b, 0.5)]).unwrap();
        }
        let points = Points::gathered(Samples::of(&rows), Metric::Cosine);
        // Column 0 is the most frequent, then 1 and 4; the first and the last row are equal.
        let firsts: Vec<u32> = (0..points.len()).map(|point| points.rows().row(point).0[0]).collect();
        assert_eq!(firsts, [0, 0, 0, 1, 1]);
        assert_eq!(points.weights().iter().sum::<f64>(), 6.0);
        for (sample, point) in points.of().iter().enumerate() {
            assert_eq!(points.rows().row(*point as usize).0, rows.row(sample).0);
        }
        assert_eq!(points.weights()[points.of()[5] as usize], 2.0);
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
