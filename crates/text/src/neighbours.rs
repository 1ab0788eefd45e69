//! Exact neighbours within a radius, of sparse rows, through an inverted index with norm bounds.
//!
//! Two rows can be near only if their product is large: for unit rows at cosine distance ε at least t = 1 − ε. Put the
//! terms of all rows into one order, the most frequent first. The first terms of a row whose part of it is shorter than
//! its bound can't reach the bound alone (Cauchy and Schwarz), so near rows must share one of their *other* terms, and only
//! those go into the index: the rare ones. That is prefix filtering with the ℓ² bound, after Bayardo, Ma, Srikant
//! (*Scaling up all pairs similarity search*, 2007) and Anastasiu, Karypis (*L2AP*, 2014). Two rows that are met at their
//! rarest common term share nothing behind it, so the product of their parts up to there must reach t as well. What is left
//! is computed, in double precision and in the order of the columns, so the answer is that of a full scan.
//!
//! Memory is linear in what is stored; no list of neighbours is kept.

mod crowds;
mod points;
mod question;
mod sketch;

pub(crate) use crowds::{Crowds, Group, Runs};
pub(crate) use points::{Points, Samples};
pub(crate) use question::Scratch;
use sketch::Sketch;

use crate::Metric;

/// What can be asked for neighbours.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    points: &'a Points,
    eps: f64,
    sketch: Option<Sketch>,
    /// By list: where it begins in `listed`. There is one per column, and one of points that may be near others with which
    /// they share nothing.
    lists: Vec<u32>,
    listed: Vec<u32>,
    /// Beside `listed`: how long the part of the point is up to the list's column.
    reaches: Vec<f32>,
    /// By point: where its lists begin in `indexed`; that of its rarest column comes last.
    spans: Vec<u32>,
    indexed: Vec<u32>,
    /// Beside `indexed`: how long the part of the point is up to there.
    parts: Vec<f32>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    On,
    Stop,
}

impl<'a> Index<'a> {
    pub(crate) fn new(points: &'a Points, eps: f64) -> Self {
        let rows = points.rows();
        let mut frequency = vec![0_u32; rows.columns()];
        for at in 0..rows.len() {
            for column in rows.row(at).0 {
                frequency[*column as usize] += 1;
            }
        }
        let mut index = Index {
            points,
            eps,
            sketch: Sketch::new(points, points.metric(), eps),
            lists: vec![0; rows.columns() + 2],
            listed: Vec::new(),
            reaches: Vec::new(),
            spans: Vec::with_capacity(rows.len() + 1),
            indexed: Vec::new(),
            parts: Vec::new(),
        };
        let anywhere = rows.columns() as u32;
        index.spans.push(0);
        let mut order = Vec::new();
        for at in 0..rows.len() {
            let (columns, values) = rows.row(at);
            let bound = points.bound(at, eps);
            if bound <= 0.0 {
                index.push(anywhere, f32::INFINITY);
            }
            order.clear();
            order.extend(columns.iter().zip(values));
            // Most frequent first, then by column: the same order for every row.
            order.sort_unstable_by_key(|(column, _)| (u32::MAX - frequency[**column as usize], **column));
            let mut square = 0.0;
            let enough = (bound - SLACK).max(0.0).powi(2);
            for (column, value) in &order {
                square += **value * **value;
                if square >= enough {
                    let part = match points.metric() {
                        Metric::Cosine => square.sqrt() as f32 + ROUNDING,
                        // Rows of any length: how long a neighbour's part must be depends on its length.
                        Metric::Euclidean => f32::INFINITY,
                    };
                    index.push(**column, part);
                }
            }
            index.spans.push(index.indexed.len() as u32);
        }
        for list in 0..=rows.columns() {
            index.lists[list + 1] += index.lists[list];
        }
        index.fill(0..rows.len() as u32);
        index
    }

    fn push(&mut self, list: u32, part: f32) {
        self.indexed.push(list);
        self.parts.push(part);
        self.lists[list as usize + 1] += 1;
    }

    /// Puts points into their lists in this order; it has each once.
    pub(crate) fn fill(&mut self, order: impl Iterator<Item = u32>) {
        let mut next = self.lists.clone();
        self.listed.resize(self.indexed.len(), 0);
        self.reaches.resize(self.indexed.len(), 0.0);
        for point in order {
            let span = self.spans[point as usize] as usize..self.spans[point as usize + 1] as usize;
            for (list, part) in self.indexed[span.clone()].iter().zip(&self.parts[span]) {
                let place = &mut next[*list as usize];
                self.listed[*place as usize] = point;
                self.reaches[*place as usize] = *part;
                *place += 1;
            }
        }
    }

    /// How many lists there are.
    pub(crate) fn lists(&self) -> usize {
        self.lists.len() - 1
    }

    /// The lists in which a point is, those of its rarest columns first, each with how long the part of a neighbour must be
    /// that is met there for the first time.
    pub(crate) fn lists_of(&self, point: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let span = self.spans[point] as usize..self.spans[point + 1] as usize;
        let least = (1.0 - self.eps) as f32 - ROUNDING;
        let both = self.indexed[span.clone()].iter().zip(&self.parts[span]).rev();
        both.map(move |(list, part)| (*list, least / part - ROUNDING))
    }

    /// The points that can be found in a list, in the order in which they were filled in.
    pub(crate) fn list(&self, list: u32) -> &[u32] {
        &self.listed[self.lists[list as usize] as usize..self.lists[list as usize + 1] as usize]
    }

    /// Beside [`Index::list`]: how long the part of each point is up to there.
    pub(crate) fn reaches(&self, list: u32) -> &[f32] {
        &self.reaches[self.lists[list as usize] as usize..self.lists[list as usize + 1] as usize]
    }

    /// Calls `each` with the neighbours of a point other than itself, of those that `wanted` wants, in no special order.
    ///
    /// `wanted` is asked before the distance is computed.
    pub(crate) fn neighbours(
        &self,
        point: usize,
        scratch: &mut Scratch,
        mut wanted: impl FnMut(usize) -> bool,
        mut each: impl FnMut(usize) -> Next,
    ) {
        self.ask(point, scratch, |question| {
            for (list, least) in self.lists_of(point) {
                for (other, reach) in self.list(list).iter().zip(self.reaches(list)) {
                    if *reach >= least
                        && question.meets(*other)
                        && wanted(*other as usize)
                        && question.is_near(*other)
                        && each(*other as usize) == Next::Stop
                    {
                        return;
                    }
                }
            }
        });
    }
}

/// Bounds are computed in floating point: they are loosened by more than it can lose.
const SLACK: f64 = 1e-9;
/// The same for single precision.
const ROUNDING: f32 = 1e-5;

#[cfg(test)]
mod tests;
