//! Promotions: followed within moments, refused when they do not verify, and never noticed by a request.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use recommend_artifacts::{ArtifactStore, Draft, Golden, ModelKind};
use recommend_core::Name;
use recommend_server::proto::*;

use crate::common::{CONFIG, TestServer, ask, click, connect};

fn name() -> Name {
    Name::literal("ranker")
}

/// A regression whose score is the logistic function of `bias + clicks`, with a golden row that says so.
fn draft(feature: &'static str, bias: f32) -> Draft {
    let model = format!(
        r#"{{"bias": {bias}, "weights": [{{"feature": "{feature}", "weight": 1.0, "transform": "identity"}}]}}"#
    );
    let golden = Golden::new(vec![vec![1.0]], vec![logistic(bias + 1.0)]);
    let features = vec![Name::literal(feature)];
    Draft::new(name(), ModelKind::LogisticRegression, model.into_bytes(), features, golden)
}

fn logistic(raw: f32) -> f32 {
    1.0 / (1.0 + (-raw).exp())
}

/// [`CONFIG`] with the promoted artifact for its model, looked for often.
fn config(folder: &Path, model: &str) -> String {
    let artifacts = format!("artifacts = {:?}\nwatch = \"5ms\"\ndrain =", folder.display().to_string());
    // A minute: a stalled machine is no failed request.
    CONFIG
        .replace("timeout = \"20s\"", "timeout = \"60s\"")
        .replace("drain =", &artifacts)
        .replace("{ kind = \"linear\", weights = { clicks = 1.0 } }", model)
}

const FOLLOW: &str = r#"{ kind = "artifact", artifact = "ranker" }"#;

/// Waits until the server answers with this model.
async fn until_serving(server: &TestServer, id: &str) {
    while model(server).await != id {
        tokio::task::yield_now().await;
    }
}

async fn model(server: &TestServer) -> String {
    server.recommend().recommend(ask("t", "u")).await.unwrap().into_inner().model_version
}

