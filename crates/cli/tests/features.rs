//! Features that are kept live from `RecordInteractions`, and the same computed from the log: equal to the last bit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;
#[path = "../../stores/tests/common/redis_server.rs"]
mod redis_server;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use common::{Place, example, shared};
use recommend_core::{EntityId, IdCodec, Name, Timestamp, UserId};
use recommend_server::Keys;
use recommend_stores::{
    Aggregate, AggregateSpec, CoInteraction, IdBatch, OpenOptions, RedisOptions, Scope, Stores, Subject,
};
use redis_server::{RedisServer, available};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn codec(data: &Path) -> IdCodec {
    Keys::open(&data.join("keys.toml"), false).unwrap().codec()
}

fn embedded(data: &Path) -> Stores {
    Stores::open(&data.join("store"), codec(data), OpenOptions::default()).unwrap().0
}

/// Windows that begin at whole hours or days, of everything that can be asked.
fn specs() -> Vec<AggregateSpec> {
    let mut specs = Vec::new();
    for scope in [Scope::Entity, Scope::User, Scope::Pair, Scope::Tenant] {
        for aggregate in [Aggregate::Count, Aggregate::Sum, Aggregate::Recency, Aggregate::Distinct] {
            for kinds in [&[][..], &["message"], &["channel_join", "channel_leave"]] {
                for (window, resolution) in [(24, 1), (60, 1), (9 * 24, 24), (30 * 24, 24)] {
                    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
                    specs.push(AggregateSpec {
                        scope,
                        corpus: None,
                        kinds: kinds.iter().copied().map(Name::literal).collect(),
                        window: hours(window),
                        resolution: hours(resolution),
                        aggregate,
                    });
                }
            }
        }
    }
    specs
}

/// The bits of every feature of every channel, for some people.
fn bits(stores: &Stores, users: &[String]) -> Vec<u32> {
    let (specs, corpus) = (specs(), Name::literal("channel"));
    let (tenant, _) = IdBatch::new(stores.codec).tenant("clojurians").unwrap();
    let entities: Vec<EntityId> = run(stores.interactions.entities(tenant, &corpus)).unwrap().to_vec();
    assert_eq!(entities.len(), 147);
    let last = run(stores.interactions.describe(tenant)).unwrap().iter().map(|kind| kind.last).max().unwrap();
    let mut all = Vec::new();
    for (user, later) in users.iter().zip((0..).step_by(1_234_567)) {
        let user = UserId(stores.codec.encode(user).unwrap());
        let now = Timestamp(last.0 + later);
        let subject = Subject { tenant, user, corpus: &corpus, entities: &entities, now };
        let mut out = vec![0.0; entities.len() * specs.len()];
        run(stores.interactions.aggregate(&subject, &specs, &mut out)).unwrap();
        all.extend(out.into_iter().map(f32::to_bits));
    }
    all
}

/// In which windows users in common are counted.
fn co_interactions() -> Vec<CoInteraction> {
    let mut wanted = Vec::new();
    for kinds in [&[][..], &["message"], &["channel_join", "channel_leave"]] {
        for (window, resolution) in [(24, 1), (60, 1), (9 * 24, 24), (30 * 24, 24)] {
            let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
            wanted.push(CoInteraction {
                corpus: None,
                kinds: kinds.iter().copied().map(Name::literal).collect(),
                window: hours(window),
                resolution: hours(resolution),
            });
        }
    }
    wanted
}

