//! What all users of a tenant wanted, in compact columns: what retrieval models are fitted to.

use recommend_core::{ComponentError, EntityId, Name, TenantId, Timestamp};
use recommend_stores::InteractionStore;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::history::wants;
use crate::settings::KindWeights;

/// Of each user the latest interactions count, so that one who never rests does not fill the memory.
const MAX_STEPS: usize = 5_000;

/// One interaction of a user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// When.
    pub(crate) time: Timestamp,
    /// With what: a place in [`Snapshot::items`].
    pub(crate) item: u32,
    /// Whether it is the user's first interaction with the item.
    pub(crate) first: bool,
    /// The place of its kind among those asked for.
    pub(crate) kind: u16,
}

/// The interactions of all users, oldest first within each: 16 bytes each.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The entities by number; sorted.
    pub(crate) items: Vec<EntityId>,
    /// How many users have each.
    pub(crate) support: Vec<u32>,
    ends: Vec<usize>,
    steps: Vec<Step>,
}

impl Snapshot {
    /// Reads what was wanted in `(since, until]`. Of more than `most` entities those with the most users are kept, among
    /// equals those with the smaller ids.
    pub(crate) fn read(
        store: &dyn InteractionStore,
        (tenant, corpus): (TenantId, &Name),
        interactions: &KindWeights,
        (since, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Self, ComponentError> {
        let mut numbers: FxHashMap<EntityId, u32> = FxHashMap::default();
        let (mut items, mut support): (Vec<EntityId>, Vec<u32>) = Default::default();
        let (mut ends, mut steps): (Vec<usize>, Vec<Step>) = Default::default();
        let mut seen = FxHashSet::default();
        store.scan_users(tenant, corpus, interactions.kinds(), since, until, &mut |_, events| {
            seen.clear();
            for event in &events[events.len().saturating_sub(MAX_STEPS)..] {
                if !wants(event, interactions) {
                    continue;
                }
                let item = *numbers.entry(event.entity).or_insert_with(|| {
                    items.push(event.entity);
                    support.push(0);
                    (items.len() - 1) as u32
                });
                let first = seen.insert(item);
                support[item as usize] += u32::from(first);
                steps.push(Step { time: event.time, item, first, kind: event.kind });
            }
            ends.push(steps.len());
        })?;
        let mut snapshot = Snapshot { items, support, ends, steps };
        snapshot.prune(most);
        Ok(snapshot)
    }

    /// Keeps the items with the most users, and numbers them by id.
    fn prune(&mut self, most: usize) {
        let mut kept: Vec<u32> = (0..self.items.len() as u32).collect();
        if kept.len() > most {
            kept.sort_unstable_by_key(|item| {
                (std::cmp::Reverse(self.support[*item as usize]), self.items[*item as usize])
            });
            kept.truncate(most);
        }
        kept.sort_unstable_by_key(|item| self.items[*item as usize]);
        let mut numbers = vec![u32::MAX; self.items.len()];
        for (number, item) in (0..).zip(&kept) {
            numbers[*item as usize] = number;
        }
        self.items = kept.iter().map(|item| self.items[*item as usize]).collect();
        self.support = kept.iter().map(|item| self.support[*item as usize]).collect();
        let (mut write, mut read) = (0, 0);
        for end in &mut self.ends {
            while read < *end {
                let step = self.steps[read];
                let item = numbers[step.item as usize];
                if item != u32::MAX {
                    self.steps[write] = Step { item, ..step };
                    write += 1;
                }
                read += 1;
            }
            *end = write;
        }
        self.steps.truncate(write);
        self.steps.shrink_to_fit();
    }

    /// Only the items, when what was learned of the rest is learned.
    pub(crate) fn without_steps(self) -> Self {
        Snapshot { ends: Vec::new(), steps: Vec::new(), ..self }
    }

    /// How many users.
    pub(crate) fn users(&self) -> usize {
        self.ends.len()
    }

    /// What one user did, oldest first.
    pub(crate) fn user(&self, user: usize) -> &[Step] {
        let start = if user == 0 { 0 } else { self.ends[user - 1] };
        &self.steps[start..self.ends[user]]
    }

    /// What every user did.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[Step]> {
        (0..self.users()).map(|user| self.user(user))
    }

    /// The number of an entity.
    pub(crate) fn number(&self, entity: EntityId) -> Option<u32> {
        self.items.binary_search(&entity).ok().map(|number| number as u32)
    }
}

/// The items of some steps, the latest first, each once, at most so many.
pub(crate) fn latest(steps: &[Step], most: usize, known: &mut FxHashSet<u32>) -> Vec<u32> {
    known.clear();
    steps.iter().rev().map(|step| step.item).filter(|item| known.insert(*item)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, TENANT, World};

    async fn read(most: usize) -> Snapshot {
        let at = |hour: u64| NOW.before(recommend_core::hours(10 - hour));
        let events = [(1, 30, 1), (1, 20, 2), (1, 30, 3), (2, 30, 1), (2, 10, 2), (3, 20, 1), (3, 10, 5)];
        let events = events.map(|(user, entity, hour)| (user, entity, "join", at(hour)));
        let world = World::new().events(events).await;
        let (corpus, span) = (Name::literal("channel"), (Timestamp(i64::MIN), NOW));
        let kinds = KindWeights::default();
        Snapshot::read(&*world.stores.interactions, (TENANT, &corpus), &kinds, span, most).unwrap()
    }

    #[tokio::test]
    async fn it_holds_what_users_did_in_order() {
        let snapshot = read(10).await;
        assert_eq!(snapshot.items, [10, 20, 30].map(EntityId));
        assert_eq!(snapshot.support, [2, 2, 2], "users, not interactions");
        let steps: Vec<(u32, bool)> = snapshot.user(0).iter().map(|step| (step.item, step.first)).collect();
        assert_eq!(steps, [(2, true), (1, true), (2, false)]);
        assert_eq!(latest(snapshot.user(0), 9, &mut FxHashSet::default()), [2, 1]);
        assert_eq!(snapshot.number(EntityId(20)), Some(1));
    }

    #[tokio::test]
    async fn the_least_used_are_left_out_of_it() {
        let snapshot = read(2).await;
        assert_eq!(snapshot.items, [10, 20].map(EntityId), "equals go by id");
        assert_eq!(snapshot.all().map(<[Step]>::len).collect::<Vec<_>>(), [1, 1, 2]);
        assert_eq!(snapshot.number(EntityId(30)), None);
    }
}
