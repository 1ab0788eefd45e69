//! Random forests and rows for the tests of the fast paths.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Forest, ForestBuilder, ForestShape, RawTree};

/// Values that comparisons get wrong first.
pub(crate) const HARD: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MIN_POSITIVE,
    1e-45,
    -1e-45,
    f32::MAX,
    f32::MIN,
    3.0,
    16_777_216.0,
];

/// Any value: hard ones, round ones (which meet thresholds), and others.
pub(crate) fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        proptest::sample::select(HARD.as_slice()),
        (-40i32..40).prop_map(|v| v as f32 / 4.0),
        -10.0f32..10.0,
        any::<f32>(),
    ]
}

/// A forest of a random shape.
pub(crate) fn forest(seed: u64) -> Forest {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (features, trees, depth) =
        (rng.random_range(1..12), rng.random_range(1..40), rng.random_range(0..11));
    let density = [1.0, 0.8, 0.55][rng.random_range(0..3)];
    forest_with(rng.random(), features, trees, depth, density)
}

/// A forest whose splits have children with the probability `density` down to `depth`.
pub(crate) fn forest_with(seed: u64, features: usize, trees: usize, depth: usize, density: f64) -> Forest {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let groups = if rng.random_bool(0.3) { 3 } else { 1 };
    let categorical = rng.random_bool(0.5);
    let mut builder = ForestBuilder::new();
    for _ in 0..trees {
        builder.push(&tree(&mut rng, features, depth, density, categorical)).unwrap();
    }
    let tree_groups = (0..trees).map(|tree| tree % groups).collect();
    builder.build(&ForestShape { features, groups, tree_groups, weights: Vec::new(), keep: trees }).unwrap()
}

fn tree(
    rng: &mut Xoshiro256PlusPlus,
    features: usize,
    depth: usize,
    density: f64,
    categorical: bool,
) -> RawTree {
    let mut raw = RawTree::default();
    let mut open = vec![(0usize, 0usize)];
    let push = |raw: &mut RawTree| {
        raw.left.push(-1);
        raw.right.push(-1);
        raw.features.push(0);
        raw.values.push(0.0);
        raw.default_left.push(false);
        raw.covers.push(0.0);
        raw.gains.push(0.0);
    };
    push(&mut raw);
    while let Some((at, level)) = open.pop() {
        raw.covers[at] = 1.0 + rng.random::<f32>() * 10.0;
        if level >= depth || !(level == 0 || rng.random_bool(density)) || raw.left.len() > 700 {
            raw.values[at] = rng.random_range(-1.0..1.0);
            continue;
        }
        let left = raw.left.len();
        push(&mut raw);
        push(&mut raw);
        raw.left[at] = left as i64;
        raw.right[at] = left as i64 + 1;
        raw.features[at] = rng.random_range(0..features as i64);
        raw.default_left[at] = rng.random();
        raw.gains[at] = rng.random();
        // Feature 0 is categorical in a categorical forest, as features are in XGBoost.
        if categorical && raw.features[at] == 0 {
            let categories = (0..rng.random_range(1..9)).map(|_| rng.random_range(0..40)).collect();
            raw.categorical.push((at, categories));
        } else {
            raw.values[at] = match rng.random_range(0..20) {
                0 => HARD[rng.random_range(0..HARD.len())],
                1..10 => rng.random_range(-40i32..40) as f32 / 4.0,
                _ => rng.random_range(-10.0..10.0),
            };
            if raw.values[at].is_nan() {
                raw.values[at] = f32::INFINITY;
            }
        }
        open.push((left, level + 1));
        open.push((left + 1, level + 1));
    }
    raw.categorical.sort_unstable_by_key(|(node, _)| *node);
    // Covers add up, as they do after training.
    for at in (0..raw.left.len()).rev() {
        if raw.left[at] >= 0 {
            raw.covers[at] = raw.covers[raw.left[at] as usize] + raw.covers[raw.right[at] as usize];
        }
    }
    raw
}

/// Rows that meet the thresholds of a forest, lie one ulp beside them, or are hard.
pub(crate) fn rows(forest: &Forest, count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut thresholds = vec![vec![0.0f32]; forest.features()];
    for node in forest.nodes() {
        if let super::Node::Split { feature, test: super::Test::Below(threshold), .. } = node {
            thresholds[*feature as usize].push(*threshold);
        }
    }
    let missing = [0.0, 0.3][rng.random_range(0..2)];
    (0..count * forest.features())
        .map(|cell| {
            let near = &thresholds[cell % forest.features()];
            let near = near[rng.random_range(0..near.len())];
            match rng.random_range(0..8) {
                _ if rng.random_bool(missing) => f32::NAN,
                0 => HARD[rng.random_range(0..HARD.len())],
                1 => near,
                2 => near.next_up(),
                3 => near.next_down(),
                4 => rng.random_range(0..50) as f32,
                _ => rng.random_range(-12.0..12.0),
            }
        })
        .map(|value| if missing == 0.0 && value.is_nan() { 0.5 } else { value })
        .collect()
}

/// Checks that a way of adding up leaves gives the bits that the definition gives.
pub(crate) fn agrees(
    forest: &Forest,
    count: usize,
    seed: u64,
    add: impl FnOnce(&super::rows::Rows<'_>, &mut [f32]),
) {
    let data = rows(forest, count, seed);
    let columns: Vec<usize> = (0..forest.features()).collect();
    let rows = super::rows::Rows::new(&data, forest.features(), count, &columns).unwrap();
    let start = 0.1;
    let mut sums = vec![start; count * forest.groups()];
    add(&rows, &mut sums);
    for (row, sums) in sums.chunks_exact(forest.groups()).enumerate() {
        let mut expected = vec![start; forest.groups()];
        forest.add(&data[row * forest.features()..][..forest.features()], &mut expected);
        let bits = |sums: &[f32]| sums.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(sums), bits(&expected), "row {row} of {count}");
    }
}
