//! Random models in XGBoost's JSON, and rows that are hard for them.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

/// A model file and what rows for it need to know.
pub(crate) struct RandomModel {
    pub(crate) json: String,
    pub(crate) features: usize,
    pub(crate) groups: usize,
    thresholds: Vec<Vec<f32>>,
    pub(crate) what: String,
}

/// Values that comparisons get wrong first.
const HARD: [f32; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f32::NAN,
    f32::MIN_POSITIVE,
    1e-45,
    -1e-45,
    1e-40,
    f32::MAX,
    f32::MIN,
    16_777_216.0,
];

pub(crate) fn rng(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

impl RandomModel {
    /// A model of a random shape: small to deep, even to ragged, one or several groups, categorical or not, with DART
    /// weights or without.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let features = rng.random_range(1..30);
        let groups = if rng.random_bool(0.3) { rng.random_range(2..5) } else { 1 };
        let trees = groups * rng.random_range(1..14);
        let depth = rng.random_range(0..11);
        let density = [1.0, 0.85, 0.6][rng.random_range(0..3)];
        let categorical = rng.random_bool(0.4);
        let dart = rng.random_bool(0.25);
        let mut thresholds = vec![vec![0.0]; features];
        let trees: Vec<Value> = (0..trees)
            .map(|id| tree(&mut rng, id, features, depth, density, categorical, &mut thresholds))
            .collect();
        let info: Vec<usize> = (0..trees.len()).map(|tree| tree % groups).collect();
        let count = trees.len();
        let objective = match groups {
            1 => ["reg:squarederror", "binary:logistic", "count:poisson", "binary:logitraw", "reg:tweedie"]
                [rng.random_range(0..5)],
            _ => "multi:softprob",
        };
        let indptr: Vec<usize> = (0..=count / groups).map(|round| round * groups).collect();
        let model = json!({
            "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": count.to_string()},
            "trees": trees, "tree_info": info, "iteration_indptr": indptr,
            "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
        });
        let weights: Vec<f32> = (0..count).map(|_| rng.random_range(0.1..1.0)).collect();
        let booster = if dart {
            json!({"name": "dart", "gbtree": {"name": "gbtree", "model": model}, "weight_drop": weights})
        } else {
            json!({"name": "gbtree", "model": model})
        };
        let mut parameters = json!({"name": objective});
        match objective {
            "count:poisson" => parameters["poisson_regression_param"] = json!({"max_delta_step": "0.7"}),
            "reg:tweedie" => {
                parameters["tweedie_regression_param"] = json!({"tweedie_variance_power": "1.5"});
            }
            "multi:softprob" => {
                parameters["softmax_multiclass_param"] = json!({"num_class": groups.to_string()});
            }
            _ => parameters["reg_loss_param"] = json!({"scale_pos_weight": "1"}),
        }
        let base: f32 = rng.random_range(0.05..0.95);
        let base = if rng.random() { format!("[{base:E}]") } else { format!("{base:E}") };
        let types: Vec<&str> =
            (0..features).map(|feature| if categorical && feature == 0 { "c" } else { "float" }).collect();
        let learner = json!({
            "attributes": {}, "feature_names": [], "feature_types": types, "gradient_booster": booster,
            "learner_model_param": {
                "base_score": base, "boost_from_average": "1", "num_feature": features.to_string(),
                "num_class": if groups == 1 { "0".to_owned() } else { groups.to_string() }, "num_target": "1",
            },
            "objective": parameters,
        });
        let json = json!({"learner": learner, "version": [3, 2, 0]}).to_string();
        let what = format!(
            "seed {seed}: {count} trees to depth {depth}, {features} features, {groups} groups, {objective}{}{}",
            if dart { ", dart" } else { "" },
            if categorical { ", categorical" } else { "" }
        );
        RandomModel { json, features, groups, thresholds, what }
    }

    /// Rows that meet the thresholds, lie one ulp beside them, are missing, tiny, huge, or plain; infinite if asked for.
    pub(crate) fn rows(&self, count: usize, seed: u64, infinite: bool) -> Vec<f32> {
        let mut rng = rng(seed);
        let missing = [0.0, 0.2, 0.7][rng.random_range(0..3)];
        (0..count * self.features)
            .map(|cell| {
                let near = &self.thresholds[cell % self.features];
                let near = near[rng.random_range(0..near.len())];
                let value = match rng.random_range(0..9) {
                    _ if rng.random_bool(missing) => f32::NAN,
                    0 => HARD[rng.random_range(0..HARD.len())],
                    1 => near,
                    2 => near.next_up(),
                    3 => near.next_down(),
                    4 => rng.random_range(0..50) as f32,
                    5 if infinite => [f32::INFINITY, f32::NEG_INFINITY][rng.random_range(0..2)],
                    _ => rng.random_range(-12.0..12.0),
                };
                if value.is_infinite() && !infinite { 0.25 } else { value }
            })
            .collect()
    }
}

