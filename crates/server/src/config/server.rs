//! The section `[server]`: addresses, folders and bounds.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use recommend_artifacts::ArtifactStore;
use serde::{Deserialize, Serialize};

/// Addresses, folders and bounds. All keys are optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where gRPC listens; port 0 takes a free one. `127.0.0.1:50051` by default.
    pub grpc: SocketAddr,
    /// Where HTTP listens (metrics, health, JSON); port 0 takes a free one. `127.0.0.1:8080` by default.
    pub http: SocketAddr,
    /// The folder of the stores, the log and the deployment's keys. `data` by default.
    pub data: PathBuf,
    /// The deadline of a request that brings none, 1 ms to 60 s. `250ms` by default; a recommender may have its own.
    #[serde(with = "recommend_core::duration")]
    pub timeout: Duration,
    /// Calls worked on at once, over all connections; what comes beyond is refused at once. 256 by default.
    pub max_in_flight: usize,
    /// How long calls in flight may take to finish when the server stops. `10s` by default.
    #[serde(with = "recommend_core::duration")]
    pub drain: Duration,
    /// The artifacts of trained models: a folder, or the URL of an object store. `artifacts` in the data folder by default.
    pub artifacts: Option<String>,
    /// How often to look whether the file has changed, and whether another artifact was promoted; `0s` leaves that to
    /// SIGHUP. `2s` by default.
    #[serde(with = "recommend_core::duration")]
    pub watch: Duration,
    /// Origins of web pages that may call the JSON API from a browser, such as `"https://app.example.com"`; `"*"` is
    /// any. None by default.
    pub cors: Vec<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        ServerConfig {
            grpc: here(50051),
            http: here(8080),
            data: PathBuf::from("data"),
            artifacts: None,
            timeout: Duration::from_millis(250),
            max_in_flight: 256,
            drain: Duration::from_secs(10),
            watch: Duration::from_secs(2),
            cors: Vec::new(),
        }
    }
}

/// The longest deadline that a request may have, also when the client asks for more.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(60);

impl ServerConfig {
    /// The store of the artifacts.
    pub fn artifact_store(&self) -> ArtifactStore {
        match &self.artifacts {
            Some(location) => ArtifactStore::open(location),
            None => ArtifactStore::open(&self.data.join("artifacts").to_string_lossy()),
        }
    }

    /// What is out of range, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if let Err(reason) = check_timeout(self.timeout) {
            problems.push(("timeout", reason));
        }
        if !(1..=1_000_000).contains(&self.max_in_flight) {
            problems.push(("max_in_flight", format!("must be 1 to 1000000, not {}", self.max_in_flight)));
        }
        if self.drain > Duration::from_secs(600) {
            problems
                .push(("drain", "must be at most 10m: a hard bound that nobody waits for is none".into()));
        }
        for origin in &self.cors {
            let shaped = origin == "*"
                || (origin.split_once("://").is_some_and(|(scheme, host)| {
                    matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/')
                }) && origin.bytes().all(|byte| byte.is_ascii_graphic()));
            if !shaped {
                let reason = format!(
                    "{origin:?} is not an origin; write for example \"https://app.example.com\", without a path"
                );
                problems.push(("cors", reason));
            }
        }
        problems
    }

    /// The keys that differ and take a restart.
    pub(crate) fn needs_restart(&self, new: &ServerConfig) -> Vec<&'static str> {
        let mut keys = Vec::new();
        let mut differ = |differs: bool, key| {
            if differs {
                keys.push(key);
            }
        };
        differ(self.grpc != new.grpc, "server.grpc");
        differ(self.http != new.http, "server.http");
        differ(self.data != new.data, "server.data");
        differ(self.max_in_flight != new.max_in_flight, "server.max_in_flight");
        differ(self.drain != new.drain, "server.drain");
        differ(self.watch != new.watch, "server.watch");
        differ(self.cors != new.cors, "server.cors");
        keys
    }
}

/// Whether a timeout is one that a request can have.
pub(super) fn check_timeout(timeout: Duration) -> Result<(), String> {
    match (Duration::from_millis(1)..=MAX_TIMEOUT).contains(&timeout) {
        true => Ok(()),
        false => Err(format!("must be 1ms to 60s, not {timeout:?}")),
    }
}
