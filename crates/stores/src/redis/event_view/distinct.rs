//! How many others there were in a window, and the moments at which that changes.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{EventView, KindBits, narrow};
use crate::redis::actors::{Actors, estimate};
use crate::redis::event_row::{Entry, HOUR};

impl EventView {
    /// How many different others there were in `(after, now]`.
    pub(crate) fn distinct(&self, bits: KindBits, after: Option<i64>, now: i64) -> f64 {
        self.distinct_within(bits, after, now, &mut (i64::MIN..i64::MAX))
    }

    pub(super) fn distinct_within(
        &self,
        bits: KindBits,
        after: Option<i64>,
        now: i64,
        same: &mut Range<i64>,
    ) -> f64 {
        let inside = |entry: &&Entry| {
            bits.has(entry.kind) && entry.time <= now && after.is_none_or(|after| entry.time > after)
        };
        let future = self.recent.last().is_some_and(|entry| entry.time > now);
        let from = after.map_or(i64::MIN, |after| after.saturating_add(1).div_euclid(HOUR));
        if self.of(bits).any(|kind| matches!(kind.actors, Actors::Sketch(_))) {
            // A sketch knows hours, and the latest are known by their times.
            let begin = |hour: i64| hour.saturating_mul(HOUR).saturating_sub(1);
            *same = match after {
                None => i64::MIN..i64::MIN + 1,
                Some(_) => begin(from)..begin(from.saturating_add(1)),
            };
            let later = self.recent.partition_point(|entry| after.is_some_and(|after| entry.time <= after));
            if let Some(before) = later.checked_sub(1) {
                same.start = same.start.max(self.recent[before].time);
            }
            if let Some(next) = self.recent.get(later) {
                same.end = same.end.min(next.time);
            }
            let recent = self.recent.iter().filter(inside).map(|entry| entry.other);
            return estimate(self.of(bits).map(|kind| &kind.actors), recent, from);
        }
        if future {
            let mut others: FxHashSet<u64> =
                self.recent.iter().filter(inside).map(|entry| entry.other).collect();
            for kind in self.of(bits) {
                if let Actors::Exact(latest) = &kind.actors {
                    let last = now.div_euclid(HOUR);
                    let held = latest.iter().filter(|(_, hour)| (from..=last).contains(*hour));
                    others.extend(held.map(|(actor, _)| *actor));
                }
            }
            return others.len() as f64;
        }
        let mut inside = |times: &[i64]| {
            let from = after.map_or(0, |after| times.partition_point(|time| *time <= after));
            narrow(same, times, from);
            times.len() - from
        };
        if let Some((_, times)) = self.latest.read().iter().find(|(known, _)| *known == bits) {
            return inside(times) as f64;
        }
        let times = self.latest_times(bits);
        let found = inside(&times);
        self.latest.write().push((bits, times));
        found as f64
    }

    /// When each of the others was there last, ascending.
    fn latest_times(&self, bits: KindBits) -> Box<[i64]> {
        let mut latest: FxHashMap<u64, i64> = FxHashMap::default();
        for kind in self.of(bits) {
            if let Actors::Exact(held) = &kind.actors {
                for (actor, hour) in held {
                    // The last moment of the hour: a window that begins in it counts the hour.
                    let time = latest.entry(*actor).or_insert(i64::MIN);
                    *time = (*time).max(hour * HOUR + HOUR - 1);
                }
            }
        }
        for entry in self.recent.iter().filter(|entry| bits.has(entry.kind)) {
            let time = latest.entry(entry.other).or_insert(i64::MIN);
            *time = (*time).max(entry.time);
        }
        let mut times: Vec<i64> = latest.into_values().collect();
        times.sort_unstable();
        times.into()
    }
}
