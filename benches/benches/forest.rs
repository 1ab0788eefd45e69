//! The forest engine beside libxgboost: same process, same rows, one thread each, through its C API.
//!
//! Rows are scored where they lie (`XGBoosterPredictFromDense`, its fast path), 100 features, none missing. Both sides
//! take turns, time is the thread's own on the processor, and of many calls the fast ones count, because the machine may be
//! busy with something else. Models are
//! trained by libxgboost once and kept under `target/bench/forest`; those of 2,000 trees are the 500 four times. Without
//! `XGBOOST_LIB_DIR` there is nothing to train with, and the bench says so.
//!
//! `make bench BENCH=forest`, or with `ARGS=quick` only the cells that have a figure to reach, with `ARGS=12` those of a
//! depth, with `ARGS=ragged` forests grown by loss.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use recommend_benches::{Better, Report};
use recommend_models::Explain;
use recommend_models::forest::{Compare, Rows};
use recommend_models::libxgboost::{LibBooster, LibXgboost, Predict};
use recommend_models::xgboost::{Booster, Iterations, LoadOptions};

const FEATURES: usize = 100;
const PEER: &str = "libxgboost";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let quick = arguments.iter().any(|argument| argument == "quick");
    let asked =
        |part: &str| quick || arguments.is_empty() || arguments.iter().any(|argument| argument == part);
    let library = match LibXgboost::open() {
        Ok(library) => library,
        Err(error) => {
            println!("forest: skipped: {error}");
            return Ok(());
        }
    };
    let mut report = Report::new("forest");
    let (values, _) = rows(100_000, FEATURES, 2);
    for depth in [6, 3, 8, 12].into_iter().filter(|depth| asked(&depth.to_string())) {
        let five_hundred = trained(&library, depth)?;
        for trees in [500, 100, 2000] {
            if quick && (depth, trees) != (6, 500) {
                continue;
            }
            let file = of_size(&library, &five_hundred, trees)?;
            let theirs = library.booster(&[])?;
            theirs.load(&file)?;
            let ours = read(&file, Compare::Cheapest)?;
            let case = format!("{trees} trees, depth {depth}");
            for count in [1, 10, 100, 1000, 100_000] {
                if quick && count > 1000 {
                    continue;
                }
                score(
                    &mut report,
                    &format!("{case}, {count} rows"),
                    &ours,
                    &theirs,
                    &values[..count * FEATURES],
                )?;
            }
            if (depth, trees) == (6, 500) {
                for (name, compare) in [("bytes", Compare::Bytes), ("f32", Compare::Floats)] {
                    let ours = read(&file, compare)?;
                    let case = format!("{case}, 1000 rows, {name}");
                    score(&mut report, &case, &ours, &theirs, &values[..1000 * FEATURES])?;
                }
                shap(&mut report, &case, &ours, &theirs, &library, &values[..64 * FEATURES])?;
                load(&mut report, &case, &theirs)?;
            }
        }
    }
    if asked("ragged") {
        ragged(&mut report, &library)?;
    }
    report.finish()?;
    Ok(())
}

