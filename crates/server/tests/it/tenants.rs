//! Two tenants with the same ids: nothing of one is reachable from the other.

use std::collections::BTreeSet;

use crate::common::{CONFIG, TestServer, ask, click};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use recommend_events::LogReader;
use recommend_server::proto::attribute_value::Kind;
use recommend_server::proto::*;

/// What one tenant did, over the same small set of ids as the other.
#[derive(Debug, Clone)]
struct Data {
    channels: BTreeSet<u8>,
    members: BTreeSet<(u8, u8)>,
    clicks: Vec<(u8, u8)>,
    quality: Vec<(u8, f32)>,
}

fn data() -> impl Strategy<Value = Data> {
    let id = 0_u8..6;
    (
        prop::collection::btree_set(id.clone(), 0..6),
        prop::collection::btree_set((id.clone(), id.clone()), 0..8),
        prop::collection::vec((id.clone(), id.clone()), 0..12),
        prop::collection::vec((id, 0.0_f32..9.0), 0..6),
    )
        .prop_map(|(channels, members, clicks, quality)| Data { channels, members, clicks, quality })
}

const CONFIG_WITH_ALL: &str = r#"
[server]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
timeout = "20s"

[features.clicks]
kind = "count"
interactions = ["click"]

[features.mine]
kind = "count"
scope = "pair"

[features.everything]
kind = "count"
scope = "tenant"

[features.quality]
kind = "stored"
default = -1.0

[[recommender]]
corpus = "channel"
source = "browser"
fetchers = [ { kind = "all" }, { kind = "popular" }, { kind = "related" } ]
filters = [ { kind = "not-related", relation = "member" } ]
features = [ "popular.score", "related.score" ]
model = { kind = "linear", weights = { clicks = 1.0, mine = 10.0, everything = 100.0, quality = 1000.0 } }
"#;

async fn fill(server: &TestServer, tenant: &str, data: &Data) {
    let names: Vec<String> = data.channels.iter().map(ToString::to_string).collect();
    if !names.is_empty() {
        let channels: Vec<(&str, &[(&str, Kind)])> =
            names.iter().map(|name| (name.as_str(), &[][..])).collect();
        server.put_channels(tenant, &channels).await;
    }
    for (user, channel) in &data.members {
        server.put_member(tenant, &user.to_string(), &channel.to_string()).await;
    }
    if !data.clicks.is_empty() {
        let click = |(second, (user, channel)): (usize, &(u8, u8))| {
            click(&user.to_string(), &channel.to_string(), second as i64)
        };
        let interactions = data.clicks.iter().enumerate().map(click).collect();
        let request = RecordInteractionsRequest { tenant: tenant.into(), interactions };
        server.recommend().record_interactions(request).await.unwrap();
    }
    if !data.quality.is_empty() {
        let row = |(channel, value): &(u8, f32)| FeatureRow {
            corpus: "channel".into(),
            entity: channel.to_string(),
            user: String::new(),
            values: [("quality".to_owned(), *value)].into(),
        };
        let rows = data.quality.iter().map(row).collect();
        server.catalog().put_features(PutFeaturesRequest { tenant: tenant.into(), rows }).await.unwrap();
    }
}

/// Everything that can be seen of a tenant, for every user.
async fn seen(server: &TestServer, tenant: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for user in 0..6 {
        let request = RecommendRequest {
            explain: true,
            time: Some(prost_types::Timestamp { seconds: 1_000_000_100, nanos: 0 }),
            seed: Some(1),
            ..ask(tenant, &user.to_string())
        };
        let mut answer = server.recommend().recommend(request).await.unwrap().into_inner();
        // What differs from run to run: the id, and how long the stages took.
        answer.request_id.clear();
        answer.report.as_mut().unwrap().stages.iter_mut().for_each(|stage| stage.micros = 0);
        seen.push(format!("{answer:?}"));
    }
    seen
}

#[test]
fn a_tenant_sees_the_same_with_and_without_another() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    TestRunner::new(Cases::with_cases(12))
        .run(&(data(), data()), |(mine, others)| {
            runtime.block_on(async {
                let alone = TestServer::start(CONFIG_WITH_ALL).await;
                fill(&alone, "mine", &mine).await;
                let shared = TestServer::start(CONFIG_WITH_ALL).await;
                fill(&shared, "other", &others).await;
                fill(&shared, "mine", &mine).await;
                fill(&shared, "another", &others).await;
                assert_eq!(seen(&alone, "mine").await, seen(&shared, "mine").await);
                let metrics = shared.metrics().await;
                assert!(!metrics.contains("mine") && !metrics.contains("other"), "{metrics}");
                alone.server.shutdown().await.unwrap();
                shared.server.shutdown().await.unwrap();
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_tenants_with_the_same_users_apart() {
    let server = TestServer::start(CONFIG).await;
    for tenant in ["one", "two"] {
        server.put_channels(tenant, &[("general", &[])]).await;
        server.recommend().recommend(ask(tenant, "ada")).await.unwrap();
    }
    let TestServer { server, folder, .. } = server;
    server.shutdown().await.unwrap();
    let requests = LogReader::open(folder.path().join("log")).unwrap().requests().unwrap();
    assert_ne!(requests[0].tenant, requests[1].tenant);
    assert_ne!(requests[0].user, requests[1].user, "one person in two tenants is two pseudonyms");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_an_interaction_counts_in_its_tenant_only() {
    let server = TestServer::start(CONFIG).await;
    for tenant in ["one", "two"] {
        let interaction = Interaction { id: "the-same".into(), ..click("ada", "general", 1) };
        let request = RecordInteractionsRequest { tenant: tenant.into(), interactions: vec![interaction] };
        let answer = server.recommend().record_interactions(request).await.unwrap().into_inner();
        assert_eq!((answer.accepted, answer.duplicates), (1, 0));
    }
    server.server.shutdown().await.unwrap();
}
