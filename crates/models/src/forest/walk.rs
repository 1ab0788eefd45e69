//! The plain layout: nodes of twelve bytes, followed from the root to a leaf, several trees at once.
//!
//! It reads f32 values as they are, takes any tree, and needs no preparation of the row: right for single rows where the
//! wide kernels are not to be had, and for trees too large for them.

use super::rows::Rows;
use super::{Forest, Node, Test};

/// How many trees are walked side by side, to hide the latency of loads.
pub(crate) const ABREAST: usize = 8;

const DEFAULT_LEFT: u32 = 1 << 31;
const SPLIT: u32 = 1 << 30;
const SET: u32 = 1 << 29;
const FEATURE: u32 = SET - 1;

/// A node; a leaf leads to itself.
#[derive(Debug, Clone, Copy)]
struct WalkNode {
    /// The threshold, or the value of the leaf, or the bits of the set's index.
    value: f32,
    /// Feature and flags.
    question: u32,
    left: u32,
}

/// All trees of a forest, to be walked.
#[derive(Debug)]
pub(crate) struct Walk {
    nodes: Vec<WalkNode>,
    /// Root, depth, and group of each tree.
    trees: Vec<(u32, u32, u32)>,
    categorical: bool,
}

impl Walk {
    pub(crate) fn of(forest: &Forest) -> Self {
        let nodes = forest.nodes().iter().enumerate().map(|(index, node)| match *node {
            Node::Leaf { value } => WalkNode { value, question: 0, left: index as u32 },
            Node::Split { feature, left, default_left, test } => {
                let flags = SPLIT | if default_left { DEFAULT_LEFT } else { 0 };
                match test {
                    Test::Below(value) => WalkNode { value, question: feature | flags, left },
                    Test::NotIn(set) => {
                        WalkNode { value: f32::from_bits(set), question: feature | flags | SET, left }
                    }
                }
            }
        });
        let trees =
            forest.trees().iter().map(|tree| (tree.root as u32, tree.depth as u32, tree.group as u32));
        Walk { nodes: nodes.collect(), trees: trees.collect(), categorical: !forest.sets().is_empty() }
    }

    /// Adds the leaves of every row to its sums (`groups` per row).
    pub(crate) fn add(&self, forest: &Forest, rows: &Rows<'_>, sums: &mut [f32]) {
        for (row, sums) in sums.chunks_exact_mut(forest.groups()).enumerate().take(rows.len()) {
            if self.categorical {
                self.row::<true>(forest, rows, row, sums);
            } else {
                self.row::<false>(forest, rows, row, sums);
            }
        }
    }

    /// Adds the leaves of these trees, all of one group, to one sum per row.
    pub(crate) fn add_trees(&self, forest: &Forest, rows: &Rows<'_>, trees: &[usize], sums: &mut [f32]) {
        for (row, sum) in sums.iter_mut().enumerate().take(rows.len()) {
            let (values, columns) = (rows.raw(row), rows.columns());
            for tree in trees {
                let (root, depth, _) = self.trees[*tree];
                let at = (0..depth).fold(root, |at, _| self.step::<true>(forest, values, columns, at));
                *sum += self.nodes[at as usize].value;
            }
        }
    }

    fn row<const SETS: bool>(&self, forest: &Forest, rows: &Rows<'_>, row: usize, sums: &mut [f32]) {
        let (values, columns) = (rows.raw(row), rows.columns());
        let mut batches = self.trees.chunks_exact(ABREAST);
        for batch in &mut batches {
            let mut at = [0u32; ABREAST];
            let mut depth = 0;
            for (at, tree) in at.iter_mut().zip(batch) {
                *at = tree.0;
                depth = depth.max(tree.1);
            }
            for _ in 0..depth {
                for at in &mut at {
                    *at = self.step::<SETS>(forest, values, columns, *at);
                }
            }
            for (at, tree) in at.iter().zip(batch) {
                sums[tree.2 as usize] += self.nodes[*at as usize].value;
            }
        }
        for (root, depth, group) in batches.remainder() {
            let at = (0..*depth).fold(*root, |at, _| self.step::<SETS>(forest, values, columns, at));
            sums[*group as usize] += self.nodes[at as usize].value;
        }
    }

    #[inline(always)]
    fn step<const SETS: bool>(&self, forest: &Forest, values: &[f32], columns: &[usize], at: u32) -> u32 {
        let node = &self.nodes[at as usize];
        let value = values[columns[(node.question & FEATURE) as usize]];
        if SETS && node.question & SET != 0 {
            let test = Test::NotIn(node.value.to_bits());
            let left = forest.goes_left(test, node.question & DEFAULT_LEFT != 0, value);
            return node.left + u32::from(!left);
        }
        let left = (value < node.value) | (value.is_nan() & (node.question & DEFAULT_LEFT != 0));
        // At a leaf there is no split bit, so that both answers lead to itself.
        node.left + (u32::from(!left) & (node.question >> 30 & 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forest::testing;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_ends_at_the_same_leaves_as_the_definition(seed in any::<u64>()) {
            let forest = testing::forest(seed);
            testing::agrees(&forest, 5, seed, |rows, sums| Walk::of(&forest).add(&forest, rows, sums));
        }
    }
}
