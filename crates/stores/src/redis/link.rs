//! The way to Redis: a few multiplexed connections, a time within which every answer must come, and a breaker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::options::RedisOptions;
use super::stats::RedisStats;
use super::tls;
use crate::breaker::Breaker;
use crate::error::StoreError;

/// A script, with the name under which the server knows it once it has run.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    sha: String,
}

impl Script {
    pub(crate) fn new(text: &'static str) -> Self {
        Script { text, sha: redis::Script::new(text).get_hash().to_owned() }
    }

    fn command(&self, whole: bool, keys: &[String], args: &[Vec<u8>]) -> Cmd {
        let mut command = redis::cmd(if whole { "EVAL" } else { "EVALSHA" });
        command.arg(if whole { self.text } else { &self.sha }).arg(keys.len());
        keys.iter().for_each(|key| {
            command.arg(key);
        });
        args.iter().for_each(|arg| {
            command.arg(&arg[..]);
        });
        command
    }
}

#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Connection::Single(connection) => connection.req_packed_command(command).await,
            Connection::Cluster(connection) => connection.req_packed_command(command).await,
        };
        answer.and_then(Value::extract_error)
    }
}

enum Server {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A place for one connection.
#[derive(Default)]
struct Slot {
    open: Mutex<Option<(u64, Connection)>>,
    opening: tokio::sync::Mutex<()>,
}

/// Connections of a process to one Redis, all driven by the runtime that asks through them.
pub(crate) struct Link {
    server: Arc<Server>,
    slots: Vec<Slot>,
    next: AtomicUsize,
    serial: AtomicU64,
    breaker: Arc<Breaker>,
    pub(crate) patience: Duration,
    pub(crate) write_patience: Duration,
    place: String,
    tls: bool,
    pub(crate) stats: Arc<RedisStats>,
}

impl Link {
    pub(crate) fn new(options: &RedisOptions, stats: Arc<RedisStats>) -> Result<Self, StoreError> {
        let place = options.url.iter().map(|url| without_password(url)).collect::<Vec<_>>().join(", ");
        let bad = |error: &RedisError| StoreError::Unavailable {
            reason: format!(
                "{place:?} is no address of a Redis: {error}; write for example redis://127.0.0.1:6379"
            ),
        };
        let tls = tls::certificates(options)?;
        let server = match options.cluster {
            false => {
                let url = options.url.first().map_or("redis://127.0.0.1:6379", String::as_str);
                Server::Single(Box::new(tls::client(url, tls).map_err(|error| bad(&error))?))
            }
            true => {
                let builder = ClusterClient::builder(options.url.iter().map(String::as_str));
                let builder = tls::cluster(builder, tls)
                    .retries(2)
                    .min_retry_wait(5)
                    .max_retry_wait(50)
                    .connection_timeout(options.timeout)
                    .response_timeout(options.write_timeout);
                Server::Cluster(Box::new(builder.build().map_err(|error| bad(&error))?))
            }
        };
        let slots = (0..options.connections.max(1)).map(|_| Slot::default()).collect();
        Ok(Link {
            server: Arc::new(server),
            slots,
            next: AtomicUsize::new(0),
            serial: AtomicU64::new(0),
            breaker: Arc::default(),
            patience: options.timeout,
            write_patience: options.write_timeout,
            place,
            tls: tls::wanted(options),
            stats,
        })
    }

    /// Other connections to the same Redis, for another runtime. What one learns of its health, both know.
    pub(crate) fn twin(&self) -> Link {
        Link {
            server: Arc::clone(&self.server),
            slots: self.slots.iter().map(|_| Slot::default()).collect(),
            next: AtomicUsize::new(0),
            serial: AtomicU64::new(0),
            breaker: Arc::clone(&self.breaker),
            patience: self.patience,
            write_patience: self.write_patience,
            place: self.place.clone(),
            tls: self.tls,
            stats: Arc::clone(&self.stats),
        }
    }

    /// Sends a command within the time of a read.
    pub(crate) async fn read(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.guarded(self.patience, async || self.send(command).await).await
    }

    /// Sends a command within the time of a write.
    pub(crate) async fn write(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.guarded(self.write_patience, async || self.send(command).await).await
    }

