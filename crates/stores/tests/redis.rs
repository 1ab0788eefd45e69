//! What the embedded stores promise, over a real Redis and over a real cluster of three nodes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod common;

use std::time::Duration;

use common::redis_server::{RedisCluster, RedisServer, available};
use common::{batch, codec, everything, oracle, run};
use proptest::test_runner::{Config, TestRunner};
use recommend_core::{EntityId, Interaction, InteractionId, Name, TenantId, Timestamp, UserId, Value};
use recommend_stores::{
    Aggregate, AggregateSpec, EntityPut, FeaturePut, RedisOptions, Scope, StoreError, Stores, Subject,
    WriteBatch,
};

fn open(options: RedisOptions) -> Stores {
    run(Stores::redis(codec(), options)).unwrap()
}

/// A server, or nothing when there is no Redis to test with.
fn server() -> Option<RedisServer> {
    available().then(|| RedisServer::start(&[]))
}

#[test]
fn every_read_is_what_a_scan_of_the_list_gives() {
    let Some(server) = server() else { return };
    for shards in [1, 5] {
        let mut runner =
            TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
        let played = runner.run(&oracle::rounds(), |rounds| {
            server.tell("FLUSHALL").unwrap();
            // An id is known in the shards of its entity and of its user: in others it would be another interaction.
            let rounds = if shards > 1 { oracle::retried(rounds) } else { rounds };
            oracle::play(&open(RedisOptions { shards, ..RedisOptions::at(&server.url()) }), rounds)
        });
        played.unwrap();
    }
}

#[test]
fn a_cluster_of_three_nodes_answers_the_same() {
    if !available() {
        return;
    }
    let cluster = RedisCluster::start();
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let played = runner.run(&oracle::rounds(), |rounds| {
        cluster.nodes.iter().for_each(|node| drop(node.tell("FLUSHALL").unwrap()));
        oracle::play(&open(RedisOptions::cluster(cluster.urls())), oracle::retried(rounds))
    });
    played.unwrap();
    let used = |node: &RedisServer| !node.tell("DBSIZE").unwrap().starts_with(":0");
    assert!(cluster.nodes.iter().filter(|node| used(node)).count() >= 2, "the shards are spread");
}

#[test]
fn a_history_of_everything_is_held_as_the_embedded_stores_hold_it_and_by_who_comes_later_too() {
    let Some(server) = server() else { return };
    let embedded = Stores::in_memory(codec());
    let ours = open(RedisOptions { shards: 3, ..RedisOptions::at(&server.url()) });
    for number in 0..300 {
        let (tenant, written) = batch(number);
        let expected = run(embedded.writer.write(tenant, written.clone())).unwrap();
        assert_eq!(run(ours.writer.write(tenant, written)).unwrap(), expected, "batch {number}");
    }
    assert_eq!(everything(&ours), everything(&embedded));
    let later = open(RedisOptions { shards: 3, ..RedisOptions::at(&server.url()) });
    assert_eq!(everything(&later), everything(&embedded));
    let (tenant, written) = batch(299);
    let ids: Vec<_> = written.interactions.iter().map(|i| i.id).chain([InteractionId(u128::MAX)]).collect();
    let mut expected = vec![true; ids.len()];
    expected[ids.len() - 1] = false;
    assert_eq!(run(later.writer.recorded(tenant, &ids)).unwrap(), expected);
}

fn interaction(id: u128, user: u64, entity: u64, kind: &'static str, time: i64) -> Interaction {
    Interaction {
        id: InteractionId(id),
        request: None,
        tenant: TenantId(1),
        user: UserId(user),
        corpus: Name::literal("channel"),
        entity: EntityId(entity),
        kind: Name::literal(kind),
        time: Timestamp(time),
        value: (id % 7) as f32 / 4.0,
    }
}

