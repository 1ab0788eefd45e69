//! Rows that this process has read: for how long they serve, and when they are read again.
//!
//! A row serves for [`RedisOptions::ttl`]. Before that is over, at a moment that differs from row to row, the first request that
//! meets it has it read again beside the requests (refresh ahead, as in Vattani, Chierichetti and Lowenstein, *Optimal
//! Probabilistic Cache Stampede Prevention*, VLDB 2015): no request waits for a row that is asked for all the time, and rows
//! that came together do not run out together. Bytes that are as they were are not decoded again.
//!
//! [`RedisOptions::ttl`]: super::RedisOptions::ttl

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use rustc_hash::FxBuildHasher;

use super::keys::{RowKey, RowKind, RowRef};
use super::options::RedisOptions;
use super::row::Row;

/// A row, its bytes in Redis, and since when it is known.
#[derive(Debug)]
pub(crate) struct Held {
    row: Row,
    bytes: Vec<u8>,
    /// When it was read, in milliseconds since the cache was made.
    read: AtomicU64,
    /// When it is to be read again; never when somebody is about to.
    due: AtomicU64,
}

impl Held {
    pub(crate) fn new(row: Row, bytes: Vec<u8>) -> Self {
        Held { row, bytes, read: AtomicU64::new(0), due: AtomicU64::new(u64::MAX) }
    }

    /// A row without bytes.
    pub(crate) fn empty(kind: RowKind) -> Self {
        Held::new(Row::empty(kind), Vec::new())
    }

    /// Whether it is this caller who is to see to it that the row is read again.
    fn claim(&self, now: u64) -> bool {
        let due = self.due.load(Ordering::Relaxed);
        let claimed = |due| self.due.compare_exchange(due, u64::MAX, Ordering::Relaxed, Ordering::Relaxed);
        due <= now && claimed(due).is_ok()
    }
}

impl Deref for Held {
    type Target = Row;

    fn deref(&self) -> &Row {
        &self.row
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<RowKey, Arc<Held>> for ByBytes {
    fn weight(&self, _: &RowKey, held: &Arc<Held>) -> u64 {
        (held.row.bytes() + held.bytes.len()) as u64 + 160
    }
}

/// The rows that serve, bounded in bytes.
pub(crate) struct Recent {
    rows: Cache<RowKey, Arc<Held>, ByBytes, FxBuildHasher>,
    start: Instant,
    /// Milliseconds.
    ttl: u64,
    turn: AtomicU32,
}

/// What is known of a row.
pub(crate) enum Known {
    /// It serves.
    Fresh(Arc<Held>),
    /// It serves, and it is the caller's turn to have it read again.
    Due(Arc<Held>),
    /// It must be read.
    No,
}

impl Recent {
    pub(crate) fn new(options: &RedisOptions) -> Self {
        // Ids are keyed hashes, which nobody outside can choose to collide: the quick hash is enough.
        let rows = Cache::with(
            (options.cache_bytes / 2048).max(16) as usize,
            options.cache_bytes.max(1 << 16),
            ByBytes,
            FxBuildHasher,
            DefaultLifecycle::default(),
        );
        let ttl = u64::try_from(options.ttl.as_millis()).unwrap_or(u64::MAX / 2);
        Recent { rows, start: Instant::now(), ttl, turn: AtomicU32::new(0) }
    }

    /// Whether rows are kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.ttl > 0
    }

    /// The moment that a look-up is made at.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// What serves for a row now.
    pub(crate) fn get(&self, key: RowRef<'_>, now: u64) -> Known {
        match self.rows.get(&key) {
            Some(held) if now.saturating_sub(held.read.load(Ordering::Relaxed)) >= self.ttl => Known::No,
            Some(held) if held.claim(now) => Known::Due(held),
            Some(held) => Known::Fresh(held),
            None => Known::No,
        }
    }

    /// What was read at most so long ago, and how long ago that was.
    pub(crate) fn stale(&self, key: RowRef<'_>, most: Duration, now: u64) -> Option<(Arc<Held>, Duration)> {
        let held = self.rows.get(&key)?;
        let age = Duration::from_millis(now.saturating_sub(held.read.load(Ordering::Relaxed)));
        (age < most).then_some((held, age))
    }

    /// The row that these bytes were decoded to before.
    pub(crate) fn same(&self, key: RowRef<'_>, bytes: &[u8]) -> Option<Arc<Held>> {
        self.rows.peek(&key).filter(|held| held.bytes == bytes)
    }

    /// Lets a row serve that was just read.
    pub(crate) fn put(&self, key: &RowKey, held: &Arc<Held>) {
        let now = self.now();
        // Spread evenly over 0.5 to 0.9 of the time (multiples of the golden ratio).
        let turn = self.turn.fetch_add(0x9e37_79b9, Ordering::Relaxed);
        let early = (self.ttl as f64 * (0.5 + 0.4 * f64::from(turn) / 4_294_967_296.0)) as u64;
        held.due.store(now.saturating_add(early), Ordering::Relaxed);
        held.read.store(now, Ordering::Relaxed);
        if self.rows.peek(key).is_none_or(|known| !Arc::ptr_eq(&known, held)) {
            self.rows.insert(key.clone(), Arc::clone(held));
        }
    }

    pub(crate) fn remove(&self, key: &RowKey) {
        self.rows.remove(key);
    }
}
