//! Tables that several fetchers of a process read alike: made once, and kept over a reload.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use recommend_stores::InteractionStore;

/// What is in use by now, by the store and the settings that it is made of. Two recommenders with one fetcher in common
/// share its table, and so do the old and the new one while a reload takes place: nothing is built again that did not
/// change.
pub(crate) struct Shared<K, V>(Arc<Mutex<Vec<Entry<K, V>>>>);

struct Entry<K, V> {
    /// The address of the store; what is shared keeps its store alive, so that no other can have it.
    store: usize,
    key: K,
    value: Weak<V>,
}

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Shared(Arc::default())
    }
}

impl<K, V> Clone for Shared<K, V> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<K: PartialEq, V> Shared<K, V> {
    /// The value for a store and settings: the one that somebody has, or a new one.
    pub(crate) fn get(&self, store: &Arc<dyn InteractionStore>, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let store = Arc::as_ptr(store).cast::<()>() as usize;
        let mut entries = self.0.lock();
        entries.retain(|entry| entry.value.strong_count() > 0);
        let known = entries.iter().find(|entry| entry.store == store && entry.key == key);
        if let Some(value) = known.and_then(|entry| entry.value.upgrade()) {
            return value;
        }
        let value = Arc::new(make());
        entries.push(Entry { store, key, value: Arc::downgrade(&value) });
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn what_is_made_of_the_same_is_shared_as_long_as_it_is_used() {
        let (world, other, shared) = (World::new(), World::new(), Shared::<u32, String>::default());
        let made = |what: &str| what.to_owned();
        let first = shared.get(&world.stores.interactions, 1, || made("first"));
        let again = shared.get(&world.stores.interactions, 1, || made("second"));
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(*shared.get(&world.stores.interactions, 2, || made("other settings")), "other settings");
        assert_eq!(*shared.get(&other.stores.interactions, 1, || made("other store")), "other store");
        drop((first, again));
        assert_eq!(*shared.get(&world.stores.interactions, 1, || made("new")), "new");
    }
}
