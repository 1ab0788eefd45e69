//! A Qdrant that is slow, gone, restarted, empty, full, or talks nonsense: every request is answered within its deadline by
//! what does not need vectors, what is missing is named in the answer, in the log and in a metric, and the service heals by
//! itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use recommend_core::{Name, TenantId};
use recommend_events::LogReader;
use recommend_server::proto::*;
use recommend_server::{Config, Deployment, RunningServer, Server};
use recommend_stores::vectors::qdrant::exact;
use recommend_stores::vectors::{Comparison, Place, Precision, Shape};
use tonic::{Request, Status};

use crate::common::raw;
use crate::proxy::{Fault, Proxy};
use crate::qdrant_cases::{Case, cases, refusals};

const DEADLINE: Duration = Duration::from_millis(250);
/// A machine that builds beside the test may hold an answer up; the server must not.
const GRACE: Duration = Duration::from_secs(2);
/// What is popular, which needs no vectors, and what is near, which needs them. Another tenant's is above.
const POPULAR: std::ops::RangeInclusive<u64> = 1..=10;
const NEAR: std::ops::RangeInclusive<u64> = 101..=110;
const OTHERS: u64 = 1_000;

/// A thousand when somebody insists (`make test-qdrant`), fewer in a test run of everything.
fn requests() -> usize {
    if std::env::var_os("RECOMMEND_QDRANT").is_some_and(|want| want == "required") { 1000 } else { 40 }
}

struct World {
    qdrant: exact::Server,
    proxy: Proxy,
    server: RunningServer,
    folder: tempfile::TempDir,
    channel: tonic::transport::Channel,
}

impl World {
    async fn start() -> Self {
        let qdrant = exact::Server::start().unwrap();
        let proxy = Proxy::before(qdrant.port()).await;
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
[server]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
timeout = "250ms"

[stores.vectors]
kind = "qdrant"
url = "{}"
timeout = "30ms"
write_timeout = "2s"

[features.near]
kind = "cosine"
embedding = "tastes"

[[recommender]]
corpus = "channel"
source = "browser"
fetchers = [ {{ kind = "neighbours", embedding = "tastes" }}, {{ kind = "popular", window = "30d" }} ]
features = [ "popular.score", "near" ]
model = {{ kind = "linear", weights = {{ near = 5.0, "popular.score" = 0.01 }} }}
"#,
            proxy.url("http")
        );
        let config = Config::parse("test.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
        let deployment = Deployment::open_for(folder.path(), &config).await.unwrap();
        let server = Server::builder().start(config, deployment).await.unwrap();
        let channel = crate::common::connect(&server).await;
        let world = World { qdrant, proxy, server, folder, channel };
        world.fill().await;
        for tenant in ["1", "2"] {
            world.record(tenant).await;
        }
        world
    }

