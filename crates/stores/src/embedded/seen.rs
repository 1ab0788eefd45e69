//! The ids of all interactions of a tenant, in about 20 bytes each.

use recommend_core::InteractionId;
use rustc_hash::FxHashSet;

/// Several tables, so that one growing at a time holds the writer up for a moment only.
const SHARDS: usize = 16;

/// How many recent ids a table gathers at least before it sorts them in.
const RECENT: usize = 1024;

/// A set of ids. Only the writer has it; readers never wait while it grows.
#[derive(Debug, Default)]
pub(crate) struct SeenIds([Shard; SHARDS]);

/// A sorted array of 16 bytes an id, and a hash table of the recent ones, a quarter of all at most.
#[derive(Debug, Default)]
struct Shard {
    sorted: Vec<u128>,
    recent: FxHashSet<u128>,
}

impl SeenIds {
    fn shard(&mut self, id: InteractionId) -> &mut Shard {
        &mut self.0[(id.0 >> 64) as usize % SHARDS]
    }

    /// Whether an id is there.
    pub(crate) fn contains(&self, id: InteractionId) -> bool {
        let shard = &self.0[(id.0 >> 64) as usize % SHARDS];
        shard.recent.contains(&id.0) || find(&shard.sorted, id.0).is_ok()
    }

    /// Adds an id; whether it was not there.
    pub(crate) fn insert(&mut self, id: InteractionId) -> bool {
        let shard = self.shard(id);
        if find(&shard.sorted, id.0).is_ok() || !shard.recent.insert(id.0) {
            return false;
        }
        if shard.recent.len() >= RECENT.max(shard.sorted.len() / 4) {
            shard.sort_in();
        }
        true
    }

    /// Adds an id of which it is known that it is not there; [`SeenIds::settle`] follows before anything else.
    pub(crate) fn append(&mut self, id: InteractionId) {
        self.shard(id).sorted.push(id.0);
    }

    /// Puts what was appended in order.
    pub(crate) fn settle(&mut self) {
        for shard in &mut self.0 {
            shard.sorted.sort_unstable();
            shard.sorted.shrink_to_fit();
        }
    }

    /// Removes many at once, and gives their memory back.
    pub(crate) fn remove_all(&mut self, ids: &[InteractionId]) {
        let gone: FxHashSet<u128> = ids.iter().map(|id| id.0).collect();
        for shard in &mut self.0 {
            shard.sorted.retain(|id| !gone.contains(id));
            shard.sorted.shrink_to_fit();
            shard.recent.retain(|id| !gone.contains(id));
        }
    }

    pub(crate) fn remove(&mut self, id: InteractionId) {
        let shard = self.shard(id);
        if !shard.recent.remove(&id.0)
            && let Ok(at) = find(&shard.sorted, id.0)
        {
            shard.sorted.remove(at);
        }
    }
}

impl Shard {
    fn sort_in(&mut self) {
        let sorted = self.sorted.len();
        self.sorted.reserve_exact(self.recent.len());
        self.sorted.extend(self.recent.drain());
        self.sorted[sorted..].sort_unstable();
        // The stable sort finds the two runs and merges them.
        self.sorted.sort();
    }
}

/// Where an id is, or would be. Ids are hashes: where one should be follows from its bits, and is looked for around
/// there; ids that are not take a few steps more.
fn find(sorted: &[u128], id: u128) -> Result<usize, usize> {
    let guess = (((id >> 64) * sorted.len() as u128) >> 64) as usize;
    let mut step = 8;
    let (mut low, mut high) = (guess, guess);
    while low > 0 && sorted[low - 1] >= id {
        low = low.saturating_sub(step);
        step *= 2;
    }
    step = 8;
    while high < sorted.len() && sorted[high] < id {
        high = (high + step).min(sorted.len());
        step *= 2;
    }
    match sorted[low..high].binary_search(&id) {
        Ok(at) => Ok(low + at),
        Err(at) => {
            let at = low + at;
            if sorted.get(at) == Some(&id) { Ok(at) } else { Err(at) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn many_ids_are_each_there_once() {
        let mut seen = SeenIds::default();
        let id = |n: u128| InteractionId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        for n in 0..100_000 {
            assert!(seen.insert(id(n)) && seen.contains(id(n)));
        }
        assert!((0..100_000).all(|n| !seen.insert(id(n))));
        assert!((100_000..200_000).all(|n| !seen.contains(id(n))));
        seen.remove(id(5));
        assert!(!seen.contains(id(5)) && seen.insert(id(5)));
        seen.remove_all(&(0..60_000).chain(300_000..300_010).map(id).collect::<Vec<_>>());
        assert!((0..100_000).all(|n| seen.contains(id(n)) == (n >= 60_000)));
        let mut again = SeenIds::default();
        (0..50_000).rev().for_each(|n| again.append(id(n)));
        again.settle();
        assert!((0..100_000).all(|n| again.insert(id(n)) == (n >= 50_000)));
    }

    proptest! {
        #[test]
        fn an_id_is_found_wherever_the_others_lie(
            mut ids in prop::collection::vec(prop_oneof![any::<u128>(), 0_u128..50, (u128::MAX - 50)..=u128::MAX], 0..100),
            wanted in prop_oneof![any::<u128>(), 0_u128..50],
        ) {
            ids.sort_unstable();
            ids.dedup();
            for id in ids.iter().copied().chain([wanted]) {
                prop_assert_eq!(find(&ids, id), ids.binary_search(&id));
            }
        }
    }
}
