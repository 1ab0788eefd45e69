//! The layout for trees of up to 256 leaves and any shape: bytes of 64 rows at a time, from the leaves up.
//!
//! Each split makes, for 64 rows at once, the number of the leaf under it at which each row ends: that of its left
//! child where the row's byte is below the bound, that of its right child elsewhere. No step depends on a row, so that
//! there is nothing to mispredict; the price is that every split is evaluated, needed or not.

use super::quantise::{Bytes, Codes, TILE};
use super::{Forest, Node, Tree};

/// The most leaves of a tree: their numbers are bytes.
pub(crate) const LEAVES: usize = 256;

/// Slots of the workspace: one constant per leaf number, then one per split.
pub(crate) const SLOTS: usize = LEAVES + LEAVES - 1;

/// One split.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct BlendOp {
    /// The column of the tile, in bytes from its start.
    pub(crate) column: u32,
    /// The bound, four times, to be spread over a register by one load.
    pub(crate) bound: [u8; 4],
    /// The slots of the children.
    pub(crate) left: u16,
    pub(crate) right: u16,
}

/// Consecutive trees of one group.
#[derive(Debug, Default)]
pub(crate) struct Blend {
    /// How wide a tile must be.
    pub(crate) columns: usize,
    pub(crate) ops: Vec<BlendOp>,
    pub(crate) leaves: Vec<f32>,
    /// Per tree, how many splits; it has one leaf more.
    pub(crate) trees: Vec<u16>,
}

/// Whether a tree can be laid out so.
pub(crate) fn fits(tree: &Tree) -> bool {
    tree.leaves() <= LEAVES
}

/// A workspace with the constants in place.
pub(crate) fn slots() -> Vec<Bytes> {
    (0..SLOTS).map(|slot| Bytes([slot.min(LEAVES - 1) as u8; TILE])).collect()
}

impl Blend {
    pub(crate) fn push(&mut self, forest: &Forest, tree: &Tree, codes: &Codes) {
        self.columns = codes.columns();
        // Breadth-first order backwards puts children before their parents; what is numbered is where each node's result is.
        let mut slot = vec![0u16; tree.len];
        let (mut leaves, mut splits) = (0u16, 0u16);
        for index in (0..tree.len).rev() {
            match forest.nodes()[tree.root + index] {
                Node::Leaf { value } => {
                    self.leaves.push(value);
                    slot[index] = leaves;
                    leaves += 1;
                }
                Node::Split { feature, left, default_left, test } => {
                    let split = codes.split(feature, test, default_left);
                    let left = left as usize - tree.root;
                    self.ops.push(BlendOp {
                        column: split.column * TILE as u32,
                        bound: [split.bound; 4],
                        left: slot[left],
                        right: slot[left + 1],
                    });
                    slot[index] = LEAVES as u16 + splits;
                    splits += 1;
                }
            }
        }
        self.trees.push(splits);
    }

    /// Adds the leaves of a tile to `sums`.
    ///
    /// Written over arrays so that the compiler makes vector code of whatever the caller's instruction set has.
    #[inline(always)]
    pub(crate) fn add(&self, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
        let (mut ops, mut leaves) = (self.ops.as_slice(), self.leaves.as_slice());
        for &splits in &self.trees {
            let (mine, rest) = ops.split_at(splits as usize);
            let (values, others) = leaves.split_at(splits as usize + 1);
            (ops, leaves) = (rest, others);
            let mut last = LEAVES;
            for (at, op) in mine.iter().enumerate() {
                last = LEAVES + at;
                let (done, free) = slots.split_at_mut(last);
                let (left, right) = (&done[op.left as usize].0, &done[op.right as usize].0);
                let codes = &tile[op.column as usize / TILE].0;
                let out = &mut free[0].0;
                let bound = op.bound[0];
                for row in 0..TILE {
                    // As bits, because compilers turn a choice of two bytes into a choice of two addresses.
                    let mask = u8::from(codes[row] < bound).wrapping_neg();
                    out[row] = (left[row] & mask) | (right[row] & !mask);
                }
            }
            if mine.is_empty() {
                sums.iter_mut().for_each(|sum| *sum += values[0]);
                continue;
            }
            for (sum, leaf) in sums.iter_mut().zip(&slots[last].0) {
                *sum += values[*leaf as usize];
            }
        }
    }
}
