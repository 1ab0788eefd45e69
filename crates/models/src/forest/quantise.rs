//! Byte codes for feature values that answer every question of a forest exactly.
//!
//! A split asks `value < threshold`. With the thresholds of a feature sorted, the number of them that are at or below a
//! value, its rank, decides all of these questions: `value < t[k]` is `rank < k + 1`. While there are at most 254
//! thresholds the rank is a byte; where there are more, the feature gets a column of bytes for every 254 of them, each
//! of which saturates outside of its part, so that bytes are exact for any forest. A missing value must obey each
//! split's default direction: a column whose splits send it left codes it as 0, one whose splits send it right as 255, and a
//! feature with both kinds of split has both columns. The set of a categorical split is a column of 0 and 1.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::rows::Rows;
use super::{Forest, Node, Test};

/// The most thresholds of one byte column: ranks 0 to 254, and 255 for what is missing and goes right.
pub(crate) const RANKS: usize = 254;

/// How many rows a tile has.
pub(crate) const TILE: usize = 64;

/// The code of a missing value that goes right.
pub(crate) const MISSING: u8 = 255;

/// 64 bytes, one per row of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Bytes(pub(crate) [u8; TILE]);

/// Turns rows into byte codes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantiser {
    pub(crate) ranks: Vec<RankColumns>,
    pub(crate) sets: Vec<SetColumn>,
    columns: usize,
}

/// Up to [`RANKS`] thresholds of one feature, and the one or two columns of bytes that they make.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RankColumns {
    pub(crate) feature: u32,
    /// Ascending, padded with NaN (which nothing reaches) to a multiple of 16.
    pub(crate) thresholds: Vec<f32>,
    /// The last threshold of each 16, padded with NaN to 16.
    pub(crate) pivots: [f32; 16],
    /// The column whose splits send missing values left, and the one whose splits send them right.
    pub(crate) left: Option<u32>,
    pub(crate) right: Option<u32>,
}

/// One categorical question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SetColumn {
    pub(crate) feature: u32,
    pub(crate) set: u32,
    pub(crate) default_left: bool,
    pub(crate) column: u32,
}

/// A split in terms of bytes: a row goes left when the byte of `column` is below `bound`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSplit {
    pub(crate) column: u32,
    pub(crate) bound: u8,
}

/// Finds the [`ByteSplit`] of a split while the layouts are built.
pub(crate) struct Codes {
    /// Per feature, its distinct thresholds in ascending order.
    thresholds: HashMap<u32, Vec<f32>, FxBuildHasher>,
    /// (feature, part of its thresholds, default left) to column.
    ranks: HashMap<(u32, u32, bool), u32, FxBuildHasher>,
    /// (feature, set, default left) to column; sets are numbered by content.
    sets: HashMap<(u32, u32, bool), u32, FxBuildHasher>,
    same_set: Vec<u32>,
}

impl Quantiser {
    /// The columns of a forest, or `None` when they are more than `limit`.
    pub(crate) fn of(forest: &Forest, limit: usize) -> Option<(Self, Codes)> {
        let mut thresholds: HashMap<u32, Vec<f32>, FxBuildHasher> = HashMap::default();
        for (feature, test, _) in splits(forest) {
            if let Test::Below(threshold) = test {
                // -0 and 0 ask the same.
                thresholds.entry(feature).or_default().push(threshold + 0.0);
            }
        }
        for list in thresholds.values_mut() {
            list.sort_unstable_by(f32::total_cmp);
            list.dedup();
        }
        let mut by_content = HashMap::<_, u32, FxBuildHasher>::default();
        let same_set: Vec<u32> = forest
            .sets()
            .iter()
            .enumerate()
            .map(|(index, set)| *by_content.entry(set).or_insert(index as u32))
            .collect();
        let mut codes = Codes { thresholds, ranks: HashMap::default(), sets: HashMap::default(), same_set };
        let mut wanted = Vec::new();
        for (feature, test, default_left) in splits(forest) {
            wanted.push(match test {
                Test::Below(threshold) => (feature, false, codes.rank(feature, threshold).0, default_left),
                Test::NotIn(set) => (feature, true, codes.same_set[set as usize], default_left),
            });
        }
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.len() > limit {
            return None;
        }
        let mut quantiser = Quantiser { ranks: Vec::new(), sets: Vec::new(), columns: wanted.len() };
        let mut last = None;
        for (column, (feature, categorical, part, default_left)) in wanted.into_iter().enumerate() {
            let column = column as u32;
            if categorical {
                codes.sets.insert((feature, part, default_left), column);
                quantiser.sets.push(SetColumn { feature, set: part, default_left, column });
                continue;
            }
            codes.ranks.insert((feature, part, default_left), column);
            if last != Some((feature, part)) {
                let all = &codes.thresholds[&feature];
                let start = part as usize * RANKS;
                quantiser.ranks.push(RankColumns::new(feature, &all[start..all.len().min(start + RANKS)]));
                last = Some((feature, part));
            }
            if let Some(ranks) = quantiser.ranks.last_mut() {
                *(if default_left { &mut ranks.left } else { &mut ranks.right }) = Some(column);
            }
        }
        Some((quantiser, codes))
    }

