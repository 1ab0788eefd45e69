//! `kill -9` at random moments under load: what was acknowledged is there, once.
//!
//! Each round starts the real server over the same folder, writes interactions and entities and asks for recommendations
//! over several connections, and kills the process after a random number of acknowledgements. Then the folder is opened
//! and compared with what was acknowledged. `RECOMMEND_KILL_ROUNDS` sets the number of rounds; `make kill-test` runs 200.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Place;
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng};
use recommend_core::{Name, TenantId, Timestamp};
use recommend_events::{LogOptions, LogReader};
use recommend_server::Deployment;
use recommend_server::proto::catalog_service_client::CatalogServiceClient;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::{
    Entity, Interaction, PutEntitiesRequest, RecommendRequest, RecordInteractionsRequest,
};

type Rng = rand_xoshiro::Xoshiro256PlusPlus;

const TENANT: u64 = 7;
const WRITERS: u64 = 4;

const CONFIG: &str = r#"
[log]
flush_interval = "20ms"
roll_bytes = 65536

[[recommender]]
corpus = "channel"
source = "test"
fetchers = ["popular"]
features = ["popular.score"]
model = { kind = "linear", weights = { "popular.score" = 1.0 } }
"#;

/// What the server acknowledged, over all rounds. Entities are numbered so that each is written once.
#[derive(Default)]
struct Acknowledged {
    interactions: Mutex<BTreeSet<u64>>,
    entities: Mutex<BTreeSet<u64>>,
    count: AtomicUsize,
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_nothing_is_doubled() {
    let rounds: u64 = std::env::var("RECOMMEND_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let place = Place::new();
    place.write("recommend.toml", CONFIG);
    let data = place.path().join("data");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let acknowledged = Arc::new(Acknowledged::default());
    let mut rng = Rng::seed_from_u64(20_261_121);
    let mut lost_requests = 0;
    for round in 0..rounds {
        let server = place.serve("serve --config recommend.toml --data data");
        let address = format!("http://{}", server.grpc);
        let enough = rng.random_range(1..60);
        acknowledged.count.store(0, Ordering::SeqCst);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                runtime.spawn(write(address.clone(), round * WRITERS + writer, acknowledged.clone()))
            })
            .collect();
        runtime.block_on(async {
            while acknowledged.count.load(Ordering::SeqCst) < enough {
                tokio::task::yield_now().await;
            }
        });
        drop(server);
        for writer in writers {
            runtime.block_on(writer).unwrap();
        }
        lost_requests += runtime.block_on(check(&data, &acknowledged));
    }
    println!(
        "{rounds} rounds: {} interactions and {} entities acknowledged, all there once; {lost_requests} request records \
         within the flush interval of a kill",
        acknowledged.interactions.lock().len(),
        acknowledged.entities.lock().len(),
    );
}

/// Writes and asks until the server is gone. Writer and sequence make every interaction and entity unique.
async fn write(address: String, writer: u64, acknowledged: Arc<Acknowledged>) {
    let Ok(mut api) = RecommendServiceClient::connect(address.clone()).await else { return };
    let Ok(mut catalog) = CatalogServiceClient::connect(address).await else { return };
    let mut rng = Rng::seed_from_u64(writer);
    let mut last: Option<RecordInteractionsRequest> = None;
    for batch in 0_u64.. {
        let first = writer * 1_000_000 + batch * 10;
        let numbers: Vec<u64> = (first..first + rng.random_range(1..8)).collect();
        let interactions = numbers.iter().map(|number| interaction(*number)).collect();
        let request = RecordInteractionsRequest { tenant: TENANT.to_string(), interactions };
        if api.record_interactions(request.clone()).await.is_err() {
            return;
        }
        acknowledged.interactions.lock().extend(&numbers);
        acknowledged.count.fetch_add(1, Ordering::SeqCst);
        // A client that did not see an answer sends again.
        if let Some(again) = last.replace(request).filter(|_| batch % 5 == 4) {
            let sent = again.interactions.len() as u32;
            match api.record_interactions(again).await {
                Ok(answer) => assert_eq!((answer.get_ref().accepted, answer.get_ref().duplicates), (0, sent)),
                Err(_) => return,
            }
        }
        let entity = Entity { corpus: "channel".into(), id: first.to_string(), ..Entity::default() };
        let request = PutEntitiesRequest { tenant: TENANT.to_string(), entities: vec![entity] };
        if catalog.put_entities(request).await.is_err() {
            return;
        }
        acknowledged.entities.lock().insert(first);
        let request = RecommendRequest {
            tenant: TENANT.to_string(),
            user: "1".into(),
            corpus: "channel".into(),
            source: "test".into(),
            limit: 5,
            ..RecommendRequest::default()
        };
        if api.recommend(request).await.is_err() {
            return;
        }
    }
}

fn interaction(number: u64) -> Interaction {
    Interaction {
        id: format!("click-{number}"),
        user: (number % 50).to_string(),
        corpus: "channel".into(),
        entity: number.to_string(),
        kind: "click".into(),
        ..Interaction::default()
    }
}

/// Opens the folder as the next start would and compares; how many request records the kill cost at most.
async fn check(data: &Path, acknowledged: &Acknowledged) -> u64 {
    let deployment = Deployment::open(data, &LogOptions::default()).await.unwrap();
    let (tenant, corpus) = (TenantId(TENANT), Name::literal("channel"));
    let (always, never) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let mut stored = Vec::new();
    let store = &deployment.stores.interactions;
    store
        .scan_users(tenant, &corpus, &[], always, never, &mut |_, events| {
            stored.extend(events.iter().map(|event| event.entity.0));
        })
        .unwrap();
    once(&stored, &acknowledged.interactions.lock(), "the store");
    let entities = deployment.stores.catalog.entities(tenant, &corpus).await.unwrap();
    let entities: Vec<u64> = entities.iter().map(|entity| entity.0).collect();
    once(&entities, &acknowledged.entities.lock(), "the catalog");
    let logged = LogReader::open(data.join("log")).unwrap().interactions().unwrap();
    let logged: Vec<u64> = logged.iter().map(|row| row.entity).collect();
    once(&logged, &acknowledged.interactions.lock(), "the log");
    let lost = deployment.recovery.log.loss.map_or(0, |loss| loss.about);
    deployment.close().await.unwrap();
    lost
}

fn once(found: &[u64], acknowledged: &BTreeSet<u64>, place: &str) {
    let distinct: BTreeSet<u64> = found.iter().copied().collect();
    assert_eq!(distinct.len(), found.len(), "{place} holds something twice");
    let missing: Vec<_> = acknowledged.difference(&distinct).collect();
    assert!(missing.is_empty(), "{place} lost {} of {}: {missing:?}", missing.len(), acknowledged.len());
}
