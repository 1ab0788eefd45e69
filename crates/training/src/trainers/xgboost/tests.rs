//! XGBoost through the trainer: what is promised about settings, stopping, constraints and positions.

use recommend_core::{FeatureRows, Name};

use crate::dataset::Dataset;
use crate::dataset::libsvm::{FirstIndex, parse};
use crate::evaluate::judge;
use crate::spec::{Judge, ModelSpec, Spec};
use crate::trainers::{Silent, Trained, score, train};

/// Requests of six rows: the label follows feature 0, which is high at the top; feature 1 is noise.
fn data() -> Dataset {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(11);
    let mut text = String::new();
    for _ in 0..300 {
        for position in 0..6_u8 {
            let value = rng.random::<f32>() * 4.0 - f32::from(position) / 3.0;
            let click = rng.random::<f32>() < 1.0 / (1.0 + (1.5 + f32::from(position) / 2.0 - value).exp());
            text += &format!("{} 0:{value} 1:{}\n", u8::from(click), rng.random::<f32>());
        }
    }
    parse(&text, Some(&"6\n".repeat(300)), FirstIndex::Zero).unwrap()
}

fn fit(spec: &Spec, data: &Dataset) -> Trained {
    let parts = data.split(&spec.split).unwrap();
    train(spec, &parts.train, &parts.validation, &Silent).unwrap()
}

fn ranker() -> ModelSpec {
    ModelSpec::xgboost_ranker().with("n_estimators", 30).with("max_depth", 3).with("nthread", 1)
}

#[test]
fn every_kind_learns_and_its_golden_rows_hold_where_it_serves() {
    let data = data();
    for model in [
        ranker(),
        ranker().with("objective", "rank:map"),
        ranker().with("objective", "rank:pairwise"),
        ModelSpec::xgboost_classifier().with("n_estimators", 30).with("max_depth", 3),
    ] {
        let spec = Spec::new("m", model).unwrap();
        let trained = fit(&spec, &data);
        let served = trained.model("m").unwrap();
        let value = judge(Judge::Ndcg(5), &data, &score(&*served, &data).unwrap());
        assert!(value > 0.75, "{} {value}", spec.model.kind);
        assert_eq!(trained.importances[0].feature, "0");
        let folder = tempfile::tempdir().unwrap();
        let store = recommend_artifacts::ArtifactStore::open(&folder.path().to_string_lossy());
        let Trained { kind, file, features, golden, .. } = trained;
        store.publish(&recommend_artifacts::Draft::new(spec.name, kind, file, features, golden)).unwrap();
    }
}

#[test]
fn it_stops_when_the_validation_part_no_longer_improves() {
    let model = ranker().with("n_estimators", 400).with("early_stopping_rounds", 10).with("eta", 0.3);
    let trained = fit(&Spec::new("m", model).unwrap(), &data());
    let rounds = trained.chosen["rounds"].as_u64().unwrap();
    assert!(rounds < 390, "{rounds}");
    assert_eq!(trained.chosen["stopped_at"]["round"].as_u64(), Some(rounds + 10));
}

#[test]
fn a_monotone_feature_never_lowers_the_score() {
    let mut spec = Spec::new("m", ranker()).unwrap();
    spec.monotone.insert(Name::literal("0"), -1);
    let trained = fit(&spec, &data());
    let model = trained.model("m").unwrap();
    let rising = ndarray::Array2::from_shape_fn((200, 2), |(row, column)| match column {
        0 => row as f32 / 25.0 - 3.0,
        _ => 0.5,
    });
    let mut scores = vec![0.0; 200];
    model.score(&FeatureRows::new(rising.view(), &[0, 1]), &mut scores).unwrap();
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]), "against the data, because it was told so");
}

#[test]
fn the_position_is_learned_from_and_not_served() {
    let mut spec = Spec::new("m", ranker()).unwrap();
    spec.debias.position = true;
    let data = data();
    let (with, without) = (fit(&spec, &data), fit(&Spec::new("m", ranker()).unwrap(), &data));
    assert_eq!(with.features, data.features());
    assert_ne!(with.file, without.file);
    // The golden rows were scored by XGBoost, the model is read by the engine that serves.
    let folder = tempfile::tempdir().unwrap();
    let store = recommend_artifacts::ArtifactStore::open(&folder.path().to_string_lossy());
    let Trained { kind, file, features, golden, .. } = with;
    store.publish(&recommend_artifacts::Draft::new(spec.name, kind, file, features, golden)).unwrap();
}

#[test]
fn settings_that_do_not_fit_are_told() {
    let data = data();
    let error = |model: ModelSpec| {
        let spec = Spec::new("m", model).unwrap();
        train(&spec, &data, &data, &Silent).unwrap_err().to_string()
    };
    assert!(error(ranker().with("objective", "binary:logistic")).contains("rank:map"));
    assert!(error(ranker().with("n_estimators", 0)).contains("whole number"));
    assert!(error(ranker().with("max_depth", "deep")).contains("XGBoost"));
}
