//! One kind of interaction of a whole tenant, by hour: totals of a window without visiting every interaction.

use recommend_core::Timestamp;

const HOUR_MS: i64 = 3_600_000;

/// Hours in order, each with its count and sum, and the moments within the hour for windows that cut through it.
#[derive(Debug, Default)]
pub(crate) struct HourBuckets {
    hours: Vec<i64>,
    counts: Vec<u32>,
    sums: Vec<f64>,
    /// Milliseconds into the hour and value, sorted by the former.
    moments: Vec<Vec<(u32, f32)>>,
    count: usize,
}

impl HourBuckets {
    pub(crate) fn insert(&mut self, time: Timestamp, value: f32) {
        let hour = time.0.div_euclid(HOUR_MS);
        let at = match self.hours.last() {
            Some(last) if *last == hour => self.hours.len() - 1,
            _ => self.hours.partition_point(|known| *known < hour),
        };
        if self.hours.get(at) != Some(&hour) {
            // Hours that are over mostly stay as they are.
            if let Some(before) = at.checked_sub(1).and_then(|before| self.moments.get_mut(before)) {
                before.shrink_to_fit();
            }
            self.hours.insert(at, hour);
            self.counts.insert(at, 0);
            self.sums.insert(at, 0.0);
            self.moments.insert(at, Vec::new());
        }
        self.count += 1;
        self.counts[at] += 1;
        self.sums[at] += f64::from(value);
        let moment = (time.0.rem_euclid(HOUR_MS) as u32, value);
        let moments = &mut self.moments[at];
        match moments.last() {
            Some(last) if last.0 > moment.0 => {
                let place = moments.partition_point(|known| known.0 <= moment.0);
                moments.insert(place, moment);
            }
            _ => moments.push(moment),
        }
    }

    /// Lets go of what is at `floor` or before it.
    pub(crate) fn forget(&mut self, floor: Timestamp) {
        let cut = floor.0.div_euclid(HOUR_MS);
        let whole = self.hours.partition_point(|hour| *hour < cut);
        self.hours.drain(..whole);
        self.counts.drain(..whole);
        self.sums.drain(..whole);
        self.moments.drain(..whole);
        if self.hours.first() == Some(&cut) {
            let within = floor.0.rem_euclid(HOUR_MS);
            let moments = &mut self.moments[0];
            moments.drain(..moments.partition_point(|moment| i64::from(moment.0) <= within));
            self.counts[0] = moments.len() as u32;
            self.sums[0] = moments.iter().map(|moment| f64::from(moment.1)).sum();
            if moments.is_empty() {
                self.hours.remove(0);
                self.counts.remove(0);
                self.sums.remove(0);
                self.moments.remove(0);
            }
        }
        self.count = self.moments.iter().map(Vec::len).sum();
    }

    /// The times in an hour, ascending.
    pub(crate) fn moments_of(&self, hour: i64) -> impl Iterator<Item = Timestamp> {
        let moments = self.hours.binary_search(&hour).map_or(&[][..], |at| &self.moments[at]);
        moments.iter().map(move |moment| Timestamp(hour * HOUR_MS + i64::from(moment.0)))
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The first and the last moment.
    pub(crate) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.moments.first()?.first()?.0;
        let last = self.moments.last()?.last()?.0;
        let time = |hour: i64, moment: u32| Timestamp(hour * HOUR_MS + i64::from(moment));
        Some((time(*self.hours.first()?, first), time(*self.hours.last()?, last)))
    }

