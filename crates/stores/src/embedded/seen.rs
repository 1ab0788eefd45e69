//! The ids of all interactions of a tenant, 16 bytes each and the slack of the tables.

use recommend_core::InteractionId;
use rustc_hash::FxHashSet;

/// Several tables, so that one growing at a time holds the writer up for a moment only.
const SHARDS: usize = 16;

/// A set of ids. Only the writer has it; readers never wait while it grows.
#[derive(Debug, Default)]
pub(crate) struct SeenIds([FxHashSet<u128>; SHARDS]);

impl SeenIds {
    fn shard(&mut self, id: InteractionId) -> &mut FxHashSet<u128> {
        &mut self.0[(id.0 >> 64) as usize % SHARDS]
    }

    /// Adds an id; whether it was not there.
    pub(crate) fn insert(&mut self, id: InteractionId) -> bool {
        self.shard(id).insert(id.0)
    }

    /// Whether an id is there.
    pub(crate) fn contains(&self, id: InteractionId) -> bool {
        self.0[(id.0 >> 64) as usize % SHARDS].contains(&id.0)
    }

    pub(crate) fn remove(&mut self, id: InteractionId) {
        self.shard(id).remove(&id.0);
    }
}
