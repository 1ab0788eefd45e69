//! The layout for trees of up to six levels, as most are: eight trees and 64 rows at a time, as bits.
//!
//! Trees are padded to perfect ones. Every split of a tree becomes a mask of the 64 rows, one bit each, that go left;
//! going down level by level, bitwise selects keep of each level the masks that the rows' own ways pass, for eight trees in one
//! register. What remains, a bit per level, row and tree, is the number of the leaf, and leaves are looked up in
//! registers. Only wide registers make this worthwhile, so that there is no portable form; [`super::blend`] serves elsewhere.

use super::quantise::{ByteSplit, Codes, TILE};
use super::{Forest, Node, Tree};

/// The deepest trees that are laid out so.
pub(crate) const DEPTH: usize = 6;

/// How many trees are folded together.
pub(crate) const OCTET: usize = 8;

/// A split that sends every row right.
const PADDING: ByteSplit = ByteSplit { column: 0, bound: 0 };

/// One split.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct FoldSplit {
    /// The column of the tile, in bytes from its start.
    pub(crate) column: u32,
    /// The bound, four times, to be spread over a register by one load.
    pub(crate) bound: [u8; 4],
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

/// Whether a tree can be laid out so.
pub(crate) fn fits(tree: &Tree) -> bool {
    tree.depth <= DEPTH
}

impl Fold {
    /// Lays out up to eight trees.
    pub(crate) fn push(&mut self, forest: &Forest, trees: &[Tree], codes: &Codes) {
        // A tile has a column that nobody reads, so that padding has one to name.
        self.columns = codes.columns().max(1);
        let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0).max(1);
        let (inner, ends) = ((1 << depth) - 1, 1 << depth);
        self.octets.push(Octet {
            depth: depth as u8,
            trees: trees.len() as u8,
            splits: self.splits.len() as u32,
            leaves: self.leaves.len() as u32,
        });
        for tree in trees {
            let (mut splits, mut leaves) = (vec![PADDING; inner], vec![0.0; ends]);
            perfect(forest, tree, depth, codes, &mut |place, split| splits[place] = split, &mut leaves);
            self.splits.extend(
                splits
                    .iter()
                    .map(|split| FoldSplit { column: split.column * TILE as u32, bound: [split.bound; 4] }),
            );
            self.leaves.extend(leaves);
        }
        for _ in trees.len()..OCTET {
            let padding = FoldSplit { column: PADDING.column, bound: [PADDING.bound; 4] };
            self.splits.extend(std::iter::repeat_n(padding, inner));
        }
    }
}

/// Pads a tree to a perfect one: calls `set` with the place, breadth-first, of every split that is there, and fills `leaves`.
pub(crate) fn perfect(
    forest: &Forest,
    tree: &Tree,
    depth: usize,
    codes: &Codes,
    set: &mut dyn FnMut(usize, ByteSplit),
    leaves: &mut [f32],
) {
    let inner = (1 << depth) - 1;
    // (node of the forest, place in the perfect tree)
    let mut open = vec![(tree.root, 0)];
    while let Some((at, place)) = open.pop() {
        match forest.nodes()[at] {
            Node::Split { feature, left, default_left, test } => {
                set(place, codes.split(feature, test, default_left));
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
