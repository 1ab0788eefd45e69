//! Where a Qdrant is (also in programs without it, so that configurations can be read), how its collections are made, and how long things take at most.

use std::time::Duration;

/// How to reach a Qdrant and what to expect of it. [`QdrantOptions::at`] has the defaults. The feature `qdrant` brings what
/// takes them.
#[derive(Clone, PartialEq)]
pub struct QdrantOptions {
    /// The address of its gRPC: `http://host:6334`, or `https://…` with a certificate that the system trusts.
    pub url: String,
    /// The key that it wants, if any. It is sent with every call and shown nowhere.
    pub api_key: Option<String>,
    /// What the names of all collections begin with. `recommend` by default.
    pub prefix: String,
    /// HTTP/2 connections. 2 by default.
    pub connections: usize,
    /// The time for an answer to a search, with all attempts. 100 ms by default.
    pub timeout: Duration,
    /// The time for one batch of a write, with all attempts. 10 s by default.
    pub write_timeout: Duration,
    /// The most vectors in one request of a write; fewer when they are long. 256 by default.
    pub batch: usize,
    /// Into how many shards a collection is cut when it is made; `None` leaves it to Qdrant.
    pub shards: Option<u32>,
    /// On how many nodes each shard is when a collection is made; `None` leaves it to Qdrant.
    pub replicas: Option<u32>,
    /// Whether collections are made with codes of one byte a number in memory, by which searches find what they then
    /// compare in full. `true` by default.
    pub quantise: bool,
}

impl QdrantOptions {
    /// The defaults for an address.
    pub fn at(url: &str) -> Self {
        QdrantOptions {
            url: url.to_owned(),
            api_key: None,
            prefix: "recommend".to_owned(),
            connections: 2,
            timeout: Duration::from_millis(100),
            write_timeout: Duration::from_secs(10),
            batch: 256,
            shards: None,
            replicas: None,
            quantise: true,
        }
    }
}

impl std::fmt::Debug for QdrantOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key must not reach a log.
        let key = if self.api_key.is_some() { "with a key" } else { "without a key" };
        let url = if self.url.contains('@') { "an address with a secret in it" } else { &self.url };
        write!(f, "QdrantOptions({url}, {key}, prefix {}, within {:?})", self.prefix, self.timeout)
    }
}
