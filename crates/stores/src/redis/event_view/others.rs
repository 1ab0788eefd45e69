//! The others of several rows together: how many, and how many of them a row shares.

use recommend_core::Name;
use rustc_hash::FxHashSet;

use super::EventView;
use crate::redis::actors::{Actors, estimate};
use crate::redis::event_row::{Entry, HOUR};

/// The others of some rows in a window.
pub(crate) struct Others<'a> {
    /// Those of the latest interactions; with exact sets all of them.
    known: FxHashSet<u64>,
    /// What else there is, when any of it is a sketch.
    sets: Vec<&'a Actors>,
    /// The hour that the window begins in.
    from: i64,
}

impl<'a> Others<'a> {
    /// Those of the rows in `(after, now]`, with the kinds of these names, or all when there are none.
    pub(crate) fn of(
        views: impl Iterator<Item = &'a EventView>,
        kinds: &[Name],
        after: Option<i64>,
        now: i64,
    ) -> Self {
        let from = after.map_or(i64::MIN, |after| after.saturating_add(1).div_euclid(HOUR));
        let last = now.div_euclid(HOUR);
        let mut others = Others { known: FxHashSet::default(), sets: Vec::new(), from };
        for view in views {
            let bits = view.kinds(kinds);
            let inside = |entry: &&Entry| {
                bits.has(entry.kind) && entry.time <= now && after.is_none_or(|after| entry.time > after)
            };
            others.known.extend(view.recent.iter().filter(inside).map(|entry| entry.other));
            others.sets.extend(view.of(bits).map(|kind| &kind.actors));
        }
        if others.sets.iter().any(|set| matches!(set, Actors::Sketch(_))) {
            return others;
        }
        for set in std::mem::take(&mut others.sets) {
            if let Actors::Exact(latest) = set {
                let inside = latest.iter().filter(|(_, hour)| (from..=last).contains(*hour));
                others.known.extend(inside.map(|(actor, _)| *actor));
            }
        }
        others
    }

    /// How many; an estimate where there is a sketch.
    pub(crate) fn count(&self) -> f64 {
        match self.sets.is_empty() {
            true => self.known.len() as f64,
            false => estimate(self.sets.iter().copied(), self.known.iter().copied(), self.from),
        }
    }

    /// How many are in both. With a sketch it is what inclusion and exclusion make of three estimates, and as far off as they.
    pub(crate) fn shared(&self, other: &Others<'a>) -> f64 {
        if self.sets.is_empty() && other.sets.is_empty() {
            return self.known.intersection(&other.known).count() as f64;
        }
        let sets = self.sets.iter().chain(&other.sets).copied();
        let known = self.known.union(&other.known).copied();
        let (mine, others) = (self.count(), other.count());
        (mine + others - estimate(sets, known, self.from)).clamp(0.0, mine.min(others))
    }
}

impl EventView {
    /// How many different others there were in several rows together.
    pub(crate) fn distinct_over<'a>(
        views: impl Iterator<Item = &'a EventView>,
        kinds: &[Name],
        after: Option<i64>,
        now: i64,
    ) -> f64 {
        Others::of(views, kinds, after, now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(users: std::ops::Range<u64>) -> Actors {
        let mut actors = Actors::default();
        users.for_each(|user| actors.add(user, 5));
        actors
    }

    fn others<'a>(known: &[u64], sets: Vec<&'a Actors>) -> Others<'a> {
        Others { known: known.iter().copied().collect(), sets, from: 0 }
    }

    #[test]
    fn what_is_known_exactly_is_shared_exactly() {
        let (a, b) = (others(&[1, 2, 3], Vec::new()), others(&[2, 3, 4], Vec::new()));
        assert_eq!((a.count(), a.shared(&b), b.shared(&a)), (3.0, 2.0, 2.0));
    }

    #[test]
    fn what_sketches_share_is_estimated_within_what_each_has() {
        let (many, half, apart) = (sketch(0..4_000), sketch(2_000..6_000), sketch(50_000..54_000));
        let set = |actors| others(&[], vec![actors]);
        let (many, half, apart) = (set(&many), set(&half), set(&apart));
        assert!((many.shared(&half) - 2_000.0).abs() < 900.0, "{}", many.shared(&half));
        assert!(many.shared(&apart) < 900.0, "{}", many.shared(&apart));
        assert!((many.shared(&many) - many.count()).abs() < 1e-6);
        let few = others(&[1, 2, 3, 40_000], Vec::new());
        assert!((0.0..=4.0).contains(&many.shared(&few)));
    }
}