/// How many users every channel has in common with one, and with three; as bits, with those channels.
fn in_common(stores: &Stores) -> Vec<(u32, Vec<EntityId>)> {
    let corpus = Name::literal("channel");
    let (tenant, _) = IdBatch::new(stores.codec).tenant("clojurians").unwrap();
    let entities: Vec<EntityId> = run(stores.interactions.entities(tenant, &corpus)).unwrap().to_vec();
    let last = run(stores.interactions.describe(tenant)).unwrap().iter().map(|kind| kind.last).max().unwrap();
    let mut all = Vec::new();
    for (wanted, later) in co_interactions().iter().zip((0..).step_by(7_654_321)) {
        let now = Timestamp(last.0 + later);
        let subject = Subject { tenant, user: UserId(1), corpus: &corpus, entities: &entities, now };
        for partners in entities.chunks(49).flat_map(|chunk| [&chunk[..1], &chunk[1..4]]) {
            let mut out = vec![f32::NAN; entities.len()];
            run(stores.interactions.co_interactions(&subject, partners, wanted, &mut out)).unwrap();
            all.extend(out.into_iter().zip(&entities).map(|(count, entity)| {
                (count.to_bits(), partners.iter().chain([entity]).copied().collect::<Vec<_>>())
            }));
        }
    }
    all
}