async fn until_metric(server: &TestServer, line: &str) {
    while !server.metrics().await.contains(line) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_first_promotion_the_fallback_serves() {
    let folder = tempfile::tempdir().unwrap();
    let model = r#"{ kind = "artifact", artifact = "ranker", fallback = { kind = "linear", weights = { clicks = 1.0 } } }"#;
    let server = TestServer::start(&config(folder.path(), model)).await;
    assert!(self::model(&server).await.starts_with("linear@"));
    let store = ArtifactStore::open(&folder.path().to_string_lossy());
    let version = store.publish(&draft("clicks", 0.0)).unwrap();
    store.promote(&name(), &version).unwrap();
    until_serving(&server, &format!("ranker@{version}")).await;
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recommender_graduates_to_what_is_promoted_user_by_user() {
    let folder = tempfile::tempdir().unwrap();
    // Hand-tuned, the more clicks the better; the artifact has learned the opposite. Evidence is what a user has clicked.
    let model = r#"{ kind = "graduate", evidence = "my_clicks", half = 1, hand_tuned = { kind = "linear", weights = { clicks = 1.0 } }, learned = { kind = "artifact", artifact = "ranker" } }"#;
    let declared = "[features.my_clicks]\nkind = \"count\"\nscope = \"user\"\ninteractions = [\"click\"]\n\n[[recommender]]";
    let text = config(folder.path(), model).replacen("[[recommender]]", declared, 1);
    let server = TestServer::start(&text).await;
    server.put_channels("t", &[("c0", &[]), ("c1", &[])]).await;
    // A fan has clicked ten times, always on c1.
    let clicks = (0..10).map(|at| click("fan", "c1", at)).collect();
    let request = RecordInteractionsRequest { tenant: "t".into(), interactions: clicks };
    server.recommend().record_interactions(request).await.unwrap();
    let top = async |user: &str| {
        let request = RecommendRequest { explain: true, ..ask("t", user) };
        let answer = server.recommend().recommend(request).await.unwrap().into_inner();
        for item in &answer.recommendations {
            let why = item.explanation.as_ref().unwrap();
            let sum = why.bias + why.contributions.iter().map(|part| part.contribution).sum::<f32>();
            assert!((sum - item.score).abs() < 1e-4, "{sum} {}", item.score);
        }
        answer.recommendations[0].entity.clone()
    };
    assert_eq!((top("newcomer").await, top("fan").await), ("c1".to_owned(), "c1".to_owned()));
    let store = ArtifactStore::open(&folder.path().to_string_lossy());
    let learned =
        r#"{"bias": 0.0, "weights": [{"feature": "clicks", "weight": -1.0, "transform": "identity"}]}"#;
    let golden = Golden::new(vec![vec![1.0]], vec![logistic(-1.0)]);
    let features = vec![Name::literal("clicks")];
    let draft = Draft::new(name(), ModelKind::LogisticRegression, learned.into(), features, golden);
    let version = store.publish(&draft).unwrap();
    store.promote(&name(), &version).unwrap();
    while !self::model(&server).await.ends_with(&format!("ranker@{version}")) {
        tokio::task::yield_now().await;
    }
    assert_eq!((top("newcomer").await, top("fan").await), ("c1".to_owned(), "c0".to_owned()));
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_features_that_nobody_declared_is_refused_and_the_old_model_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(&folder.path().to_string_lossy());
    let good = store.publish(&draft("clicks", 0.0)).unwrap();
    store.promote(&name(), &good).unwrap();
    let server = TestServer::start(&config(folder.path(), FOLLOW)).await;
    until_serving(&server, &format!("ranker@{good}")).await;

    // A feature that this recommender does not have.
    let foreign = store.publish(&draft("phase_of_the_moon", 0.0)).unwrap();
    store.promote(&name(), &foreign).unwrap();
    until_metric(
        &server,
        r#"recommend_artifact_loads_total{corpus="channel",result="failed",source="browser"} 1"#,
    )
    .await;
    assert_eq!(model(&server).await, format!("ranker@{good}"));
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_verify_is_refused_and_the_old_model_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(&folder.path().to_string_lossy());
    let good = store.publish(&draft("clicks", 0.0)).unwrap();
    store.promote(&name(), &good).unwrap();
    let server = TestServer::start(&config(folder.path(), FOLLOW)).await;
    // A model file that changed after it was promoted, as by a disk or a hand.
    let damaged = store.publish(&draft("clicks", 2.0)).unwrap();
    store.promote(&name(), &damaged).unwrap();
    until_serving(&server, &format!("ranker@{damaged}")).await;
    store.promote(&name(), &good).unwrap();
    until_serving(&server, &format!("ranker@{good}")).await;
    let file = folder.path().join("ranker").join(&damaged).join("model.json");
    let intact = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, intact.replace("2", "3")).unwrap();
    assert!(store.promote(&name(), &damaged).is_err(), "promoting verifies too");
    let pointer = folder.path().join("ranker/current.json");
    let forged = std::fs::read_to_string(&pointer).unwrap().replacen(&good, &damaged, 1);
    std::fs::write(&pointer, forged).unwrap();
    let failed = |metrics: &str| {
        let line = r#"recommend_artifact_loads_total{corpus="channel",result="failed",source="browser"} "#;
        metrics.lines().find_map(|found| found.strip_prefix(line)) != Some("0")
    };
    while !failed(&server.metrics().await) {
        tokio::task::yield_now().await;
    }
    assert_eq!(model(&server).await, format!("ranker@{good}"));
    server.server.shutdown().await.unwrap();

    // A server that starts now has no old model, so it takes the newest promotion that verifies.
    let again = TestServer::start(&config(folder.path(), FOLLOW)).await;
    assert_eq!(model(&again).await, format!("ranker@{good}"));
    assert!(again.metrics().await.contains(r#"result="failed""#));
    again.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_start_on_an_artifact_that_nobody_promoted() {
    let folder = tempfile::tempdir().unwrap();
    let text = config(folder.path(), FOLLOW);
    let config = recommend_server::Config::parse("test.toml", &text).unwrap();
    let deployment =
        recommend_server::Deployment::open(&folder.path().join("data"), &config.log).await.unwrap();
    let error = recommend_server::Server::start(config, deployment).await.unwrap_err().to_string();
    assert!(
        error.contains("test.toml:") && error.contains("`recommend artifacts promote ranker VERSION`"),
        "{error}"
    );
}

/// 20 promotions in the default tests; `make reload-test` makes 1,000.
#[tokio::test(flavor = "multi_thread")]
async fn promotions_under_load_fail_no_request_and_falsify_no_answer() {
    let promotions: usize = std::env::var("RECOMMEND_PROMOTIONS").map_or(20, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(&folder.path().to_string_lossy());
    let biases: Vec<f32> = (0..5_u8).map(|at| f32::from(at) / 2.0 - 1.0).collect();
    let versions: Vec<String> =
        biases.iter().map(|bias| store.publish(&draft("clicks", *bias)).unwrap()).collect();
    store.promote(&name(), &versions[0]).unwrap();
    let server = Arc::new(TestServer::start(&config(folder.path(), FOLLOW)).await);
    server.put_channels("t", &[("c0", &[]), ("c1", &[]), ("c2", &[])]).await;
    let clicks = (0..3).map(|at| click("v", &format!("c{}", at.min(1)), at)).collect();
    let request = RecordInteractionsRequest { tenant: "t".into(), interactions: clicks };
    server.recommend().record_interactions(request).await.unwrap();

    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (server, stop, answers) = (server.clone(), stop.clone(), answers.clone());
            let (ids, biases) = (versions.clone(), biases.clone());
            tokio::spawn(async move {
                let mut client =
                    recommend_service_client::RecommendServiceClient::new(connect(&server.server).await);
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.recommend(ask("t", "u")).await.unwrap().into_inner();
                    let at =
                        ids.iter().position(|id| answer.model_version == format!("ranker@{id}")).unwrap();
                    // c1 was clicked twice, c0 once, c2 never: the scores tell whose they are.
                    let scores: Vec<f32> = answer.recommendations.iter().map(|item| item.score).collect();
                    let expected = [2.0, 1.0, 0.0].map(|clicks| logistic(biases[at] + clicks));
                    assert!(
                        scores.len() == 3 && scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5),
                        "{scores:?} are not {expected:?} of {}",
                        answer.model_version
                    );
                    assert!(answer.degraded.is_empty());
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for at in 1..=promotions {
        let version = &versions[at % versions.len()];
        store.promote(&name(), version).unwrap();
        until_serving(&server, &format!("ranker@{version}")).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in load {
        client.await.unwrap();
    }
    println!("{promotions} promotions, {} answers, none failed or wrong", answers.load(Ordering::Relaxed));
}