#[test]
fn of_a_batch_that_is_partly_known_what_is_new_counts_once_and_all_rows_have_an_end() {
    let Some(server) = server() else { return };
    let options = RedisOptions { retention: Duration::from_secs(5_000), ..RedisOptions::at(&server.url()) };
    let stores = open(options);
    let (tenant, corpus) = (TenantId(1), Name::literal("channel"));
    let write = |ids: &[u128]| {
        // Ids of several rows, of which some are known whole, some in part and some not at all.
        let of = |id: &u128| interaction(*id, (*id % 4) as u64, (*id % 6) as u64, "join", *id as i64);
        let batch = WriteBatch { interactions: ids.iter().map(of).collect(), ..WriteBatch::default() };
        let outcome = run(stores.writer.write(tenant, batch)).unwrap();
        (outcome.accepted, outcome.duplicates)
    };
    assert_eq!(write(&[0, 1, 2, 3]), (4, 0));
    assert_eq!(write(&[4, 0, 6, 4, 1, 7, 7, 13]), (4, 4));
    assert_eq!(write(&[4, 7]), (0, 2));
    let aggregate = |aggregate| AggregateSpec {
        scope: Scope::Entity,
        corpus: None,
        kinds: Vec::new(),
        window: None,
        resolution: None,
        aggregate,
    };
    let specs = [aggregate(Aggregate::Count), aggregate(Aggregate::Sum)];
    let entities: Vec<EntityId> = (0..6).map(EntityId).collect();
    let subject =
        Subject { tenant, user: UserId(1), corpus: &corpus, entities: &entities, now: Timestamp(100) };
    let mut out = vec![0.0; 12];
    run(stores.interactions.aggregate(&subject, &specs, &mut out)).unwrap();
    // 0 and 6; 1, 7 and 13; 2; 3; 4; none. Values are quarters of the remainder by seven.
    assert_eq!(out, [2.0, 1.5, 3.0, 1.75, 1.0, 0.5, 1.0, 0.75, 1.0, 1.0, 0.0, 0.0]);
    let mut redis = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("rec:{*}:[euc]:*").query(&mut redis).unwrap();
    assert_eq!(keys.len(), 5 + 4 + 1);
    for key in keys {
        let left: i64 = redis::cmd("TTL").arg(&key).query(&mut redis).unwrap();
        assert!((4_000..=5_000).contains(&left), "{key} lives for {left} s");
    }
}

/// Rows far beyond what they hold as it is: windows that begin at whole hours and days are still those of the list.
#[test]
fn long_rows_agree_with_the_embedded_stores_where_the_resolution_says_so() {
    let Some(server) = server() else { return };
    let (embedded, ours) = (Stores::in_memory(codec()), open(RedisOptions::at(&server.url())));
    let (tenant, corpus, hour) = (TenantId(1), Name::literal("channel"), 3_600_000_i64);
    let total = 6_000_u128;
    for part in 0..12 {
        let interactions: Vec<_> = (part * total / 12..(part + 1) * total / 12)
            .map(|id| {
                // Out of order within some hours, over twelve days.
                let time = id as i64 * 12 * 24 * hour / total as i64 - (id as i64 * 7919) % (5 * hour);
                interaction(
                    id,
                    (id % 180) as u64,
                    (id % 3) as u64,
                    if id % 5 == 0 { "join" } else { "message" },
                    time,
                )
            })
            .collect();
        let batch = WriteBatch { interactions, ..WriteBatch::default() };
        run(embedded.writer.write(tenant, batch.clone())).unwrap();
        assert_eq!(run(ours.writer.write(tenant, batch)).unwrap().accepted, 500);
    }
    let mut specs = Vec::new();
    for aggregate in [Aggregate::Count, Aggregate::Sum, Aggregate::Recency, Aggregate::Distinct] {
        for scope in [Scope::Entity, Scope::Tenant] {
            for kinds in [vec![], vec![Name::literal("join")]] {
                for (window, resolution) in [(3, 1), (40, 1), (150, 1), (48, 24), (240, 24), (10_000, 24)] {
                    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
                    let (window, resolution) = (hours(window), hours(resolution));
                    let kinds = kinds.clone();
                    specs.push(AggregateSpec { scope, corpus: None, kinds, window, resolution, aggregate });
                }
            }
        }
    }
    let entities: Vec<_> = (0..4).map(EntityId).collect();
    for now in [12 * 24 * hour, 12 * 24 * hour + 12_345_678] {
        let subject =
            Subject { tenant, user: UserId(3), corpus: &corpus, entities: &entities, now: Timestamp(now) };
        let ask = |stores: &Stores| {
            let mut out = vec![0.0; entities.len() * specs.len()];
            run(stores.interactions.aggregate(&subject, &specs, &mut out)).unwrap();
            out
        };
        let (expected, got) = (ask(&embedded), ask(&ours));
        for (at, (expected, got)) in expected.iter().zip(&got).enumerate() {
            let spec = &specs[at % specs.len()];
            assert!(
                expected.to_bits() == got.to_bits(),
                "{spec:?} of {}: {got}, not {expected}",
                at / specs.len()
            );
        }
    }
    let folds = ours.redis.as_ref().unwrap().snapshot().folds;
    assert!(folds > 0, "rows this long are folded");
}

