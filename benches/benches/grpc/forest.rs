//! A forest to serve: full trees with thresholds all over the features' ranges, in XGBoost's JSON.
//!
//! What a forest costs depends on its shape and not on what it has learned, so this one needs no training: every tree is
//! perfect, which is the most that its depth allows.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

/// How deep each tree is.
const DEPTH: u32 = 6;
/// Different thresholds per feature, about what XGBoost's histogram of 256 bins leaves.
const THRESHOLDS: usize = 200;

/// A model of so many trees over features of these names.
pub(crate) fn model(trees: usize, features: &[&str]) -> String {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    // Counts and ages are positive and skewed.
    let thresholds: Vec<Vec<f32>> = features
        .iter()
        .map(|_| (0..THRESHOLDS).map(|_| rng.random_range(-1.0_f32..8.0).exp()).collect())
        .collect();
    let trees: Vec<Value> = (0..trees).map(|id| tree(id, &thresholds, &mut rng)).collect();
    let count = features.len().to_string();
    json!({
        "learner": {
            "attributes": {},
            "feature_names": features,
            "feature_types": vec!["float"; features.len()],
            "gradient_booster": {
                "model": {
                    "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": trees.len().to_string()},
                    "iteration_indptr": (0..=trees.len()).collect::<Vec<_>>(),
                    "tree_info": vec![0; trees.len()],
                    "trees": trees,
                },
                "name": "gbtree",
            },
            "learner_model_param": {
                "base_score": "5E-1", "boost_from_average": "1", "num_class": "0", "num_feature": count,
                "num_target": "1",
            },
            "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
        },
        "version": [3, 0, 0],
    })
    .to_string()
}

/// A perfect tree in the order of its levels: the children of node `i` are `2i + 1` and `2i + 2`.
fn tree(id: usize, thresholds: &[Vec<f32>], rng: &mut Xoshiro256PlusPlus) -> Value {
    let (inner, nodes) = ((1 << DEPTH) - 1, (1 << (DEPTH + 1)) - 1_i64);
    let child = |node: i64, side: i64| if node < inner { 2 * node + side } else { -1 };
    let split: Vec<usize> = (0..nodes).map(|_| rng.random_range(0..thresholds.len())).collect();
    let conditions: Vec<f32> = (0..nodes)
        .zip(&split)
        .map(|(node, feature)| match node < inner {
            true => thresholds[*feature][rng.random_range(0..THRESHOLDS)],
            false => rng.random_range(-0.1..0.1),
        })
        .collect();
    let count = nodes as usize;
    json!({
        "id": id,
        "left_children": (0..nodes).map(|node| child(node, 1)).collect::<Vec<_>>(),
        "right_children": (0..nodes).map(|node| child(node, 2)).collect::<Vec<_>>(),
        "parents": (0..nodes).map(|node| if node == 0 { i64::from(i32::MAX) } else { (node - 1) / 2 }).collect::<Vec<_>>(),
        "split_indices": split,
        "split_conditions": conditions,
        "default_left": vec![0; count],
        "split_type": vec![0; count],
        "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
        "sum_hessian": vec![1.0; count],
        "loss_changes": vec![1.0; count],
        "base_weights": vec![0.0; count],
        "tree_param": {
            "num_deleted": "0", "num_feature": thresholds.len().to_string(), "num_nodes": nodes.to_string(),
            "size_leaf_vector": "1",
        },
    })
}