    /// Calls `each` with the hour, the count and the sum of what lies in `(after, upto]`, hour by hour.
    pub(crate) fn visit(
        &self,
        after: Option<Timestamp>,
        upto: Timestamp,
        mut each: impl FnMut(i64, u32, f64),
    ) {
        let from_hour = after.map_or(i64::MIN, |after| after.0.div_euclid(HOUR_MS));
        let to_hour = upto.0.div_euclid(HOUR_MS);
        let from = self.hours.partition_point(|hour| *hour < from_hour);
        let to = self.hours.partition_point(|hour| *hour <= to_hour).max(from);
        for at in from..to {
            let hour = self.hours[at];
            if hour != from_hour && hour != to_hour {
                each(hour, self.counts[at], self.sums[at]);
                continue;
            }
            let moments = &self.moments[at];
            let end = match hour == to_hour {
                true => moments.partition_point(|m| i64::from(m.0) <= upto.0.rem_euclid(HOUR_MS)),
                false => moments.len(),
            };
            let start = match after {
                Some(after) if hour == from_hour => {
                    moments[..end].partition_point(|m| i64::from(m.0) <= after.0.rem_euclid(HOUR_MS))
                }
                _ => 0,
            };
            if start < end {
                let sum = moments[start..end].iter().map(|m| f64::from(m.1)).sum();
                each(hour, (end - start) as u32, sum);
            }
        }
    }

    /// The last moment in `(after, upto]`.
    pub(crate) fn newest(&self, after: Option<Timestamp>, upto: Timestamp) -> Option<Timestamp> {
        let to_hour = upto.0.div_euclid(HOUR_MS);
        let to = self.hours.partition_point(|hour| *hour <= to_hour);
        (0..to).rev().take(2).find_map(|at| {
            let hour = self.hours[at];
            let moments = &self.moments[at];
            let end = match hour == to_hour {
                true => moments.partition_point(|m| i64::from(m.0) <= upto.0.rem_euclid(HOUR_MS)),
                false => moments.len(),
            };
            let last = moments[..end].last()?;
            let time = Timestamp(hour * HOUR_MS + i64::from(last.0));
            after.is_none_or(|after| time > after).then_some(time)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_forgotten_is_gone_and_the_rest_is_as_if_it_had_never_been(
            times in proptest::collection::vec(-3 * HOUR_MS..20 * HOUR_MS, 0..200),
            floor in -4 * HOUR_MS..21 * HOUR_MS,
        ) {
            let (mut forgetful, mut only) = (HourBuckets::default(), HourBuckets::default());
            for time in &times {
                forgetful.insert(Timestamp(*time), 2.0);
                if *time > floor {
                    only.insert(Timestamp(*time), 2.0);
                }
            }
            forgetful.forget(Timestamp(floor));
            let all = |buckets: &HourBuckets| {
                let mut all = Vec::new();
                buckets.visit(None, Timestamp(i64::MAX), |hour, count, sum| all.push((hour, count, sum)));
                (all, buckets.len(), buckets.span())
            };
            prop_assert_eq!(all(&forgetful), all(&only));
            for hour in -4..21 {
                let mut expected: Vec<i64> = times.iter().copied().filter(|t| *t > floor && t.div_euclid(HOUR_MS) == hour).collect();
                expected.sort_unstable();
                prop_assert_eq!(forgetful.moments_of(hour).map(|t| t.0).collect::<Vec<_>>(), expected);
            }
        }

        #[test]
        fn a_window_that_cuts_through_hours_holds_what_a_scan_finds(
            times in proptest::collection::vec(-3 * HOUR_MS..20 * HOUR_MS, 0..200),
            after in proptest::option::of(-4 * HOUR_MS..21 * HOUR_MS),
            upto in -4 * HOUR_MS..21 * HOUR_MS,
        ) {
            let mut buckets = HourBuckets::default();
            for time in &times {
                buckets.insert(Timestamp(*time), 2.0);
            }
            let inside = || times.iter().filter(|t| after.is_none_or(|after| **t > after) && **t <= upto);
            let (mut count, mut sum) = (0, 0.0);
            buckets.visit(after.map(Timestamp), Timestamp(upto), |_, n, s| {
                count += n as usize;
                sum += s;
            });
            prop_assert_eq!(count, inside().count());
            prop_assert_eq!(sum, 2.0 * inside().count() as f64);
            let newest = buckets.newest(after.map(Timestamp), Timestamp(upto));
            prop_assert_eq!(newest.map(|t| t.0), inside().max().copied());
            let span = times.iter().min().zip(times.iter().max());
            prop_assert_eq!(buckets.span().map(|(a, b)| (a.0, b.0)), span.map(|(a, b)| (*a, *b)));
        }
    }
}