#[test]
fn what_another_process_writes_is_seen_when_the_time_of_a_row_is_over() {
    let Some(server) = server() else { return };
    let options = RedisOptions { ttl: Duration::from_millis(50), ..RedisOptions::at(&server.url()) };
    let (one, other) = (open(options.clone()), open(options));
    let (tenant, corpus) = (TenantId(1), Name::literal("channel"));
    let size = |stores: &Stores| {
        let names = [Name::literal("size")];
        run(stores.catalog.attributes(tenant, &corpus, &[EntityId(1)], &names)).unwrap().get(0, "size")
    };
    let put = |stores: &Stores, size: f64| {
        let attributes = vec![(Name::literal("size"), Some(Value::Number(size)))];
        let put = EntityPut { corpus: corpus.clone(), entity: EntityId(1), attributes, remove: false };
        run(stores.writer.write(tenant, WriteBatch { entities: vec![put], ..WriteBatch::default() }))
            .unwrap();
    };
    put(&one, 1.0);
    assert_eq!((size(&one), size(&other)), (Some(Value::Number(1.0)), Some(Value::Number(1.0))));
    put(&one, 2.0);
    assert_eq!(size(&one), Some(Value::Number(2.0)), "who writes sees it at once");
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while size(&other) != Some(Value::Number(2.0)) {
        assert!(std::time::Instant::now() < until, "the row is never read again");
    }
    run(one.writer.write(
        tenant,
        WriteBatch { interactions: vec![interaction(1, 1, 1, "join", 5)], ..WriteBatch::default() },
    ))
    .unwrap();
    while other.interactions.version(tenant, &corpus) != 1 {
        assert!(std::time::Instant::now() < until, "the version does not follow");
    }
}

#[test]
fn a_row_that_is_asked_for_all_the_time_is_read_again_before_it_runs_out() {
    let Some(server) = server() else { return };
    let options = RedisOptions { ttl: Duration::from_secs(2), ..RedisOptions::at(&server.url()) };
    let (one, other) = (open(options.clone()), open(options));
    let (tenant, corpus) = (TenantId(1), Name::literal("channel"));
    let entities: Vec<EntityId> = (0..100).map(EntityId).collect();
    let names = [Name::literal("popular")];
    let put = |value: f32| {
        let values = |entity: &EntityId| FeaturePut {
            corpus: corpus.clone(),
            entity: *entity,
            user: None,
            values: vec![(names[0].clone(), value)],
        };
        let features = entities.iter().map(values).collect();
        run(one.writer.write(tenant, WriteBatch { features, ..WriteBatch::default() })).unwrap();
    };
    let rows = || {
        let mut out = vec![0.0; entities.len()];
        run(other.features.rows(tenant, &corpus, None, &entities, &names, &mut out)).unwrap();
        out
    };
    put(1.0);
    assert_eq!(rows(), vec![1.0; 100]);
    put(2.0);
    let stats = || other.redis.as_ref().unwrap().snapshot();
    let until = std::time::Instant::now() + Duration::from_secs(20);
    // All are read again, some sooner and some later, and what was written comes with them.
    while rows() != vec![2.0; 100] {
        assert!(std::time::Instant::now() < until, "the rows are never read again");
    }
    assert!(stats().ahead > 0, "{:?}", stats());
}

#[test]
fn names_that_collide_or_are_too_many_refuse_the_batch_and_leave_no_trace() {
    let Some(server) = server() else { return };
    let stores = open(RedisOptions::at(&server.url()));
    let tenant = TenantId(1);
    let named = |text: &str| WriteBatch {
        names: vec![(1 << 63 | 5, text.into())],
        entities: vec![EntityPut {
            corpus: Name::literal("channel"),
            entity: EntityId(1),
            attributes: Vec::new(),
            remove: false,
        }],
        ..WriteBatch::default()
    };
    run(stores.writer.write(tenant, named("apple"))).unwrap();
    for fresh in [stores, open(RedisOptions::at(&server.url()))] {
        let error = run(fresh.writer.write(tenant, named("pear"))).unwrap_err();
        let StoreError::IdCollision { known, new, .. } = error else { panic!("{error}") };
        assert_eq!((known.as_str(), new.as_str()), ("apple", "pear"));
        let kinds = |count: u128| WriteBatch {
            interactions: (0..count)
                .map(|id| Interaction {
                    kind: Name::new(&format!("k{id}")).unwrap(),
                    ..interaction(id, 1, 1, "x", 1)
                })
                .collect(),
            ..WriteBatch::default()
        };
        let error = run(fresh.writer.write(tenant, kinds(257))).unwrap_err();
        assert!(matches!(error, StoreError::TooManyNames { limit: 256, .. }), "{error}");
        assert!(run(fresh.interactions.describe(tenant)).unwrap().is_empty());
    }
}

#[test]
fn data_of_other_keys_or_shards_is_refused_with_the_fix() {
    let Some(server) = server() else { return };
    drop(open(RedisOptions::at(&server.url())));
    let other = run(Stores::redis(recommend_core::IdCodec::new([8; 16]), RedisOptions::at(&server.url())));
    assert!(other.unwrap_err().to_string().contains("RECOMMEND_KEYS"));
    let shards = RedisOptions { shards: 2, ..RedisOptions::at(&server.url()) };
    assert!(run(Stores::redis(codec(), shards)).unwrap_err().to_string().contains("stores.shards"));
    let nobody =
        RedisOptions { write_timeout: Duration::from_millis(300), ..RedisOptions::at("redis://127.0.0.1:1") };
    assert!(run(Stores::redis(codec(), nobody)).unwrap_err().to_string().contains("127.0.0.1:1"));
}
