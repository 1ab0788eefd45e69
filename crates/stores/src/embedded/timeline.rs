//! Timelines: interactions sorted by time, quick to append to, to count in a window, and to insert into late.

use recommend_core::Timestamp;

/// How many entries a run has when it is sealed: small enough that a late insertion moves little, large enough that
/// few runs make a long timeline.
const RUN: usize = 1024;

/// Times are held within about half a million years of 1970, because the kind shares their word.
const MAX_TIME: i64 = 1 << 54;

/// One interaction: time and kind in one word, the other side's row, and the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    key: i64,
    pub(crate) other: u32,
    pub(crate) value: f32,
}

/// The nearest time that the stores hold.
pub(crate) fn held(time: Timestamp) -> Timestamp {
    Timestamp(time.0.clamp(-MAX_TIME, MAX_TIME))
}

/// The largest key of a time: entries at `time` or before are those with a key of at most this.
pub(crate) fn upto(time: Timestamp) -> i64 {
    held(time).0 << 8 | 0xff
}

/// Below every key.
pub(crate) const BEGINNING: i64 = i64::MIN;

impl Entry {
    pub(crate) fn new(time: Timestamp, kind: u8, other: u32, value: f32) -> Self {
        Entry { key: held(time).0 << 8 | i64::from(kind), other, value }
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp(self.key >> 8)
    }

    pub(crate) fn kind(&self) -> u8 {
        self.key as u8
    }

    pub(crate) fn key(&self) -> i64 {
        self.key
    }

    /// A total order, so that a timeline depends on what it holds and not on when that came.
    fn order(&self) -> (i64, u32, u32) {
        (self.key, self.other, self.value.to_bits())
    }
}

/// Entries by time: sealed runs, then a tail that takes what comes in order.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// Most timelines are short and have none.
    sealed: Option<Box<Sealed>>,
    tail: Vec<Entry>,
    /// The newest key, beside the length: whether a window ends after all of it is seen without a look at an entry.
    newest: i64,
    len: u32,
    /// Whether any value is not 1, so that a sum is more than a count.
    weighted: bool,
}

/// Full runs in order, each with its entries in order.
#[derive(Debug, Default)]
struct Sealed(Vec<Vec<Entry>>);

impl Default for Timeline {
    fn default() -> Self {
        Timeline { sealed: None, tail: Vec::new(), newest: BEGINNING, len: 0, weighted: false }
    }
}

impl Timeline {
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    fn sealed(&self) -> &[Vec<Entry>] {
        self.sealed.as_ref().map_or(&[], |sealed| &sealed.0)
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        let order = entry.order();
        self.len += 1;
        self.weighted |= entry.value != 1.0;
        self.newest = self.newest.max(entry.key);
        let newest = self.tail.last().or_else(|| self.sealed().last().and_then(|run| run.last()));
        if newest.is_none_or(|newest| newest.order() <= order) {
            make_room(&mut self.tail);
            self.tail.push(entry);
        } else if self.sealed().is_empty() || self.tail.first().is_some_and(|first| first.order() <= order) {
            make_room(&mut self.tail);
            insert_sorted(&mut self.tail, entry);
        } else if let Some(Sealed(sealed)) = self.sealed.as_deref_mut() {
            let at = sealed.partition_point(|run| run[0].order() <= order).saturating_sub(1);
            let run = &mut sealed[at];
            insert_sorted(run, entry);
            if run.len() >= 2 * RUN {
                let upper = run.split_off(RUN);
                run.shrink_to_fit();
                sealed.insert(at + 1, upper);
            }
        }
        if self.tail.len() >= RUN {
            let run = std::mem::take(&mut self.tail);
            self.sealed.get_or_insert_default().0.push(run);
        }
    }

    /// Lets go of the entries with a key of at most `key`; how many those were.
    pub(crate) fn forget(&mut self, key: i64) -> usize {
        let before = self.len();
        if let Some(Sealed(sealed)) = self.sealed.as_deref_mut() {
            let whole = sealed.partition_point(|run| run.last().is_some_and(|last| last.key <= key));
            sealed.drain(..whole);
            if let Some(first) = sealed.first_mut() {
                first.drain(..first.partition_point(|entry| entry.key <= key));
                first.shrink_to_fit();
            }
            if sealed.is_empty() {
                self.sealed = None;
            }
        }
        let old = self.tail.partition_point(|entry| entry.key <= key);
        if old > 0 {
            self.tail.drain(..old);
            self.tail.shrink_to_fit();
        }
        let left = self.sealed().iter().map(Vec::len).sum::<usize>() + self.tail.len();
        self.len = left as u32;
        if left == 0 {
            *self = Timeline::default();
        }
        before - left
    }

    /// How many entries have a key of at most `key`.
    pub(crate) fn rank(&self, key: i64) -> usize {
        if self.newest <= key {
            return self.len();
        }
        if self.tail.first().is_some_and(|first| first.key <= key) {
            let before = self.len() - self.tail.len();
            return before + self.tail.partition_point(|entry| entry.key <= key);
        }
        let sealed = self.sealed();
        match sealed.partition_point(|run| run[0].key <= key) {
            0 => 0,
            runs => {
                let whole: usize = sealed[..runs - 1].iter().map(Vec::len).sum();
                whole + sealed[runs - 1].partition_point(|entry| entry.key <= key)
            }
        }
    }

    /// The time of the newest entry with a key of at most `key`.
    pub(crate) fn newest_upto(&self, key: i64) -> Option<Timestamp> {
        if self.newest <= key {
            return (self.len > 0).then_some(Timestamp(self.newest >> 8));
        }
        self.runs(BEGINNING, key).next_back()?.last().map(Entry::time)
    }