    /// Runs a script, whose text is sent when the server does not have it.
    pub(crate) async fn run(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Vec<u8>],
    ) -> Result<Value, StoreError> {
        self.guarded(self.write_patience, async || {
            let answer = self.send(&script.command(false, keys, args)).await;
            match answer {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    self.send(&script.command(true, keys, args)).await
                }
                answer => answer,
            }
        })
        .await
    }

    /// Whether the breaker holds everybody back.
    pub(crate) fn is_open(&self) -> bool {
        self.breaker.is_open()
    }

    async fn guarded(
        &self,
        patience: Duration,
        work: impl AsyncFnOnce() -> RedisResult<Value>,
    ) -> Result<Value, StoreError> {
        self.stats.calls.fetch_add(1, Ordering::Relaxed);
        if let Err(wait) = self.breaker.ask(Instant::now(), patience) {
            self.stats.refused.fetch_add(1, Ordering::Relaxed);
            let reason = format!("{} has failed lately and is left alone for {wait:?}", self.place);
            return Err(StoreError::Unavailable { reason });
        }
        let reason = match tokio::time::timeout(patience, work()).await {
            Ok(Ok(answer)) => {
                if self.breaker.answered() {
                    tracing::info!(redis = self.place, "Redis answers again");
                }
                return Ok(answer);
            }
            Ok(Err(error)) => {
                if !counts(&error) {
                    // It lives; what it was asked for is what failed.
                    self.breaker.answered();
                    self.stats.errors.fetch_add(1, Ordering::Relaxed);
                    return Err(StoreError::Unavailable { reason: self.explain(&error) });
                }
                self.explain(&error)
            }
            Err(_) => {
                // Whoever does not answer may have gone without a word.
                self.slots.iter().for_each(|slot| *slot.open.lock() = None);
                self.stats.timeouts.fetch_add(1, Ordering::Relaxed);
                format!("{} did not answer within {patience:?}", self.place)
            }
        };
        self.stats.errors.fetch_add(1, Ordering::Relaxed);
        if self.breaker.failed(Instant::now()) {
            tracing::warn!(redis = self.place, reason, "Redis fails and is left alone for a while");
        }
        Err(StoreError::Unavailable { reason })
    }

    fn explain(&self, error: &RedisError) -> String {
        let hint = match error.kind() {
            ErrorKind::AuthenticationFailed => "; give user and password in the URL",
            _ if error.code() == Some("OOM") => {
                "; its memory is full: raise maxmemory, or shorten stores.retention"
            }
            _ if error.code() == Some("WRONGTYPE") => "; its keys beginning with rec: are somebody else's",
            _ => "",
        };
        format!("{} says: {error}{hint}", self.place)
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let slot = &self.slots[at];
        let (serial, mut connection) = self.connection(slot).await?;
        let answer = connection.send(command).await;
        if let Err(error) = &answer
            && (error.is_unrecoverable_error() || error.is_io_error() || error.kind() == ErrorKind::Parse)
        {
            let mut open = slot.open.lock();
            if open.as_ref().is_some_and(|(known, _)| *known == serial) {
                *open = None;
            }
        }
        answer
    }

    async fn connection(&self, slot: &Slot) -> RedisResult<(u64, Connection)> {
        if let Some(open) = slot.open.lock().clone() {
            return Ok(open);
        }
        let _turn = slot.opening.lock().await;
        if let Some(open) = slot.open.lock().clone() {
            return Ok(open);
        }
        self.stats.connections.fetch_add(1, Ordering::Relaxed);
        let connection = match &*self.server {
            Server::Single(client) => {
                // Shaking hands over TLS takes longer; a read waits no longer for it than for anything.
                let patience = if self.tls { self.write_patience } else { self.patience };
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(patience.max(Duration::from_millis(100))))
                    .set_response_timeout(Some(self.write_patience));
                Connection::Single(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Server::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        };
        let open = (self.serial.fetch_add(1, Ordering::Relaxed), connection);
        *slot.open.lock() = Some(open.clone());
        Ok(open)
    }
}

/// The address without who it is and how they prove it.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        _ => url.to_owned(),
    }
}

/// Whether an error says that the server is not well, rather than that it did not like the command.
fn counts(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::TryAgain
        ),
        ErrorKind::Extension => error.code() == Some("BUSY"),
        ErrorKind::Client | ErrorKind::InvalidClientConfig | ErrorKind::UnexpectedReturnType => false,
        _ => true,
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.place)
    }
}
