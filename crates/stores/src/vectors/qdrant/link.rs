//! The way to Qdrant: a few HTTP/2 connections, a time within which every answer must come, attempts with pauses between
//! them, and a breaker.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use super::calls::Call;
use super::stats::{Stats, count};
use crate::breaker::Breaker;
use crate::vectors::{QdrantOptions, RemoteSnapshot, VectorError};

/// How often a call is made at most.
const ATTEMPTS: u32 = 4;
/// The first pause; each is twice the last, and half of it is chance.
const PAUSE: Duration = Duration::from_millis(4);
/// A connection has this long to come about, and is made anew when nothing comes through one that is older.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of a message of the server is repeated.
const REPEATED: usize = 300;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What the server said, if it said anything.
    pub(super) code: Option<Code>,
    reason: String,
}

impl From<Refusal> for VectorError {
    fn from(refusal: Refusal) -> Self {
        VectorError::Unavailable(refusal.reason)
    }
}

/// How long somebody waits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Within {
    /// As long as a search may take: a request waits for it.
    Search,
    /// As long as a write may take.
    Write,
}

/// A place for one connection, with the time since which it is there.
type Slot = Mutex<Option<(Instant, Channel)>>;

/// All connections of a process to one Qdrant.
pub(super) struct Link {
    endpoint: Endpoint,
    slots: Vec<Slot>,
    next: AtomicUsize,
    key: Option<AsciiMetadataValue>,
    breaker: Breaker,
    search: Duration,
    write: Duration,
    place: String,
    stats: Stats,
}

impl Link {
    /// Connects to nobody yet.
    pub(super) fn new(options: &QdrantOptions) -> Result<Self, VectorError> {
        let place = options.url.clone();
        let bad = |reason: String| {
            let reason = format!(
                "{place:?} is no address of a Qdrant: {reason}; write for example http://127.0.0.1:6334"
            );
            VectorError::Unavailable(reason)
        };
        if place.contains('@') {
            // Without the address: there is a secret in it.
            let reason =
                "the address of Qdrant has a name or a key in it; give the key by QDRANT_API_KEY instead";
            return Err(VectorError::Unavailable(reason.to_owned()));
        }
        let secure = place.starts_with("https://");
        if !secure && !place.starts_with("http://") {
            return Err(bad("it must begin with http:// or https://".to_owned()));
        }
        let endpoint = Endpoint::from_shared(place.clone()).map_err(|error| bad(error.to_string()))?;
        let mut endpoint = endpoint
            .user_agent(concat!("recommend/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| bad(error.to_string()))?
            .connect_timeout(PATIENCE)
            // Whoever goes without a word is found out, also while nothing is asked.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(2))
            .keep_alive_while_idle(true);
        if secure {
            let roots = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(roots).map_err(|error| bad(error.to_string()))?;
        }
        let key = match options.api_key.as_deref().map(AsciiMetadataValue::try_from) {
            None => None,
            Some(Ok(mut key)) => {
                key.set_sensitive(true);
                Some(key)
            }
            Some(Err(_)) => {
                let reason = "the key for Qdrant has characters that no header can have; is QDRANT_API_KEY what was meant?";
                return Err(VectorError::Unavailable(reason.to_owned()));
            }
        };
        Ok(Link {
            endpoint,
            slots: (0..options.connections.max(1)).map(|_| Slot::default()).collect(),
            next: AtomicUsize::new(0),
            key,
            breaker: Breaker::default(),
            search: options.timeout,
            write: options.write_timeout,
            place,
            stats: Stats::default(),
        })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn stats(&self) -> RemoteSnapshot {
        self.stats.snapshot(self.breaker.is_open())
    }

    /// Asks, again if that may help. All writes may be made twice.
    pub(super) async fn ask<Q: Clone, A>(
        &self,
        within: Within,
        call: Call<Q, A>,
        request: &Q,
    ) -> Result<A, Refusal> {
        let within = match within {
            Within::Search => self.search,
            Within::Write => self.write,
        };
        count(&self.stats.calls);
        let start = Instant::now();
        if let Err(wait) = self.breaker.ask(start, within) {
            count(&self.stats.refused);
            let reason = format!("Qdrant at {} has failed lately and is left alone for {wait:?}", self.place);
            return Err(Refusal { code: None, reason });
        }
        let mut waiting = Waiting { link: self, start, within, over: false };
        let answer = self.attempts(start, within, call, request).await;
        waiting.over = true;
        let refusal = match answer {
            Ok(answer) => {
                self.answered();
                return Ok(answer);
            }
            Err(refusal) => refusal,
        };
        count(&self.stats.errors);
        match refusal.code.is_some_and(lives) {
            // What it was asked for is what failed.
            true => self.answered(),
            false => self.failed(&refusal.reason),
        }
        Err(refusal)
    }

    async fn attempts<Q: Clone, A>(
        &self,
        start: Instant,
        within: Duration,
        call: Call<Q, A>,
        request: &Q,
    ) -> Result<A, Refusal> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let left = within.saturating_sub(start.elapsed());
            let (born, channel) = self.channel();
            let mut request = Request::new(request.clone());
            request.set_timeout(left);
            if let Some(key) = &self.key {
                request.metadata_mut().insert("api-key", key.clone());
            }
            let answer = tokio::time::timeout(left, call(channel, request)).await;
            let status = match answer {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) if start.elapsed() < within => status,
                Ok(Err(_)) | Err(_) => {
                    count(&self.stats.timeouts);
                    self.renew(born);
                    let reason = format!("Qdrant at {} did not answer within {within:?}", self.place);
                    return Err(Refusal { code: None, reason });
                }
            };
            let wait = pause.mul_f64(0.5 + 0.5 * chance());
            if !passes(status.code()) || attempt == ATTEMPTS || start.elapsed() + wait >= within {
                return Err(Refusal { code: Some(status.code()), reason: self.explain(&status) });
            }
            count(&self.stats.retries);
            tokio::time::sleep(wait).await;
            pause *= 2;
            attempt += 1;
        }
    }

