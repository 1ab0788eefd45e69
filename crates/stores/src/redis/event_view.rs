//! A row of interactions, laid out for questions: windows by binary search.

pub(crate) mod others;

use std::sync::Arc;

use parking_lot::RwLock;
use recommend_core::{Name, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::actors::{Actors, estimate};
use super::event_row::{Bucket, DAY, Entry, EventRow, HOUR};

/// One kind of a row.
#[derive(Debug)]
struct KindView {
    name: Name,
    first: i64,
    /// The times of the latest, ascending, and the sums of values from each on.
    times: Vec<i64>,
    sums: Vec<f64>,
    hours: Buckets,
    days: Buckets,
    actors: Actors,
}

/// Buckets with totals from each on.
#[derive(Debug)]
struct Buckets {
    width: i64,
    list: Vec<Bucket>,
    counts: Vec<u64>,
    sums: Vec<f64>,
}

/// What was found in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) newest: Option<i64>,
}

/// Kinds (by bits) and the sorted latest times of their actors.
type LatestTimes = Vec<(KindBits, Arc<[i64]>)>;

/// A row that is read.
#[derive(Debug, Default)]
pub(crate) struct EventView {
    kinds: Vec<KindView>,
    recent: Vec<Entry>,
    latest: RwLock<LatestTimes>,
    bytes: usize,
}

impl Buckets {
    fn new(list: Vec<Bucket>, width: i64) -> Self {
        let (mut counts, mut sums) = (vec![0; list.len()], vec![0.0; list.len()]);
        let (mut count, mut sum) = (0, 0.0);
        for (at, bucket) in list.iter().enumerate().rev() {
            count += u64::from(bucket.count);
            sum += bucket.sum;
            (counts[at], sums[at]) = (count, sum);
        }
        Buckets { width, list, counts, sums }
    }

    /// The buckets of a window, whole ones: the one that its beginning lies in counts, as does the one of its end.
    fn range(&self, after: Option<i64>, now: i64) -> std::ops::Range<usize> {
        let from = match after {
            None => 0,
            Some(after) => {
                let first = after.saturating_add(1).div_euclid(self.width);
                self.list.partition_point(|bucket| bucket.at < first)
            }
        };
        let last = now.div_euclid(self.width);
        let to = match self.list.last() {
            Some(bucket) if bucket.at <= last => self.list.len(),
            _ => self.list.partition_point(|bucket| bucket.at <= last),
        };
        from.min(to)..to
    }

    fn tally(&self, after: Option<i64>, now: i64, tally: &mut Tally) {
        if self.list.is_empty() {
            return;
        }
        let range = self.range(after, now);
        if range.is_empty() {
            return;
        }
        if range.end == self.list.len() {
            tally.count += self.counts[range.start];
            tally.sum += self.sums[range.start];
        } else {
            let inside = &self.list[range.clone()];
            tally.count += inside.iter().map(|bucket| u64::from(bucket.count)).sum::<u64>();
            tally.sum += inside.iter().map(|bucket| bucket.sum).sum::<f64>();
        }
        tally.newest = tally.newest.max(Some(self.list[range.end - 1].last.min(now)));
    }
}

impl EventView {
    pub(crate) fn new(row: EventRow) -> Self {
        let mut kinds: Vec<KindView> = row
            .kinds
            .into_iter()
            .map(|kind| KindView {
                name: kind.name,
                first: kind.first,
                times: Vec::new(),
                sums: Vec::new(),
                hours: Buckets::new(kind.hours, HOUR),
                days: Buckets::new(kind.days, DAY),
                actors: kind.actors,
            })
            .collect();
        for entry in &row.recent {
            let kind = &mut kinds[usize::from(entry.kind)];
            kind.times.push(entry.time);
            kind.sums.push(f64::from(entry.value));
        }
        let mut bytes = 256 + row.recent.len() * 40;
        for kind in &mut kinds {
            let mut sum = 0.0;
            for value in kind.sums.iter_mut().rev() {
                sum += *value;
                *value = sum;
            }
            let actors = match &kind.actors {
                Actors::Exact(latest) => latest.len() * 24,
                Actors::Sketch(registers) => registers.iter().map(|r| 24 + r.capacity() * 16).sum(),
            };
            bytes += 300 + (kind.hours.list.len() + kind.days.list.len()) * 48 + actors;
        }
        EventView { kinds, recent: row.recent, latest: RwLock::default(), bytes }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The interactions that are held as they are, oldest first.
    pub(crate) fn recent(&self) -> &[Entry] {
        &self.recent
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

    /// What happened in `(after, now]`.
    pub(crate) fn tally(&self, bits: KindBits, after: Option<i64>, now: i64) -> Tally {
        let mut tally = Tally::default();
        for kind in self.of(bits) {
            let from = after.map_or(0, |after| kind.times.partition_point(|time| *time <= after));
            let to = match kind.times.last() {
                Some(last) if *last <= now => kind.times.len(),
                _ => kind.times.partition_point(|time| *time <= now),
            };
            if from < to {
                tally.count += (to - from) as u64;
                tally.sum += kind.sums[from] - kind.sums.get(to).copied().unwrap_or(0.0);
                tally.newest = tally.newest.max(Some(kind.times[to - 1]));
            }
            kind.hours.tally(after, now, &mut tally);
            kind.days.tally(after, now, &mut tally);
        }
        tally
    }

    /// How many different others there were in `(after, now]`.
    pub(crate) fn distinct(&self, bits: KindBits, after: Option<i64>, now: i64) -> f64 {
        let inside = |entry: &&Entry| {
            bits.has(entry.kind) && entry.time <= now && after.is_none_or(|after| entry.time > after)
        };
        let future = self.recent.last().is_some_and(|entry| entry.time > now);
        let from = after.map_or(i64::MIN, |after| after.saturating_add(1).div_euclid(HOUR));
        if self.of(bits).any(|kind| matches!(kind.actors, Actors::Sketch(_))) {
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
        let times = self.latest_times(bits);
        (times.len() - after.map_or(0, |after| times.partition_point(|time| *time <= after))) as f64
    }

    fn latest_times(&self, bits: KindBits) -> Arc<[i64]> {
        let key = bits;
        if let Some((_, times)) = self.latest.read().iter().find(|(known, _)| *known == key) {
            return Arc::clone(times);
        }
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
        let times: Arc<[i64]> = times.into();
        self.latest.write().push((key, Arc::clone(&times)));
        times
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
        for kind in self.of(bits) {
            for time in &kind.times {
                if *time <= now && after.is_none_or(|after| *time > after) {
                    count += 1;
                    total += weight(*time);
                }
            }
            for buckets in [&kind.hours, &kind.days] {
                for bucket in &buckets.list[buckets.range(after, now)] {
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
        for kind in self.of(bits) {
            for time in &kind.times {
                if *time <= now && after.is_none_or(|after| *time > after) {
                    week[Timestamp(*time).hour_of_week()] += 1.0;
                }
            }
            for bucket in &kind.hours.list[kind.hours.range(after, now)] {
                week[Timestamp(bucket.at * HOUR).hour_of_week()] += bucket.count as f32;
            }
            for bucket in &kind.days.list[kind.days.range(after, now)] {
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

/// A set of the kinds of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KindBits([u128; 2]);

impl KindBits {
    pub(crate) fn has(self, kind: u8) -> bool {
        self.0[usize::from(kind >> 7)] >> (kind & 127) & 1 == 1
    }
}
