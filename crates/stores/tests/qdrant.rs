//! Vectors in Qdrant: the contract over the server at `QDRANT_URL`, or else over one in process that speaks its gRPC; and,
//! over that one, what becomes of trouble.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use recommend_core::{Name, TenantId};
use recommend_stores::vectors::qdrant::exact::Server;
use recommend_stores::vectors::{
    Among, Comparison, Near, Place, Precision, Probe, QdrantOptions, QdrantVectors, Shape, VectorError,
    VectorStore, contract,
};
use tonic::{Code, Status};

/// A machine that builds beside the test may be slow; the server is not.
const PATIENT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn qdrant_keeps_the_contract() {
    let own = Server::start().unwrap();
    let given = std::env::var("QDRANT_URL").ok();
    eprintln!("the contract over {}", given.as_deref().unwrap_or("a server in process"));
    let url = given.clone().unwrap_or_else(|| own.url());
    let api_key = std::env::var("QDRANT_API_KEY").ok();
    let run = format!(
        "test-{}-{}",
        std::process::id(),
        std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
    );
    let number = AtomicUsize::new(0);
    contract::all(|| async {
        let prefix = format!("{run}-{}", number.fetch_add(1, Ordering::Relaxed));
        let options = QdrantOptions {
            api_key: api_key.clone(),
            prefix,
            timeout: PATIENT,
            write_timeout: 3 * PATIENT,
            // More than one batch to a write.
            batch: 128,
            ..QdrantOptions::at(&url)
        };
        QdrantVectors::open(options).await.unwrap()
    })
    .await;
    if let Some(url) = given {
        let client = qdrant_client::Qdrant::from_url(&url).api_key(api_key).skip_compatibility_check();
        let client = client.build().unwrap();
        for collection in client.list_collections().await.unwrap().collections {
            if collection.name.starts_with(&run) {
                client.delete_collection(collection.name).await.unwrap();
            }
        }
    }
}

fn films() -> Place {
    Place::entities(TenantId(u64::MAX), &Name::literal("films"))
}

fn shape(dimension: usize) -> Shape {
    Shape { dimension, comparison: Comparison::Cosine, precision: Precision::F32 }
}

fn options(server: &Server) -> QdrantOptions {
    QdrantOptions { timeout: PATIENT, write_timeout: PATIENT, ..QdrantOptions::at(&server.url()) }
}

async fn fill(store: &QdrantVectors, place: &Place, vectors: &[(u64, Vec<f32>)]) {
    store.define(place.tenant, &place.embedding, shape(2)).await.unwrap();
    store.upsert(place, vectors).await.unwrap();
}

async fn one_vector(options: QdrantOptions) -> QdrantVectors {
    let store = QdrantVectors::open(options).await.unwrap();
    fill(&store, &films(), &[(u64::MAX, vec![1.0, 0.0])]).await;
    store
}

async fn found(store: &QdrantVectors) -> Result<Vec<Near>, VectorError> {
    store.nearest(&films(), &Probe::Vector(vec![1.0, 0.5]), 5, Among::All).await
}

