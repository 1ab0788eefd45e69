//! Times as files write them: epoch numbers of any unit, RFC 3339, civil date-times, dates.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use recommend_core::Timestamp;

use super::table::Cell;

/// What a number means when it stands for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TimeUnit {
    /// Tell by the size of the number.
    Auto,
    /// Seconds since 1970.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// How to read times.
#[derive(Debug, Clone)]
pub(crate) struct TimeRule {
    /// Of numbers.
    pub(crate) unit: TimeUnit,
    /// Of date-times that do not say.
    pub(crate) zone: TimeZone,
}

/// 2100-01-01: what lies beyond is a wrong unit, not a plan.
const LATEST: i64 = 4_102_444_800_000;

impl TimeRule {
    /// The moment of a cell; `None` when it is missing.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the value.
    pub(crate) fn read(&self, cell: Cell<'_>) -> Result<Option<Timestamp>, String> {
        let time = match cell {
            Cell::Missing => return Ok(None),
            Cell::Time(time) => time,
            Cell::Integer(number) => self.number(number as f64),
            Cell::Float(number) => self.number(number),
            Cell::Bool(_) => return Err("true and false are no times".into()),
            Cell::Text(text) => self.text(text)?,
        };
        if !(0..LATEST).contains(&time.millis()) {
            return Err("is before 1970 or after 2100; is --time-unit right?".into());
        }
        Ok(Some(time))
    }

    fn number(&self, number: f64) -> Timestamp {
        let size = number.abs();
        // Each bound is about the year 5000 in its own unit and 1973 in the next one.
        let millis = match self.unit {
            TimeUnit::Auto if size < 1e11 => number * 1e3,
            TimeUnit::Auto if size < 1e14 => number,
            TimeUnit::Auto if size < 1e17 => number / 1e3,
            TimeUnit::Auto | TimeUnit::Ns => number / 1e6,
            TimeUnit::S => number * 1e3,
            TimeUnit::Ms => number,
            TimeUnit::Us => number / 1e3,
        };
        // The cast saturates, and NaN becomes 1970: both are caught or harmless.
        Timestamp(millis.round() as i64)
    }

    fn text(&self, text: &str) -> Result<Timestamp, String> {
        let bytes = text.as_bytes();
        let numeric =
            bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
        // "2023-11-21" has digits and dashes only, but no float has a dash inside.
        if numeric && let Ok(number) = text.parse::<f64>() {
            return Ok(self.number(number));
        }
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(Timestamp(moment.as_millisecond()));
        }
        let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
        let zoned = civil.ok().and_then(|civil| self.zone.to_ambiguous_timestamp(civil).compatible().ok());
        zoned.map(|moment| Timestamp(moment.as_millisecond())).ok_or_else(|| {
            format!(
                "{:?} is no time; write epoch seconds, 2023-11-21T00:48:45Z, \"2023-11-21 00:48:45\" or 2023-11-21",
                super::short(text)
            )
        })
    }
}

/// A time zone as the command line gives it: `UTC`, `Europe/Berlin`, `+02:00`.
///
/// # Errors
/// A sentence with examples.
pub(crate) fn zone(text: &str) -> Result<TimeZone, String> {
    if let Ok(zone) = TimeZone::get(text) {
        return Ok(zone);
    }
    // jiff reads a fixed offset as a POSIX zone, whose sign is the other way round; go through a date-time instead.
    format!("2000-01-01T00:00:00{text}[{text}]")
        .parse::<jiff::Zoned>()
        .map(|zoned| zoned.time_zone().clone())
        .map_err(|_| format!("{text:?} is no time zone; write UTC, Europe/Berlin or +02:00"))
}

/// The moment of a command-line argument, as [`TimeRule::read`] takes it, in UTC.
///
/// # Errors
/// A sentence that says what is wrong.
pub(crate) fn argument(text: &str) -> Result<Timestamp, String> {
    let rule = TimeRule { unit: TimeUnit::Auto, zone: TimeZone::UTC };
    rule.read(Cell::Text(text.trim()))?.ok_or_else(|| "is empty".to_owned())
}

/// A moment for people, in UTC.
pub(crate) fn show(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.millis())
        .map(|moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_else(|_| format!("{} ms", time.millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(zone_name: &str) -> TimeRule {
        TimeRule { unit: TimeUnit::Auto, zone: zone(zone_name).unwrap() }
    }

    #[test]
    fn the_unit_of_a_number_follows_from_its_size() {
        let rule = rule("UTC");
        for text in
            ["1517436037", "1517436037.000200", "1517436037000", "1517436037000000", "1517436037000000000"]
        {
            assert_eq!(rule.read(Cell::Text(text)), Ok(Some(Timestamp(1_517_436_037_000))), "{text}");
        }
        assert_eq!(rule.read(Cell::Integer(1_517_436_037)), Ok(Some(Timestamp(1_517_436_037_000))));
        assert_eq!(rule.read(Cell::Missing), Ok(None));
    }

    #[test]
    fn date_times_are_read_in_their_zone() {
        let at = |zone: &str, text: &str| rule(zone).read(Cell::Text(text)).unwrap().unwrap().millis();
        assert_eq!(at("UTC", "2023-11-21 00:48:45"), 1_700_527_725_000);
        assert_eq!(at("UTC", "2023-11-21 00:48:45.453142"), 1_700_527_725_453);
        assert_eq!(at("Europe/Berlin", "2023-11-21 01:48:45"), 1_700_527_725_000);
        assert_eq!(at("+02:00", "2023-11-21T02:48:45"), 1_700_527_725_000);
        assert_eq!(at("+02:00", "2023-11-21T00:48:45Z"), 1_700_527_725_000, "what says its zone keeps it");
        assert_eq!(at("UTC", "2023-11-21"), 1_700_524_800_000);
    }

    #[test]
    fn what_is_no_time_says_so() {
        let error = |text| rule("UTC").read(Cell::Text(text)).unwrap_err();
        assert!(error("yesterday").contains("is no time"));
        assert!(error("-5").contains("before 1970"));
        let wrong_unit = TimeRule { unit: TimeUnit::S, ..rule("UTC") };
        assert!(wrong_unit.read(Cell::Integer(1_517_436_037_000)).unwrap_err().contains("--time-unit"));
        assert!(zone("Mars").unwrap_err().contains("Europe/Berlin"));
    }
}
