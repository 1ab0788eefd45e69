//! A row of interactions, laid out for questions: windows by binary search.

pub(crate) mod others;

use std::ops::Range;

use parking_lot::RwLock;
use recommend_core::{Name, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::actors::{Actors, estimate};
use super::event_row::{Bucket, DAY, Entry, EventRow, HOUR, Kind};
use super::intern::List;
use crate::interactions::Aggregate;

/// One kind of a row.
#[derive(Debug)]
struct KindView {
    name: Name,
    first: i64,
    /// Everything that happened, buckets whole, by the last moment at which it may have happened; ascending. What lies in a
    /// window is what ends after its beginning.
    ends: Vec<i64>,
    /// How many there are from each on, and the sums of their values.
    counts: Vec<u64>,
    sums: Vec<f64>,
    /// The last of the latest, of the hours and of the days: its end and the time of the latest in it.
    last: [Option<(i64, i64)>; 3],
    /// The first moment at which the last of all may have happened.
    settled: i64,
    hours: Buckets,
    days: Buckets,
    actors: Actors,
}

/// Buckets of one width.
#[derive(Debug)]
struct Buckets {
    width: i64,
    list: Vec<Bucket>,
}

/// What was found in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) newest: Option<i64>,
}

/// Kinds (by bits) and the sorted latest times of their actors.
type LatestTimes = Vec<(KindBits, Box<[i64]>)>;

/// What windows hold that begin between two of the moments at which that changes. Nearly every request asks for what the
/// one before it found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// The number of a list of kinds.
    kinds: u32,
    aggregate: Aggregate,
    /// From where to before where a window begins.
    from: i64,
    to: i64,
    value: f64,
}

/// So much is remembered of a row.
const MOST_FOUND: usize = 64;

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

impl Buckets {
    fn end(&self, bucket: &Bucket) -> i64 {
        bucket.at.saturating_add(1).saturating_mul(self.width).saturating_sub(1)
    }

    /// The buckets of a window, whole ones: the one that its beginning lies in counts, as does the one of its end.
    fn inside(&self, after: Option<i64>, now: i64) -> &[Bucket] {
        let from = match after {
            None => 0,
            Some(after) => {
                let first = after.saturating_add(1).div_euclid(self.width);
                self.list.partition_point(|bucket| bucket.at < first)
            }
        };
        let last = now.div_euclid(self.width);
        let to = self.list.partition_point(|bucket| bucket.at <= last);
        &self.list[from.min(to)..to]
    }
}

impl KindView {
    fn new(kind: Kind, recent: &[Entry], at: u8) -> Self {
        let Kind { name, first, hours, days, actors } = kind;
        let (hours, days) = (Buckets { width: HOUR, list: hours }, Buckets { width: DAY, list: days });
        let latest = recent.iter().filter(|entry| entry.kind == at);
        let mut all: Vec<(i64, u64, f64)> =
            latest.clone().map(|entry| (entry.time, 1, f64::from(entry.value))).collect();
        let (mut last, mut settled) = ([None; 3], i64::MIN);
        if let Some((time, ..)) = all.last() {
            (last[0], settled) = (Some((*time, *time)), *time);
        }
        for (last, buckets) in last[1..].iter_mut().zip([&hours, &days]) {
            let whole = |bucket: &Bucket| (buckets.end(bucket), u64::from(bucket.count), bucket.sum);
            all.extend(buckets.list.iter().map(whole));
            if let Some(bucket) = buckets.list.last() {
                *last = Some((buckets.end(bucket), bucket.last));
                settled = settled.max(bucket.at.saturating_mul(buckets.width));
            }
        }
        all.sort_by_key(|(end, ..)| *end);
        let (mut counts, mut sums) = (vec![0; all.len()], vec![0.0; all.len()]);
        let (mut count, mut sum) = (0, 0.0);
        for (at, (_, more, value)) in all.iter().enumerate().rev() {
            count += more;
            sum += value;
            (counts[at], sums[at]) = (count, sum);
        }
        let ends = all.into_iter().map(|(end, ..)| end).collect();
        KindView { name, first, ends, counts, sums, last, settled, hours, days, actors }
    }

