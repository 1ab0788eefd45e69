//! A row of interactions, laid out for questions: windows by binary search.

mod distinct;
mod found;
mod kind;
pub(crate) mod others;

use std::ops::Range;

use parking_lot::RwLock;
use recommend_core::{Name, Timestamp};

use super::actors::Actors;
use super::event_row::{DAY, Entry, EventRow, HOUR};
pub(crate) use found::Window;
use found::{Found, MOST_FOUND};
use kind::KindView;

/// What was found in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) newest: Option<i64>,
}

/// Kinds (by bits) and the sorted latest times of their actors.
type LatestTimes = Vec<(KindBits, Box<[i64]>)>;

/// A row that is read.
#[derive(Debug, Default)]
pub(crate) struct EventView {
    kinds: Vec<KindView>,
    recent: Vec<Entry>,
    /// From this moment on nothing that the row holds is to come.
    settled: i64,
    found: RwLock<Vec<Found>>,
    latest: RwLock<LatestTimes>,
    bytes: usize,
}

impl EventView {
    pub(crate) fn new(row: EventRow) -> Self {
        let EventRow { kinds, recent } = row;
        let view = |(at, kind)| KindView::new(kind, &recent, at as u8);
        let kinds: Vec<KindView> = kinds.into_iter().enumerate().map(view).collect();
        let mut bytes = 256 + MOST_FOUND * size_of::<Found>() + recent.len() * 24;
        let mut settled = i64::MIN;
        for kind in &kinds {
            let newest = kind.last.iter().flatten().map(|(_, time)| *time).max();
            settled = settled.max(kind.settled).max(newest.unwrap_or(i64::MIN));
            let actors = match &kind.actors {
                Actors::Exact(latest) => latest.len() * 24,
                Actors::Sketch(registers) => registers.iter().map(|r| 24 + r.capacity() * 16).sum(),
            };
            bytes +=
                300 + kind.ends.len() * 24 + (kind.hours.list.len() + kind.days.list.len()) * 32 + actors;
        }
        let (found, latest) = (RwLock::default(), RwLock::default());
        EventView { kinds, recent, settled, found, latest, bytes }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The kinds of these names, as bits; all when there are none.
    pub(crate) fn kinds(&self, names: &[Name]) -> KindBits {
        if names.is_empty() {
            return KindBits([u128::MAX; 2]);
        }
        let mut bits = KindBits::default();
        for (at, _) in self.kinds.iter().enumerate().filter(|(_, kind)| names.contains(&kind.name)) {
            bits.0[at / 128] |= 1 << (at % 128);
        }
        bits
    }

    /// The name of an entry's kind.
    pub(crate) fn kind(&self, entry: &Entry) -> &Name {
        &self.kinds[usize::from(entry.kind)].name
    }

    fn of(&self, bits: KindBits) -> impl Iterator<Item = &KindView> {
        self.kinds.iter().enumerate().filter(move |(at, _)| bits.has(*at as u8)).map(|(_, kind)| kind)
    }

    /// The interactions that are held as they are, those in `(after, now]`, oldest first.
    pub(crate) fn between(&self, after: Option<i64>, now: i64) -> &[Entry] {
        let from = after.map_or(0, |after| self.recent.partition_point(|entry| entry.time <= after));
        let to = self.recent.partition_point(|entry| entry.time <= now).max(from);
        &self.recent[from..to]
    }

    /// What happened in `(after, now]`.
    pub(crate) fn tally(&self, bits: KindBits, after: Option<i64>, now: i64) -> Tally {
        self.tally_within(bits, after, now, &mut (i64::MIN..i64::MAX))
    }

    fn tally_within(&self, bits: KindBits, after: Option<i64>, now: i64, same: &mut Range<i64>) -> Tally {
        let mut tally = Tally::default();
        for (at, kind) in self.kinds.iter().enumerate().filter(|(at, _)| bits.has(*at as u8)) {
            if kind.settled <= now {
                kind.tally(after, now, &mut tally, same);
            } else {
                let of_kind = |entry: &&Entry| usize::from(entry.kind) == at;
                let latest: Vec<Entry> = self.between(after, now).iter().filter(of_kind).copied().collect();
                kind.tally_so_far(&latest, after, now, &mut tally);
            }
        }
        tally
    }

    /// The sum over `(after, now]` of `weight(time)`; the interactions of a bucket are taken to be in its middle.
    pub(crate) fn weighed(
        &self,
        bits: KindBits,
        after: Option<i64>,
        now: i64,
        weight: impl Fn(i64) -> f64,
    ) -> (u64, f64) {
        let (mut count, mut total) = (0, 0.0);
        for entry in self.between(after, now).iter().filter(|entry| bits.has(entry.kind)) {
            count += 1;
            total += weight(entry.time);
        }
        for kind in self.of(bits) {
            for buckets in [&kind.hours, &kind.days] {
                for bucket in buckets.inside(after, now) {
                    count += u64::from(bucket.count);
                    let middle = bucket.at * buckets.width + buckets.width / 2;
                    total += f64::from(bucket.count) * weight(middle.min(now));
                }
            }
        }
        (count, total)
    }

    /// Interactions in `(after, now]` by hour of the week. Those of a day's bucket are spread over its hours.
    pub(crate) fn week(&self, bits: KindBits, after: Option<i64>, now: i64, week: &mut [f32; 168]) {
        for entry in self.between(after, now).iter().filter(|entry| bits.has(entry.kind)) {
            week[Timestamp(entry.time).hour_of_week()] += 1.0;
        }
        for kind in self.of(bits) {
            for bucket in kind.hours.inside(after, now) {
                week[Timestamp(bucket.at * HOUR).hour_of_week()] += bucket.count as f32;
            }
            for bucket in kind.days.inside(after, now) {
                let first = Timestamp(bucket.at * DAY).hour_of_week();
                for hour in &mut week[first..first + 24] {
                    *hour += bucket.count as f32 / 24.0;
                }
            }
        }
    }

    /// For each kind: its name, how many there are, the first and the last.
    pub(crate) fn summary(&self) -> impl Iterator<Item = (&Name, u64, i64, i64)> {
        self.kinds.iter().enumerate().map(|(at, kind)| {
            let mut bits = KindBits::default();
            bits.0[at / 128] |= 1 << (at % 128);
            let tally = self.tally(bits, None, i64::MAX);
            (&kind.name, tally.count, kind.first, tally.newest.unwrap_or(kind.first))
        })
    }
}

/// Narrows where a window may begin to between the last of ascending moments that it leaves out and the first that it holds.
fn narrow(same: &mut Range<i64>, moments: &[i64], from: usize) {
    if let Some(before) = from.checked_sub(1) {
        same.start = same.start.max(moments[before]);
    }
    if let Some(next) = moments.get(from) {
        same.end = same.end.min(*next);
    }
}

/// A set of the kinds of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KindBits([u128; 2]);

impl KindBits {
    pub(crate) fn has(self, kind: u8) -> bool {
        self.0[usize::from(kind >> 7)] >> (kind & 127) & 1 == 1
    }
}

#[cfg(test)]
mod tests;
