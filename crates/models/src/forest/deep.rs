//! The layout for large trees: nodes of four bytes, followed from the root by 64 rows at a time.
//!
//! A node packs the column of its split, the bound, and the place of its children; the right child is one further than the
//! left. A leaf leads to itself, so that rows which are done wait for those that are not. Gathers fetch the nodes and the codes of
//! sixteen rows at once, which only some processors can do well; [`super::walk`] serves elsewhere.

use super::quantise::{Codes, TILE};
use super::{Forest, Node, Tree};

/// One tree.
#[derive(Debug)]
pub(crate) struct DeepTree {
    /// Where its nodes and values start.
    pub(crate) start: u32,
    pub(crate) depth: u32,
}

/// Consecutive trees of one group.
#[derive(Debug, Default)]
pub(crate) struct Deep {
    /// How wide a tile must be.
    pub(crate) columns: usize,
    /// How many bits of a node, above the eight of the bound, are the column; the others are the left child.
    pub(crate) column_bits: u32,
    pub(crate) trees: Vec<DeepTree>,
    pub(crate) nodes: Vec<u32>,
    /// The value of each node that is a leaf.
    pub(crate) values: Vec<f32>,
}

fn column_bits(codes: &Codes) -> u32 {
    usize::BITS - codes.columns().leading_zeros()
}

/// Whether a tree's nodes can be packed.
pub(crate) fn fits(tree: &Tree, codes: &Codes) -> bool {
    tree.len > 1 && tree.len < 1 << (24 - column_bits(codes).min(24))
}

impl Deep {
    /// No tree yet.
    pub(crate) fn new(codes: &Codes) -> Self {
        Deep { columns: codes.columns(), column_bits: column_bits(codes), ..Deep::default() }
    }

    /// Lays out a tree that fits.
    pub(crate) fn push(&mut self, forest: &Forest, tree: &Tree, codes: &Codes) {
        self.trees.push(DeepTree { start: self.nodes.len() as u32, depth: tree.depth as u32 });
        for index in tree.nodes() {
            let place = index - tree.root;
            let (column, bound, left, value) = match forest.nodes()[index] {
                // Nothing is below a bound of 0, and what is right of the node before a leaf is the leaf.
                Node::Leaf { value } => (0, 0, place - 1, value),
                Node::Split { feature, left, default_left, test } => {
                    let split = codes.split(feature, test, default_left);
                    (split.column, split.bound, left as usize - tree.root, 0.0)
                }
            };
            self.nodes.push(u32::from(bound) | column << 8 | (left as u32) << (8 + self.column_bits));
            self.values.push(value);
        }
    }
}

/// The bytes of a tile that gathers of four bytes may read behind its last column.
pub(crate) const SLACK: usize = TILE;