    /// How many columns of bytes.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Codes up to 64 rows into `tile`, one column of 64 bytes after the other. Rows beyond the last keep what was there.
    pub(crate) fn tile(&self, forest_sets: &[super::CategorySet], rows: &Rows<'_>, tile: &mut [Bytes]) {
        for row in 0..rows.len() {
            let values = rows.raw(row);
            for ranks in &self.ranks {
                let value = values[rows.columns()[ranks.feature as usize]];
                let rank = ranks.rank(value);
                if let Some(column) = ranks.left {
                    tile[column as usize].0[row] = rank;
                }
                if let Some(column) = ranks.right {
                    tile[column as usize].0[row] = if value.is_nan() { MISSING } else { rank };
                }
            }
        }
        self.tile_sets(forest_sets, rows, tile);
    }

    /// The categorical part of [`Quantiser::tile`].
    pub(crate) fn tile_sets(&self, forest_sets: &[super::CategorySet], rows: &Rows<'_>, tile: &mut [Bytes]) {
        for column in &self.sets {
            let set = &forest_sets[column.set as usize];
            for row in 0..rows.len() {
                let value = rows.get(row, column.feature as usize);
                let right = if value.is_nan() { !column.default_left } else { set.contains(value) };
                tile[column.column as usize].0[row] = u8::from(right);
            }
        }
    }
}

impl RankColumns {
    fn new(feature: u32, thresholds: &[f32]) -> Self {
        let mut padded = thresholds.to_vec();
        padded.resize(thresholds.len().next_multiple_of(16), f32::NAN);
        let mut pivots = [f32::NAN; 16];
        for (pivot, block) in pivots.iter_mut().zip(padded.chunks_exact(16)) {
            *pivot = block[15];
        }
        RankColumns { feature, thresholds: padded, pivots, left: None, right: None }
    }

    /// How many thresholds are at or below a value; 0 for NaN.
    fn rank(&self, value: f32) -> u8 {
        self.thresholds.partition_point(|threshold| *threshold <= value) as u8
    }
}

impl Codes {
    /// The part of the feature's thresholds in which one lies, and its place within it.
    fn rank(&self, feature: u32, threshold: f32) -> (u32, usize) {
        let place = self.thresholds[&feature].partition_point(|other| *other < threshold);
        ((place / RANKS) as u32, place % RANKS)
    }

    /// The split in terms of bytes.
    pub(crate) fn split(&self, feature: u32, test: Test, default_left: bool) -> ByteSplit {
        match test {
            Test::Below(threshold) => {
                let (part, place) = self.rank(feature, threshold);
                ByteSplit { column: self.ranks[&(feature, part, default_left)], bound: place as u8 + 1 }
            }
            Test::NotIn(set) => {
                let set = self.same_set[set as usize];
                ByteSplit { column: self.sets[&(feature, set, default_left)], bound: 1 }
            }
        }
    }
}

fn splits(forest: &Forest) -> impl Iterator<Item = (u32, Test, bool)> + '_ {
    let nodes = forest.trees().iter().flat_map(|tree| &forest.nodes()[tree.nodes()]);
    nodes.filter_map(|node| match *node {
        Node::Split { feature, test, default_left, .. } => Some((feature, test, default_left)),
        Node::Leaf { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forest::testing::{forest, forest_with, value};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_answer_every_split_as_the_values_do(seed in any::<u64>(), values in proptest::collection::vec(value(), 8)) {
            let forest = forest(seed);
            let (quantiser, codes) = Quantiser::of(&forest, 1 << 16).unwrap();
            let columns: Vec<usize> = (0..forest.features()).collect();
            let row: Vec<f32> = values.iter().copied().cycle().take(forest.features()).collect();
            let rows = Rows::new(&row, row.len(), 1, &columns).unwrap();
            let mut tile = vec![Bytes([0; TILE]); quantiser.columns()];
            quantiser.tile(forest.sets(), &rows, &mut tile);
            for (feature, test, default_left) in splits(&forest) {
                let split = codes.split(feature, test, default_left);
                let left = tile[split.column as usize].0[0] < split.bound;
                prop_assert_eq!(left, forest.goes_left(test, default_left, row[feature as usize]));
            }
        }
    }

    #[test]
    fn a_feature_with_thousands_of_thresholds_gets_a_column_for_every_254() {
        let forest = forest_with(7, 1, 12, 8, 1.0);
        let (quantiser, codes) = Quantiser::of(&forest, 1 << 16).unwrap();
        assert!(quantiser.columns() > 4, "{}", quantiser.columns());
        for step in (-3000..3000).step_by(if cfg!(miri) { 977 } else { 61 }) {
            let row = [step as f32 * 0.01];
            let rows = Rows::new(&row, 1, 1, &[0]).unwrap();
            let mut tile = vec![Bytes([0; TILE]); quantiser.columns()];
            quantiser.tile(forest.sets(), &rows, &mut tile);
            for (feature, test, default_left) in splits(&forest) {
                let split = codes.split(feature, test, default_left);
                let left = tile[split.column as usize].0[0] < split.bound;
                assert_eq!(left, forest.goes_left(test, default_left, row[0]));
            }
        }
    }

    #[test]
    fn too_many_columns_are_told_before_they_are_made() {
        assert!(Quantiser::of(&forest_with(7, 50, 10, 6, 1.0), 10).is_none());
    }
}
