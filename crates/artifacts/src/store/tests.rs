//! What the store promises, over a real folder.

use std::fs;
use std::path::Path;

use recommend_core::{ManualClock, Model, Timestamp};
use recommend_models::{RegressionWeights, Transform, Weight};

use super::*;
use crate::{DataRange, ModelKind};

fn name() -> Name {
    Name::literal("channels")
}

/// The regression `a + bias` and one golden row of it.
fn draft(bias: f32) -> Draft {
    let a = Name::literal("a");
    let weight = Weight { feature: a.clone(), weight: 1.0, transform: Transform::Identity, missing: None };
    let weights = RegressionWeights { bias, weights: vec![weight], crosses: vec![] };
    let golden = Golden::new(vec![vec![2.0]], vec![1.0 / (1.0 + (-bias - 2.0).exp())]);
    let model = serde_json::to_vec(&weights).unwrap();
    Draft {
        data: Some(DataRange { to: Some("2026-03-01T05:00:00Z".into()), rows: 7, ..DataRange::default() }),
        ..Draft::new(name(), ModelKind::LogisticRegression, model, vec![a], golden)
    }
}

fn store(folder: &Path) -> ArtifactStore {
    ArtifactStore::open(&folder.to_string_lossy()).clock(Arc::new(ManualClock::at(Timestamp(0))))
}

#[test]
fn a_version_is_published_promoted_loaded_and_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (one, two) = (store.publish(&draft(0.0)).unwrap(), store.publish(&draft(1.0)).unwrap());
    assert!(one.starts_with("2026-03-01-") && one != two, "{one} {two}");
    assert!(store.load(&name(), None).unwrap_err().to_string().contains("artifacts promote channels"));
    store.promote(&name(), &one).unwrap();
    store.promote(&name(), &two).unwrap();
    store.promote(&name(), &two).unwrap();
    assert_eq!(store.load(&name(), None).unwrap().version(), format!("channels@{two}"));
    let versions = store.versions(&name()).unwrap();
    assert_eq!(versions.iter().filter(|listed| listed.current).count(), 1);
    assert_eq!(versions[0].manifest.created, "1970-01-01T00:00:00.000Z");
    store.rollback(&name()).unwrap();
    assert_eq!(store.load(&name(), None).unwrap().id(), format!("channels@{one}"));
    assert!(matches!(store.rollback(&name()), Err(ArtifactError::NoHistory { .. })));
    assert_eq!(store.names().unwrap(), [name()]);
}

#[test]
fn publishing_the_same_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let version = store.publish(&draft(0.0)).unwrap();
    let manifest = folder.path().join("channels").join(&version).join(MANIFEST);
    let before = fs::metadata(&manifest).unwrap().modified().unwrap();
    assert_eq!(store.publish(&draft(0.0)).unwrap(), version);
    assert_eq!(fs::metadata(&manifest).unwrap().modified().unwrap(), before);
}

#[test]
fn a_draft_that_would_not_load_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = draft(0.0);
    wrong.golden = Golden::new(vec![vec![2.0]], vec![0.5]);
    assert!(matches!(store(folder.path()).publish(&wrong), Err(ArtifactError::Golden { row: 0, .. })));
    let mut wrong = draft(0.0);
    wrong.features = vec![Name::literal("b")];
    assert!(matches!(store(folder.path()).publish(&wrong), Err(ArtifactError::Schema { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn every_file_that_changed_after_publishing_is_noticed() {
    for file in [MANIFEST, "model.json", SCHEMA, BASELINE, GOLDEN] {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let version = store.publish(&draft(0.0)).unwrap();
        store.promote(&name(), &version).unwrap();
        let path = folder.path().join("channels").join(&version).join(file);
        let intact = fs::read(&path).unwrap();
        let mut spaced = intact.clone();
        spaced.push(b' ');
        fs::write(&path, &spaced).unwrap();
        let error = store.load(&name(), None).unwrap_err();
        assert!(matches!(error, ArtifactError::Checksum { .. }), "{file}: {error}");
        assert!(error.to_string().contains(file) && !error.is_transient());
        fs::remove_file(&path).unwrap();
        assert!(store.load(&name(), None).is_err(), "{file} is gone");
        fs::write(&path, &intact).unwrap();
        assert!(store.load(&name(), None).is_ok());
    }
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let error = |result: Result<Artifact, ArtifactError>| result.unwrap_err().to_string();
    assert!(error(store.load(&name(), Some("1"))).contains("there is none at all"));
    let version = store.publish(&draft(0.0)).unwrap();
    assert!(error(store.load(&name(), Some("1"))).contains(&format!("there are {version}")));
    assert!(error(store.load(&Name::literal("chanels"), Some("1"))).contains("there are channels"));
    assert!(error(store.load(&name(), Some("../../etc"))).contains("is no version"));
}

#[test]
fn a_manifest_of_a_later_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let version = store.publish(&draft(0.0)).unwrap();
    let path = folder.path().join("channels").join(&version).join(MANIFEST);
    let later = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&path, later).unwrap();
    assert!(store.load(&name(), Some(&version)).unwrap_err().to_string().contains("use a newer one"));
}