    /// Vectors of two tenants, of whom each has what the other must not see.
    async fn fill(&self) {
        let vectors = &self.server.deployment().stores.vectors;
        let name = Name::literal("tastes");
        let shape = Shape { dimension: 2, comparison: Comparison::Cosine, precision: Precision::F32 };
        for (tenant, offset) in [(TenantId(1), 0), (TenantId(2), OTHERS)] {
            let entities: Vec<_> =
                NEAR.map(|id| (offset + id, vec![1.0, (id - 100) as f32 / 20.0])).collect();
            let until = Instant::now() + Duration::from_secs(60);
            let load = async || {
                vectors.define(tenant, &name, shape).await?;
                vectors.upsert(&Place::entities(tenant, &name), &entities).await?;
                vectors.upsert(&Place::users(tenant, &name), &[(3, vec![1.0, 0.0])]).await
            };
            // As whoever loads does: again, until it is taken.
            while let Err(error) = load().await {
                assert!(Instant::now() < until, "{error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn record(&self, tenant: &str) {
        let mut client = recommend_service_client::RecommendServiceClient::new(self.channel.clone());
        let offset = if tenant == "1" { 0 } else { OTHERS };
        let interaction = |id: u64| Interaction {
            id: format!("i{id}"),
            user: (id % 7).to_string(),
            corpus: "channel".into(),
            entity: (offset + POPULAR.start() + id % 10).to_string(),
            kind: "click".into(),
            ..Interaction::default()
        };
        let interactions = (0..60).map(interaction).collect();
        let request = RecordInteractionsRequest { tenant: tenant.into(), interactions };
        client.record_interactions(request).await.unwrap();
    }

    async fn ask_as(&self, tenant: &str) -> (Duration, RecommendResponse) {
        let mut client = recommend_service_client::RecommendServiceClient::new(self.channel.clone());
        let mut request = Request::new(RecommendRequest {
            tenant: tenant.into(),
            user: "3".into(),
            corpus: "channel".into(),
            source: "browser".into(),
            limit: 20,
            ..RecommendRequest::default()
        });
        request.set_timeout(DEADLINE + GRACE);
        let started = Instant::now();
        let answer = client.recommend(request).await.unwrap_or_else(|status| panic!("{status}"));
        (started.elapsed(), answer.into_inner())
    }

    async fn ask(&self) -> (Duration, RecommendResponse) {
        self.ask_as("1").await
    }

    /// So many requests, eight at a time; how many answers were degraded.
    async fn a_thousand(&self, case: &str) -> usize {
        let mut degraded = 0;
        for _ in 0..requests() / 8 {
            let answers = futures::future::join_all((0..8).map(|_| self.ask())).await;
            for (time, answer) in answers {
                assert!(time < DEADLINE + GRACE, "{case}: {time:?}");
                assert!(!answer.request_id.is_empty(), "{case}: an answer has its id");
                let named = answer
                    .degraded
                    .iter()
                    .all(|d| !d.stage.is_empty() && !d.component.is_empty() && !d.cause.is_empty());
                assert!(named, "{case}: {:?}", answer.degraded);
                let ids = ids(&answer);
                assert!(
                    POPULAR.clone().all(|id| ids.contains(&id)),
                    "{case}: what needs no vectors: {ids:?}"
                );
                assert!(ids.iter().all(|id| *id < OTHERS), "{case}: another tenant's: {ids:?}");
                // Whole, or named as what it is not.
                let whole = NEAR.clone().all(|id| ids.contains(&id));
                assert!(whole || !answer.degraded.is_empty(), "{case}: nobody says what is missing: {ids:?}");
                degraded += usize::from(!answer.degraded.is_empty());
            }
        }
        degraded
    }

    /// Until answers are whole again.
    async fn heals(&self, case: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        for tenant in ["1", "2"] {
            let wanted = if tenant == "1" { 0 } else { OTHERS };
            loop {
                let (_, answer) = self.ask_as(tenant).await;
                let ids = ids(&answer);
                assert!(ids.iter().all(|id| (*id >= OTHERS) == (tenant == "2")), "{case}: {ids:?}");
                if answer.degraded.is_empty() && NEAR.clone().all(|id| ids.contains(&(wanted + id))) {
                    break;
                }
                assert!(Instant::now() < until, "{case}: it does not heal: {:?}", answer.degraded);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn metrics(&self) -> String {
        raw::http(self.server.http_addr(), "GET", "/metrics", &[], "").await.body
    }
}

fn ids(answer: &RecommendResponse) -> BTreeSet<u64> {
    answer.recommendations.iter().map(|r| r.entity.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_answered_in_time_whatever_becomes_of_qdrant_and_the_service_heals() {
    let world = World::start().await;
    world.heals("before").await;
    // A busy machine may be late for some.
    assert!(world.a_thousand("nothing is wrong").await <= requests() / 4);
    for Case { name, fault, reset, shows } in cases() {
        let before = world.proxy.spoiled.load(std::sync::atomic::Ordering::Relaxed);
        world.proxy.set(fault);
        if reset {
            world.proxy.reset();
        }
        let degraded = world.a_thousand(name).await;
        eprintln!("{name}: {degraded} answers were degraded");
        assert!(!shows || degraded > 0, "{name}: nothing shows");
        let spoiled = world.proxy.spoiled.load(std::sync::atomic::Ordering::Relaxed);
        assert!(spoiled > before, "{name}: nothing was spoiled");
        world.proxy.set(Fault::None);
        world.heals(name).await;
    }
    for (name, status) in refusals() {
        world.qdrant.refuse(status, usize::MAX);
        let degraded = world.a_thousand(name).await;
        eprintln!("{name}: {degraded} answers were degraded");
        assert_eq!(degraded, requests() / 8 * 8, "{name}: nothing shows");
        let (_, answer) = world.ask().await;
        let told = answer.degraded.iter().find(|d| d.message.contains("Qdrant"));
        assert!(told.is_some_and(|d| d.message.len() < 1_000), "{name}: {:?}", answer.degraded);
        world.qdrant.refuse(Status::ok(""), 0);
        world.heals(name).await;
    }
    let metrics = world.metrics().await;
    let value = |name: &str| -> f64 {
        let of_metric = |line: &&str| line.starts_with(name);
        metrics
            .lines()
            .filter(of_metric)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    for name in ["errors", "timeouts", "refused", "retries", "connections"] {
        assert!(value(&format!("recommend_qdrant_{name}_total")) > 0.0, "{name}: {metrics}");
    }
    assert!(value("recommend_degradations_total") > 0.0, "{metrics}");
    world.server.shutdown().await.unwrap();
    let log = LogReader::open(world.folder.path().join("log")).unwrap();
    let logged = log.requests().unwrap();
    assert!(logged.iter().any(|request| !request.degraded.is_empty()), "the log names what was degraded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_qdrant_that_is_killed_restarted_emptied_slow_or_mixes_tenants_is_survived() {
    let mut world = World::start().await;
    world.heals("before").await;

    world.qdrant.kill();
    assert_eq!(world.a_thousand("killed").await, requests() / 8 * 8);
    world.qdrant.run().unwrap();
    world.heals("restarted").await;

    world.qdrant.kill();
    world.qdrant.wipe();
    world.qdrant.run().unwrap();
    assert_eq!(world.a_thousand("restarted, empty").await, requests() / 8 * 8);
    world.fill().await;
    world.heals("loaded again").await;

    world.qdrant.delay(Duration::from_secs(5));
    assert!(world.a_thousand("stuck").await > 0);
    assert!(world.metrics().await.contains("recommend_qdrant_breaker_open"));
    world.qdrant.delay(Duration::ZERO);
    world.heals("unstuck").await;

    // What belongs to another tenant is not believed, whoever says it.
    world.qdrant.mix_tenants(true);
    assert_eq!(world.a_thousand("tenants mixed").await, requests() / 8 * 8);
    world.qdrant.mix_tenants(false);
    world.heals("tenants apart").await;
    world.server.shutdown().await.unwrap();
}

/// A server whose Qdrant is not there starts, says so, and has its vectors when it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_without_its_qdrant() {
    let mut qdrant = exact::Server::start().unwrap();
    qdrant.kill();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[server]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [stores.vectors]\nkind = \"qdrant\"\nurl = \"{}\"\nwrite_timeout = \"300ms\"\n",
        qdrant.url()
    );
    let config = Config::parse("test.toml", &text).unwrap();
    let deployment = Deployment::open_for(folder.path(), &config).await.unwrap();
    let tenant = TenantId(1);
    let error = deployment.stores.vectors.describe(tenant).await.unwrap_err().to_string();
    assert!(error.contains(&qdrant.url()), "{error}");
    qdrant.run().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while deployment.stores.vectors.describe(tenant).await.is_err() {
        assert!(Instant::now() < until, "it does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    deployment.close().await.unwrap();
}
