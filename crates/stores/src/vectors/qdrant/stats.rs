//! Counters of the link.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::vectors::RemoteSnapshot;

#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) calls: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) timeouts: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) connections: AtomicU64,
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Stats {
    pub(super) fn snapshot(&self, open: bool) -> RemoteSnapshot {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RemoteSnapshot {
            calls: of(&self.calls),
            errors: of(&self.errors),
            timeouts: of(&self.timeouts),
            retries: of(&self.retries),
            refused: of(&self.refused),
            connections: of(&self.connections),
            open,
        }
    }
}
