//! Tiles of values as they are, for forests too small to be worth the coding of every value.
//!
//! As with bytes ([`super::quantise`]), a missing value must obey each split's default direction: in a column whose splits send it
//! left it becomes negative infinity, which is below every threshold but itself; in one whose splits send it right it
//! stays NaN, which is below none. Categorical questions are columns of 0 and 1.

use std::collections::BTreeMap;

use super::quantise::TILE;
use super::rows::Rows;
use super::{CategorySet, Forest, Node, Test};

/// 64 values, one per row of a tile.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Floats(pub(crate) [f32; TILE]);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FloatColumn {
    pub(crate) feature: u32,
    pub(crate) set: Option<u32>,
    pub(crate) default_left: bool,
}

/// The columns of a forest.
#[derive(Debug)]
pub(crate) struct FloatColumns {
    pub(crate) columns: Vec<FloatColumn>,
    places: BTreeMap<FloatColumn, u32>,
}

/// A split in terms of such a column: a row goes left when the value of `column` is below `bound`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloatSplit {
    pub(crate) column: u32,
    pub(crate) bound: f32,
}

impl FloatColumns {
    /// The columns of a forest, unless it asks whether something missing is below negative infinity.
    pub(crate) fn of(forest: &Forest) -> Option<Self> {
        let mut places = BTreeMap::new();
        for node in forest.nodes() {
            if let Node::Split { feature, test, default_left, .. } = *node {
                let set = match test {
                    Test::Below(threshold) if threshold == f32::NEG_INFINITY && default_left => return None,
                    Test::Below(_) => None,
                    Test::NotIn(set) => Some(set),
                };
                places.insert(FloatColumn { feature, set, default_left }, 0);
            }
        }
        let columns: Vec<FloatColumn> = places.keys().copied().collect();
        places.values_mut().zip(0..).for_each(|(place, index)| *place = index);
        Some(FloatColumns { columns, places })
    }

    /// The split in terms of columns.
    pub(crate) fn split(&self, feature: u32, test: Test, default_left: bool) -> FloatSplit {
        let (set, bound) = match test {
            Test::Below(threshold) => (None, threshold),
            Test::NotIn(set) => (Some(set), 0.5),
        };
        FloatSplit { column: self.places[&FloatColumn { feature, set, default_left }], bound }
    }

    /// Fills up to 64 rows of `tile`. Rows beyond the last keep what was there.
    pub(crate) fn tile(&self, sets: &[CategorySet], rows: &Rows<'_>, tile: &mut [Floats]) {
        for (column, out) in self.columns.iter().zip(tile) {
            for (row, out) in out.0.iter_mut().enumerate().take(rows.len()) {
                let value = rows.get(row, column.feature as usize);
                *out = match column.set {
                    None if value.is_nan() && column.default_left => f32::NEG_INFINITY,
                    None => value,
                    Some(_) if value.is_nan() => f32::from(!column.default_left),
                    Some(set) => f32::from(sets[set as usize].contains(value)),
                };
            }
        }
    }
}
