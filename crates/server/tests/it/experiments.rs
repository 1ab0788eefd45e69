//! Experiments on a real server: who sees what, what is logged of it, and what a reload or a restart moves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use recommend_artifacts::{ArtifactStore, Draft, Golden, ModelKind};
use recommend_core::Name;
use recommend_events::{LogReader, RequestRow};
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::*;
use recommend_server::{Config, Deployment, Server};

use crate::common::{CONFIG, TestServer, ask, click, connect, entities};

const USERS: usize = 300;

/// An experiment on the recommender of [`CONFIG`]; the treatment turns its order around.
fn experiment(settings: &str, variants: &str) -> String {
    format!(
        "{CONFIG}\n[[experiment]]\nname = \"upside-down\"\ncorpus = \"channel\"\nsource = \"browser\"\n{settings}\n\
         variants = [\n{variants}\n]\n"
    )
}

const CONTROL: &str = "{ name = \"control\" },";
const REVERSED: &str = "{ name = \"reversed\", model = { kind = \"linear\", weights = { clicks = -1.0 } } },";

fn weighted(weight: f64) -> String {
    format!("{CONTROL}\n{}", REVERSED.replace("{ name", &format!("{{ weight = {weight:?}, name")))
}

fn parse(text: &str) -> Config {
    Config::parse("test.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

async fn fill(server: &TestServer) {
    server.put_channels("t", &[("c0", &[]), ("c1", &[]), ("c2", &[])]).await;
    let clicks = (0..3).map(|at| click("v", &format!("c{}", at.min(1)), at)).collect();
    let request = RecordInteractionsRequest { tenant: "t".into(), interactions: clicks };
    server.recommend().record_interactions(request).await.unwrap();
}

/// What each user gets: the variant, which is also told by the order of the answer.
async fn arms(client: &mut RecommendServiceClient<tonic::transport::Channel>) -> Vec<String> {
    let mut arms = Vec::new();
    for user in 0..USERS {
        let answer = client.recommend(ask("t", &format!("u{user}"))).await.unwrap().into_inner();
        match answer.variant.as_str() {
            "reversed" => assert_eq!(entities(&answer), ["c2", "c0", "c1"]),
            _ => assert_eq!(entities(&answer), ["c1", "c0", "c2"]),
        }
        assert_eq!(answer.experiment.is_empty(), answer.variant.is_empty());
        arms.push(answer.variant);
    }
    arms
}

fn count(arms: &[String], variant: &str) -> usize {
    arms.iter().filter(|arm| *arm == variant).count()
}

/// All that was logged once the server has stopped.
fn logged(folder: &Path) -> Vec<RequestRow> {
    LogReader::open(folder.join("log")).unwrap().requests().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nobody_moves_who_is_not_asked_to() {
    let server = TestServer::start(&experiment("ramp = 0.4", &weighted(1.0))).await;
    fill(&server).await;
    let stop = Arc::new(AtomicBool::new(false));
    // Others ask all the time; no reload may fail one of their requests.
    let load: Vec<_> = (0..4)
        .map(|at| {
            let (stop, channel) = (stop.clone(), server.channel.clone());
            tokio::spawn(async move {
                let mut client = RecommendServiceClient::new(channel);
                let mut answers = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let user = format!("w{}", (answers * 4 + at) % 1000);
                    client.recommend(ask("t", &user)).await.unwrap();
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    let mut client = server.recommend();
    let first = arms(&mut client).await;
    let (control, reversed) = (count(&first, "control"), count(&first, "reversed"));
    assert!(
        (80..160).contains(&(control + reversed)) && control > 30 && reversed > 30,
        "{control} {reversed}"
    );
    assert_eq!(arms(&mut client).await, first, "asked again, everybody has the same");

    let reload = |text: &str| server.server.reload(parse(text)).unwrap().to_string();
    // More of the users take part: who did already stays where they are.
    assert_eq!(reload(&experiment("ramp = 1.0", &weighted(1.0))), "changed experiment upside-down");
    let all = arms(&mut client).await;
    assert_eq!(count(&all, ""), 0);
    assert!(first.iter().zip(&all).all(|(was, is)| was.is_empty() || was == is));

    // A weight is raised: some move into that variant, which is what was asked for, and nobody out of it.
    reload(&experiment("ramp = 1.0", &weighted(3.0)));
    let heavier = arms(&mut client).await;
    let moved = all.iter().zip(&heavier).filter(|(was, is)| was != is).count();
    assert!(all.iter().zip(&heavier).all(|(was, is)| was == is || is == "reversed"));
    assert!((40..110).contains(&moved), "a quarter of {USERS} was to move, {moved} did");

    // Another experiment on another recommender moves nobody here, and neither does a restart.
    let other = CONFIG.split_once("[[recommender]]").unwrap().1.replace("\"browser\"", "\"sidebar\"");
    let both = format!(
        "{}\n[[recommender]]{other}\n[[experiment]]\nname = \"other\"\ncorpus = \"channel\"\nsource = \"sidebar\"\n\
         variants = [ {{ name = \"a\" }}, {{ name = \"b\" }} ]\n",
        experiment("ramp = 1.0", &weighted(3.0))
    );
    assert_eq!(reload(&both), "added channel/sidebar, experiment other");
    assert_eq!(arms(&mut client).await, heavier);

    // Stopped: everybody has the recommender as it is. Started again: everybody is where they were.
    reload(&experiment("stop = true", &weighted(3.0)));
    assert_eq!(count(&arms(&mut client).await, ""), USERS);
    reload(&experiment("", &weighted(3.0)));
    assert_eq!(arms(&mut client).await, heavier);

    stop.store(true, Ordering::Relaxed);
    let mut answers = 0;
    for task in load {
        answers += task.await.unwrap();
    }
    assert!(answers > 0);
    let TestServer { server, folder, channel } = server;
    drop((client, channel));
    server.shutdown().await.unwrap();

    let config = parse(&experiment("", &weighted(3.0)));
    let deployment = Deployment::open(folder.path(), &config.log).await.unwrap();
    let again = Server::start(config, deployment).await.unwrap();
    let mut client = RecommendServiceClient::new(connect(&again).await);
    assert_eq!(arms(&mut client).await, heavier, "a restart moves nobody");
    drop(client);
    again.shutdown().await.unwrap();

    // The log says who saw what: by one weight, no user was in two variants.
    let rows = logged(folder.path());
    assert!(rows.iter().all(|row| row.experiment.is_some() == row.variant.is_some()));
    let mut of: BTreeMap<u64, Vec<&Name>> = BTreeMap::new();
    for row in &rows {
        let seen = of.entry(row.user).or_default();
        if let Some(variant) = &row.variant
            && seen.last() != Some(&variant)
        {
            seen.push(variant);
        }
    }
    assert!(of.len() >= USERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_is_for_everybody_but_the_holdout() {
    let settings = "holdout = 0.3\nwinner = \"reversed\"";
    let server = TestServer::start(&experiment(settings, &weighted(1.0))).await;
    fill(&server).await;
    let (mut with, mut without) = (0, 0);
    for user in 0..100 {
        let answer = server.recommend().recommend(ask("t", &format!("u{user}"))).await.unwrap().into_inner();
        assert_eq!((answer.experiment.as_str(), answer.variant.as_str()), ("", ""));
        match entities(&answer)[0] {
            "c2" => with += 1,
            _ => without += 1,
        }
    }
    assert!((15..45).contains(&without) && with + without == 100, "{with} {without}");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn exposures_are_counted_by_variant() {
    let server = TestServer::start(&experiment("", &weighted(1.0))).await;
    fill(&server).await;
    let arms = arms(&mut server.recommend()).await;
    let metrics = server.metrics().await;
    for variant in ["control", "reversed"] {
        let line = format!(
            "recommend_variant_requests_total{{code=\"ok\",corpus=\"channel\",experiment=\"upside-down\",source=\"browser\",variant=\"{variant}\"}} {}",
            count(&arms, variant)
        );
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains(&format!(
        "recommend_requests_total{{code=\"ok\",corpus=\"channel\",source=\"browser\"}} {USERS}"
    )));
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_is_logged_and_nobody_sees_it() {
    let shadow = REVERSED.replace("{ name", "{ shadow = true, name");
    let server = TestServer::start(&experiment("", &shadow)).await;
    fill(&server).await;
    let mut client = server.recommend();
    let mut shown = Vec::new();
    for user in 0..20 {
        let answer = client.recommend(ask("t", &format!("u{user}"))).await.unwrap().into_inner();
        assert_eq!(entities(&answer), ["c1", "c0", "c2"]);
        assert_eq!(answer.variant, "control");
        shown.push(answer.request_id);
    }
    let ran = |metrics: &str| {
        let line = "recommend_shadow_runs_total{corpus=\"channel\",experiment=\"upside-down\",result=\"ok\",source=\"browser\",variant=\"reversed\"} 20";
        metrics.contains(line)
    };
    while !ran(&server.metrics().await) {
        tokio::task::yield_now().await;
    }
    let TestServer { server, folder, channel } = server;
    drop((client, channel));
    server.shutdown().await.unwrap();
    let log = LogReader::open(folder.path().join("log")).unwrap();
    let (shadows, seen): (Vec<_>, Vec<_>) =
        log.requests().unwrap().into_iter().partition(|row| row.shadow_of.is_some());
    assert_eq!((shadows.len(), seen.len()), (20, 20));
    for row in &shadows {
        assert_eq!(row.variant, Some(Name::literal("reversed")));
        assert_eq!(row.returned, 0);
        assert!(shown.contains(&row.shadow_of.unwrap().to_string()));
    }
    let impressions = log.impressions().unwrap();
    let of_shadow = |request| shadows.iter().any(|row| row.request == request);
    assert_eq!(impressions.iter().filter(|row| of_shadow(row.request)).count(), 60);
    assert!(impressions.iter().all(|row| row.shown != of_shadow(row.request)));
}

#[tokio::test(flavor = "multi_thread")]
async fn interleaved_slates_come_from_both_variants() {
    let server = TestServer::start(&experiment("method = \"interleave\"", &weighted(1.0))).await;
    fill(&server).await;
    let mut client = server.recommend();
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for user in 0..60 {
        let answer = client.recommend(ask("t", &format!("u{user}"))).await.unwrap().into_inner();
        assert_eq!((answer.experiment.as_str(), answer.variant.as_str()), ("upside-down", ""));
        let top = &answer.recommendations[0];
        // Whoever picks first picks its own best.
        assert_eq!(top.entity, if top.variant == "reversed" { "c2" } else { "c1" });
        let mut all = entities(&answer);
        all.sort_unstable();
        assert_eq!(all, ["c0", "c1", "c2"]);
        *first.entry(top.variant.clone()).or_default() += 1;
    }
    assert!(first["control"] > 10 && first["reversed"] > 10, "{first:?}");
    let TestServer { server, folder, channel } = server;
    drop((client, channel));
    server.shutdown().await.unwrap();
    let log = LogReader::open(folder.path().join("log")).unwrap();
    assert!(log.requests().unwrap().iter().all(|row| row.experiment.is_some() && row.variant.is_none()));
    let impressions = log.impressions().unwrap();
    assert_eq!(impressions.len(), 180);
    for row in &impressions {
        // What is logged is what that variant's model has read and made of it.
        let sign = if row.variant == Some(Name::literal("reversed")) { -1.0 } else { 1.0 };
        assert!((row.score - sign * row.feature("clicks").unwrap()).abs() < 1e-6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promotions_reach_the_models_of_variants() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::open(&folder.path().to_string_lossy());
    let name = Name::literal("ranker");
    let version = |bias: f32| {
        let model = format!(
            r#"{{"bias": {bias}, "weights": [{{"feature": "clicks", "weight": -1.0, "transform": "identity"}}]}}"#
        );
        let golden = Golden::new(vec![vec![1.0]], vec![1.0 / (1.0 + (1.0 - bias).exp())]);
        let features = vec![Name::literal("clicks")];
        let draft =
            Draft::new(name.clone(), ModelKind::LogisticRegression, model.into_bytes(), features, golden);
        let version = store.publish(&draft).unwrap();
        store.promote(&name, &version).unwrap();
        format!("ranker@{version}")
    };
    let first = version(0.0);
    let learned = format!(
        "{CONTROL}\n{{ name = \"reversed\", model = {{ kind = \"artifact\", artifact = \"ranker\" }} }},"
    );
    let artifacts =
        format!("artifacts = {:?}\nwatch = \"5ms\"\ndrain =", folder.path().display().to_string());
    let server = TestServer::start(&experiment("", &learned).replace("drain =", &artifacts)).await;
    fill(&server).await;
    let mut client = server.recommend();
    let before = arms(&mut client).await;
    let user = before.iter().position(|arm| arm == "reversed").unwrap();
    let mut model = async || {
        let answer = client.recommend(ask("t", &format!("u{user}"))).await.unwrap().into_inner();
        assert_eq!(answer.variant, "reversed");
        answer.model_version
    };
    assert_eq!(model().await, first);
    let second = version(1.0);
    while model().await != second {
        tokio::task::yield_now().await;
    }
    assert_eq!(arms(&mut server.recommend()).await, before);
    server.server.shutdown().await.unwrap();
}
