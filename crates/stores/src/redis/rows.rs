//! Loading rows: from the local cache, from whoever loads them already, or with one `MGET` per shard.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use redis::Value;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::BuildHasher;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::held::{Held, Known, Recent};
use super::intern::Names;
use super::keys::{RowKey, RowRef, Shards};
use super::link::Link;
use super::options::RedisOptions;
use super::row::Row;
use crate::error::StoreError;

/// What a flight brought: its rows, and why others are not among them.
#[derive(Debug, Default)]
struct Landed {
    rows: FxHashMap<RowKey, Arc<Held>>,
    trouble: Option<Arc<str>>,
}

type Flight = watch::Receiver<Option<Arc<Landed>>>;

/// Rows as they were asked for, and what was wrong.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// `None` for a row that could not be loaded.
    pub(crate) rows: Vec<Option<Arc<Held>>>,
    /// Why rows are missing or old.
    pub(crate) trouble: Option<Arc<str>>,
}

impl Loaded {
    /// The trouble as an error, when nothing at all was loaded.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        let reason = self.trouble.as_ref().filter(|_| self.rows.iter().all(Option::is_none))?;
        Some(StoreError::Unavailable { reason: reason.to_string() })
    }
}

const EPOCHS: usize = 1024;

/// How many lists of rows wait to be read again at most; what finds no room is read when it has run out.
const AHEAD_QUEUE: usize = 1024;
/// How many rows are read again with one command.
const AHEAD: usize = 64;
/// For how long what is due is collected.
const GATHER: Duration = Duration::from_millis(5);

/// All rows of a deployment.
pub(crate) struct Rows {
    /// Connections of the runtime that requests run on.
    link: Link,
    pub(crate) shards: Shards,
    pub(crate) names: Arc<Names>,
    options: RedisOptions,
    runtime: Handle,
    recent: Recent,
    ahead: mpsc::Sender<Vec<RowKey>>,
    flights: Mutex<FxHashMap<RowKey, Flight>>,
    /// Grow with every write to a row of the place: what was read before is not kept.
    epochs: Vec<AtomicU64>,
}

impl Rows {
    pub(crate) fn new(link: Link, shards: Shards, options: RedisOptions, runtime: Handle) -> Arc<Self> {
        let epochs = (0..EPOCHS).map(|_| AtomicU64::new(0)).collect();
        let (ahead, due) = mpsc::channel(AHEAD_QUEUE);
        let recent = Recent::new(&options);
        let (names, flights) = (Arc::default(), Mutex::default());
        let rows = Arc::new(Rows { link, shards, names, options, runtime, recent, ahead, flights, epochs });
        rows.runtime.spawn(read_ahead(Arc::downgrade(&rows), due));
        rows
    }

    fn epoch(&self, key: &RowKey) -> &AtomicU64 {
        &self.epochs[FxBuildHasher.hash_one(key) as usize % EPOCHS]
    }

    fn epochs_of(&self, keys: &[RowKey]) -> Vec<u64> {
        keys.iter().map(|key| self.epoch(key).load(Ordering::SeqCst)).collect()
    }