    /// Looks at the header, and with `deep` at the entries, for a caller that will search many timelines: looks at
    /// different timelines do not wait for each other, as the steps of one search do.
    pub(crate) fn touch(&self, deep: bool) -> i64 {
        match deep {
            true => self.tail.get(self.tail.len() / 2).map_or(0, |entry| entry.key),
            false => self.newest,
        }
    }

    /// The time of the oldest entry with a key above `key`.
    pub(crate) fn oldest_after(&self, key: i64) -> Option<Timestamp> {
        self.runs(key, i64::MAX).next()?.first().map(Entry::time)
    }

    /// The entries with `after < key <= upto`, in order, as non-empty slices.
    pub(crate) fn runs(&self, after: i64, upto: i64) -> impl DoubleEndedIterator<Item = &[Entry]> {
        let sealed = self.sealed();
        let from = sealed.partition_point(|run| run.last().is_some_and(|last| last.key <= after));
        let to = sealed.partition_point(|run| run[0].key <= upto).max(from);
        sealed[from..to].iter().chain(std::iter::once(&self.tail)).filter_map(move |run| {
            let end = run.partition_point(|entry| entry.key <= upto);
            let start = run[..end].partition_point(|entry| entry.key <= after);
            (start < end).then(|| &run[start..end])
        })
    }

    /// The sum of the values of the entries with `after < key <= upto`, of which there are `count`.
    pub(crate) fn sum(&self, after: i64, upto: i64, count: usize) -> f64 {
        if !self.weighted {
            return count as f64;
        }
        self.runs(after, upto).flatten().map(|entry| f64::from(entry.value)).sum()
    }
}

/// Grows by a quarter and not twofold: there are millions of short tails.
fn make_room(tail: &mut Vec<Entry>) {
    if tail.len() == tail.capacity() {
        tail.reserve_exact(2 + tail.len() / 4);
    }
}

fn insert_sorted(run: &mut Vec<Entry>, entry: Entry) {
    let at = run.partition_point(|known| known.order() <= entry.order());
    run.insert(at, entry);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timeline(times: &[i64]) -> Timeline {
        let mut timeline = Timeline::default();
        for (at, time) in times.iter().enumerate() {
            timeline.insert(Entry::new(Timestamp(*time), (at % 3) as u8, at as u32, (at % 5) as f32));
        }
        timeline
    }

    #[test]
    fn a_long_timeline_that_came_backwards_is_in_order() {
        let times: Vec<i64> = (0..10_000).rev().collect();
        let timeline = timeline(&times);
        let held: Vec<i64> = timeline.runs(BEGINNING, i64::MAX).flatten().map(|e| e.time().0).collect();
        assert!(held.is_sorted() && held.len() == 10_000);
        assert_eq!(timeline.rank(upto(Timestamp(4_999))), 5_000);
    }

    #[test]
    fn times_before_1970_and_beyond_the_range_keep_their_order() {
        let timeline = timeline(&[-5, i64::MAX, -6, i64::MIN]);
        let held: Vec<i64> = timeline.runs(BEGINNING, i64::MAX).flatten().map(|e| e.time().0).collect();
        assert_eq!(held, [-MAX_TIME, -6, -5, MAX_TIME]);
    }

    proptest! {
        #[test]
        fn what_is_forgotten_is_gone_and_the_rest_is_as_if_it_had_never_been(
            times in proptest::collection::vec(0_i64..3_000, 0..4_000),
            floor in -1_i64..3_001,
            more in proptest::collection::vec(0_i64..3_000, 0..50),
        ) {
            let mut forgetful = timeline(&times);
            let mut only = Timeline::default();
            for (at, time) in times.iter().enumerate().filter(|(_, time)| **time > floor) {
                only.insert(Entry::new(Timestamp(*time), (at % 3) as u8, at as u32, (at % 5) as f32));
            }
            prop_assert_eq!(forgetful.forget(upto(Timestamp(floor))), times.len() - only.len());
            for (at, time) in more.iter().enumerate() {
                let entry = Entry::new(Timestamp(*time), 0, at as u32, 1.0);
                forgetful.insert(entry);
                only.insert(entry);
            }
            let all = |timeline: &Timeline| timeline.runs(BEGINNING, i64::MAX).flatten().copied().collect::<Vec<_>>();
            prop_assert_eq!(all(&forgetful), all(&only));
            for time in (0..3_000).step_by(97) {
                let key = upto(Timestamp(time));
                prop_assert_eq!(forgetful.rank(key), only.rank(key));
                prop_assert_eq!(forgetful.newest_upto(key), only.newest_upto(key));
            }
        }

        #[test]
        fn windows_hold_what_a_scan_finds(
            times in proptest::collection::vec(-50_i64..3_000, 0..6_000),
            from in -60_i64..3_010,
            width in 0_i64..1_000,
        ) {
            let timeline = timeline(&times);
            let (after, until) = (upto(Timestamp(from)), upto(Timestamp(from + width)));
            let inside = |t: &i64| *t > from && *t <= from + width;
            let expected = times.iter().filter(|t| inside(t)).count();
            prop_assert_eq!(timeline.rank(until) - timeline.rank(after), expected);
            prop_assert_eq!(timeline.runs(after, until).map(<[Entry]>::len).sum::<usize>(), expected);
            let sum: f64 = (0..times.len()).filter(|at| inside(&times[*at])).map(|at| (at % 5) as f64).sum();
            prop_assert_eq!(timeline.sum(after, until, expected), sum);
            let newest = times.iter().filter(|t| **t <= from).max().copied();
            prop_assert_eq!(timeline.newest_upto(after).map(|time| time.0), newest);
            let oldest = times.iter().filter(|t| **t > from).min().copied();
            prop_assert_eq!(timeline.oldest_after(after).map(|time| time.0), oldest);
        }
    }
}