    fn answered(&self) {
        if self.breaker.answered() {
            tracing::info!(qdrant = self.place, "Qdrant answers again");
        }
    }

    fn failed(&self, reason: &str) {
        if self.breaker.failed(Instant::now()) {
            tracing::warn!(qdrant = self.place, reason, "Qdrant fails and is left alone for a while");
        }
    }

    /// The connection of the next slot; it comes about when it is used, and again when it breaks.
    fn channel(&self) -> (Instant, Channel) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let mut slot = self.slots[at].lock();
        slot.get_or_insert_with(|| {
            count(&self.stats.connections);
            (Instant::now(), self.endpoint.connect_lazy())
        })
        .clone()
    }

    /// Nothing came through a connection of this age: it may lead nowhere.
    fn renew(&self, born: Instant) {
        if born.elapsed() < PATIENCE {
            return;
        }
        for slot in &self.slots {
            let mut slot = slot.lock();
            if slot.as_ref().is_some_and(|(known, _)| *known == born) {
                *slot = None;
            }
        }
    }

    fn explain(&self, status: &Status) -> String {
        let hint = match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                "; put a key that may read and write into the environment variable QDRANT_API_KEY"
            }
            Code::Unimplemented => "; is it the address of Qdrant's gRPC (port 6334)?",
            Code::ResourceExhausted => "; it is out of memory, out of disk or over its limits",
            _ => "",
        };
        let mut said = status.message().to_owned();
        let mut source = std::error::Error::source(status);
        while let Some(error) = source {
            let more = error.to_string();
            if !said.contains(&more) {
                said = format!("{said}: {more}");
            }
            source = error.source();
        }
        let said: String = said.chars().filter(|c| !c.is_control()).take(REPEATED).collect();
        format!("Qdrant at {} says {:?}: {said}{hint}", self.place, status.code())
    }
}

/// A call that somebody waits for.
struct Waiting<'a> {
    link: &'a Link,
    start: Instant,
    within: Duration,
    over: bool,
}

impl Drop for Waiting<'_> {
    /// Whoever had less time than a call has gave up. It is no answer either, when there was time for one.
    fn drop(&mut self) {
        if !self.over && self.start.elapsed() >= self.within / 2 {
            count(&self.link.stats.errors);
            self.link.failed("nobody could wait for an answer any longer");
        }
    }
}

/// Whether another attempt may well go better.
fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::Aborted
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
    )
}

/// Whether somebody who says this is well, and only did not like what was asked.
fn lives(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
    )
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(RandomState::new().hash_one(0_u8) as u32) / f64::from(u32::MAX)
}
