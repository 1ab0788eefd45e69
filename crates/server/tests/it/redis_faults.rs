//! A Redis that is slow, gone, restarted, full, or talks nonsense: every request is answered within its deadline, what is
//! worse is named in the answer, in the log and in a metric, and the service heals by itself.

use std::time::{Duration, Instant};

use recommend_events::LogReader;
use recommend_server::proto::*;
use recommend_server::{Config, Deployment, RunningServer, Server};
use tonic::Request;

use crate::common::raw;
use crate::proxy::{Fault, Proxy};
use crate::redis_server::{RedisServer, available};

const DEADLINE: Duration = Duration::from_millis(250);
/// A machine that builds beside the test may hold an answer up; the server must not.
const GRACE: Duration = Duration::from_secs(2);

/// A thousand when somebody insists on Redis (`make test-redis`), fewer in a test run of everything.
fn requests() -> usize {
    if std::env::var_os("RECOMMEND_REDIS").is_some_and(|want| want == "required") { 1000 } else { 40 }
}

struct World {
    redis: RedisServer,
    proxy: Proxy,
    server: RunningServer,
    folder: tempfile::TempDir,
    channel: tonic::transport::Channel,
}

impl World {
    async fn start(ttl: &str, stale: &str) -> Self {
        let redis = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
        let proxy = Proxy::before(redis.port).await;
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
[server]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
timeout = "250ms"

[stores]
kind = "redis"
url = "{}"
timeout = "30ms"
write_timeout = "500ms"
ttl = "{ttl}"
stale = "{stale}"

[features.clicks]
kind = "count"
interactions = ["click"]
window = "30d"

[[recommender]]
corpus = "channel"
source = "browser"
fetchers = [ {{ kind = "popular", window = "30d" }} ]
filters = [ "not-archived" ]
features = [ "popular.score" ]
model = {{ kind = "linear", weights = {{ clicks = 1.0 }} }}
"#,
            proxy.url("redis")
        );
        let config = Config::parse("test.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
        let deployment = Deployment::open_for(folder.path(), &config).await.unwrap();
        let server = Server::builder().start(config, deployment).await.unwrap();
        let channel = crate::common::connect(&server).await;
        let world = World { redis, proxy, server, folder, channel };
        world.fill().await;
        world
    }

