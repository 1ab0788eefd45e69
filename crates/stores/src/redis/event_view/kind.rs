//! One kind of a row: sums over everything that ended after a moment, by binary search.

use std::ops::Range;

use recommend_core::Name;

use super::{Tally, narrow};
use crate::redis::actors::Actors;
use crate::redis::event_row::{Bucket, DAY, Entry, HOUR, Kind};

/// One kind of a row.
#[derive(Debug)]
pub(super) struct KindView {
    pub(super) name: Name,
    pub(super) first: i64,
    /// Everything that happened, buckets whole, by the last moment at which it may have happened; ascending. What lies in a
    /// window is what ends after its beginning.
    pub(super) ends: Vec<i64>,
    /// How many there are from each on, and the sums of their values.
    pub(super) counts: Vec<u64>,
    pub(super) sums: Vec<f64>,
    /// The last of the latest, of the hours and of the days: its end and the time of the latest in it.
    pub(super) last: [Option<(i64, i64)>; 3],
    /// The first moment at which the last of all may have happened.
    pub(super) settled: i64,
    pub(super) hours: Buckets,
    pub(super) days: Buckets,
    pub(super) actors: Actors,
}

/// Buckets of one width.
#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) width: i64,
    pub(super) list: Vec<Bucket>,
}

impl Buckets {
    pub(super) fn end(&self, bucket: &Bucket) -> i64 {
        bucket.at.saturating_add(1).saturating_mul(self.width).saturating_sub(1)
    }

    /// The buckets of a window, whole ones: the one that its beginning lies in counts, as does the one of its end.
    pub(super) fn inside(&self, after: Option<i64>, now: i64) -> &[Bucket] {
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
    pub(super) fn new(kind: Kind, recent: &[Entry], at: u8) -> Self {
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
    pub(super) fn tally(&self, after: Option<i64>, now: i64, tally: &mut Tally, same: &mut Range<i64>) {
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
    pub(super) fn tally_so_far(&self, latest: &[Entry], after: Option<i64>, now: i64, tally: &mut Tally) {
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
