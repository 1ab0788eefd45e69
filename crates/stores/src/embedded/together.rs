//! How many users entities have in common, from the timelines as they are: nothing is kept for it, and nothing can be stale.

use recommend_core::EntityId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::aggregate::wanted;
use super::names::KindSet;
use super::tenant::{Corpus, State};
use super::timeline::{BEGINNING, Timeline, held, upto};
use crate::interactions::{CoInteraction, Subject};

/// A window of some kinds.
struct Window {
    kinds: KindSet,
    after: i64,
    end: i64,
}

impl Window {
    /// The other sides of a timeline's entries in the window.
    fn others<'a>(&'a self, timeline: &'a Timeline) -> impl Iterator<Item = u32> + 'a {
        let entries = timeline.runs(self.after, self.end).flatten();
        entries.filter(move |entry| self.kinds.contains(entry.kind())).map(|entry| entry.other)
    }

    /// How many entries the window has, of all kinds.
    fn len(&self, timeline: &Timeline) -> usize {
        timeline.rank(self.end).saturating_sub(timeline.rank(self.after))
    }

    /// The timelines of an entity that can have something in the window.
    fn of_entity<'a>(&'a self, corpus: &'a Corpus, row: u32) -> impl Iterator<Item = &'a Timeline> {
        let timelines = corpus.interactions.of_entity(row).iter();
        timelines.filter(move |(kind, _)| self.kinds.contains(*kind)).map(|(_, timeline)| timeline)
    }
}

/// Fills `out[i]` with how many users candidate `i` and any of the partners have in common.
pub(crate) fn co_interactions(
    state: &State,
    subject: &Subject<'_>,
    partners: &[EntityId],
    spec: &CoInteraction,
    out: &mut [f32],
) {
    out.fill(0.0);
    let name = spec.corpus.as_ref().unwrap_or(subject.corpus);
    let Some((corpus, kinds)) = wanted(state, name, &spec.kinds) else { return };
    let now = held(subject.now);
    let after = spec.after(now).map_or(BEGINNING, |after| upto(held(after)));
    let window = Window { kinds, after, end: upto(now) };
    let row = |entity: &EntityId| corpus.entities.get(entity.0);
    let users: FxHashSet<u32> = partners
        .iter()
        .filter_map(row)
        .flat_map(|row| window.of_entity(corpus, row))
        .flat_map(|timeline| window.others(timeline))
        .collect();
    if users.is_empty() {
        return;
    }
    let mut counts: FxHashMap<u32, u32> =
        subject.entities.iter().filter_map(row).map(|row| (row, 0)).collect();
    let timeline_of = |user: &u32| corpus.interactions.by_user.get(user);
    // The same from either side; whichever has less to look at.
    let of_candidates = counts.keys().flat_map(|row| window.of_entity(corpus, *row));
    let of_candidates: usize = of_candidates.map(|timeline| window.len(timeline)).sum();
    let of_users: usize = users.iter().filter_map(timeline_of).map(|timeline| window.len(timeline)).sum();
    let mut seen = FxHashSet::default();
    if of_candidates <= of_users {
        for (row, count) in &mut counts {
            seen.clear();
            let others = window.of_entity(corpus, *row).flat_map(|timeline| window.others(timeline));
            seen.extend(others.filter(|user| users.contains(user)));
            *count = seen.len() as u32;
        }
    } else {
        for timeline in users.iter().filter_map(timeline_of) {
            seen.clear();
            seen.extend(window.others(timeline));
            for row in &seen {
                if let Some(count) = counts.get_mut(row) {
                    *count += 1;
                }
            }
        }
    }
    for (out, entity) in out.iter_mut().zip(subject.entities) {
        *out = row(entity).and_then(|row| counts.get(&row)).map_or(0.0, |count| *count as f32);
    }
}
