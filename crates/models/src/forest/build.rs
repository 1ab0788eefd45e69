//! From the arrays of a file to a checked forest.

use super::{CategorySet, Forest, MAX_DEPTH, MAX_FEATURES, Node, Test, Tree};
use crate::xgboost::TreeFault;

/// A tree as a file has it: one element per node in each array, nodes in any order, the root at 0.
#[derive(Debug, Clone, Default)]
pub struct RawTree {
    /// Left children; -1 at a leaf.
    pub left: Vec<i64>,
    /// Right children; -1 at a leaf.
    pub right: Vec<i64>,
    /// Features of the splits.
    pub features: Vec<i64>,
    /// Thresholds of the splits, values of the leaves.
    pub values: Vec<f32>,
    /// Whether a missing value goes left.
    pub default_left: Vec<bool>,
    /// Training weights; may be empty.
    pub covers: Vec<f32>,
    /// Gains; may be empty.
    pub gains: Vec<f32>,
    /// Categorical splits: node and categories that go right, sorted by node.
    pub categorical: Vec<(usize, Vec<u32>)>,
}

/// What a node of a raw tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RawSplit {
    Leaf,
    Split(usize, usize),
}

/// A tree that is none: the node, by its number in the file, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("node {node}: {fault}")]
pub struct TreeError {
    /// Which node.
    pub node: usize,
    /// What is wrong.
    pub fault: TreeFault,
}

/// What a file says of a forest beside the nodes.
#[derive(Debug, Clone)]
pub struct ForestShape {
    /// How many features a row has.
    pub features: usize,
    /// How many groups the trees sum into.
    pub groups: usize,
    /// The group of each tree.
    pub tree_groups: Vec<usize>,
    /// What each tree's leaves are multiplied with (DART); empty for 1.
    pub weights: Vec<f32>,
    /// Only the first trees count; the others are dropped.
    pub keep: usize,
}

/// Trees that are sound one by one, but do not fit the forest.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ForestError {
    /// A split on a feature that there is not.
    #[error("it splits on feature {feature}, but the model has {features}")]
    Feature {
        /// Which tree.
        tree: usize,
        /// The feature.
        feature: u32,
        /// How many there are.
        features: usize,
    },
    /// A group that there is not.
    #[error("it counts to group {group}, but the model has {groups}")]
    Group {
        /// Which tree.
        tree: usize,
        /// The group.
        group: usize,
        /// How many there are.
        groups: usize,
    },
    /// A weight that makes a leaf infinite or NaN.
    #[error("its weight {weight} makes a leaf that is not finite")]
    Weight {
        /// Which tree.
        tree: usize,
        /// The weight.
        weight: f32,
    },
}

impl ForestError {
    /// The tree at fault.
    pub fn tree(&self) -> usize {
        match *self {
            ForestError::Feature { tree, .. }
            | ForestError::Group { tree, .. }
            | ForestError::Weight { tree, .. } => tree,
        }
    }
}

/// Puts checked trees together. What concerns them all may become known after the last of them, as it does in XGBoost's files.
#[derive(Debug, Default)]
pub struct ForestBuilder {
    forest: Forest,
    /// Scratch: the file's number and the depth of each node that is placed.
    order: Vec<(u32, u32)>,
    seen: Vec<bool>,
}

impl ForestBuilder {
    /// No tree yet.
    pub fn new() -> Self {
        ForestBuilder::default()
    }

    /// How many trees there are.
    pub fn len(&self) -> usize {
        self.forest.trees.len()
    }

    /// Whether there is no tree yet.
    pub fn is_empty(&self) -> bool {
        self.forest.trees.is_empty()
    }

    /// Checks a tree and adds it.
    ///
    /// # Errors
    /// The first node that is wrong.
    ///
    /// # Panics
    /// When the arrays of the tree are not as long as each other (`covers` and `gains` may be shorter).
    pub fn push(&mut self, raw: &RawTree) -> Result<(), TreeError> {
        let base = self.forest.nodes.len();
        let depth = self.order_nodes(raw)?;
        let mut next = base + 1;
        for index in 0..self.order.len() {
            let at = self.order[index].0 as usize;
            let node = match children(raw, at)? {
                RawSplit::Leaf => {
                    let value = raw.values[at];
                    if !value.is_finite() {
                        return Err(TreeError { node: at, fault: TreeFault::Leaf(value) });
                    }
                    Node::Leaf { value }
                }
                RawSplit::Split(..) => {
                    let split = self.split(raw, at, next)?;
                    next += 2;
                    split
                }
            };
            let leaf = matches!(node, Node::Leaf { .. });
            self.forest.nodes.push(node);
            self.forest.covers.push(raw.covers.get(at).copied().unwrap_or(0.0));
            self.forest.gains.push(if leaf { 0.0 } else { raw.gains.get(at).copied().unwrap_or(0.0) });
        }
        self.forest.trees.push(Tree { root: base, len: self.order.len(), group: 0, depth });
        Ok(())
    }

