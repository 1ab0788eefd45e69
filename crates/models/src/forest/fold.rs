//! The layout for trees of up to eight levels that are not too ragged, as most are: eight trees and 64 rows at a time, as bits.
//!
//! Trees are padded to perfect ones. Every split of a tree becomes a mask of the 64 rows, one bit each, that go left;
//! going down level by level, bitwise selects keep of each level the masks that the rows' own ways pass, for eight trees in one
//! register. What remains, a bit per level, row and tree, is the number of the leaf, and leaves are looked up in
//! registers. Only wide registers make this worthwhile, so that there is no portable form; [`super::blend`] serves elsewhere.

use super::floats::FloatColumns;
use super::quantise::{Codes, TILE};
use super::{Forest, Node, Test, Tree};

/// The deepest trees that are laid out so.
pub(crate) const DEPTH: usize = 8;

/// Up to this depth leaves are looked up in registers, and padding is cheap.
pub(crate) const SHALLOW: usize = 6;

/// How many trees are folded together.
pub(crate) const OCTET: usize = 8;

/// One split.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct FoldSplit {
    /// The column of the tile, in bytes from its start.
    pub(crate) column: u32,
    /// To be spread over a register by one load: the bound, four times; or its bits, where values are compared.
    pub(crate) bound: [u8; 4],
}

/// What is compared.
#[derive(Clone, Copy)]
pub(crate) enum Columns<'a> {
    /// Byte codes.
    Bytes(&'a Codes),
    /// Values as they are.
    Floats(&'a FloatColumns),
}

impl Columns<'_> {
    fn len(self) -> usize {
        match self {
            Columns::Bytes(codes) => codes.columns(),
            Columns::Floats(columns) => columns.columns.len(),
        }
    }

    fn split(self, feature: u32, test: Test, default_left: bool) -> FoldSplit {
        match self {
            Columns::Bytes(codes) => {
                let split = codes.split(feature, test, default_left);
                FoldSplit { column: split.column * TILE as u32, bound: [split.bound; 4] }
            }
            Columns::Floats(columns) => {
                let split = columns.split(feature, test, default_left);
                FoldSplit { column: split.column * 4 * TILE as u32, bound: split.bound.to_ne_bytes() }
            }
        }
    }
}

/// Up to eight consecutive trees of one group, padded to one depth.
#[derive(Debug)]
pub(crate) struct Octet {
    pub(crate) depth: u8,
    /// How many trees are real.
    pub(crate) trees: u8,
    /// Where its splits start: `2^depth - 1` for each of eight trees, breadth-first.
    pub(crate) splits: u32,
    /// Where its leaves start: `2^depth` for each tree.
    pub(crate) leaves: u32,
}

/// Consecutive trees of one group.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    /// How wide a tile must be.
    pub(crate) columns: usize,
    pub(crate) octets: Vec<Octet>,
    pub(crate) splits: Vec<FoldSplit>,
    pub(crate) leaves: Vec<f32>,
}

/// Whether a tree should be laid out so: deep ones only while padding adds less than what [`super::blend`], which needs none, costs
/// more for each split.
pub(crate) fn fits(tree: &Tree) -> bool {
    let splits = tree.leaves() - 1;
    tree.depth <= SHALLOW || (tree.depth <= DEPTH && 4 << tree.depth <= 7 * splits + 150)
}

impl Fold {
    /// Lays out up to eight trees.
    pub(crate) fn push(&mut self, forest: &Forest, trees: &[Tree], columns: Columns<'_>) {
        // Padding names the first column; a tile has one even where no split reads any.
        self.columns = columns.len().max(1);
        let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0).max(1);
        let (inner, ends) = ((1 << depth) - 1, 1 << depth);
        let (splits, leaves) = (self.splits.len(), self.leaves.len());
        self.octets.push(Octet {
            depth: depth as u8,
            trees: trees.len() as u8,
            splits: splits as u32,
            leaves: leaves as u32,
        });
        self.splits.resize(splits + OCTET * inner, FoldSplit::default());
        self.leaves.resize(leaves + trees.len() * ends, 0.0);
        for (index, tree) in trees.iter().enumerate() {
            let mine = &mut self.splits[splits + index * inner..][..inner];
            let leaves = &mut self.leaves[leaves + index * ends..][..ends];
            perfect(
                forest,
                tree,
                depth,
                &mut |place, feature, test, default| {
                    mine[place] = columns.split(feature, test, default);
                },
                leaves,
            );
        }
    }
}

/// Pads a tree to a perfect one: calls `set` with the place, breadth-first, and the question of every split, and fills `leaves`.
pub(crate) fn perfect(
    forest: &Forest,
    tree: &Tree,
    depth: usize,
    set: &mut dyn FnMut(usize, u32, Test, bool),
    leaves: &mut [f32],
) {
    let inner = (1 << depth) - 1;
    // (node of the forest, place in the perfect tree)
    let mut open = vec![(tree.root, 0)];
    while let Some((at, place)) = open.pop() {
        match forest.nodes()[at] {
            Node::Split { feature, left, default_left, test } => {
                set(place, feature, test, default_left);
                open.push((left as usize, 2 * place + 1));
                open.push((left as usize + 1, 2 * place + 2));
            }
            Node::Leaf { value } => {
                // All leaves of the perfect tree below this place.
                let (mut first, mut count) = (place, 1);
                while first < inner {
                    first = 2 * first + 1;
                    count *= 2;
                }
                leaves[first - inner..][..count].fill(value);
            }
        }
    }
}
