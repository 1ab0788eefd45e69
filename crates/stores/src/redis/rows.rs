//! Loading rows: from the local cache, from whoever loads them already, or with one `MGET` per shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::join_all;
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use redis::Value;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::keys::{RowKey, Shards};
use super::link::Link;
use super::options::RedisOptions;
use super::row::Row;
use crate::error::StoreError;

/// A row and since when it is known.
#[derive(Clone)]
struct Held {
    row: Arc<Row>,
    at: Instant,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<RowKey, Held> for ByBytes {
    fn weight(&self, _: &RowKey, held: &Held) -> u64 {
        held.row.bytes() as u64 + 160
    }
}

/// What a flight brought: its rows, and why others are not among them.
#[derive(Debug, Default)]
struct Landed {
    rows: FxHashMap<RowKey, Arc<Row>>,
    trouble: Option<Arc<str>>,
}

type Flight = watch::Receiver<Option<Arc<Landed>>>;

/// Rows as they were asked for, and what was wrong.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// `None` for a row that could not be loaded.
    pub(crate) rows: Vec<Option<Arc<Row>>>,
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

/// All rows of a deployment.
pub(crate) struct Rows {
    pub(crate) link: Arc<Link>,
    pub(crate) shards: Shards,
    options: RedisOptions,
    runtime: Handle,
    cache: Cache<RowKey, Held, ByBytes>,
    flights: Mutex<FxHashMap<RowKey, Flight>>,
    /// Grow with every write to a row of the place: what was read before is not kept.
    epochs: Vec<AtomicU64>,
}

impl Rows {
    pub(crate) fn new(link: Arc<Link>, shards: Shards, options: RedisOptions, runtime: Handle) -> Self {
        let cache = Cache::with_weighter(
            (options.cache_bytes / 2048).max(16) as usize,
            options.cache_bytes.max(1 << 16),
            ByBytes,
        );
        let epochs = (0..EPOCHS).map(|_| AtomicU64::new(0)).collect();
        Rows { link, shards, options, runtime, cache, flights: Mutex::default(), epochs }
    }

    fn epoch(&self, key: &RowKey) -> &AtomicU64 {
        let mut hasher = FxHasher::default();
        key.hash(&mut hasher);
        &self.epochs[hasher.finish() as usize % EPOCHS]
    }

    /// Forgets rows that were written.
    pub(crate) fn written<'a>(&self, keys: impl Iterator<Item = &'a RowKey>) {
        for key in keys {
            self.epoch(key).fetch_add(1, Ordering::SeqCst);
            self.cache.remove(key);
            // Whoever asks from now on must not board a flight that left before the write.
            self.flights.lock().remove(key);
        }
    }

