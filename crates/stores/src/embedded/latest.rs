//! Distinct actors in a window, by a binary search: each actor once, at the time of its latest interaction.
//!
//! As of any time at or after the newest interaction, the actors in the window are those whose latest interaction is
//! in it. For earlier times (a replay) the caller counts the window itself.

use parking_lot::RwLock;
use recommend_core::Timestamp;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

use super::names::KindSet;
use super::timeline::Timeline;

/// The most kind sets per corpus that have an index; others are counted by a scan.
const MAX_INDEXES: usize = 16;

/// Actors by the time of their latest interaction.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    times: Vec<i64>,
    actors: Vec<u32>,
}

impl Latest {
    fn of(latest: FxHashMap<u32, i64>) -> Self {
        let mut pairs: Vec<_> = latest.into_iter().map(|(actor, time)| (time, actor)).collect();
        pairs.sort_unstable();
        let (times, actors) = pairs.into_iter().unzip();
        Latest { times, actors }
    }

    /// Who was active at which latest time, from the timelines of one entity.
    pub(crate) fn of_timelines<'a>(timelines: impl Iterator<Item = &'a Timeline>) -> Self {
        let mut latest = FxHashMap::default();
        for entry in timelines.flat_map(|timeline| timeline.runs(i64::MIN, i64::MAX)).flatten() {
            let time = latest.entry(entry.other).or_insert(i64::MIN);
            *time = (*time).max(entry.time().0);
        }
        Latest::of(latest)
    }

    /// Who was active at which latest time, from the timelines of all users.
    pub(crate) fn of_users<'a>(users: impl Iterator<Item = (u32, &'a Timeline)>, kinds: &KindSet) -> Self {
        let newest = |timeline: &Timeline| {
            let mut entries = timeline.runs(i64::MIN, i64::MAX).rev().flat_map(|run| run.iter().rev());
            entries.find(|entry| kinds.contains(entry.kind())).map(|entry| entry.time().0)
        };
        Latest::of(users.filter_map(|(user, timeline)| newest(timeline).map(|time| (user, time))).collect())
    }

    fn touch(&mut self, actor: u32, time: i64) {
        // Whoever is active was active lately: the search from the end is short but for newcomers.
        if let Some(at) = self.actors.iter().rposition(|known| *known == actor) {
            if self.times[at] >= time {
                return;
            }
            self.times.remove(at);
            self.actors.remove(at);
        }
        let at = self.times.partition_point(|known| *known <= time);
        self.times.insert(at, time);
        self.actors.insert(at, actor);
    }

    /// How many actors have their latest interaction after `after` (everything when `None`), if nothing happened
    /// after `now`.
    pub(crate) fn count(&self, after: Option<Timestamp>, now: Timestamp) -> Option<usize> {
        if self.times.last().is_some_and(|newest| *newest > now.0) {
            return None;
        }
        let before = after.map_or(0, |after| self.times.partition_point(|time| *time <= after.0));
        Some(self.times.len() - before)
    }
}

/// The indexes of one corpus: one per set of kinds that somebody asked for, filled entity by entity as they are asked.
#[derive(Debug, Default)]
pub(crate) struct LatestIndexes(RwLock<Vec<LatestIndex>>);

/// The index of one set of kinds.
#[derive(Debug)]
pub(crate) struct LatestIndex {
    kinds: KindSet,
    entities: Vec<OnceLock<Box<Latest>>>,
    tenant: OnceLock<Latest>,
}

impl LatestIndex {
    /// The actors of an entity, which `build` gathers when nobody asked before.
    pub(crate) fn entity(&self, row: u32, build: impl FnOnce() -> Latest) -> Option<&Latest> {
        self.entities.get(row as usize).map(|slot| &**slot.get_or_init(|| Box::new(build())))
    }

    /// Looks at what is there of these entities, so that the looks need not wait for each other later.
    pub(crate) fn touch(&self, rows: impl Iterator<Item = u32> + Clone) {
        let known = || rows.clone().filter_map(|row| self.entities.get(row as usize)?.get());
        std::hint::black_box(known().fold(0, |seen, latest| seen ^ latest.times.len()));
        let middle = |latest: &Latest| latest.times.get(latest.times.len() / 2).copied();
        std::hint::black_box(known().filter_map(|latest| middle(latest)).fold(0, |seen, time| seen ^ time));
    }

    /// The users of the whole tenant.
    pub(crate) fn tenant(&self, build: impl FnOnce() -> Latest) -> &Latest {
        self.tenant.get_or_init(build)
    }
}

impl LatestIndexes {
    /// Calls `read` with the index of these kinds, made for `rows` entities, or with `None` when there are too many
    /// kind sets to index this one.
    pub(crate) fn with<T>(
        &self,
        kinds: KindSet,
        rows: usize,
        read: impl FnOnce(Option<&LatestIndex>) -> T,
    ) -> T {
        let known = |index: &LatestIndex| index.kinds == kinds && index.entities.len() >= rows;
        {
            let indexes = self.0.read();
            if let Some(index) = indexes.iter().find(|index| known(index)) {
                return read(Some(index));
            }
        }
        {
            let mut indexes = self.0.write();
            if !indexes.iter().any(|index| index.kinds == kinds) {
                if indexes.len() >= MAX_INDEXES {
                    drop(indexes);
                    return read(None);
                }
                indexes.push(LatestIndex { kinds, entities: Vec::new(), tenant: OnceLock::new() });
            }
            for index in indexes.iter_mut().filter(|index| index.entities.len() < rows) {
                index.entities.resize_with(rows, OnceLock::new);
            }
        }
        read(self.0.read().iter().find(|index| known(index)))
    }

    /// Keeps the indexes true when an interaction comes in.
    pub(crate) fn record(&mut self, row: u32, user: u32, kind: u8, time: Timestamp) {
        for index in self.0.get_mut().iter_mut().filter(|index| index.kinds.contains(kind)) {
            if let Some(latest) = index.entities.get_mut(row as usize).and_then(OnceLock::get_mut) {
                latest.touch(user, time.0);
            }
            if let Some(latest) = index.tenant.get_mut() {
                latest.touch(user, time.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_counts_once_at_its_latest_time() {
        let mut latest = Latest::default();
        for (actor, time) in [(1, 10), (2, 20), (1, 30), (2, 5), (3, 15)] {
            latest.touch(actor, time);
        }
        assert_eq!(latest.count(None, Timestamp(30)), Some(3));
        assert_eq!(latest.count(Some(Timestamp(15)), Timestamp(30)), Some(2));
        assert_eq!(latest.count(Some(Timestamp(15)), Timestamp(29)), None, "something happened after");
    }
}
