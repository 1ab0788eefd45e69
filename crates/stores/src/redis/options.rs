//! Where Redis is, and how long things take at most.

use std::path::PathBuf;
use std::time::Duration;

use super::event_row::Shape;
use crate::interactions::Scope;

/// How to reach a Redis and what to expect of it. [`RedisOptions::at`] has the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct RedisOptions {
    /// `redis://[user:password@]host:port[/db]`; for a cluster, some of its nodes. `rediss://` is TLS, in a program that is
    /// built with the feature `redis-tls`.
    pub url: Vec<String>,
    /// With TLS: a PEM file of the authorities that certify the server, instead of the system's.
    pub certificates: Option<PathBuf>,
    /// Whether it is a cluster.
    pub cluster: bool,
    /// Into how many parts the data of a tenant is cut; each lies on one node of a cluster. Fixed by the first write:
    /// 1 by default, 16 for a cluster.
    pub shards: u32,
    /// Multiplexed connections. 3 by default.
    pub connections: usize,
    /// The time for an answer to a read. 50 ms by default.
    pub timeout: Duration,
    /// The time for an answer to a write, and to what runs beside requests. 2 s by default.
    pub write_timeout: Duration,
    /// For how long a row that was read serves; what another process writes is seen after that at the latest. 1 s by
    /// default, zero for no cache.
    pub ttl: Duration,
    /// For how long a row that was read stands in when Redis does not answer. 1 min by default.
    pub stale: Duration,
    /// Bytes of rows that are kept in process, about. 64 MiB by default.
    pub cache_bytes: u64,
    /// Rows of interactions are gone this long after they were last written, an hour (or a tenth) less at most. 400 days by
    /// default.
    pub retention: Duration,
    /// An interaction that comes again within this time is recognised by its id. 7 days by default.
    pub recognise: Duration,
}

impl RedisOptions {
    /// A single server.
    pub fn at(url: &str) -> Self {
        RedisOptions {
            url: vec![url.to_owned()],
            certificates: None,
            cluster: false,
            shards: 1,
            connections: 3,
            timeout: Duration::from_millis(50),
            write_timeout: Duration::from_secs(2),
            ttl: Duration::from_secs(1),
            stale: Duration::from_secs(60),
            cache_bytes: 64 << 20,
            retention: Duration::from_secs(400 * 86_400),
            recognise: Duration::from_secs(7 * 86_400),
        }
    }

    /// How far back from the newest interaction older ones are held by the hour; before that they are held by the day.
    /// `None` where the latest are held as they are and nothing else.
    pub fn by_the_hour(scope: Scope) -> Option<Duration> {
        let shape = match scope {
            Scope::Entity => Shape::ENTITY,
            Scope::User => Shape::USER,
            Scope::Tenant => Shape::CORPUS,
            Scope::Pair => return None,
        };
        Some(Duration::from_secs(3_600 * shape.hours.unsigned_abs()))
    }

    /// A cluster, of which some nodes are given.
    pub fn cluster(urls: impl IntoIterator<Item = String>) -> Self {
        RedisOptions { url: urls.into_iter().collect(), cluster: true, shards: 16, ..RedisOptions::at("") }
    }
}