    /// What happened after a moment, when all of it has happened by now. `same` is narrowed to where a window with the same
    /// in it begins.
    fn tally(&self, after: Option<i64>, now: i64, tally: &mut Tally, same: &mut Range<i64>) {
        let after = after.unwrap_or(i64::MIN);
        let from = self.ends.partition_point(|end| *end <= after);
        narrow(same, &self.ends, from);
        if from < self.ends.len() {
            tally.count += self.counts[from];
            tally.sum += self.sums[from];
            for (_, time) in self.last.iter().flatten().filter(|(end, _)| *end > after) {
                tally.newest = tally.newest.max(Some((*time).min(now)));
            }
        }
    }

    /// The same when some of it is to come.
    fn tally_so_far(&self, latest: &[Entry], after: Option<i64>, now: i64, tally: &mut Tally) {
        for entry in latest {
            tally.count += 1;
            tally.sum += f64::from(entry.value);
            tally.newest = tally.newest.max(Some(entry.time));
        }
        for buckets in [&self.hours, &self.days] {
            for bucket in buckets.inside(after, now) {
                tally.count += u64::from(bucket.count);
                tally.sum += bucket.sum;
                tally.newest = tally.newest.max(Some(bucket.last.min(now)));
            }
        }
    }
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

    /// Calls `put` with the values that were found before, and leaves the other windows in `missing`.
    pub(crate) fn recall<'w>(
        &self,
        windows: impl Iterator<Item = Window<'w>>,
        now: i64,
        missing: &mut Vec<Window<'w>>,
        mut put: impl FnMut(usize, f32),
    ) {
        missing.clear();
        if now < self.settled {
            return missing.extend(windows);
        }
        let found = self.found.read();
        let mut next = 0;
        for window in windows {
            let begin = window.after.unwrap_or(i64::MIN);
            let fits = |known: &Found| {
                Some(known.kinds) == window.kinds.number
                    && known.aggregate == window.aggregate
                    && (known.from..known.to).contains(&begin)
            };
            // Mostly they are asked for in the order in which they were found.
            let at = match found.get(next) {
                Some(known) if fits(known) => Some(next),
                _ => found.iter().position(fits),
            };
            match at {
                Some(at) => {
                    put(window.at, as_feature(window.aggregate, found[at].value, now));
                    next = at + 1;
                }
                None => missing.push(window),
            }
        }
    }

    /// The value of a window, which is remembered.
    pub(crate) fn find(&self, window: &Window<'_>, now: i64) -> f32 {
        let Window { kinds, aggregate, after, .. } = *window;
        let (bits, mut same) = (self.kinds(&kinds.names), i64::MIN..i64::MAX);
        let value = match aggregate {
            Aggregate::Distinct => self.distinct_within(bits, after, now, &mut same),
            _ => {
                let tally = self.tally_within(bits, after, now, &mut same);
                match aggregate {
                    Aggregate::Count => tally.count as f64,
                    Aggregate::Sum => tally.sum,
                    _ => tally.newest.map_or(f64::NAN, |newest| newest as f64),
                }
            }
        };
        if let (true, Some(kinds)) = (self.settled <= now, kinds.number) {
            let mut found = self.found.write();
            let new = Found { kinds, aggregate, from: same.start, to: same.end, value };
            // A window that moves on leaves the place where it was.
            let left = |known: &&mut Found| {
                known.kinds == kinds && known.aggregate == aggregate && known.to == new.from
            };
            match found.iter_mut().find(left) {
                Some(known) => *known = new,
                None => {
                    if found.len() >= MOST_FOUND {
                        found.clear();
                    }
                    found.push(new);
                }
            }
        }
        as_feature(aggregate, value, now)
    }

    /// How many different others there were in `(after, now]`.
    pub(crate) fn distinct(&self, bits: KindBits, after: Option<i64>, now: i64) -> f64 {
        self.distinct_within(bits, after, now, &mut (i64::MIN..i64::MAX))
    }

    fn distinct_within(&self, bits: KindBits, after: Option<i64>, now: i64, same: &mut Range<i64>) -> f64 {
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

/// An aggregate that is asked for, and its place among the features.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) at: usize,
    pub(crate) kinds: &'a List,
    pub(crate) aggregate: Aggregate,
    pub(crate) after: Option<i64>,
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

/// A feature's value; recency is in seconds before now, of the time that was found.
fn as_feature(aggregate: Aggregate, value: f64, now: i64) -> f32 {
    match aggregate {
        Aggregate::Recency if !value.is_nan() => (now.saturating_sub(value as i64) as f64 / 1000.0) as f32,
        _ => value as f32,
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
mod tests {
    use proptest::prelude::*;

    use super::super::event_row::{Shape, event};
    use super::super::intern::Names;
    use super::*;
    use crate::embedded::decode::Input;

    fn view(events: &[(usize, u64, i64, i8)], names: &Names) -> EventView {
        let kinds = [Name::literal("join"), Name::literal("message")];
        let mut row = EventRow::default();
        for (kind, other, time, value) in events {
            let mut bytes = Vec::new();
            event(&mut bytes, &kinds[*kind], *other, *time, f32::from(*value));
            row.apply(bytes[0], &mut Input(&bytes[1..]), names).unwrap();
        }
        row.settle(Shape { keep: 7, hours: 5, days: 10 });
        EventView::new(row)
    }

    /// Many others, so that there are sketches among them, or few.
    fn events() -> impl Strategy<Value = Vec<(usize, u64, i64, i8)>> {
        let some =
            |others, most| prop::collection::vec((0..2_usize, 0..others, -DAY..6 * DAY, 0_i8..4), 1..most);
        prop_oneof![4 => some(4_u64, 80), 1 => some(100_000, 900)]
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_would_be_found(
            events in events(),
            asked in prop::collection::vec((prop::option::of(-2 * DAY..7 * DAY), -DAY..8 * DAY, 0..3_usize), 1..5),
        ) {
            let (names, mut missing) = (Names::default(), Vec::new());
            let lists = [vec![], vec!["join"], vec!["join", "message"]];
            let lists = lists.map(|list| names.list(&list.into_iter().map(Name::literal).collect::<Vec<_>>()));
            let shared = view(&events, &names);
            for (after, now, kinds) in asked {
                // Windows move on slowly.
                for step in [0, 1, HOUR / 3, HOUR] {
                    for aggregate in [Aggregate::Count, Aggregate::Sum, Aggregate::Recency, Aggregate::Distinct] {
                        let (after, now) = (after.map(|after| after + step), now + step);
                        let window = Window { at: 0, kinds: &lists[kinds], aggregate, after };
                        let mut got = f32::INFINITY;
                        shared.recall(std::iter::once(window), now, &mut missing, |_, value| got = value);
                        for window in &missing {
                            got = shared.find(window, now);
                        }
                        let found = shared.found.read().len();
                        prop_assert!(found <= MOST_FOUND);
                        let wanted = view(&events, &names).find(&window, now);
                        prop_assert_eq!(got.to_bits(), wanted.to_bits(), "{:?} at {}: {}, not {}", window, now, got, wanted);
                    }
                }
            }
        }

        #[test]
        fn a_window_is_the_same_from_the_sums_as_from_all_that_lies_in_it(
            events in events(),
            after in prop::option::of(-2 * DAY..7 * DAY),
            now in -DAY..7 * DAY,
        ) {
            let view = view(&events, &Names::default());
            for (at, kind) in view.kinds.iter().enumerate() {
                let mut of_kind = view.between(after, now).to_vec();
                of_kind.retain(|entry| usize::from(entry.kind) == at);
                let (mut sums, mut all) = (Tally::default(), Tally::default());
                kind.tally_so_far(&of_kind, after, now, &mut all);
                let bits = view.kinds(std::slice::from_ref(&kind.name));
                prop_assert_eq!(view.tally(bits, after, now), all);
                if kind.settled <= now {
                    kind.tally(after, now, &mut sums, &mut (i64::MIN..i64::MAX));
                    prop_assert_eq!(sums, all);
                }
            }
        }
    }
}
