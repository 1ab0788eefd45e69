//! What the link and the local cache have done, for metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters since the stores were opened.
#[derive(Debug, Default)]
pub struct RedisStats {
    pub(crate) calls: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) shared: AtomicU64,
    pub(crate) ahead: AtomicU64,
    pub(crate) stale: AtomicU64,
    pub(crate) folds: AtomicU64,
    pub(crate) open: AtomicBool,
}

/// [`RedisStats`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedisSnapshot {
    /// Commands that were to be sent.
    pub calls: u64,
    /// Commands without a good answer, timeouts included.
    pub errors: u64,
    /// Commands without an answer in time.
    pub timeouts: u64,
    /// Commands that the breaker held back.
    pub refused: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Rows that the local cache had.
    pub hits: u64,
    /// Rows that it had not.
    pub misses: u64,
    /// Rows that somebody else was loading already.
    pub shared: u64,
    /// Rows that were read again before they had run out.
    pub ahead: u64,
    /// Rows that served beyond their time because Redis did not answer.
    pub stale: u64,
    /// Rows that were folded.
    pub folds: u64,
    /// Whether the breaker is open.
    pub open: bool,
}

impl RedisStats {
    /// The counters now.
    pub fn snapshot(&self) -> RedisSnapshot {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RedisSnapshot {
            calls: of(&self.calls),
            errors: of(&self.errors),
            timeouts: of(&self.timeouts),
            refused: of(&self.refused),
            connections: of(&self.connections),
            hits: of(&self.hits),
            misses: of(&self.misses),
            shared: of(&self.shared),
            ahead: of(&self.ahead),
            stale: of(&self.stale),
            folds: of(&self.folds),
            open: self.open.load(Ordering::Relaxed),
        }
    }
}
