//! A forest of decision trees, checked and in one canonical shape, whatever file it came from.

mod blend;
mod build;
mod deep;
mod engine;
mod floats;
mod fold;
#[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
mod kernels;
mod lanes;
mod quadrature;
mod quantise;
mod rows;
mod sets;
mod shap;
#[cfg(test)]
pub(crate) mod testing;
mod walk;

pub use build::{ForestBuilder, ForestError, ForestShape, RawTree, TreeError};
pub use engine::{Compare, Engine};
pub use rows::{Rows, RowsError};
pub use sets::CategorySet;
pub use shap::ShapError;

/// Trees deeper than this are refused; deeper ones come from broken files, not from training.
pub const MAX_DEPTH: usize = 1024;

/// More features than this are refused, so that the claim of a file alone can't make rows of gigabytes.
pub const MAX_FEATURES: usize = 1 << 20;

/// Decision trees whose leaves are summed by group: one group, or one per class.
///
/// Every tree is stored breadth-first, its root first and the two children of a split next to each other, so that a
/// child always comes after its parent. Splits, children and leaves have been checked: walking from a root ends at a leaf.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forest {
    features: usize,
    groups: usize,
    trees: Vec<Tree>,
    nodes: Vec<Node>,
    /// Per node: how much training weight passed it (XGBoost's `sum_hessian`), and what its split gained.
    covers: Vec<f32>,
    gains: Vec<f32>,
    sets: Vec<CategorySet>,
}

/// One tree: a range of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// The root, as an index into the forest's nodes.
    pub root: usize,
    /// How many nodes.
    pub len: usize,
    /// To which group its leaves count.
    pub group: usize,
    /// The most splits on a way from the root to a leaf.
    pub depth: usize,
}

impl Tree {
    /// How many leaves.
    pub fn leaves(&self) -> usize {
        self.len.div_ceil(2)
    }

    /// Its nodes, as indices into the forest's.
    pub fn nodes(&self) -> std::ops::Range<usize> {
        self.root..self.root + self.len
    }
}

/// One node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// The end of a way.
    Leaf {
        /// What it adds to the sum of its group.
        value: f32,
    },
    /// A question about one feature.
    Split {
        /// Which feature.
        feature: u32,
        /// The left child, as an index into the forest's nodes; the right child is the next one.
        left: u32,
        /// Where a missing value goes.
        default_left: bool,
        /// What goes left.
        test: Test,
    },
}

/// The question of a split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// Values below the threshold go left. Never NaN.
    Below(f32),
    /// Categories in this set go right, all others left; an index into [`Forest::sets`].
    NotIn(u32),
}

impl Forest {
    /// How many features a row has.
    pub fn features(&self) -> usize {
        self.features
    }

    /// How many sums a row gets: one, or one per class.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The trees, in the order in which XGBoost sums them.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The training weight that passed each node; zero where the file does not say.
    pub fn covers(&self) -> &[f32] {
        &self.covers
    }

    /// What the split of each node gained in training; zero at leaves.
    pub fn gains(&self) -> &[f32] {
        &self.gains
    }

    /// The sets of the categorical splits.
    pub fn sets(&self) -> &[CategorySet] {
        &self.sets
    }

    /// The depth of the deepest tree.
    pub fn depth(&self) -> usize {
        self.trees.iter().map(|tree| tree.depth).max().unwrap_or(0)
    }

    /// Whether a value goes left at a split; NaN is missing.
    pub fn goes_left(&self, test: Test, default_left: bool, value: f32) -> bool {
        if value.is_nan() {
            return default_left;
        }
        match test {
            Test::Below(threshold) => value < threshold,
            Test::NotIn(set) => !self.sets[set as usize].contains(value),
        }
    }

    /// The leaf at which a row ends, as an index into the nodes. This is the definition that every fast path must agree with.
    ///
    /// # Panics
    /// When the row is shorter than [`Forest::features`].
    pub fn leaf(&self, tree: &Tree, row: &[f32]) -> usize {
        let mut at = tree.root;
        while let Node::Split { feature, left, default_left, test } = self.nodes[at] {
            let right = !self.goes_left(test, default_left, row[feature as usize]);
            at = left as usize + usize::from(right);
        }
        at
    }

    /// Adds the leaves of one row to its sums, tree by tree: the plainest way, and the slowest.
    ///
    /// # Panics
    /// When the row is shorter than [`Forest::features`] or `sums` than [`Forest::groups`].
    pub fn add(&self, row: &[f32], sums: &mut [f32]) {
        for tree in &self.trees {
            if let Node::Leaf { value } = self.nodes[self.leaf(tree, row)] {
                sums[tree.group] += value;
            }
        }
    }
}
