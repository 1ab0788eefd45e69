//! Our scores against libxgboost's, over random models and rows, and over models that it trained itself.
//!
//! Needs the feature `xgboost` and the library's folder in `XGBOOST_LIB_DIR` (`make differential`); skips without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]
#![cfg(feature = "xgboost")]

#[path = "support/random.rs"]
mod random;
mod support;

use rand::RngExt;
use random::{RandomModel, rng};
use recommend_models::Explain;
use recommend_models::forest::{Compare, Rows};
use recommend_models::libxgboost::{LibBooster, LibMatrix, LibXgboost, Predict};
use recommend_models::xgboost::{Booster, Iterations, LoadOptions};

const ALL: LoadOptions = LoadOptions { iterations: Iterations::All, compare: Compare::Cheapest };

fn library() -> Option<LibXgboost> {
    LibXgboost::open().inspect_err(|error| println!("skipped: {error}")).ok()
}

fn ours(booster: &Booster, values: &[f32], what: Predict) -> Vec<f32> {
    let (features, groups) = (booster.features(), booster.groups());
    let columns: Vec<usize> = (0..features).collect();
    let rows = Rows::new(values, features, values.len() / features, &columns).unwrap();
    let width = features + 1;
    let count = rows.len() * groups;
    match what {
        Predict::Value | Predict::Margin => {
            let mut out = vec![0.0; count];
            if what == Predict::Value {
                booster.predict(&rows, &mut out);
            } else {
                booster.margins(&rows, &mut out);
            }
            out
        }
        Predict::Contributions => {
            let mut out = vec![0.0; count * width];
            booster.contributions(&rows, &mut out).unwrap();
            out
        }
        Predict::Interactions => {
            let mut out = vec![0.0; count * width * width];
            booster.interactions(&rows, &mut out).unwrap();
            out
        }
    }
}

#[track_caller]
fn same_bits(ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            ours.to_bits() == theirs.to_bits(),
            "{what}: score {at}: ours {ours:e}, libxgboost's {theirs:e}"
        );
    }
}

#[track_caller]
fn close(ours: &[f32], theirs: &[f32], tolerance: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let bound = tolerance * theirs.abs().max(1.0);
        assert!((ours - theirs).abs() <= bound, "{what}: value {at}: ours {ours:e}, libxgboost's {theirs:e}");
    }
}

