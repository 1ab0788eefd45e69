//! A set of entities with a sorted snapshot that readers share.

use std::sync::Arc;

use parking_lot::Mutex;
use recommend_core::EntityId;

/// What came and went since the snapshot was taken is merged into it when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Members(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sorted: Arc<[EntityId]>,
    pending: Vec<(EntityId, bool)>,
}

impl Members {
    pub(crate) fn add(&mut self, entity: EntityId) {
        self.0.get_mut().pending.push((entity, true));
    }

    pub(crate) fn remove(&mut self, entity: EntityId) {
        self.0.get_mut().pending.push((entity, false));
    }

    /// All members, by id.
    pub(crate) fn snapshot(&self) -> Arc<[EntityId]> {
        let mut inner = self.0.lock();
        if !inner.pending.is_empty() {
            let mut pending = std::mem::take(&mut inner.pending);
            // Stable: of several changes to one entity the last one counts.
            pending.sort_by_key(|(entity, _)| *entity);
            inner.sorted = merge(&inner.sorted, &pending).into();
        }
        Arc::clone(&inner.sorted)
    }
}

fn merge(sorted: &[EntityId], pending: &[(EntityId, bool)]) -> Vec<EntityId> {
    let mut merged = Vec::with_capacity(sorted.len() + pending.len());
    let mut rest = sorted;
    for changes in pending.chunk_by(|a, b| a.0 == b.0) {
        let Some((entity, present)) = changes.last() else { continue };
        let before = rest.partition_point(|known| known < entity);
        merged.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        if rest.first() == Some(entity) {
            rest = &rest[1..];
        }
        if *present {
            merged.push(*entity);
        }
    }
    merged.extend_from_slice(rest);
    merged
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_snapshot_is_the_sorted_set(changes in proptest::collection::vec((0_u64..30, any::<bool>(), any::<bool>()), 0..100)) {
            let (mut members, mut set) = (Members::default(), BTreeSet::new());
            for (id, add, look) in changes {
                if add {
                    members.add(EntityId(id));
                    set.insert(EntityId(id));
                } else {
                    members.remove(EntityId(id));
                    set.remove(&EntityId(id));
                }
                if look {
                    prop_assert!(members.snapshot().iter().eq(set.iter()));
                }
            }
            prop_assert!(members.snapshot().iter().eq(set.iter()));
        }
    }
}