    /// Puts the trees into another order: the first of the result is the one at `order[0]`. To be called before anything is
    /// dropped.
    ///
    /// # Panics
    /// When `order` names a tree that there is not.
    pub fn reorder(&mut self, order: &[usize]) {
        self.forest.trees = order.iter().map(|tree| self.forest.trees[*tree]).collect();
    }

    /// The forest.
    ///
    /// # Errors
    /// The first tree that does not fit the shape.
    pub fn build(mut self, shape: &ForestShape) -> Result<Forest, ForestError> {
        let forest = &mut self.forest;
        (forest.features, forest.groups) = (shape.features, shape.groups);
        forest.trees.truncate(shape.keep);
        for (index, tree) in forest.trees.iter_mut().enumerate() {
            let group = shape.tree_groups.get(index).copied().unwrap_or(0);
            if group >= shape.groups {
                return Err(ForestError::Group { tree: index, group, groups: shape.groups });
            }
            tree.group = group;
            let weight = shape.weights.get(index).copied().unwrap_or(1.0);
            for node in &mut forest.nodes[tree.nodes()] {
                match node {
                    Node::Split { feature, .. } if *feature as usize >= shape.features => {
                        let (feature, features) = (*feature, shape.features);
                        return Err(ForestError::Feature { tree: index, feature, features });
                    }
                    Node::Leaf { value } if weight != 1.0 => {
                        *value *= weight;
                        if !value.is_finite() {
                            return Err(ForestError::Weight { tree: index, weight });
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(self.forest)
    }

    /// Fills `order` breadth-first from the root and returns the depth.
    fn order_nodes(&mut self, raw: &RawTree) -> Result<usize, TreeError> {
        let count = raw.left.len();
        self.order.clear();
        self.seen.clear();
        self.seen.resize(count, false);
        if count == 0 {
            return Err(TreeError { node: 0, fault: TreeFault::ChildOutOfRange(0) });
        }
        self.order.push((0, 0));
        self.seen[0] = true;
        let mut at = 0;
        while at < self.order.len() {
            let (node, depth) = self.order[at];
            let node = node as usize;
            if let RawSplit::Split(left, right) = children(raw, node)? {
                if depth as usize >= MAX_DEPTH {
                    return Err(TreeError { node, fault: TreeFault::TooDeep(MAX_DEPTH) });
                }
                for child in [left, right] {
                    if std::mem::replace(&mut self.seen[child], true) {
                        return Err(TreeError { node, fault: TreeFault::ChildTwice(child) });
                    }
                    self.order.push((child as u32, depth + 1));
                }
            }
            at += 1;
        }
        Ok(self.order.last().map_or(0, |last| last.1 as usize))
    }

    fn split(&mut self, raw: &RawTree, at: usize, left: usize) -> Result<Node, TreeError> {
        let fail = |fault| TreeError { node: at, fault };
        let feature = raw.features[at];
        let feature = match u32::try_from(feature) {
            Ok(index) if (index as usize) < MAX_FEATURES => index,
            _ => return Err(fail(TreeFault::Feature { feature, features: MAX_FEATURES })),
        };
        let test = match raw.categorical.binary_search_by_key(&at, |(node, _)| *node) {
            Ok(found) => {
                self.forest.sets.push(CategorySet::new(&raw.categorical[found].1));
                Test::NotIn(self.forest.sets.len() as u32 - 1)
            }
            Err(_) if raw.values[at].is_nan() => return Err(fail(TreeFault::NanThreshold)),
            Err(_) => Test::Below(raw.values[at]),
        };
        let left = u32::try_from(left).map_err(|_| fail(TreeFault::ChildOutOfRange(left as i64)))?;
        Ok(Node::Split { feature, left, default_left: raw.default_left[at], test })
    }
}

fn children(raw: &RawTree, node: usize) -> Result<RawSplit, TreeError> {
    let fail = |fault| Err(TreeError { node, fault });
    let (left, right) = (raw.left[node], raw.right[node]);
    match (left, right) {
        (-1, -1) => Ok(RawSplit::Leaf),
        (-1, _) | (_, -1) => fail(TreeFault::OneChild),
        _ => {
            let count = raw.left.len();
            for child in [left, right] {
                if usize::try_from(child).map_or(true, |child| child >= count) {
                    return fail(TreeFault::ChildOutOfRange(child));
                }
            }
            Ok(RawSplit::Split(left as usize, right as usize))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(left, right, feature, value)` per node.
    fn raw(nodes: &[(i64, i64, i64, f32)]) -> RawTree {
        RawTree {
            left: nodes.iter().map(|n| n.0).collect(),
            right: nodes.iter().map(|n| n.1).collect(),
            features: nodes.iter().map(|n| n.2).collect(),
            values: nodes.iter().map(|n| n.3).collect(),
            default_left: vec![true; nodes.len()],
            ..RawTree::default()
        }
    }

    fn shape(weights: &[f32]) -> ForestShape {
        ForestShape { features: 2, groups: 1, tree_groups: vec![0], weights: weights.to_vec(), keep: 1 }
    }

    #[test]
    fn trees_must_fit_the_forest() {
        let built = |feature, weights: &[f32]| {
            let mut builder = ForestBuilder::new();
            builder.push(&raw(&[(1, 2, feature, 0.0), (-1, -1, 0, 2.0), (-1, -1, 0, 1.0)])).unwrap();
            builder.build(&shape(weights))
        };
        assert_eq!(built(2, &[]), Err(ForestError::Feature { tree: 0, feature: 2, features: 2 }));
        assert_eq!(built(1, &[f32::MAX]), Err(ForestError::Weight { tree: 0, weight: f32::MAX }));
        assert_eq!(built(1, &[0.5]).unwrap().nodes()[1], Node::Leaf { value: 1.0 });
    }

    fn fault(nodes: &[(i64, i64, i64, f32)]) -> TreeError {
        ForestBuilder::new().push(&raw(nodes)).unwrap_err()
    }

    #[test]
    fn nodes_come_out_breadth_first_and_deleted_ones_are_left_out() {
        let mut builder = ForestBuilder::new();
        let (leaf, gap) = (|value| (-1, -1, 0, value), (-1, -1, 0, 9.0));
        let tree = [(4, 1, 0, 0.5), (5, 3, 1, 2.0), gap, leaf(3.0), leaf(1.0), leaf(2.0)];
        builder.push(&raw(&tree)).unwrap();
        let forest = builder.build(&shape(&[])).unwrap();
        assert_eq!((forest.nodes().len(), forest.trees()[0].depth, forest.trees()[0].leaves()), (5, 2, 3));
        let score = |row: &[f32]| {
            let mut sum = [0.0];
            forest.add(row, &mut sum);
            sum[0]
        };
        assert_eq!(score(&[0.0, 0.0]), 1.0);
        assert_eq!(score(&[0.5, 1.0]), 2.0);
        assert_eq!(score(&[0.5, 2.0]), 3.0);
        assert_eq!(score(&[f32::NAN, 9.0]), 1.0);
    }

    #[test]
    fn what_is_no_tree_is_refused_with_the_node() {
        let leaf = (-1, -1, 0, 0.0);
        assert_eq!(fault(&[(0, 1, 0, 0.0), leaf]), TreeError { node: 0, fault: TreeFault::ChildTwice(0) });
        assert_eq!(fault(&[(1, 1, 0, 0.0), leaf]), TreeError { node: 0, fault: TreeFault::ChildTwice(1) });
        assert_eq!(
            fault(&[(1, 7, 0, 0.0), leaf]),
            TreeError { node: 0, fault: TreeFault::ChildOutOfRange(7) }
        );
        assert_eq!(
            fault(&[(1, -7, 0, 0.0), leaf]),
            TreeError { node: 0, fault: TreeFault::ChildOutOfRange(-7) }
        );
        assert_eq!(fault(&[(1, -1, 0, 0.0), leaf]), TreeError { node: 0, fault: TreeFault::OneChild });
        assert!(matches!(
            fault(&[(1, 2, -2, 0.0), leaf, leaf]).fault,
            TreeFault::Feature { feature: -2, .. }
        ));
        assert_eq!(
            fault(&[(1, 2, 0, f32::NAN), leaf, leaf]),
            TreeError { node: 0, fault: TreeFault::NanThreshold }
        );
        let infinite = fault(&[(1, 2, 0, 0.0), leaf, (-1, -1, 0, f32::INFINITY)]);
        assert_eq!(infinite, TreeError { node: 2, fault: TreeFault::Leaf(f32::INFINITY) });
        assert_eq!(fault(&[]), TreeError { node: 0, fault: TreeFault::ChildOutOfRange(0) });
    }

    #[test]
    fn a_chain_beyond_the_depth_limit_is_refused() {
        let mut nodes = Vec::new();
        for level in 0..2000 {
            nodes.push((2 * level + 1, 2 * level + 2, 0, 0.0));
            nodes.push((-1, -1, 0, 0.0));
        }
        nodes.push((-1, -1, 0, 0.0));
        // Children interleave: node 2k is the split of level k, node 2k + 1 its leaf.
        assert!(matches!(fault(&nodes).fault, TreeFault::TooDeep(MAX_DEPTH)));
    }
}
