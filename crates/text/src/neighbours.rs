//! Exact neighbours within a radius, of sparse rows, through an inverted index with norm bounds.
//!
//! Two rows can be near only if their product is large: for unit rows at cosine distance ε at least t = 1 − ε. Put the
//! terms of all rows into one order, the most frequent first. The first terms of a row whose part of it is shorter than
//! its bound can't reach the bound alone (Cauchy and Schwarz), so near rows must share one of their *other* terms, and only
//! those go into the index: the rare ones. That is prefix filtering with the ℓ² bound, after Bayardo, Ma, Srikant
//! (*Scaling up all pairs similarity search*, 2007) and Anastasiu, Karypis (*L2AP*, 2014). What the index proposes is
//! then computed, in double precision and in the order of the columns, so the answer is that of a full scan.
//!
//! Memory is linear in what is stored; no list of neighbours is kept.

mod points;
mod sketch;

pub(crate) use points::{Points, Samples};
use sketch::{Sketch, Spread};

/// What can be asked for neighbours.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    points: &'a Points,
    eps: f64,
    sketch: Option<Sketch>,
    /// By column: where its list begins in `listed`.
    lists: Vec<u32>,
    listed: Vec<u32>,
    /// By point: where its indexed columns begin in `indexed`.
    spans: Vec<u32>,
    indexed: Vec<u32>,
    /// Points that may be near others with which they share nothing.
    anywhere: Vec<u32>,
    is_anywhere: Vec<bool>,
}

/// Room for one asker.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The asking point, spread over all columns.
    spread: Vec<f64>,
    /// The same for the sketch.
    rough: Spread,
    /// By point: the number of the last question that met it.
    met: Vec<u32>,
    question: u32,
}

/// What stands for a column in the list of points that may be near others with which they share nothing.
pub(crate) const ANYWHERE: u32 = u32::MAX;

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
            lists: vec![0; rows.columns() + 1],
            listed: Vec::new(),
            spans: Vec::with_capacity(rows.len() + 1),
            indexed: Vec::new(),
            anywhere: Vec::new(),
            is_anywhere: vec![false; rows.len()],
        };
        index.spans.push(0);
        let mut order = Vec::new();
        for at in 0..rows.len() {
            let (columns, values) = rows.row(at);
            let bound = points.bound(at, eps);
            if bound <= 0.0 {
                index.anywhere.push(at as u32);
                index.is_anywhere[at] = true;
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
                    index.indexed.push(**column);
                    index.lists[**column as usize + 1] += 1;
                }
            }
            index.spans.push(index.indexed.len() as u32);
        }
        for column in 0..rows.columns() {
            index.lists[column + 1] += index.lists[column];
        }
        let mut next = index.lists.clone();
        index.listed = vec![0; index.indexed.len()];
        for at in 0..rows.len() {
            let span = index.spans[at] as usize..index.spans[at + 1] as usize;
            for column in &index.indexed[span] {
                let place = &mut next[*column as usize];
                index.listed[*place as usize] = at as u32;
                *place += 1;
            }
        }
        index
    }

    pub(crate) fn scratch(&self) -> Scratch {
        let rows = self.points.rows();
        Scratch {
            spread: vec![0.0; rows.columns()],
            rough: Spread::new(),
            met: vec![0; rows.len()],
            question: 0,
        }
    }

    /// The columns under which a point can be found.
    fn columns_of(&self, point: usize) -> &[u32] {
        &self.indexed[self.spans[point] as usize..self.spans[point + 1] as usize]
    }

    /// The lists in which a point is, those of its rarest columns first.
    pub(crate) fn lists_of(&self, point: usize) -> impl Iterator<Item = u32> + '_ {
        self.columns_of(point).iter().rev().copied().chain(self.is_anywhere[point].then_some(ANYWHERE))
    }

    /// The points that can be found under a column or [`ANYWHERE`], ascending.
    pub(crate) fn list(&self, column: u32) -> &[u32] {
        if column == ANYWHERE {
            return &self.anywhere;
        }
        &self.listed[self.lists[column as usize] as usize..self.lists[column as usize + 1] as usize]
    }

    /// Calls `each` with the neighbours of a point other than itself, of those that `wanted` wants, in no special order.
    ///
    /// `wanted` is asked before the distance is computed, `skip` before a column's list is read: what it skips is not asked for.
    pub(crate) fn neighbours(
        &self,
        point: usize,
        scratch: &mut Scratch,
        skip: impl Fn(u32) -> bool,
        mut wanted: impl FnMut(usize) -> bool,
        mut each: impl FnMut(usize) -> Next,
    ) {
        let (columns, values) = self.points.rows().row(point);
        scratch.question += 1;
        scratch.met[point] = scratch.question;
        let Scratch { spread, rough, met, question } = scratch;
        for (column, value) in columns.iter().zip(values) {
            spread[*column as usize] = *value;
        }
        rough.set(columns, values);
        let mut propose = |other: u32| {
            let met = &mut met[other as usize];
            if *met == *question {
                return Next::On;
            }
            *met = *question;
            let other = other as usize;
            let may_be_near =
                |other| self.sketch.as_ref().is_none_or(|sketch| sketch.may_be_near(rough, other));
            if wanted(other) && may_be_near(other) && self.points.near(point, spread, other, self.eps) {
                each(other)
            } else {
                Next::On
            }
        };
        let mut ask = || {
            for list in self.lists_of(point).filter(|list| !skip(*list)) {
                for other in self.list(list) {
                    if propose(*other) == Next::Stop {
                        return;
                    }
                }
            }
        };
        ask();
        for column in columns {
            spread[*column as usize] = 0.0;
        }
        rough.clear(columns);
    }
}

/// Bounds are computed in floating point: they are loosened by more than it can lose.
const SLACK: f64 = 1e-9;

#[cfg(test)]
mod tests;