    async fn fill(&self) {
        let mut catalog = catalog_service_client::CatalogServiceClient::new(self.channel.clone());
        let entity = |id: u32| Entity {
            corpus: "channel".into(),
            id: id.to_string(),
            attributes: [(
                "archived".to_owned(),
                AttributeValue { kind: Some(attribute_value::Kind::Flag(false)) },
            )]
            .into(),
            remove: false,
        };
        let entities: Vec<_> = (1..=20).map(entity).collect();
        // As a client does: again, until it is taken.
        let until = Instant::now() + Duration::from_secs(30);
        while let Err(status) =
            catalog.put_entities(PutEntitiesRequest { tenant: "1".into(), entities: entities.clone() }).await
        {
            assert!(Instant::now() < until, "{status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.record(0..60).await.unwrap();
    }

    async fn record(&self, ids: std::ops::Range<u32>) -> Result<RecordInteractionsResponse, tonic::Status> {
        let mut client = recommend_service_client::RecommendServiceClient::new(self.channel.clone());
        let interaction = |id: u32| Interaction {
            id: format!("i{id}"),
            user: (id % 7).to_string(),
            corpus: "channel".into(),
            entity: (1 + id % 20).to_string(),
            kind: "click".into(),
            ..Interaction::default()
        };
        let interactions = ids.map(interaction).collect();
        let answer =
            client.record_interactions(RecordInteractionsRequest { tenant: "1".into(), interactions }).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn ask(&self) -> (Duration, RecommendResponse) {
        let mut client = recommend_service_client::RecommendServiceClient::new(self.channel.clone());
        let mut request = Request::new(RecommendRequest {
            tenant: "1".into(),
            user: "3".into(),
            corpus: "channel".into(),
            source: "browser".into(),
            limit: 5,
            ..RecommendRequest::default()
        });
        request.set_timeout(DEADLINE + GRACE);
        let started = Instant::now();
        let answer = client.recommend(request).await.unwrap_or_else(|status| panic!("{status}"));
        (started.elapsed(), answer.into_inner())
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
                degraded += usize::from(!answer.degraded.is_empty());
            }
        }
        degraded
    }

    /// Until answers are whole again.
    async fn heals(&self, case: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let (_, answer) = self.ask().await;
            if answer.degraded.is_empty() && answer.recommendations.len() == 5 {
                return;
            }
            assert!(Instant::now() < until, "{case}: it does not heal: {:?}", answer.degraded);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What is done to Redis, and whether answers must show it.
struct Case {
    name: &'static str,
    fault: Fault,
    reset: bool,
    shows: bool,
}

fn cases() -> Vec<Case> {
    let ms = Duration::from_millis;
    let case = |name, fault, reset, shows| Case { name, fault, reset, shows };
    let instead = |text: &str| Fault::Instead(text.as_bytes().to_vec());
    vec![
        case("5 ms of latency", Fault::Slow(ms(5)), false, false),
        case("100 ms of latency", Fault::Slow(ms(100)), false, true),
        case("1 s of latency", Fault::Slow(Duration::from_secs(1)), false, true),
        case("one answer in seven is late", Fault::Sometimes(7, ms(200)), false, true),
        case("answers in pieces of 3 bytes", Fault::Pieces(3), false, false),
        case("connections are refused", Fault::Refuse, true, true),
        case("connections are taken and nothing is said", Fault::Silent, true, true),
        case("open connections fall silent", Fault::Silent, false, true),
        case("half open: answers get lost", Fault::HalfOpen, false, true),
        case("half open, new connections", Fault::HalfOpen, true, true),
        case("cut at every answer", Fault::Cut, false, true),
        case("cut after 1 byte", Fault::Truncate(1), false, true),
        case("cut after 100 bytes", Fault::Truncate(100), false, true),
        case("garbage", instead("\u{1}\u{2}garbage\u{0}not redis\r\n"), false, true),
        case("HTTP", instead("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false, true),
        case("an array that is too short", instead("*1\r\n$-1\r\n"), false, true),
        case("a number where rows should be", instead(":42\r\n"), false, true),
        case(
            "out of memory",
            instead("-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
            false,
            true,
        ),
        case("loading", instead("-LOADING Redis is loading the dataset in memory\r\n"), false, true),
        case("busy with a script", instead("-BUSY Redis is busy running a script.\r\n"), false, true),
        case("no password", instead("-NOAUTH Authentication required.\r\n"), false, true),
        case("a flipped byte at the beginning", Fault::Flip(0), false, true),
        case("a flipped byte within", Fault::Flip(40), false, false),
        case("rows of nonsense", instead("*1\r\n$3\r\n\u{7f}\u{7f}\u{7f}\r\n"), false, true),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_answered_in_time_whatever_becomes_of_redis_and_the_service_heals() {
    if !available() {
        return;
    }
    // Nothing is kept: every request goes to Redis.
    let world = World::start("0s", "0s").await;
    world.heals("before").await;
    // A busy machine may be late for some.
    assert!(world.a_thousand("nothing is wrong").await <= requests() / 4);
    for Case { name, fault, reset, shows } in cases() {
        world.proxy.set(fault);
        if reset {
            world.proxy.reset();
        }
        let degraded = world.a_thousand(name).await;
        eprintln!("{name}: {degraded} answers were degraded");
        assert!(!shows || degraded > 0, "{name}: nothing shows");
        world.proxy.set(Fault::None);
        if !shows {
            // What was mixed up stays on its connection.
            world.proxy.reset();
        }
        world.heals(name).await;
    }
    let metrics = raw::http(world.server.http_addr(), "GET", "/metrics", &[], "").await.body;
    let value = |name: &str| -> f64 {
        let of_metric = |line: &&str| line.starts_with(name);
        metrics
            .lines()
            .filter(of_metric)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    assert!(
        value("recommend_redis_errors_total") > 0.0 && value("recommend_redis_refused_total") > 0.0,
        "{metrics}"
    );
    assert!(value("recommend_degradations_total") > 0.0, "{metrics}");
    world.server.shutdown().await.unwrap();
    let log = LogReader::open(world.folder.path().join("log")).unwrap();
    let logged = log.requests().unwrap();
    assert!(logged.iter().any(|request| !request.degraded.is_empty()), "the log names what was degraded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_stopped_or_full_is_survived_and_rows_of_before_stand_in() {
    if !available() {
        return;
    }
    let mut world = World::start("50ms", "1m").await;
    world.heals("before").await;

    // kill -9: what was read before stands in, and the answer says so.
    world.redis.kill();
    assert!(world.a_thousand("killed").await > 0);
    let (_, answer) = world.ask().await;
    assert_eq!(answer.recommendations.len(), 5, "rows of before stand in: {:?}", answer.degraded);
    assert!(answer.degraded.iter().any(|d| d.message.contains("stand in")), "{:?}", answer.degraded);
    assert!(world.record(100..101).await.is_err(), "a write is not lost in silence");
    world.redis.run();
    world.fill().await;
    world.heals("restarted, empty").await;

    // Stopped: it takes connections and never answers.
    world.redis.signal("-STOP");
    assert!(world.a_thousand("stopped").await > 0);
    world.redis.signal("-CONT");
    world.heals("continued").await;

    // Full: reads go on, writes are refused until there is room.
    world.redis.tell("CONFIG SET maxmemory 1mb").unwrap();
    assert!(world.record(200..201).await.is_err());
    assert!(world.a_thousand("full").await <= requests() / 4, "reads do not need memory");
    world.redis.tell("CONFIG SET maxmemory 0").unwrap();
    assert_eq!(world.record(200..201).await.unwrap().accepted, 1);
    world.server.shutdown().await.unwrap();
}
