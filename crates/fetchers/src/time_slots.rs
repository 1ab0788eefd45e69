//! Proposes moments to come, for the best time to send something.

use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{BuildError, ComponentError, EntityId, Fetcher, Proposals, Query, days, hours};
use serde::Deserialize;

/// The most slots that one query gets.
const MAX_SLOTS: u128 = 10_000;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are the days of the week")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Proposes the starts of the slots of the next days, soonest first. A slot is an entity whose id is the time of its
/// start in *seconds* since 1970 (UTC); the first starts at the query's time rounded up to the step.
///
/// ```
/// use recommend_core::{days, hours};
/// use recommend_fetchers::{TimeSlots, Weekday};
///
/// let every_hour = TimeSlots::within(days(7));
/// let office = TimeSlots::within(days(7)).hours(8, 18).weekdays([Weekday::Mon, Weekday::Tue]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSlots {
    #[serde(with = "recommend_core::duration")]
    horizon: Duration,
    #[serde(with = "recommend_core::duration")]
    step: Duration,
    /// From the first to before the second; around midnight when the first is the larger.
    hours: [u8; 2],
    weekdays: Vec<Weekday>,
}

impl Default for TimeSlots {
    fn default() -> Self {
        TimeSlots { horizon: days(7), step: hours(1), hours: [0, 24], weekdays: Vec::new() }
    }
}

impl TimeSlots {
    /// Every hour from now to the horizon.
    pub fn within(horizon: Duration) -> Self {
        TimeSlots { horizon, ..TimeSlots::default() }
    }

    /// Another step than an hour.
    #[must_use]
    pub fn step(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }

    /// Only slots that start at `from` o'clock or later and before `until` o'clock, in UTC; around midnight when
    /// `from` is the larger.
    #[must_use]
    pub fn hours(mut self, from: u8, until: u8) -> Self {
        self.hours = [from, until];
        self
    }

    /// Only slots that start on these days in UTC.
    #[must_use]
    pub fn weekdays(mut self, days: impl IntoIterator<Item = Weekday>) -> Self {
        self.weekdays = days.into_iter().collect();
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`BuildError::Invalid`] when the step is shorter than a second or not a whole number of them, there are too
    /// many slots, or an hour is past 24.
    pub fn checked(self) -> Result<Self, BuildError> {
        let invalid = |reason: String| Err(BuildError::Invalid(reason));
        if self.step < Duration::from_secs(1) || self.step.subsec_nanos() != 0 {
            return invalid(format!("`step` must be a whole number of seconds, not {:?}", self.step));
        }
        let slots = self.horizon.as_secs() as u128 / self.step.as_secs() as u128;
        if slots > MAX_SLOTS {
            return invalid(format!(
                "`horizon` and `step` make {slots} slots, at most {MAX_SLOTS} are possible; make the step longer"
            ));
        }
        match self.hours.into_iter().find(|hour| *hour > 24) {
            Some(hour) => invalid(format!("`hours` lie between 0 and 24, not {hour}")),
            None => Ok(self),
        }
    }

    fn open(&self, start: i64) -> bool {
        let hour_of_week = recommend_core::Timestamp::from_seconds(start).hour_of_week();
        let (day, hour) = (hour_of_week / 24, hour_of_week % 24);
        let [from, until] = self.hours.map(usize::from);
        let in_hours =
            if from <= until { (from..until).contains(&hour) } else { hour >= from || hour < until };
        in_hours && (self.weekdays.is_empty() || self.weekdays.iter().any(|w| *w as usize == day))
    }
}

#[async_trait]
impl Fetcher for TimeSlots {
    fn kind(&self) -> &'static str {
        "time-slots"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let step = i64::try_from(self.step.as_secs()).unwrap_or(i64::MAX).max(1);
        let now = query.now.millis();
        let second = now.div_euclid(1000) + i64::from(now.rem_euclid(1000) > 0);
        let first = second.saturating_add((step - second.rem_euclid(step)) % step);
        let end = query.now.after(self.horizon).millis().div_euclid(1000);
        let starts = std::iter::successors(Some(first), |start| start.checked_add(step));
        let slots = starts.take_while(|start| *start <= end).take(MAX_SLOTS as usize + 1);
        let open = slots.filter(|start| self.open(*start));
        Ok(Proposals::unscored(open.filter_map(|start| u64::try_from(start).ok().map(EntityId)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::{Timestamp, minutes};

    use super::*;
    use crate::testing::query;

    /// 2024-01-01 was a Monday.
    const MONDAY: i64 = 1_704_067_200;

    async fn starts(slots: &TimeSlots, now: Timestamp) -> Vec<i64> {
        let proposals = slots.fetch(&Query { now, ..query() }).await.unwrap();
        proposals.ids().iter().map(|id| id.0 as i64 - MONDAY).collect()
    }

    #[tokio::test]
    async fn slots_start_at_the_next_full_step() {
        let slots = TimeSlots::within(hours(3));
        assert_eq!(starts(&slots, Timestamp::from_seconds(MONDAY)).await, [0, 3600, 7200, 10_800]);
        assert_eq!(starts(&slots, Timestamp(MONDAY * 1000 + 1)).await, [3600, 7200, 10_800]);
        let quarters = TimeSlots::within(minutes(40)).step(minutes(15));
        assert_eq!(starts(&quarters, Timestamp::from_seconds(MONDAY + 60)).await, [900, 1800]);
    }

    #[tokio::test]
    async fn hours_and_weekdays_bound_them() {
        let now = Timestamp::from_seconds(MONDAY);
        let office = TimeSlots::within(days(14)).hours(9, 11).weekdays([Weekday::Wed]);
        let week = 7 * 86_400;
        let wednesday = 2 * 86_400;
        let expected: Vec<i64> =
            [wednesday, wednesday + week].iter().flat_map(|day| [day + 9 * 3600, day + 10 * 3600]).collect();
        assert_eq!(starts(&office, now).await, expected);
        let night = TimeSlots::within(hours(23)).hours(22, 2);
        assert_eq!(starts(&night, now).await, [0, 3600, 22 * 3600, 23 * 3600]);
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let error = |slots: TimeSlots| slots.checked().unwrap_err().to_string();
        assert!(error(TimeSlots::within(days(7)).step(Duration::ZERO)).contains("`step`"));
        assert!(error(TimeSlots::within(days(365)).step(minutes(1))).contains("step longer"));
        assert!(error(TimeSlots::default().hours(3, 25)).contains("not 25"));
        let parsed: TimeSlots = toml::from_str("hours = [8, 18]\nweekdays = ['mon', 'fri']").unwrap();
        assert_eq!(parsed, TimeSlots::default().hours(8, 18).weekdays([Weekday::Mon, Weekday::Fri]));
    }

    proptest! {
        #[test]
        fn every_slot_is_ahead_and_within_the_horizon(now in -1_000_000_i64..4_000_000_000_000, step in 1_u64..100_000) {
            let slots = TimeSlots::within(days(2)).step(Duration::from_secs(step));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let now = Timestamp(now);
            let found = runtime.block_on(starts(&slots, now));
            for start in &found {
                let start = Timestamp::from_seconds(start + MONDAY);
                prop_assert!(now <= start && start <= now.after(days(2)));
            }
            prop_assert!(found.is_sorted_by(|a, b| a + step as i64 == *b));
        }
    }
}