/// A normal deviate, nearly.
fn normal(rng: &mut impl Rng) -> f32 {
    (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0
}

/// Rows and labels of a problem that takes many trees.
fn rows(count: usize, features: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut weights = Xoshiro256PlusPlus::seed_from_u64(7);
    let weights: Vec<f32> = (0..features).map(|_| normal(&mut weights)).collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let values: Vec<f32> = (0..count * features).map(|_| normal(&mut rng)).collect();
    let labels = values.chunks_exact(features).map(|row| {
        let sum: f32 = row.iter().zip(&weights).map(|(value, weight)| value * weight).sum();
        f32::from(sum + (3.0 * row[0] * row[1]).sin() * 3.0 + 2.0 * normal(&mut rng) > 0.0)
    });
    let labels = labels.collect();
    (values, labels)
}

fn read(file: &[u8], compare: Compare) -> Result<Booster, Failure> {
    Ok(Booster::read(file, &LoadOptions { iterations: Iterations::All, compare })?)
}

/// A model file under `target/bench/forest`; made if it is not there.
fn kept(name: &str, make: impl FnOnce() -> Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure> {
    let path: PathBuf = recommend_benches::report::output("forest")?;
    std::fs::create_dir_all(&path)?;
    let path = path.join(name);
    if let Ok(bytes) = std::fs::read(&path) {
        return Ok(bytes);
    }
    println!("training {name}");
    let bytes = make()?;
    std::fs::write(&path, &bytes)?;
    Ok(bytes)
}

/// 500 trees of a depth, as JSON.
fn trained(library: &LibXgboost, depth: usize) -> Result<Vec<u8>, Failure> {
    kept(&format!("depth-{depth}.json"), || {
        let (values, labels) = rows(20_000, FEATURES, 1);
        let matrix = library.matrix(&values, FEATURES)?;
        matrix.floats("label", &labels)?;
        let depth = depth.to_string();
        let parameters = [
            ("objective", "binary:logistic"),
            ("max_depth", depth.as_str()),
            ("eta", "0.05"),
            ("min_child_weight", "0"),
            ("reg_lambda", "0"),
            ("nthread", "2"),
        ];
        let booster = library.trainer(&matrix, &parameters)?;
        booster.train(&matrix, 500)?;
        Ok(booster.save("json")?)
    })
}

/// The first trees of a model, or all of them several times over.
fn of_size(library: &LibXgboost, file: &[u8], trees: usize) -> Result<Vec<u8>, Failure> {
    let mut model: serde_json::Value = serde_json::from_slice(file)?;
    let gbtree = &mut model["learner"]["gradient_booster"]["model"];
    let all = gbtree["trees"].as_array().ok_or("a model has trees")?;
    let chosen = all.iter().cycle().take(trees).cloned().enumerate().map(|(id, mut tree)| {
        tree["id"] = id.into();
        tree
    });
    let chosen: Vec<_> = chosen.collect();
    gbtree["gbtree_model_param"]["num_trees"] = trees.to_string().into();
    gbtree["tree_info"] = vec![0; trees].into();
    gbtree["iteration_indptr"] = (0..=trees).collect::<Vec<_>>().into();
    gbtree["trees"] = chosen.into();
    let booster = library.booster(&[])?;
    booster.load(&serde_json::to_vec(&model)?)?;
    Ok(booster.save("ubj")?)
}

/// The processor's time that this thread has had.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// What `count` calls take, per call, in seconds.
fn time(count: u32, call: &mut impl FnMut()) -> f64 {
    let start = spent();
    (0..count).for_each(|_| call());
    (spent() - start).as_secs_f64() / f64::from(count)
}

/// How long a call of each takes when nothing is in its way, taking turns, in seconds: of many measurements, the one that a
/// twentieth is faster than, because a virtual machine's clock may stand still for a call. Short calls are timed twenty at
/// once, so that reading the clock does not count.
fn race(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (f64, f64) {
    let (mut mine, mut peers) = (Vec::new(), Vec::new());
    let mut usual = f64::INFINITY;
    let begin = Instant::now();
    while peers.len() < 3 || begin.elapsed() < Duration::from_secs(2) {
        peers.push(time(1, &mut theirs));
        let (turn, as_long) = (Instant::now(), low(&mut peers));
        // As long for ours as for theirs, in as many calls as that allows.
        loop {
            let took = time(if usual < 1e-4 { 20 } else { 1 }, &mut ours);
            usual = if usual.is_finite() { 0.9 * usual + 0.1 * took } else { took };
            mine.push(took);
            if turn.elapsed().as_secs_f64() > as_long {
                break;
            }
        }
    }
    (low(&mut mine), low(&mut peers))
}

/// What a twentieth of the measurements is below.
fn low(measurements: &mut [f64]) -> f64 {
    let at = measurements.len() / 20;
    *measurements.select_nth_unstable_by(at, f64::total_cmp).1
}

fn score(
    report: &mut Report,
    case: &str,
    ours: &Booster,
    theirs: &LibBooster,
    values: &[f32],
) -> Result<(), Failure> {
    let features = ours.features();
    let count = values.len() / features;
    let columns: Vec<usize> = (0..features).collect();
    let rows = Rows::new(values, features, count, &columns)?;
    let mut scores = vec![0.0; count];
    ours.margins(&rows, &mut scores);
    if scores != theirs.predict_in_place(values, features, Predict::Margin)? {
        return Err(format!("{case}: the scores differ").into());
    }
    let (mine, peer) = race(
        || ours.margins(black_box(&rows), black_box(&mut scores)),
        || {
            black_box(theirs.predict_in_place(black_box(values), features, Predict::Margin)).ok();
        },
    );
    report.versus(case, "µs", mine * 1e6, PEER, peer * 1e6, Better::Less);
    println!("{case}: {:.2} µs, {PEER} {:.2} µs, {:.1}×", mine * 1e6, peer * 1e6, peer / mine);
    Ok(())
}

fn shap(
    report: &mut Report,
    case: &str,
    ours: &Booster,
    theirs: &LibBooster,
    library: &LibXgboost,
    values: &[f32],
) -> Result<(), Failure> {
    let columns: Vec<usize> = (0..FEATURES).collect();
    for count in [1, values.len() / FEATURES] {
        let values = &values[..count * FEATURES];
        let rows = Rows::new(values, FEATURES, count, &columns)?;
        let matrix = library.matrix(values, FEATURES)?;
        let mut out = vec![0.0; count * (FEATURES + 1)];
        let (mine, peer) = race(
            || {
                ours.contributions(black_box(&rows), black_box(&mut out)).ok();
            },
            || {
                black_box(theirs.predict(&matrix, Predict::Contributions)).ok();
            },
        );
        let case = format!("{case}, SHAP values of {count} rows");
        println!("{case}: {:.1} µs, {PEER} {:.1} µs, {:.1}×", mine * 1e6, peer * 1e6, peer / mine);
        report.versus(case, "µs", mine * 1e6, format!("{PEER} pred_contribs"), peer * 1e6, Better::Less);
    }
    Ok(())
}

fn load(report: &mut Report, case: &str, theirs: &LibBooster) -> Result<(), Failure> {
    let (json, ubjson) = (theirs.save("json")?, theirs.save("ubj")?);
    let (mine, peer) = race(
        || {
            black_box(read(&json, Compare::Cheapest)).ok();
        },
        || {
            black_box(serde_json::from_slice::<serde_json::Value>(&json)).ok();
        },
    );
    report.versus(format!("{case}, load JSON"), "ms", mine * 1e3, "serde_json", peer * 1e3, Better::Less);
    println!("{case}, load: {:.2} ms, serde_json {:.2} ms", mine * 1e3, peer * 1e3);
    let (mine, _) = race(
        || {
            black_box(read(&ubjson, Compare::Cheapest)).ok();
        },
        || (),
    );
    report.figure(format!("{case}, load UBJSON"), "ms", mine * 1e3);
    Ok(())
}

/// Forests as they grow on real data by loss, 255 leaves each, of any depth.
fn ragged(report: &mut Report, library: &LibXgboost) -> Result<(), Failure> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    for (name, path, features, objective) in [
        ("lambdarank", "lightgbm-lambdarank/rank.train", 301, "rank:ndcg"),
        ("conformance", "xgboost-conformance/gbdtrs_xgb_rank_pairwise/input.libsvm", 47, "rank:pairwise"),
    ] {
        let Ok(text) = std::fs::read_to_string(data.join(path)) else {
            println!("{name}: skipped: ../shared/data/{path} is not there");
            continue;
        };
        let (values, labels) = libsvm(&text, features);
        let file = kept(&format!("ragged-{name}.ubj"), || {
            let matrix = library.matrix(&values, features)?;
            matrix.floats("label", &labels)?;
            let queries = std::fs::read_to_string(data.join(format!("{path}.query")));
            let sizes: Vec<u32> = match queries {
                Ok(text) => text.lines().filter_map(|line| line.trim().parse().ok()).collect(),
                Err(_) => labels.chunks(30).map(|query| query.len() as u32).collect(),
            };
            matrix.queries(&sizes)?;
            let parameters = [
                ("objective", objective),
                ("grow_policy", "lossguide"),
                ("max_leaves", "255"),
                ("max_depth", "0"),
                ("min_child_weight", "0"),
                ("eta", "0.05"),
                ("tree_method", "hist"),
                ("nthread", "2"),
            ];
            let booster = library.trainer(&matrix, &parameters)?;
            booster.train(&matrix, 500)?;
            Ok(booster.save("ubj")?)
        })?;
        let theirs = library.booster(&[])?;
        theirs.load(&file)?;
        let ours = read(&file, Compare::Cheapest)?;
        if let Some(forest) = ours.forest() {
            let leaves: usize = forest.trees().iter().map(recommend_models::forest::Tree::leaves).sum();
            let mean = leaves as f64 / forest.trees().len() as f64;
            println!("{name}: {mean:.0} leaves a tree, depth {}", forest.depth());
        }
        for count in [1, 10, 100, 1000, labels.len()] {
            let case = format!("500 ragged trees, {name}, {count} rows");
            score(report, &case, &ours, &theirs, &values[..count * features])?;
        }
    }
    Ok(())
}

/// Values by row, NaN where absent, and labels.
fn libsvm(text: &str, features: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(label) = words.next().and_then(|word| word.parse().ok()) else { continue };
        labels.push(label);
        let start = values.len();
        values.resize(start + features, f32::NAN);
        for (index, value) in words.filter_map(|word| word.split_once(':')) {
            if let (Ok(index), Ok(value)) = (index.parse::<usize>(), value.parse())
                && index < features
            {
                values[start + index] = value;
            }
        }
    }
    (values, labels)
}
