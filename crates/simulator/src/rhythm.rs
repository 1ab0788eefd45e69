//! Rhythm: when in their own day and week people are at work.

use recommend_core::Timestamp;

use crate::chance::Chance;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// An office: a name and a fixed distance from UTC (no daylight saving, so that hours stay comparable in tests).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// What people call it.
    pub name: &'static str,
    /// Minutes east of UTC.
    pub utc_offset_minutes: i32,
}

/// The offices, the largest first, and the share of teams in each.
pub(crate) const SITES: [(Site, f64); 7] = [
    (Site { name: "San Francisco", utc_offset_minutes: -420 }, 0.26),
    (Site { name: "New York", utc_offset_minutes: -240 }, 0.20),
    (Site { name: "London", utc_offset_minutes: 60 }, 0.16),
    (Site { name: "Berlin", utc_offset_minutes: 120 }, 0.14),
    (Site { name: "Bengaluru", utc_offset_minutes: 330 }, 0.12),
    (Site { name: "Tokyo", utc_offset_minutes: 540 }, 0.07),
    (Site { name: "Sydney", utc_offset_minutes: 600 }, 0.05),
];

/// When one person is at work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rhythm {
    pub(crate) site: Site,
    /// Local hour at which the working day begins.
    begins: f64,
    /// Share of the activity that falls into the evening.
    evening: f64,
    /// Activity on a day of the weekend, next to 1 on a working day.
    weekend: f64,
}

impl Rhythm {
    /// An early bird or a late one, at a site.
    pub(crate) fn at(site: Site, chance: &mut Chance) -> Self {
        Rhythm {
            site,
            begins: (8.8 + 0.8 * chance.normal()).clamp(6.5, 11.5),
            evening: chance.between(0.0, 0.12),
            weekend: if chance.happens(0.15) { 0.25 } else { 0.03 },
        }
    }

    /// How active the person is on the local day `day` (days since the epoch), 1 on a working day.
    pub(crate) fn share_of_day(&self, day: i64) -> f64 {
        match weekday(day) {
            0..=4 => [0.95, 1.08, 1.08, 1.02, 0.87][weekday(day)],
            _ => self.weekend,
        }
    }

    /// A moment of activity on the local day: two humps around the lunch break, and sometimes the evening.
    pub(crate) fn moment(&self, day: i64, chance: &mut Chance) -> Timestamp {
        let hour = if chance.happens(self.evening) {
            self.begins + 11.7 + 1.0 * chance.normal()
        } else if chance.happens(0.55) {
            self.begins + 1.7 + 0.9 * chance.normal()
        } else {
            self.begins + 5.9 + 1.1 * chance.normal()
        };
        self.local(day, hour.clamp(5.0, 23.9))
    }

    /// The moment of a local hour on a local day.
    pub(crate) fn local(&self, day: i64, hour: f64) -> Timestamp {
        Timestamp(day * DAY_MS + (hour * 3_600_000.0) as i64 - self.offset())
    }

    /// The local day of a moment, in days since the epoch.
    pub(crate) fn day(&self, time: Timestamp) -> i64 {
        (time.millis() + self.offset()).div_euclid(DAY_MS)
    }

    /// The local hour of a moment, 0 to 24.
    pub(crate) fn hour(&self, time: Timestamp) -> f64 {
        (time.millis() + self.offset()).rem_euclid(DAY_MS) as f64 / 3_600_000.0
    }

    /// How ready the person is to open and accept an invitation at a moment, 0 to 1: best in the late morning of the
    /// middle of the week, next to never at night.
    pub(crate) fn openness(&self, time: Timestamp) -> f64 {
        let from_peak = (self.hour(time) - (self.begins + 1.5)) / 2.2;
        let day = [0.7, 1.0, 1.0, 0.95, 0.55, 0.05, 0.05][weekday(self.day(time))];
        let afternoon = (self.hour(time) - (self.begins + 5.5)) / 2.0;
        let bump = |x: f64| libm::exp(-0.5 * x * x);
        (day * bump(from_peak).max(0.55 * bump(afternoon))).max(0.005)
    }

    fn offset(&self) -> i64 {
        i64::from(self.site.utc_offset_minutes) * MINUTE_MS
    }
}

/// 0 is Monday.
pub(crate) fn weekday(day: i64) -> usize {
    (day + 3).rem_euclid(7) as usize
}

/// The first and the last day in UTC that a span touches, in days since the epoch.
pub(crate) fn days_of(from: Timestamp, until: Timestamp) -> (i64, i64) {
    (from.millis().div_euclid(DAY_MS), until.millis().div_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_lies_on_its_local_day_and_mostly_in_working_hours() {
        for (site, _) in SITES {
            let mut chance = Chance::stream(5, "rhythm", 0);
            let rhythm = Rhythm::at(site, &mut chance);
            let moments: Vec<_> = (0..500).map(|_| rhythm.moment(20_000, &mut chance)).collect();
            assert!(moments.iter().all(|time| rhythm.day(*time) == 20_000), "{}", site.name);
            let at_work = moments.iter().filter(|time| (7.0..20.0).contains(&rhythm.hour(**time))).count();
            assert!(at_work > 400, "{}: {at_work}", site.name);
        }
    }

    #[test]
    fn the_week_of_a_rhythm_is_the_week_of_timestamps() {
        assert_eq!(weekday(0), 3, "1970-01-01 was a Thursday");
        let monday = Timestamp::from_seconds(4 * 86_400);
        assert_eq!(monday.hour_of_week(), 0);
        assert_eq!(weekday(days_of(monday, monday).0), 0);
    }

    #[test]
    fn invitations_are_opened_in_the_morning_and_not_at_night() {
        let rhythm = Rhythm::at(SITES[3].0, &mut Chance::stream(1, "open", 0));
        let wednesday = 20_600 - weekday(20_600) as i64 + 2;
        let at = |hour| rhythm.openness(rhythm.local(wednesday, hour));
        assert!(at(10.5) > 0.6 && at(10.5) > at(15.0) && at(15.0) > at(21.0) && at(3.0) < 0.02);
    }
}
