//! The section `[stores]`: where catalog, features and interactions are kept.

use std::path::PathBuf;
use std::time::Duration;

use recommend_stores::{RedisOptions, Retention};
use serde::Deserialize;

use super::vectors::VectorsConfig;

/// Where the stores are. All keys are optional: without the section they are in the data folder.
///
/// ```toml
/// [stores]
/// kind = "redis"
/// url = "redis://127.0.0.1:6379"
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoresConfig {
    /// `"embedded"` (in the data folder, the default), `"redis"`, or `"redis-cluster"`.
    pub kind: StoresKind,
    /// `redis://[user:password@]host:port[/db]`, or a list of some nodes of a cluster. `redis://127.0.0.1:6379` by default.
    /// `rediss://` is TLS, in a program that is built with the feature `redis-tls`.
    pub url: Urls,
    /// With TLS: a PEM file of the authorities that certify Redis, instead of the system's.
    pub certificates: Option<PathBuf>,
    /// Into how many parts a tenant's data is cut; each is on one node of a cluster. Fixed by the first write. 1 by default,
    /// 16 for a cluster.
    pub shards: Option<u32>,
    /// Multiplexed connections. 3 by default.
    pub connections: usize,
    /// The time for an answer to a read. `50ms` by default.
    #[serde(with = "recommend_core::duration")]
    pub timeout: Duration,
    /// The time for an answer to a write, and to what runs beside requests. `2s` by default.
    #[serde(with = "recommend_core::duration")]
    pub write_timeout: Duration,
    /// For how long a row that was read serves; what other replicas write is seen after that at the latest. `1s` by default.
    #[serde(with = "recommend_core::duration")]
    pub ttl: Duration,
    /// For how long a row that was read stands in when Redis does not answer. `1m` by default.
    #[serde(with = "recommend_core::duration")]
    pub stale: Duration,
    /// Memory for rows in this process, about, in MiB. 64 by default.
    pub cache_mib: u64,
    /// For how long interactions are kept for features: in Redis `400d` by default; in the data folder for ever by default,
    /// and otherwise so long before the newest of each tenant. The event log has its own.
    #[serde(with = "recommend_core::duration::option")]
    pub retention: Option<Duration>,
    /// In the data folder: how many interactions a tenant has at most, each in some 110 bytes of memory; beyond it the oldest
    /// give way. Any number by default.
    pub interactions_per_tenant: Option<usize>,
    /// For how long an interaction that comes again is recognised by its id. `7d` by default.
    #[serde(with = "recommend_core::duration")]
    pub recognise: Duration,
    /// Where embeddings are: in the data folder by default.
    pub vectors: VectorsConfig,
}

/// Where the stores are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoresKind {
    /// In the data folder.
    #[default]
    Embedded,
    /// In one Redis.
    Redis,
    /// In a Redis cluster.
    RedisCluster,
}

/// One address or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Urls {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for StoresConfig {
    fn default() -> Self {
        let url = "redis://127.0.0.1:6379";
        let RedisOptions { connections, timeout, write_timeout, ttl, stale, cache_bytes, recognise, .. } =
            RedisOptions::at(url);
        StoresConfig {
            kind: StoresKind::Embedded,
            url: Urls::One(url.to_owned()),
            certificates: None,
            shards: None,
            connections,
            timeout,
            write_timeout,
            ttl,
            stale,
            cache_mib: cache_bytes >> 20,
            retention: None,
            interactions_per_tenant: None,
            recognise,
            vectors: VectorsConfig::default(),
        }
    }
}

impl StoresConfig {
    /// Stores in one Redis, or in the cluster of which the address after `cluster+` is a node.
    pub fn at(url: &str) -> Self {
        let (kind, url) = match url.strip_prefix("cluster+") {
            Some(url) => (StoresKind::RedisCluster, url),
            None => (StoresKind::Redis, url),
        };
        StoresConfig { kind, url: Urls::One(url.to_owned()), ..StoresConfig::default() }
    }

    /// The bounds of tenants in embedded stores.
    pub fn bounds(&self) -> Retention {
        Retention { keep: self.retention, most: self.interactions_per_tenant }
    }

    /// The options of the Redis, when there is one.
    pub fn redis(&self) -> Option<RedisOptions> {
        let urls = match &self.url {
            Urls::One(url) => vec![url.clone()],
            Urls::Several(urls) => urls.clone(),
        };
        let options = match self.kind {
            StoresKind::Embedded => return None,
            StoresKind::Redis => RedisOptions { url: urls, ..RedisOptions::at("") },
            StoresKind::RedisCluster => RedisOptions::cluster(urls),
        };
        Some(RedisOptions {
            shards: self.shards.unwrap_or(options.shards),
            connections: self.connections,
            timeout: self.timeout,
            write_timeout: self.write_timeout,
            ttl: self.ttl,
            stale: self.stale,
            cache_bytes: self.cache_mib << 20,
            retention: self.retention.unwrap_or(options.retention),
            recognise: self.recognise,
            certificates: self.certificates.clone(),
            ..options
        })
    }

    /// What is out of range, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, key, reason: &str| {
            if !fine {
                problems.push((key, reason.to_owned()));
            }
        };
        let urls = match &self.url {
            Urls::One(url) => std::slice::from_ref(url),
            Urls::Several(urls) => urls,
        };
        check(!urls.is_empty(), "url", "is an empty list; name a node of the cluster");
        let tls = |url: &String| url.starts_with("rediss://");
        check(
            urls.iter()
                .all(|url| url.starts_with("redis://") || url.starts_with("redis+unix://") || tls(url)),
            "url",
            "must begin with redis:// or, for TLS, rediss://, as in \"redis://127.0.0.1:6379\"",
        );
        check(
            cfg!(feature = "redis-tls") || !urls.iter().any(tls),
            "url",
            "asks for TLS, which this program was built without: build it with --features redis-tls",
        );
        check(
            self.certificates.is_none() || urls.iter().all(tls),
            "certificates",
            "is for TLS: write the address with rediss://",
        );
        check(
            self.kind != StoresKind::Redis || urls.len() == 1,
            "url",
            "names several servers; is it a \"redis-cluster\"?",
        );
        check(self.shards.is_none_or(|shards| (1..=4096).contains(&shards)), "shards", "must be 1 to 4096");
        check((1..=64).contains(&self.connections), "connections", "must be 1 to 64");
        let second = Duration::from_secs(1);
        check(
            (Duration::from_millis(1)..=60 * second).contains(&self.timeout),
            "timeout",
            "must be 1ms to 60s",
        );
        check(
            (Duration::from_millis(1)..=60 * second).contains(&self.write_timeout),
            "write_timeout",
            "must be 1ms to 60s",
        );
        check(self.stale >= self.ttl, "stale", "must be at least `ttl`");
        check((1..=1 << 20).contains(&self.cache_mib), "cache_mib", "must be 1 to 1048576");
        let hour = 3600 * second;
        check(self.retention.is_none_or(|retention| retention >= hour), "retention", "must be at least 1h");
        let embedded = self.kind == StoresKind::Embedded;
        check(
            self.interactions_per_tenant.is_none_or(|most| embedded && most >= 1_000),
            "interactions_per_tenant",
            "must be at least 1000, and is of stores of the kind \"embedded\" alone",
        );
        check(self.recognise >= 60 * second, "recognise", "must be at least 1m");
        problems.extend(self.vectors.problems());
        problems
    }
}