    /// Forgets rows that were written.
    pub(crate) fn written<'a>(&self, keys: impl Iterator<Item = &'a RowKey>) {
        // Under the lock that rows are kept under: what was read before is removed, or not kept.
        let mut flights = self.flights.lock();
        for key in keys {
            self.epoch(key).fetch_add(1, Ordering::SeqCst);
            self.recent.remove(key);
            // Whoever asks from now on must not board a flight that left before the write.
            flights.remove(key);
        }
    }

    /// Loads rows. One round trip for those that the cache does not have.
    pub(crate) async fn load(self: &Arc<Self>, keys: &[RowRef<'_>]) -> Loaded {
        self.load_with(keys, Vec::new).await
    }

    /// The same; when there is a round trip, it brings others too, which are asked for next.
    pub(crate) async fn load_with<'a>(
        self: &Arc<Self>,
        keys: &[RowRef<'_>],
        others: impl FnOnce() -> Vec<RowRef<'a>>,
    ) -> Loaded {
        let now = self.recent.now();
        let mut rows: Vec<Option<Arc<Held>>> = Vec::with_capacity(keys.len());
        let (mut missing, mut due) = (Vec::new(), Vec::new());
        for (at, key) in keys.iter().enumerate() {
            rows.push(match self.recent.get(*key, now) {
                Known::Fresh(held) => Some(held),
                Known::Due(held) => {
                    due.push(key.owned());
                    Some(held)
                }
                Known::No => {
                    missing.push(at);
                    None
                }
            });
        }
        if !due.is_empty() {
            // Without room they are read when they have run out.
            let _ = self.ahead.try_send(due);
        }
        self.link.stats.hits.fetch_add((keys.len() - missing.len()) as u64, Ordering::Relaxed);
        if missing.is_empty() {
            return Loaded { rows, trouble: None };
        }
        let mut trouble = None;
        for (mut flight, places) in self.board(keys, &missing, others) {
            let landed = match flight.wait_for(Option::is_some).await {
                Ok(landed) => landed.clone().unwrap_or_default(),
                Err(_) => {
                    Arc::new(Landed { trouble: Some("the load was stopped".into()), ..Landed::default() })
                }
            };
            for at in places {
                rows[at] = landed.rows.get(&keys[at].owned()).cloned();
            }
            if trouble.is_none() {
                trouble.clone_from(&landed.trouble);
            }
        }
        if trouble.is_some() {
            trouble = self.stand_in(keys, &mut rows, now, trouble);
        }
        Loaded { rows, trouble }
    }

    /// The flights that bring missing rows, each with the places of those that it brings: flights of others, and one that
    /// starts now.
    fn board<'a>(
        self: &Arc<Self>,
        keys: &[RowRef<'_>],
        missing: &[usize],
        others: impl FnOnce() -> Vec<RowRef<'a>>,
    ) -> Vec<(Flight, Vec<usize>)> {
        let (mut flights, mut mine) = (Vec::<(Flight, Vec<usize>)>::new(), Vec::new());
        let (land, flight) = watch::channel(None);
        let others = if self.recent.keeps() { others() } else { Vec::new() };
        let now = self.recent.now();
        {
            let mut known = self.flights.lock();
            let mut own = Vec::new();
            for at in missing {
                let key = keys[*at].owned();
                match known.get(&key) {
                    Some(other) if !other.same_channel(&flight) => {
                        match flights.iter_mut().find(|(flight, _)| flight.same_channel(other)) {
                            Some((_, places)) => places.push(*at),
                            None => flights.push((other.clone(), vec![*at])),
                        }
                    }
                    Some(_) => own.push(*at),
                    None => {
                        known.insert(key.clone(), flight.clone());
                        mine.push(key);
                        own.push(*at);
                    }
                }
            }
            let shared = flights.iter().map(|(_, places)| places.len()).sum::<usize>();
            self.link.stats.shared.fetch_add(shared as u64, Ordering::Relaxed);
            if !own.is_empty() {
                flights.push((flight.clone(), own));
                let wanted = others.into_iter().filter(|key| matches!(self.recent.get(*key, now), Known::No));
                for key in wanted.map(RowRef::owned) {
                    if !known.contains_key(&key) {
                        known.insert(key.clone(), flight.clone());
                        mine.push(key);
                    }
                }
            }
        }
        self.link.stats.misses.fetch_add(mine.len() as u64, Ordering::Relaxed);
        if !mine.is_empty() {
            // A task of its own: it lands, and others have the rows, when the one who asked has gone.
            let rows = Arc::clone(self);
            self.runtime.spawn(async move { rows.fly(mine, land).await });
        }
        flights
    }

    /// Puts rows of before in the place of those that could not be loaded.
    fn stand_in(
        &self,
        keys: &[RowRef<'_>],
        rows: &mut [Option<Arc<Held>>],
        now: u64,
        trouble: Option<Arc<str>>,
    ) -> Option<Arc<str>> {
        let (mut old, mut oldest, mut without) = (0, Duration::ZERO, 0);
        for (key, row) in keys.iter().zip(rows.iter_mut()).filter(|(_, row)| row.is_none()) {
            match self.recent.stale(*key, self.options.stale, now) {
                Some((held, age)) => {
                    oldest = oldest.max(age);
                    *row = Some(held);
                    old += 1;
                }
                None => without += 1,
            }
        }
        self.link.stats.stale.fetch_add(old, Ordering::Relaxed);
        let reason = trouble?;
        Some(match (old, without) {
            (0, _) => reason,
            (old, 0) => format!("{reason}; {old} rows of up to {oldest:.1?} ago stand in").into(),
            (old, without) => {
                format!("{reason}; {old} rows of up to {oldest:.1?} ago stand in, {without} are missing")
                    .into()
            }
        })
    }

    /// Loads rows that nobody else loads, and tells all who wait.
    async fn fly(self: Arc<Self>, keys: Vec<RowKey>, land: watch::Sender<Option<Arc<Landed>>>) {
        let epochs = self.epochs_of(&keys);
        let landed = self.fetch(&self.link, &keys).await;
        let receiver = land.subscribe();
        let mut flights = self.flights.lock();
        for (key, epoch) in keys.iter().zip(epochs) {
            self.keep(key, epoch, &landed);
            if flights.get(key).is_some_and(|flight| flight.same_channel(&receiver)) {
                flights.remove(key);
            }
        }
        drop(flights);
        land.send_replace(Some(Arc::new(landed)));
    }

    /// Lets a row serve that was read, if it was not written since. Under the lock of the flights.
    fn keep(&self, key: &RowKey, epoch: u64, landed: &Landed) {
        if let Some(held) = landed.rows.get(key)
            && self.epoch(key).load(Ordering::SeqCst) == epoch
            && self.recent.keeps()
        {
            self.recent.put(key, held);
        }
    }

    async fn fetch(&self, link: &Link, keys: &[RowKey]) -> Landed {
        let mut by_tag: FxHashMap<(u64, u32), Vec<usize>> = FxHashMap::default();
        for (at, key) in keys.iter().enumerate() {
            let place = match self.options.cluster {
                true => (key.tenant.0, self.shards.of_row(key.borrowed())),
                false => (0, 0),
            };
            by_tag.entry(place).or_default().push(at);
        }
        let answers = join_all(by_tag.into_values().map(async |places| {
            let mut command = redis::cmd("MGET");
            places.iter().for_each(|at| {
                command.arg(self.shards.key(keys[*at].borrowed()));
            });
            (link.read(&command).await, places)
        }))
        .await;
        let mut landed = Landed::default();
        let mut fail = |reason: String| {
            landed.trouble.get_or_insert(reason.into());
        };
        for (answer, places) in answers {
            let values = match answer {
                Ok(Value::Array(values)) if values.len() == places.len() => values,
                Ok(_) => {
                    fail("Redis answered MGET with something else".into());
                    continue;
                }
                Err(error) => {
                    fail(error.to_string());
                    continue;
                }
            };
            for (at, value) in places.into_iter().zip(values) {
                let key = &keys[at];
                match self.decode(key, value) {
                    Ok(held) => drop(landed.rows.insert(key.clone(), held)),
                    Err(reason) => {
                        fail(format!("the row {} is damaged: {reason}", self.shards.key(key.borrowed())));
                    }
                }
            }
        }
        landed
    }

    fn decode(&self, key: &RowKey, value: Value) -> Result<Arc<Held>, &'static str> {
        let bytes = match value {
            Value::Nil => return Ok(Arc::new(Held::empty(key.kind))),
            Value::BulkString(bytes) => bytes,
            _ => return Err("it is no string"),
        };
        if let Some(held) = self.recent.same(key.borrowed(), &bytes) {
            return Ok(held);
        }
        Ok(Arc::new(Held::new(Row::read(key.kind, &bytes, &self.names)?, bytes)))
    }

    /// Rows past the cache, over the connections of who asks; for what goes through everything.
    pub(crate) async fn read(&self, link: &Link, keys: &[RowKey]) -> Result<Vec<Arc<Held>>, StoreError> {
        let mut all = Vec::with_capacity(keys.len());
        for page in keys.chunks(512) {
            let landed = self.fetch(link, page).await;
            if let Some(reason) = landed.trouble {
                return Err(StoreError::Unavailable { reason: reason.to_string() });
            }
            let empty = |key: &RowKey| Arc::new(Held::empty(key.kind));
            all.extend(page.iter().map(|key| landed.rows.get(key).cloned().unwrap_or_else(|| empty(key))));
        }
        Ok(all)
    }
}

/// Reads rows again before they have run out, as they are named, until nobody names any more.
async fn read_ahead(rows: Weak<Rows>, mut due: mpsc::Receiver<Vec<RowKey>>) {
    let mut lists = Vec::new();
    while due.recv_many(&mut lists, AHEAD_QUEUE).await > 0 {
        let keys: Vec<RowKey> = lists.drain(..).flatten().collect();
        for some in keys.chunks(AHEAD) {
            let Some(rows) = rows.upgrade() else { return };
            let epochs = rows.epochs_of(some);
            // What fails is loaded when it has run out, by somebody who can say so.
            let landed = rows.fetch(&rows.link, some).await;
            {
                let _flights = rows.flights.lock();
                some.iter().zip(epochs).for_each(|(key, epoch)| rows.keep(key, epoch, &landed));
            }
            rows.link.stats.ahead.fetch_add(landed.rows.len() as u64, Ordering::Relaxed);
        }
        tokio::time::sleep(GATHER).await;
    }
}