#[allow(clippy::too_many_arguments, reason = "a recipe for one tree")]
fn tree(
    rng: &mut Xoshiro256PlusPlus,
    id: usize,
    features: usize,
    depth: usize,
    density: f64,
    categorical: bool,
    thresholds: &mut [Vec<f32>],
) -> Value {
    let (mut left, mut right, mut parents) = (vec![-1i64], vec![-1i64], vec![2_147_483_647i64]);
    let (mut index, mut value, mut default, mut kind) = (vec![0usize], vec![0f32], vec![0u8], vec![0u8]);
    let (mut cats, mut nodes, mut segments, mut sizes): (Vec<u32>, Vec<usize>, Vec<usize>, Vec<usize>) =
        Default::default();
    let mut sets = std::collections::BTreeMap::new();
    let mut open = vec![(0usize, 0usize)];
    while let Some((at, level)) = open.pop() {
        if level >= depth || !(level == 0 || rng.random_bool(density)) || left.len() > 1500 {
            value[at] = rng.random_range(-1.0..1.0);
            continue;
        }
        let child = left.len();
        for _ in 0..2 {
            left.push(-1);
            right.push(-1);
            parents.push(at as i64);
            index.push(0);
            value.push(0.0);
            default.push(0);
            kind.push(0);
        }
        (left[at], right[at]) = (child as i64, child as i64 + 1);
        index[at] = rng.random_range(0..features);
        default[at] = rng.random_range(0..2);
        if categorical && index[at] == 0 {
            kind[at] = 1;
            let mut set: Vec<u32> = (0..rng.random_range(1..9)).map(|_| rng.random_range(0..40)).collect();
            set.sort_unstable();
            set.dedup();
            sets.insert(at, set);
        } else {
            value[at] = match rng.random_range(0..12) {
                0 => [0.0, -0.0, 1e-45, f32::MIN_POSITIVE, f32::MAX][rng.random_range(0..5)],
                1..5 => rng.random_range(-40i32..40) as f32 / 4.0,
                _ => rng.random_range(-10.0..10.0),
            };
            thresholds[index[at]].push(value[at]);
        }
        open.push((child, level + 1));
        open.push((child + 1, level + 1));
    }
    for (node, set) in sets {
        nodes.push(node);
        segments.push(cats.len());
        sizes.push(set.len());
        cats.extend(set);
    }
    let count = left.len();
    let mut cover = vec![0f32; count];
    for at in (0..count).rev() {
        cover[at] = match left[at] {
            -1 => rng.random_range(1.0..20.0),
            child => cover[child as usize] + cover[child as usize + 1],
        };
    }
    json!({
        "id": id, "left_children": left, "right_children": right, "parents": parents, "split_indices": index,
        "split_conditions": value, "default_left": default, "split_type": kind, "categories": cats,
        "categories_nodes": nodes, "categories_segments": segments, "categories_sizes": sizes,
        "sum_hessian": cover, "loss_changes": vec![0.5f32; count], "base_weights": vec![0f32; count],
        "tree_param": {"num_deleted": "0", "num_feature": features.to_string(), "num_nodes": count.to_string(),
            "size_leaf_vector": "1"},
    })
}
