//! What every kind of model must make of `debias`: the position explains what it caused, and rare rows speak for those
//! that the serving policy did not show.

use ndarray::array;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use recommend_core::FeatureRows;

use super::{Silent, train};
use crate::dataset::libsvm::{FirstIndex, parse};
use crate::dataset::{Dataset, Rows};
use crate::spec::{Debias, ModelSpec, Spec};

fn models() -> Vec<ModelSpec> {
    let mut models = vec![ModelSpec::logistic_regression()];
    if cfg!(feature = "xgboost") {
        let small = |model: ModelSpec| model.with("n_estimators", 40).with("max_depth", 3).with("nthread", 1);
        models.push(small(ModelSpec::xgboost_classifier()));
        models.extend(
            ["rank:ndcg", "rank:map", "rank:pairwise"]
                .map(|objective| small(ModelSpec::xgboost_ranker().with("objective", objective))),
        );
    }
    models
}

/// How much higher the served model scores `high` than `low`.
fn preference(model: &ModelSpec, debias: Debias, data: &Dataset, high: f32, low: f32) -> f32 {
    let spec = Spec { debias, ..Spec::new("m", model.clone()).unwrap() };
    let served = train(&spec, data, data, &Silent).unwrap().model("m").unwrap();
    assert_eq!(served.features(), data.features(), "the position is not among them");
    let (rows, mut scores) = (array![[high], [low]], [0.0; 2]);
    served.score(&FeatureRows::new(rows.view(), &[0]), &mut scores).unwrap();
    scores[0] - scores[1]
}

fn told(model: &ModelSpec) -> String {
    format!("{} {:?}", model.kind, model.settings.get("objective"))
}

#[test]
fn what_the_position_caused_is_not_learned_of_the_features() {
    // Feature 0 is high at the top, because somebody ranked by it; clicks depend on the position alone.
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut text = String::new();
    for _ in 0..500 {
        for position in 0..6_u8 {
            let click = rng.random::<f64>() < 0.6 / f64::from(position + 1);
            text +=
                &format!("{} 0:{}\n", u8::from(click), 6.0 - f64::from(position) + rng.random::<f64>() * 4.0);
        }
    }
    let data = parse(&text, Some(&"6\n".repeat(500)), FirstIndex::Zero).unwrap();
    for model in models() {
        let of = |position| preference(&model, Debias { position, ..Debias::default() }, &data, 8.0, 3.0);
        let (with, without) = (of(true), of(false));
        assert!(without > 0.1 && with.abs() < without / 2.0, "{}: {with} and {without}", told(&model));
    }
}

#[test]
fn requests_that_were_shown_rarely_count_as_often_as_they_would_be_shown_evenly() {
    // Four of five requests were of a policy's favourites, where less is better; of the others, where more is, it showed
    // one in ten. Evenly shown, the others would be 2.5 times as many.
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let (mut text, mut propensities) = (String::new(), Vec::new());
    for request in 0..600 {
        let rare = request % 5 == 0;
        for _ in 0..4 {
            let value = rng.random::<f32>();
            let good = if rare { value } else { 1.0 - value };
            text += &format!("{} 0:{value}\n", u8::from(rng.random::<f32>() < 0.1 + 0.6 * good));
            propensities.push(if rare { 0.1 } else { 1.0 });
        }
    }
    let plain = parse(&text, Some(&"4\n".repeat(600)), FirstIndex::Zero).unwrap();
    let rows = Rows { propensities, ..plain.rows().clone() };
    let (about, matrix) = (plain.about().clone(), plain.matrix().to_owned());
    let data = Dataset::new(about, plain.schema().clone(), matrix, rows, plain.groups().to_vec()).unwrap();
    for model in models() {
        let of = |inverse_propensity, max_weight| {
            preference(&model, Debias { inverse_propensity, max_weight, position: false }, &data, 0.9, 0.1)
        };
        assert!(of(false, 10.0) < 0.0, "{}: as logged, less is better", told(&model));
        assert!(of(true, 10.0) > 0.0, "{}: evenly shown, more is better", told(&model));
        assert!(of(true, 1.5) < 0.0, "{}: a low bound on weights leaves the bias", told(&model));
    }
}