#[test]
fn margins_of_random_models_have_the_bits_of_libxgboosts() {
    let Some(library) = library() else { return };
    let models: u64 = std::env::var("MODELS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let mut rows = 0;
    for seed in 0..models {
        let model = RandomModel::new(seed);
        let theirs = library.booster(&[]).unwrap();
        theirs.load(model.json.as_bytes()).unwrap();
        // Every other model goes through libxgboost's own UBJSON.
        let file = if seed % 2 == 0 { model.json.clone().into_bytes() } else { theirs.save("ubj").unwrap() };
        let booster = Booster::read(&file, &ALL).unwrap_or_else(|error| panic!("{}: {error}", model.what));
        assert_eq!((booster.features(), booster.groups()), (model.features, model.groups));
        for count in [1, 7, 100] {
            let values = model.rows(count, seed, false);
            rows += count;
            let matrix = library.matrix(&values, model.features).unwrap();
            let (mine, lib) =
                (ours(&booster, &values, Predict::Margin), theirs.predict(&matrix, Predict::Margin).unwrap());
            same_bits(&mine, &lib, &model.what);
            let (mine, lib) =
                (ours(&booster, &values, Predict::Value), theirs.predict(&matrix, Predict::Value).unwrap());
            close(&mine, &lib, 1e-6, &model.what);
        }
    }
    println!("{models} models, {rows} rows: the same bits");
}

#[test]
fn infinite_values_go_the_same_way() {
    let Some(library) = library() else { return };
    for seed in 0..100 {
        let model = RandomModel::new(seed);
        if model.what.contains("dart") {
            // In place, libxgboost adds and takes off the intercept around each DART tree, which costs it bits.
            continue;
        }
        let theirs = library.booster(&[]).unwrap();
        theirs.load(model.json.as_bytes()).unwrap();
        let booster = Booster::read(model.json.as_bytes(), &ALL).unwrap();
        let values = model.rows(50, seed, true);
        let lib = theirs.predict_in_place(&values, model.features, Predict::Margin).unwrap();
        same_bits(&ours(&booster, &values, Predict::Margin), &lib, &model.what);
    }
}

#[test]
fn contributions_and_interactions_of_random_models_are_libxgboosts() {
    let Some(library) = library() else { return };
    for seed in 0..60 {
        let model = RandomModel::new(seed);
        let theirs = library.booster(&[]).unwrap();
        theirs.load(model.json.as_bytes()).unwrap();
        let booster = Booster::read(model.json.as_bytes(), &ALL).unwrap();
        let values = model.rows(5, seed, false);
        let matrix = library.matrix(&values, model.features).unwrap();
        for (what, tolerance) in [(Predict::Contributions, 2e-4), (Predict::Interactions, 5e-4)] {
            // libxgboost computes in f32 and takes differences; its own sums are off by about as much.
            let lib = theirs.predict(&matrix, what).unwrap();
            close(&ours(&booster, &values, what), &lib, tolerance, &format!("{what:?} of {}", model.what));
        }
    }
}

struct Data {
    values: Vec<f32>,
    features: usize,
    matrix: LibMatrix,
}

/// Rows whose label depends on the features; the last feature is categorical where `categories` > 0.
fn training(library: &LibXgboost, labels: &str, categories: u32) -> Data {
    let mut rng = rng(5);
    let (rows, features) = (600, 9);
    let (mut values, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let start = values.len();
        values.extend((0..features).map(|_| {
            if rng.random_bool(0.1) { f32::NAN } else { (rng.random_range(-4.0..4.0f32) * 8.0).round() / 8.0 }
        }));
        if categories > 0 {
            values[start + features - 1] = rng.random_range(0..categories) as f32;
        }
        let x = |feature: usize| Some(values[start + feature]).filter(|v| !v.is_nan()).unwrap_or(0.3);
        let category = if categories > 0 { (values[start + features - 1] as u32 % 3) as f32 } else { 0.0 };
        let signal = x(0) + x(1) * x(2) / 3.0 + category + rng.random_range(-0.5..0.5);
        targets.push(match labels {
            "binary" => f32::from(signal > 0.0),
            "count" => signal.abs().round(),
            "class" => (signal.abs() * 2.0).round().min(2.0),
            "positive" => signal.abs() + 0.1,
            "rank" => signal.clamp(0.0, 4.0).round(),
            _ => signal,
        });
    }
    let matrix = library.matrix(&values, features).unwrap();
    matrix.floats("label", &targets).unwrap();
    if labels == "rank" {
        matrix.queries(&[20; 30]).unwrap();
    }
    matrix.strings("feature_name", &names(features)).unwrap();
    let kinds: Vec<String> = (0..features)
        .map(|feature| if categories > 0 && feature == features - 1 { "c" } else { "float" }.to_owned())
        .collect();
    matrix.strings("feature_type", &kinds).unwrap();
    Data { values, features, matrix }
}

fn names(features: usize) -> Vec<String> {
    (0..features).map(|feature| format!("feature_{feature}")).collect()
}

fn check(trained: &LibBooster, data: &Data, what: &str) {
    trained.names(&names(data.features)).unwrap();
    for format in ["json", "ubj"] {
        let file = trained.save(format).unwrap();
        let booster = Booster::read(&file, &ALL).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(booster.feature_names()[2], "feature_2", "{what}");
        let lib = trained.predict(&data.matrix, Predict::Margin).unwrap();
        same_bits(&ours(&booster, &data.values, Predict::Margin), &lib, what);
        let lib = trained.predict(&data.matrix, Predict::Value).unwrap();
        let mine = ours(&booster, &data.values, Predict::Value);
        if what.contains("softmax") {
            // libxgboost gives the likeliest class; ours is a score for each.
            let likeliest = mine.chunks_exact(booster.groups()).map(|row| {
                let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
                best.unwrap().0 as f32
            });
            same_bits(&likeliest.collect::<Vec<_>>(), &lib, what);
        } else {
            close(&mine, &lib, 1e-6, what);
        }
        let few = &data.values[..data.features * 20];
        let matrix = trained_matrix(data);
        for (kind, tolerance) in [(Predict::Contributions, 2e-5), (Predict::Interactions, 2e-4)] {
            let lib = trained.predict(&matrix, kind).unwrap();
            close(&ours(&booster, few, kind), &lib, tolerance, &format!("{kind:?} of {what}"));
        }
    }
}

fn trained_matrix(data: &Data) -> LibMatrix {
    let library = library().unwrap();
    let matrix = library.matrix(&data.values[..data.features * 20], data.features).unwrap();
    matrix.strings("feature_name", &names(data.features)).unwrap();
    matrix
}

#[test]
fn what_libxgboost_trains_scores_and_explains_alike() {
    let Some(library) = library() else { return };
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
    let trees: &[Case<'_>] = &[
        ("binary:logistic", "binary", &[("max_depth", "6")]),
        (
            "binary:logistic",
            "binary",
            &[("max_depth", "4"), ("num_parallel_tree", "3"), ("subsample", "0.5")],
        ),
        ("binary:logistic", "binary", &[("booster", "dart"), ("rate_drop", "0.3"), ("one_drop", "1")]),
        ("binary:logitraw", "binary", &[("max_depth", "3")]),
        ("binary:hinge", "binary", &[("max_depth", "3")]),
        (
            "reg:squarederror",
            "real",
            &[("grow_policy", "lossguide"), ("max_leaves", "200"), ("max_depth", "0")],
        ),
        ("reg:squarederror", "real", &[("tree_method", "exact"), ("gamma", "0.5")]),
        ("reg:logistic", "binary", &[("max_depth", "5")]),
        ("reg:squaredlogerror", "positive", &[]),
        ("reg:pseudohubererror", "real", &[]),
        ("reg:absoluteerror", "real", &[]),
        ("reg:gamma", "positive", &[]),
        ("reg:tweedie", "count", &[]),
        ("count:poisson", "count", &[]),
        ("survival:cox", "positive", &[]),
        ("rank:pairwise", "rank", &[]),
        ("rank:ndcg", "rank", &[("max_depth", "8")]),
        ("rank:map", "binary-rank", &[]),
        ("multi:softprob", "class", &[("num_class", "3")]),
        ("multi:softprob", "class", &[("num_class", "3"), ("booster", "dart"), ("rate_drop", "0.5")]),
        ("multi:softmax", "class", &[("num_class", "3"), ("num_parallel_tree", "2"), ("subsample", "0.7")]),
    ];
    for (objective, labels, parameters) in trees {
        for categories in [0, 7, 60] {
            let data = match *labels {
                "binary-rank" => {
                    let data = training(&library, "binary", categories);
                    data.matrix.queries(&[20; 30]).unwrap();
                    data
                }
                labels => training(&library, labels, categories),
            };
            if categories > 0 && parameters.contains(&("tree_method", "exact")) {
                continue;
            }
            let trained = library.trainer(&data.matrix, &[("objective", objective)]).unwrap();
            parameters.iter().for_each(|(name, value)| trained.set(name, value).unwrap());
            trained.train(&data.matrix, 12).unwrap();
            check(&trained, &data, &format!("{objective} {parameters:?} with {categories} categories"));
        }
    }
}

#[test]
fn linear_boosters_score_and_explain_alike() {
    let Some(library) = library() else { return };
    for (objective, labels, classes) in [
        ("binary:logistic", "binary", "0"),
        ("reg:squarederror", "real", "0"),
        ("multi:softprob", "class", "3"),
    ] {
        let data = training(&library, labels, 0);
        let trained =
            library.trainer(&data.matrix, &[("objective", objective), ("booster", "gblinear")]).unwrap();
        trained.set("num_class", classes).unwrap();
        trained.train(&data.matrix, 10).unwrap();
        for format in ["json", "ubj"] {
            let booster = Booster::read(&trained.save(format).unwrap(), &ALL).unwrap();
            let lib = trained.predict(&data.matrix, Predict::Margin).unwrap();
            same_bits(&ours(&booster, &data.values, Predict::Margin), &lib, objective);
            let lib = trained.predict(&data.matrix, Predict::Contributions).unwrap();
            close(&ours(&booster, &data.values, Predict::Contributions), &lib, 1e-6, objective);
        }
    }
}