/// How many different users some channels ever had, each at most.
fn most_users(stores: &Stores, of: &[EntityId]) -> f32 {
    let corpus = Name::literal("channel");
    let (tenant, _) = IdBatch::new(stores.codec).tenant("clojurians").unwrap();
    let spec = AggregateSpec {
        scope: Scope::Entity,
        corpus: None,
        kinds: Vec::new(),
        window: None,
        resolution: None,
        aggregate: Aggregate::Distinct,
    };
    let now = Timestamp(4_000_000_000_000);
    let subject = Subject { tenant, user: UserId(1), corpus: &corpus, entities: of, now };
    let mut out = vec![f32::NAN; of.len()];
    run(stores.interactions.aggregate(&subject, &[spec], &mut out)).unwrap();
    out.into_iter().fold(0.0, f32::max)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn what_was_counted_live_and_what_is_computed_from_the_log_agree_to_the_last_bit() {
    let Some(data) = shared("clojurians-events") else { return };
    let (place, events) = (Place::new(), data.join("events.csv"));
    let config = example("clojurians/recommend.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let record = |grpc: &str| {
        place
            .run(&format!(
                "import interactions {} --tenant clojurians --corpus channel --map entity=channel --map time=ts \
                 --map value=text_len --to {grpc}",
                events.display()
            ))
            .code(0)
            .says("9,181 new");
    };
    let users: BTreeSet<String> = csv::Reader::from_path(&events)
        .unwrap()
        .records()
        .map(|row| row.unwrap().get(1).unwrap().to_owned())
        .collect();
    let people = place.write("people.txt", &users.iter().cloned().collect::<Vec<_>>().join("\n"));
    let some: Vec<String> = users.iter().step_by(97).cloned().collect();

    // Live, through RecordInteractions.
    let server = place.serve(&format!("serve --config {} --data live", config.display()));
    record(&server.grpc);
    assert_eq!(server.stop(), 0);
    let live = place.path().join("live");
    let (expected, common) = {
        let stores = embedded(&live);
        (bits(&stores, &some), in_common(&stores))
    };
    let shared = common.iter().filter(|(count, _)| f32::from_bits(*count) > 0.0).count();
    assert!(shared > 1_000, "of {} pairs {shared} have users in common", common.len());

    // The stores are lost, the log and the keys are not.
    let restored = place.path().join("restored");
    copy(&live, &restored);
    std::fs::remove_dir_all(restored.join("store")).unwrap();
    let backfill = format!("features backfill --tenant clojurians --people {}", people.display());
    place.run(&format!("{backfill} --data restored")).code(0).says("9,181 written, 0 there already");
    {
        let stores = embedded(&restored);
        assert_eq!(bits(&stores, &some), expected);
        assert_eq!(in_common(&stores), common);
    }
    place.run(&format!("{backfill} --data restored")).code(0).says("0 written, 9,181 there already");

    if !available() {
        return;
    }
    // Live in Redis; and from the log into another one.
    let (redis, other) = (RedisServer::start(&[]), RedisServer::start(&[]));
    let section = format!("{text}\n[stores]\nkind = \"redis\"\nurl = \"{}\"\n", redis.url());
    let over_redis = place.write("redis.toml", &section);
    let server = place.serve(&format!("serve --config {} --data in-redis", over_redis.display()));
    record(&server.grpc);
    assert_eq!(server.stop(), 0);
    let in_redis = place.path().join("in-redis");
    let open = |url: &str, data: &Path| run(Stores::redis(codec(data), RedisOptions::at(url))).unwrap();
    let ours = open(&redis.url(), &in_redis);
    let (of_redis, common_in_redis) = (bits(&ours, &some), in_common(&ours));
    place
        .run(&format!("{backfill} --data in-redis --into {}", other.url()))
        .code(0)
        .says("9,181 written, 0 there already");
    let backfilled = open(&other.url(), &in_redis);
    assert_eq!(bits(&backfilled, &some), of_redis, "live and backfilled, both in Redis");
    assert_eq!(in_common(&backfilled), common_in_redis, "live and backfilled, both in Redis");

    // And those of Redis are those of the embedded stores, but for how many people there were of very many.
    let specs = specs();
    for (at, (expected, got)) in expected.iter().zip(&of_redis).enumerate() {
        let spec = &specs[at % specs.len()];
        if spec.aggregate != Aggregate::Distinct {
            assert_eq!(expected, got, "{spec:?}: {} and {}", f32::from_bits(*expected), f32::from_bits(*got));
            continue;
        }
        let (expected, got) = (f32::from_bits(*expected), f32::from_bits(*got));
        assert!((expected - got).abs() <= (0.2 * expected).max(0.0), "{spec:?}: {expected} and {got}");
    }
    // Users in common are exact in Redis too, but among more users of a channel than are held one by one.
    let (stores, mut exact) = (embedded(&live), 0);
    for ((expected, of), (got, _)) in common.iter().zip(&common_in_redis) {
        let (expected, got) = (f32::from_bits(*expected), f32::from_bits(*got));
        let most = most_users(&stores, of);
        if most <= 256.0 {
            assert_eq!(expected, got, "{of:?}");
            exact += 1;
        }
        assert!((expected - got).abs() <= 0.2 * most, "{of:?} of up to {most}: {expected} and {got}");
    }
    assert!(exact > common.len() / 10, "{exact} of {}", common.len());
}

#[test]
fn a_folder_is_migrated_into_redis_and_compared_and_again_nothing_is_new() {
    let Some(data) = shared("clojurians-events") else { return };
    if !available() {
        return;
    }
    let (place, data) = (Place::new(), data.display());
    place
        .run(&format!(
            "import interactions {data}/events.csv --tenant clojurians --corpus channel --map entity=channel \
             --map time=ts --relation-add member=channel_join,message --data data"
        ))
        .code(0);
    place
        .run(&format!(
            "import entities {data}/channels.csv --tenant clojurians --corpus channel --map id=channel \
             --attr created:time=created --data data"
        ))
        .code(0);
    let redis = RedisServer::start(&[]);
    let migrate = format!("stores migrate data {}", redis.url());
    place.run(&migrate).code(0).says("interactions: 9,181 new, 0 already there").says("0 differ");
    place.run(&migrate).code(0).says("interactions: 0 new, 9,181 already there").says("0 differ");
    redis.tell("FLUSHALL").unwrap();
    place.run(&format!("{migrate} --verify-only")).code(1).says("differs: tenants");
    place.run("stores migrate data copy").code(0).says("0 differ");
}

#[test]
fn every_feature_is_described_from_its_declaration() {
    let place = Place::new();
    let config = example("clojurians/recommend.toml");
    let describe = format!("features describe --config {}", config.display());
    place
        .run(&describe)
        .code(0)
        .says("messages_3d count of entity messages in the last three days how many interactions of kind message or file_share or me_message with the candidate in the last 3d; 0 without any")
        .says("used by channel/channel-browser");
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&format!("{describe} --json")).code(0).out).unwrap();
    let features = json.as_array().unwrap();
    assert!(
        features.len() >= 5
            && features.iter().all(|f| f["computed"].as_str().is_some_and(|text| text.len() > 10))
    );
}
