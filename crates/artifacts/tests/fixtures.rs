//! Every format of artifact that was ever written can still be read.

use std::path::Path;

use std::sync::Arc;

use recommend_artifacts::{ArtifactStore, Baseline, DataRange, Draft, Golden, ModelKind};
use recommend_core::{ManualClock, Model, Name, Timestamp};

/// Run once for a new format, with its number in the path: `cargo test -p recommend-artifacts --test fixtures -- --ignored`.
#[test]
#[ignore = "writes the fixture of a new format; those of released ones stay as they are"]
fn write_the_fixture_of_the_present_format() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    let clock = Arc::new(ManualClock::at(Timestamp(1_772_400_000_000)));
    let store = ArtifactStore::open(&folder.to_string_lossy()).clock(clock);
    let features = vec![Name::literal("messages_7d"), Name::literal("popular.score")];
    let model = br#"{"bias": -1.0, "weights": [
        {"feature": "messages_7d", "weight": 0.5, "transform": "standardise", "mean": 4.0, "std": 2.0},
        {"feature": "popular.score", "weight": 1.0, "transform": "bucket", "bounds": [0.5], "values": [0.0, 1.5]}]}"#;
    let score = |raw: f32| 1.0 / (1.0 + (-raw).exp());
    let golden = Golden::new(vec![vec![6.0, 0.75], vec![f32::NAN, 0.25]], vec![score(1.0), score(-1.0)]);
    let rows = [[1.0, 0.1], [f32::NAN, 0.2], [3.0, 0.2], [8.0, 0.9]];
    let draft = Draft {
        baseline: Baseline::of(&features, &rows.concat()),
        recommender: Some("channel/channel-browser".to_owned()),
        data: Some(DataRange {
            from: Some("2026-02-01T00:00:00Z".to_owned()),
            to: Some("2026-03-01T12:00:00Z".to_owned()),
            rows: 1000,
            requests: 100,
            positives: 70,
        }),
        ..Draft::new(
            Name::literal("channels"),
            ModelKind::LogisticRegression,
            model.to_vec(),
            features,
            golden,
        )
    };
    let version = store.publish(&draft).unwrap();
    store.promote(&draft.name, &version).unwrap();
}

#[test]
fn an_artifact_of_format_1_loads_and_verifies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    let store = ArtifactStore::open(&folder.to_string_lossy());
    let artifact = store.load(&Name::literal("channels"), None).unwrap();
    assert!(artifact.id().starts_with("channels@2026-03-01-"));
    assert_eq!(artifact.features(), ["messages_7d", "popular.score"]);
    let manifest = artifact.manifest();
    assert_eq!((manifest.format, manifest.kind), (1, ModelKind::LogisticRegression));
    assert_eq!(manifest.data.as_ref().unwrap().rows, 1000);
    assert_eq!(artifact.baseline().features[0].missing, 0.25);
}
