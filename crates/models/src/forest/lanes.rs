//! The layout for single rows: 64 trees at a time.
//!
//! Trees of up to six levels are padded to perfect ones. The codes of the row lie in registers; for each level the columns and
//! bounds of the nodes at which 64 trees have arrived are chosen by the answers so far, and one byte permute and one
//! compare answer all 64. Leaves are summed one by one in the order of the trees.

use super::quantise::Codes;
use super::{Forest, Tree};

/// How many trees are walked together.
pub(crate) const ABREAST: usize = 64;

/// The most rows that are scored this way at a time; more are better off in a tile.
pub(crate) const ROWS: usize = 16;

/// The most columns: their numbers are bytes, and so many bytes lie in registers.
pub(crate) const COLUMNS: usize = 256;

/// The deepest trees.
const DEPTH: usize = 6;

/// The columns and the bounds of one node of 64 trees.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct LaneNode {
    pub(crate) column: [u8; ABREAST],
    pub(crate) bound: [u8; ABREAST],
}

/// Up to 64 consecutive trees of one group.
#[derive(Debug)]
pub(crate) struct LaneBlock {
    pub(crate) group: u32,
    pub(crate) trees: u32,
    pub(crate) depth: u32,
    /// Where its nodes, `2^depth - 1`, and its leaves, `2^depth` for each of 64 trees, start.
    pub(crate) nodes: u32,
    pub(crate) leaves: u32,
}

/// All trees of a forest.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    pub(crate) columns: usize,
    pub(crate) blocks: Vec<LaneBlock>,
    pub(crate) nodes: Vec<LaneNode>,
    pub(crate) leaves: Vec<f32>,
}

impl Lanes {
    /// The layout, if all trees of the forest fit it.
    pub(crate) fn of(forest: &Forest, codes: &Codes) -> Option<Self> {
        // One column is left for what nobody reads.
        if codes.columns() >= COLUMNS || forest.depth() > DEPTH {
            return None;
        }
        let mut lanes = Lanes { columns: codes.columns() + 1, ..Lanes::default() };
        for group in 0..forest.groups() {
            let trees: Vec<Tree> =
                forest.trees().iter().filter(|tree| tree.group == group).copied().collect();
            trees.chunks(ABREAST).for_each(|trees| lanes.push(forest, group, trees, codes));
        }
        Some(lanes)
    }

    fn push(&mut self, forest: &Forest, group: usize, trees: &[Tree], codes: &Codes) {
        let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0).max(1);
        let (inner, ends) = ((1usize << depth) - 1, 1usize << depth);
        let (nodes, leaves) = (self.nodes.len(), self.leaves.len());
        self.blocks.push(LaneBlock {
            group: group as u32,
            trees: trees.len() as u32,
            depth: depth as u32,
            nodes: nodes as u32,
            leaves: leaves as u32,
        });
        // Everything is below a bound of 255 but what is missing and goes right: either answer leads to equal leaves.
        let padding = LaneNode { column: [0; ABREAST], bound: [255; ABREAST] };
        self.nodes.resize(nodes + inner, padding);
        self.leaves.resize(leaves + ends * ABREAST, 0.0);
        for (lane, tree) in trees.iter().enumerate() {
            let table = &mut self.leaves[leaves + lane * ends..][..ends];
            let nodes = &mut self.nodes[nodes..];
            let mut set = |place: usize, feature, test, default| {
                let split = codes.split(feature, test, default);
                nodes[place].column[lane] = split.column as u8;
                nodes[place].bound[lane] = split.bound;
            };
            super::fold::perfect(forest, tree, depth, &mut set, table);
        }
    }
}