async fn heals(store: &QdrantVectors) -> Vec<Near> {
    let until = Instant::now() + PATIENT;
    loop {
        match found(store).await {
            Ok(near) => return near,
            Err(error) => assert!(Instant::now() < until, "it does not heal: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn short_failures_are_not_noticed() {
    let server = Server::start().unwrap();
    let store = one_vector(options(&server)).await;
    for code in [Code::Unavailable, Code::Internal, Code::ResourceExhausted, Code::Aborted] {
        let before = store.remote().unwrap();
        server.refuse(Status::new(code, "as the test wants it"), 3);
        assert_eq!(found(&store).await.unwrap().len(), 1, "{code:?}");
        let now = store.remote().unwrap();
        assert_eq!((now.retries - before.retries, now.errors), (3, before.errors), "{code:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_question_is_not_asked_again_and_nobody_is_left_alone_for_it() {
    let server = Server::start().unwrap();
    let store = one_vector(options(&server)).await;
    server.refuse(Status::invalid_argument("no such thing"), 20);
    for _ in 0..20 {
        let error = found(&store).await.unwrap_err().to_string();
        assert!(error.contains("InvalidArgument: no such thing"), "{error}");
    }
    let now = store.remote().unwrap();
    assert_eq!((now.retries, now.refused, now.open), (0, 0, false));
    assert_eq!(found(&store).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_is_given_up_in_time_and_left_alone_until_well() {
    let server = Server::start().unwrap();
    let filling = one_vector(options(&server)).await;
    assert_eq!(found(&filling).await.unwrap().len(), 1);
    let store = QdrantVectors::new(QdrantOptions { timeout: Duration::from_millis(200), ..options(&server) })
        .unwrap();
    heals(&store).await;
    server.delay(Duration::from_secs(60));
    let mut refused = None;
    for _ in 0..50 {
        let start = Instant::now();
        let error = found(&store).await.unwrap_err().to_string();
        assert!(start.elapsed() < Duration::from_secs(10), "far from what the server takes");
        assert!(error.contains("Qdrant at http://127.0.0.1:"), "{error}");
        if error.contains("left alone") {
            refused = Some(error);
            break;
        }
    }
    assert!(refused.is_some(), "nobody is left alone");
    assert!(store.remote().unwrap().open);
    let asked = server.asked();
    let before = store.remote().unwrap().refused;
    let _ = found(&store).await;
    let held_back = store.remote().unwrap().refused > before;
    assert!(!held_back || server.asked() == asked, "held back, and asked all the same");
    server.delay(Duration::ZERO);
    assert_eq!(heals(&store).await.len(), 1);
    assert!(!store.remote().unwrap().open);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_early_counts_as_a_failure_too() {
    let server = Server::start().unwrap();
    let store = one_vector(QdrantOptions { timeout: Duration::from_millis(100), ..options(&server) }).await;
    heals(&store).await;
    server.delay(Duration::from_secs(60));
    let until = Instant::now() + PATIENT;
    while !store.remote().unwrap().open {
        assert!(Instant::now() < until, "the breaker never opens");
        let _ = tokio::time::timeout(Duration::from_millis(70), found(&store)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_partitions_of_one_collection_with_an_index_and_a_graph_each() {
    let server = Server::start().unwrap();
    let options = QdrantOptions { shards: Some(3), replicas: Some(2), ..options(&server) };
    let store = one_vector(options).await;
    let other = Place { tenant: TenantId(7), ..films() };
    fill(&store, &other, &[(u64::MAX, vec![1.0, 0.0]), (3, vec![0.0, 1.0])]).await;
    let made = server.collection("recommend.films.2.cosine.f32.entities").unwrap();
    assert_eq!((made.points, made.shards, made.replicas), (3, Some(3), Some(2)));
    assert!(made.tenants_apart && made.graph_by_tenant && made.quantised, "{made:?}");
    let definitions = server.collection("recommend.embeddings").unwrap();
    assert_eq!((definitions.points, definitions.tenants_apart), (2, true));
    store.delete(&other, &[u64::MAX]).await.unwrap();
    assert_eq!(found(&store).await.unwrap().len(), 1, "another tenant's vector of the same number stays");
    let plain = QdrantOptions { prefix: "plain".to_owned(), quantise: false, ..self::options(&server) };
    one_vector(plain).await;
    assert!(!server.collection("plain.films.2.cosine.f32.users").unwrap().quantised);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_of_another_tenant_is_an_error_and_shown_to_nobody() {
    let server = Server::start().unwrap();
    let store = one_vector(options(&server)).await;
    fill(&store, &Place { tenant: TenantId(7), ..films() }, &[(1, vec![1.0, 0.5])]).await;
    server.mix_tenants(true);
    let error = found(&store).await.unwrap_err().to_string();
    assert!(error.contains("another tenant"), "{error}");
    server.mix_tenants(false);
    assert_eq!(found(&store).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_killed_and_comes_back_is_used_again() {
    let mut server = Server::start().unwrap();
    let store = one_vector(options(&server)).await;
    server.kill();
    let error = found(&store).await.unwrap_err().to_string();
    assert!(error.contains(&server.url()), "{error}");
    server.run().unwrap();
    assert_eq!(heals(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_everything_is_named_and_can_be_loaded_again() {
    let server = Server::start().unwrap();
    let store = one_vector(options(&server)).await;
    server.wipe();
    for _ in 0..3 {
        let error = found(&store).await.unwrap_err().to_string();
        assert!(error.contains("recommend embed load"), "{error}");
    }
    let loading = one_vector(options(&server)).await;
    assert_eq!(found(&loading).await.unwrap().len(), 1);
    assert_eq!(found(&store).await.unwrap().len(), 1, "who serves sees it too");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedding_that_became_another_is_known_after_one_search() {
    let server = Server::start().unwrap();
    let store = one_vector(options(&server)).await;
    server.wipe();
    let loading = QdrantVectors::open(options(&server)).await.unwrap();
    loading.define(films().tenant, &films().embedding, shape(3)).await.unwrap();
    loading.upsert(&films(), &[(5, vec![1.0, 0.0, 0.0])]).await.unwrap();
    let error = found(&store).await.unwrap_err().to_string();
    assert!(error.contains("2 numbers") && error.contains("3 numbers"), "{error}");
    let near = store.nearest(&films(), &Probe::Vector(vec![1.0, 0.0, 0.0]), 5, Among::All).await.unwrap();
    assert_eq!(near[0].id, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_define_at_once_one_is_told() {
    let server = Server::start().unwrap();
    for round in 0..20_u64 {
        let (tenant, name) = (TenantId(round), Name::literal("films"));
        let open = async || QdrantVectors::open(options(&server)).await.unwrap();
        let (one, other) = (open().await, open().await);
        let (a, b) = tokio::join!(one.define(tenant, &name, shape(2)), other.define(tenant, &name, shape(3)));
        let told =
            [&a, &b].iter().filter(|outcome| matches!(outcome, Err(VectorError::Differs { .. }))).count();
        assert_eq!(told, 1, "{a:?} {b:?}");
        let right = if a.is_ok() { shape(2) } else { shape(3) };
        assert_eq!(open().await.describe(tenant).await.unwrap()[0].shape, right);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_dimension_is_refused_with_what_is_there_and_what_to_do() {
    let server = Server::start().unwrap();
    let store = one_vector(options(&server)).await;
    let error = store.define(films().tenant, &films().embedding, shape(64)).await.unwrap_err().to_string();
    assert!(error.contains("films has 2 numbers") && error.contains("64 numbers"), "{error}");
    assert!(error.contains("give it another name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_sent_asked_for_and_never_shown() {
    let server = Server::start().unwrap();
    server.demand_key("s3cret");
    let with = |key: &str| QdrantOptions { api_key: Some(key.to_owned()), ..options(&server) };
    assert_eq!(found(&one_vector(with("s3cret")).await).await.unwrap().len(), 1);
    for wrong in [options(&server), with("hunter2"), with("hunter2\n")] {
        assert!(!format!("{wrong:?}").contains("hunter2"));
        let error = QdrantVectors::open(wrong).await.unwrap_err().to_string();
        assert!(error.contains("QDRANT_API_KEY") && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_no_reason_not_to_start_and_an_error_that_says_where() {
    let options = QdrantOptions {
        write_timeout: Duration::from_millis(300),
        ..QdrantOptions::at("http://127.0.0.1:1")
    };
    let store = QdrantVectors::open(options).await.unwrap();
    let error = found(&store).await.unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_refused_with_the_fix() {
    let of = |url: &str, prefix: &str| {
        let options = QdrantOptions { prefix: prefix.to_owned(), ..QdrantOptions::at(url) };
        QdrantVectors::new(options).unwrap_err().to_string()
    };
    assert!(of("redis://127.0.0.1:6334", "x").contains("http://127.0.0.1:6334"));
    assert!(of("http://", "x").contains("is no address of a Qdrant"));
    let secret = of("http://me:hunter2@host:6334", "x");
    assert!(secret.contains("QDRANT_API_KEY") && !secret.contains("hunter2"), "{secret}");
    for prefix in ["", "a/b", "Ä", &"x".repeat(65)] {
        assert!(of("http://127.0.0.1:6334", prefix).contains("prefix"), "{prefix}");
    }
}
