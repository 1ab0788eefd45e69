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
use super::{CategorySet, Forest, Node, Test};

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
    /// Thresholds, for all of `ranks`.
    pub(crate) blocks: Vec<Block>,
    pub(crate) sets: Vec<SetColumn>,
    columns: usize,
}

/// Sixteen thresholds, ascending, NaN (which no value reaches) behind the last.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Block(pub(crate) [f32; 16]);

/// Up to [`RANKS`] thresholds of one feature, and the one or two columns of bytes that they make.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RankColumns {
    pub(crate) feature: u32,
    /// How many thresholds.
    pub(crate) count: u32,
    /// The block of pivots, the last thresholds of each of the blocks that follow it. Below 16 thresholds there is but one
    /// block, and no pivots. The last block always has a NaN, so that the number of pivots at or below a value is that of a block.
    pub(crate) start: u32,
    /// The column whose splits send missing values left, and the one whose splits send them right; a column that
    /// nobody reads where there are no such splits.
    pub(crate) left: u32,
    pub(crate) right: u32,
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
        let columns = wanted.len();
        let mut quantiser = Quantiser { ranks: Vec::new(), blocks: Vec::new(), sets: Vec::new(), columns };
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
                quantiser.push(feature, &all[start..all.len().min(start + RANKS)]);
                last = Some((feature, part));
            }
            if let Some(ranks) = quantiser.ranks.last_mut() {
                *(if default_left { &mut ranks.left } else { &mut ranks.right }) = column;
            }
        }
        Some((quantiser, codes))
    }

    fn push(&mut self, feature: u32, thresholds: &[f32]) {
        let nobody = self.columns as u32;
        let (count, start) = (thresholds.len() as u32, self.blocks.len() as u32);
        self.ranks.push(RankColumns { feature, count, start, left: nobody, right: nobody });
        let mut blocks: Vec<Block> = thresholds.chunks(16).map(block).collect();
        if thresholds.len().is_multiple_of(16) {
            blocks.push(block(&[]));
        }
        if blocks.len() > 1 {
            let pivots: Vec<f32> = blocks.iter().map(|block| block.0[15]).collect();
            self.blocks.push(block(&pivots));
        }
        self.blocks.extend(blocks);
    }

    /// How many columns of bytes a tile has: those that splits read, and one that takes what nobody reads.
    pub(crate) fn columns(&self) -> usize {
        self.columns + 1
    }

    /// How many thresholds of `ranks` are at or below a value; 0 for NaN.
    fn rank(&self, ranks: &RankColumns, value: f32) -> u8 {
        let mut at = ranks.start as usize;
        let mut before = 0;
        let reached = |block: &Block| block.0.iter().filter(|threshold| **threshold <= value).count();
        if ranks.count >= 16 {
            let block = reached(&self.blocks[at]);
            at += 1 + block;
            before = 16 * block;
        }
        (before + reached(&self.blocks[at])) as u8
    }

    /// Codes up to 64 rows into `tile`, one column after the other. Rows beyond the last keep what was there.
    pub(crate) fn tile(&self, sets: &[CategorySet], rows: &Rows<'_>, tile: &mut [Bytes]) {
        for ranks in &self.ranks {
            for row in 0..rows.len() {
                let value = rows.get(row, ranks.feature as usize);
                let rank = self.rank(ranks, value);
                tile[ranks.left as usize].0[row] = rank;
                tile[ranks.right as usize].0[row] = if value.is_nan() { MISSING } else { rank };
            }
        }
        self.tile_sets(sets, rows, tile);
    }

    /// The answer of a categorical question.
    #[inline]
    pub(crate) fn goes_right(&self, sets: &[CategorySet], column: &SetColumn, value: f32) -> bool {
        if value.is_nan() { !column.default_left } else { sets[column.set as usize].contains(value) }
    }

    /// The categorical part of [`Quantiser::tile`].
    pub(crate) fn tile_sets(&self, sets: &[CategorySet], rows: &Rows<'_>, tile: &mut [Bytes]) {
        for column in &self.sets {
            for row in 0..rows.len() {
                let value = rows.get(row, column.feature as usize);
                tile[column.column as usize].0[row] = u8::from(self.goes_right(sets, column, value));
            }
        }
    }
}

fn block(thresholds: &[f32]) -> Block {
    let mut block = Block([f32::NAN; 16]);
    block.0[..thresholds.len()].copy_from_slice(thresholds);
    block
}

impl Codes {
    /// The part of the feature's thresholds in which one lies, and its place within it.
    fn rank(&self, feature: u32, threshold: f32) -> (u32, usize) {
        let place = self.thresholds[&feature].partition_point(|other| *other < threshold);
        ((place / RANKS) as u32, place % RANKS)
    }

    /// How many columns splits name.
    pub(crate) fn columns(&self) -> usize {
        self.ranks.len() + self.sets.len()
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
