//! The regression against what is known of its minimum, and against the model that serves it.

use super::*;
use crate::dataset::libsvm::{FirstIndex, parse};
use crate::spec::ModelSpec;
use crate::trainers::{Silent, score, train};

/// Rows of three features, labelled by a draw from the true probability.
fn data(rows: usize) -> Dataset {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(7);
    let mut text = String::new();
    for _ in 0..rows {
        let [a, b, c]: [f32; 3] = std::array::from_fn(|_| rng.random_range(-2.0_f32..2.0));
        let raw = -0.5 + 1.5 * a - b + 0.8 * a * b;
        let label = u8::from(rng.random::<f32>() < 1.0 / (1.0 + (-raw).exp()));
        let missing = if rng.random::<f32>() < 0.1 { String::new() } else { format!(" 2:{c}") };
        text += &format!("{label} 0:{a} 1:{b}{missing}\n");
    }
    parse(&text, None, FirstIndex::Zero).unwrap()
}

fn fit_with(model: ModelSpec, data: &Dataset) -> Trained {
    train(&Spec::new("lr", model).unwrap(), data, data, &Silent).unwrap()
}

fn log_loss(trained: &Trained, data: &Dataset) -> f64 {
    let scores = score(&*trained.model("m").unwrap(), data).unwrap();
    let of = |(score, label): (&f32, &f32)| {
        let p = f64::from(*score);
        -if *label > 0.0 { p.ln() } else { (1.0 - p).ln() }
    };
    scores.iter().zip(data.labels()).map(of).sum::<f64>() / data.len() as f64
}

#[test]
fn the_served_model_has_the_loss_that_the_training_reached() {
    let data = data(4000);
    for model in [
        ModelSpec::logistic_regression(),
        ModelSpec::logistic_regression().with("crosses", vec![vec!["0", "1"]]),
        ModelSpec::logistic_regression()
            .with("buckets", toml::Table::from_iter([("2".to_owned(), 5.into())])),
    ] {
        let trained = fit_with(model, &data);
        let reached = trained.chosen["training_log_loss"].as_f64().unwrap();
        assert!((log_loss(&trained, &data) - reached).abs() < 1e-5);
    }
}

#[test]
fn a_cross_finds_what_single_features_cannot() {
    let data = data(4000);
    let plain = fit_with(ModelSpec::logistic_regression(), &data);
    let crossed = fit_with(ModelSpec::logistic_regression().with("crosses", vec![vec!["0", "1"]]), &data);
    assert!(log_loss(&crossed, &data) < log_loss(&plain, &data) - 0.02);
    assert_eq!(
        crossed.importances.iter().map(|i| &i.feature).next_back(),
        Some(&"2".to_owned()),
        "noise matters least"
    );
}

#[test]
fn no_step_from_the_minimum_improves_it() {
    let data = data(500);
    let spec = Spec::new("lr", ModelSpec::logistic_regression().with("l2", 3.0)).unwrap();
    let settings = Settings::read(&spec).unwrap();
    let design = Design::fit(&data, &settings, &spec).unwrap();
    let matrix = design.expand(&data, |_| 0.0);
    let labels: Vec<bool> = data.labels().iter().map(|label| *label > 0.0).collect();
    let loss = Loss::new(&matrix, design.width(), &labels, data.weights(), settings.l2);
    let found = minimise(&loss, 200, 1e-7, &Silent).unwrap();
    let (value, gradient) = loss.at(&found.beta);
    assert!(gradient.iter().all(|g| g.abs() < 1e-5), "{gradient:?}");
    for at in 0..gradient.len() {
        let mut moved = found.beta.clone();
        moved[at] += 0.01;
        assert!(loss.at(&moved).0 > value);
    }
}

#[test]
fn the_position_explains_what_it_caused_and_is_not_served() {
    use rand::{RngExt, SeedableRng};
    // Feature 0 is high at the top because somebody ranked by it; clicks depend on the position alone.
    let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(3);
    let mut text = String::new();
    for _ in 0..600 {
        for position in 0..8 {
            let click = rng.random::<f64>() < 0.6 / f64::from(position + 1);
            let value = 8.0 - f64::from(position) + rng.random::<f64>() * 6.0;
            text += &format!("{} 0:{value} 1:{}\n", u8::from(click), rng.random::<f32>());
        }
    }
    let data = parse(&text, Some(&"8\n".repeat(600)), FirstIndex::Zero).unwrap();
    let weight = |position: bool| {
        let mut spec = Spec::new("lr", ModelSpec::logistic_regression()).unwrap();
        spec.debias.position = position;
        let trained = train(&spec, &data, &data, &Silent).unwrap();
        assert_eq!(trained.features.len(), 2);
        let weights: recommend_models::RegressionWeights = serde_json::from_slice(&trained.file).unwrap();
        weights.weights[0].weight.abs()
    };
    assert!(weight(true) < weight(false) / 4.0, "{} {}", weight(true), weight(false));
}

#[test]
fn settings_that_do_not_fit_are_told() {
    let data = data(50);
    let error = |model: ModelSpec| {
        train(&Spec::new("lr", model).unwrap(), &data, &data, &Silent).unwrap_err().to_string()
    };
    let model = ModelSpec::logistic_regression;
    assert!(error(model().with("l3", 1.0)).contains("did you mean `l2`?"));
    assert!(error(model().with("l2", -1.0)).contains("at least 0"));
    assert!(error(model().with("crosses", vec![vec!["0", "9"]])).contains("\"9\""));
    let buckets = |value: toml::Value| toml::Table::from_iter([("0".to_owned(), value)]);
    assert!(error(model().with("buckets", buckets(1.into()))).contains("2 to 256"));
    let one = parse("1 0:1\n1 0:2\n", None, FirstIndex::Zero).unwrap();
    let spec = Spec::new("lr", model()).unwrap();
    assert!(train(&spec, &one, &one, &Silent).unwrap_err().to_string().contains("some of both"));
}