    /// Loads rows. One round trip for those that the cache does not have.
    pub(crate) async fn load(self: &Arc<Self>, keys: &[RowKey]) -> Loaded {
        let now = Instant::now();
        let mut rows: Vec<Option<Arc<Row>>> = Vec::with_capacity(keys.len());
        let mut missing = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            let fresh = self.cache.get(key).filter(|held| now.duration_since(held.at) < self.options.ttl);
            if fresh.is_none() {
                missing.push(at);
            }
            rows.push(fresh.map(|held| held.row));
        }
        let stats = &self.link.stats;
        stats.hits.fetch_add((keys.len() - missing.len()) as u64, Ordering::Relaxed);
        if missing.is_empty() {
            return Loaded { rows, trouble: None };
        }
        let (mut flights, mut mine) = (Vec::<(Flight, Vec<usize>)>::new(), Vec::new());
        let (land, flight) = watch::channel(None);
        {
            let mut known = self.flights.lock();
            let mut own = Vec::new();
            for at in missing {
                match known.get(&keys[at]) {
                    Some(other) if !other.same_channel(&flight) => {
                        match flights.iter_mut().find(|(flight, _)| flight.same_channel(other)) {
                            Some((_, places)) => places.push(at),
                            None => flights.push((other.clone(), vec![at])),
                        }
                    }
                    Some(_) => own.push(at),
                    None => {
                        known.insert(keys[at].clone(), flight.clone());
                        mine.push(keys[at].clone());
                        own.push(at);
                    }
                }
            }
            if !own.is_empty() {
                flights.push((flight, own));
            }
        }
        let shared = flights.iter().map(|(_, places)| places.len()).sum::<usize>() - mine.len();
        stats.misses.fetch_add(mine.len() as u64, Ordering::Relaxed);
        stats.shared.fetch_add(shared as u64, Ordering::Relaxed);
        if !mine.is_empty() {
            // A task of its own: it lands, and others have the rows, when the one who asked has gone.
            let rows = Arc::clone(self);
            self.runtime.spawn(async move { rows.fly(mine, land).await });
        }
        let mut trouble = None;
        for (mut flight, places) in flights {
            let landed = match flight.wait_for(Option::is_some).await {
                Ok(landed) => landed.clone().unwrap_or_default(),
                Err(_) => {
                    Arc::new(Landed { trouble: Some("the load was stopped".into()), ..Landed::default() })
                }
            };
            for at in places {
                rows[at] = landed.rows.get(&keys[at]).cloned();
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

    /// Puts rows of before in the place of those that could not be loaded.
    fn stand_in(
        &self,
        keys: &[RowKey],
        rows: &mut [Option<Arc<Row>>],
        now: Instant,
        trouble: Option<Arc<str>>,
    ) -> Option<Arc<str>> {
        let (mut old, mut oldest, mut without) = (0, std::time::Duration::ZERO, 0);
        for (key, row) in keys.iter().zip(rows.iter_mut()).filter(|(_, row)| row.is_none()) {
            match self.cache.get(key) {
                Some(held) if now.duration_since(held.at) < self.options.stale => {
                    oldest = oldest.max(now.duration_since(held.at));
                    *row = Some(held.row);
                    old += 1;
                }
                _ => without += 1,
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
        let epochs: Vec<u64> = keys.iter().map(|key| self.epoch(key).load(Ordering::SeqCst)).collect();
        let landed = self.fetch(&keys).await;
        let now = Instant::now();
        let receiver = land.subscribe();
        let mut flights = self.flights.lock();
        for (key, epoch) in keys.iter().zip(epochs) {
            if let Some(row) = landed.rows.get(key)
                && self.epoch(key).load(Ordering::SeqCst) == epoch
                && !self.options.ttl.is_zero()
            {
                self.cache.insert(key.clone(), Held { row: Arc::clone(row), at: now });
            }
            if flights.get(key).is_some_and(|flight| flight.same_channel(&receiver)) {
                flights.remove(key);
            }
        }
        drop(flights);
        land.send_replace(Some(Arc::new(landed)));
    }

    async fn fetch(&self, keys: &[RowKey]) -> Landed {
        let mut by_tag: FxHashMap<(u64, u32), Vec<usize>> = FxHashMap::default();
        for (at, key) in keys.iter().enumerate() {
            let place = match self.options.cluster {
                true => (key.tenant.0, self.shards.of_row(key)),
                false => (0, 0),
            };
            by_tag.entry(place).or_default().push(at);
        }
        let answers = join_all(by_tag.into_values().map(async |places| {
            let mut command = redis::cmd("MGET");
            places.iter().for_each(|at| {
                command.arg(self.shards.key(&keys[*at]));
            });
            (self.link.read(&command).await, places)
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
                let row = match value {
                    Value::Nil => Ok(Row::empty(key.kind)),
                    Value::BulkString(bytes) => Row::read(key.kind, &bytes),
                    _ => Err("it is no string"),
                };
                match row {
                    Ok(row) => drop(landed.rows.insert(key.clone(), Arc::new(row))),
                    Err(reason) => fail(format!("the row {} is damaged: {reason}", self.shards.key(key))),
                }
            }
        }
        landed
    }

    /// The bytes of rows, past the cache; for what goes through everything.
    pub(crate) async fn read(&self, keys: &[RowKey]) -> Result<Vec<Arc<Row>>, StoreError> {
        let mut all = Vec::with_capacity(keys.len());
        for page in keys.chunks(512) {
            let landed = self.fetch(page).await;
            if let Some(reason) = landed.trouble {
                return Err(StoreError::Unavailable { reason: reason.to_string() });
            }
            let empty = |key: &RowKey| Arc::new(Row::empty(key.kind));
            all.extend(page.iter().map(|key| landed.rows.get(key).cloned().unwrap_or_else(|| empty(key))));
        }
        Ok(all)
    }
}
