//! One tree of the file: its arrays, and whether they fit each other.

use super::document::{Document, Result};
use super::error::{Problem, TreeFault};
use crate::forest::RawTree;

/// The arrays of one tree as the file has them; reused from tree to tree.
#[derive(Default)]
pub(super) struct TreeArrays {
    raw: RawTree,
    default_left: Vec<i64>,
    split_type: Vec<i64>,
    categories: Vec<i64>,
    nodes: Vec<i64>,
    segments: Vec<i64>,
    sizes: Vec<i64>,
    claimed: Option<usize>,
    leaf_width: usize,
}

impl TreeArrays {
    fn clear(&mut self) {
        let raw = &mut self.raw;
        for integers in [&mut raw.left, &mut raw.right, &mut raw.features] {
            integers.clear();
        }
        for floats in [&mut raw.values, &mut raw.covers, &mut raw.gains] {
            floats.clear();
        }
        raw.default_left.clear();
        raw.categorical.clear();
        for integers in [
            &mut self.default_left,
            &mut self.split_type,
            &mut self.categories,
            &mut self.nodes,
            &mut self.segments,
            &mut self.sizes,
        ] {
            integers.clear();
        }
        self.claimed = None;
        self.leaf_width = 0;
    }

    /// Reads one tree and returns it with its `id`, if it has one.
    pub(super) fn read<D: Document>(&mut self, document: &mut D) -> Result<(&RawTree, Option<i64>)> {
        self.clear();
        let mut id = None;
        document.object(&mut |document, key| {
            match key {
                "left_children" => document.integers(&mut self.raw.left),
                "right_children" => document.integers(&mut self.raw.right),
                "split_indices" => document.integers(&mut self.raw.features),
                "split_conditions" => document.floats(&mut self.raw.values),
                "sum_hessian" => document.floats(&mut self.raw.covers),
                "loss_changes" => document.floats(&mut self.raw.gains),
                "default_left" => document.integers(&mut self.default_left),
                "split_type" => document.integers(&mut self.split_type),
                "categories" => document.integers(&mut self.categories),
                "categories_nodes" => document.integers(&mut self.nodes),
                "categories_segments" => document.integers(&mut self.segments),
                "categories_sizes" => document.integers(&mut self.sizes),
                "id" => {
                    id = Some(document.number()? as i64);
                    Ok(())
                }
                "tree_param" => document.object(&mut |document, key| {
                    match key {
                        "num_nodes" => self.claimed = document.parameter()?.parse().ok(),
                        "size_leaf_vector" => self.leaf_width = document.parameter()?.parse().unwrap_or(0),
                        _ => document.skip()?,
                    }
                    Ok(())
                }),
                // Parents, base weights, counts: not needed to score or to explain.
                _ => document.skip(),
            }
        })?;
        self.check().map_err(|problem| document.error(problem))?;
        Ok((&self.raw, id))
    }

    fn check(&mut self) -> std::result::Result<(), Problem> {
        // 1.x writes 0, later versions 1, for a leaf that is one number.
        if self.leaf_width > 1 {
            return Err(Problem::Unsupported(format!(
                "its leaves are vectors of {} numbers (multi_strategy = \"multi_output_tree\"); train with \
                 \"one_output_per_tree\"",
                self.leaf_width
            )));
        }
        let raw = &mut self.raw;
        let count = raw.left.len();
        if count == 0 {
            return Err(Problem::Missing("left_children"));
        }
        for (what, len) in [
            ("right_children", raw.right.len()),
            ("split_indices", raw.features.len()),
            ("split_conditions", raw.values.len()),
            ("default_left", self.default_left.len()),
            ("tree_param.num_nodes", self.claimed.unwrap_or(count)),
        ] {
            if len != count {
                return Err(Problem::Lengths { what, len, expected: count });
            }
        }
        for (what, len) in [
            ("sum_hessian", raw.covers.len()),
            ("loss_changes", raw.gains.len()),
            ("split_type", self.split_type.len()),
        ] {
            if len != count && len != 0 {
                return Err(Problem::Lengths { what, len, expected: count });
            }
        }
        raw.default_left.extend(self.default_left.iter().map(|left| *left != 0));
        self.categorical()
    }

    /// Gives each categorical split its categories.
    fn categorical(&mut self) -> std::result::Result<(), Problem> {
        let splits = self.nodes.len();
        for (what, len) in
            [("categories_segments", self.segments.len()), ("categories_sizes", self.sizes.len())]
        {
            if len != splits {
                return Err(Problem::Lengths { what, len, expected: splits });
            }
        }
        let raw = &mut self.raw;
        // Segments may not overlap in XGBoost's files; were they allowed to, a small file could stand for a huge one.
        let mut total = 0;
        for ((node, start), size) in self.nodes.iter().zip(&self.segments).zip(&self.sizes) {
            let index = usize::try_from(*node).ok().filter(|node| *node < raw.left.len());
            let Some(index) = index else {
                return Err(Problem::Range {
                    what: "a node in `categories_nodes`",
                    value: node.to_string(),
                    must: format!("below {}", raw.left.len()),
                });
            };
            let fail = |fault| Problem::Tree { node: index, fault };
            let range = usize::try_from(*start).ok().zip(usize::try_from(*size).ok());
            let found = range
                .and_then(|(start, size)| self.categories.get(start..start.checked_add(size)?))
                .filter(|found| !found.is_empty());
            let found = found.ok_or_else(|| fail(TreeFault::Categories))?;
            total += found.len();
            if total > self.categories.len() {
                return Err(fail(TreeFault::Categories));
            }
            let mut categories = Vec::with_capacity(found.len());
            for category in found {
                match u32::try_from(*category) {
                    Ok(small) if small < 1 << 24 => categories.push(small),
                    _ => return Err(fail(TreeFault::Category(*category))),
                }
            }
            raw.categorical.push((index, categories));
        }
        raw.categorical.sort_unstable_by_key(|(node, _)| *node);
        if let Some(pair) = raw.categorical.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Problem::Tree { node: pair[0].0, fault: TreeFault::Categories });
        }
        let lacking = self.split_type.iter().enumerate().find(|(node, split_type)| {
            **split_type == 1
                && raw.left[*node] != -1
                && raw.categorical.binary_search_by_key(node, |(node, _)| *node).is_err()
        });
        match lacking {
            Some((node, _)) => Err(Problem::Tree { node, fault: TreeFault::Categories }),
            None => Ok(()),
        }
    }
}
