//! Settings: how large a workspace, how long a history, and under which seed.

use recommend_core::{Timestamp, days};

/// Why no workspace can be generated from these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulatorError {
    /// A number lies outside of what makes a workspace.
    #[error("{what} must be in {least}..={most}, not {value}")]
    OutOfRange {
        /// Which setting.
        what: &'static str,
        /// What it was.
        value: usize,
        /// The least that it may be.
        least: usize,
        /// The most that it may be.
        most: usize,
    },
}

/// How large a workspace, how long a history, and under which seed. The same settings give the same workspace, bit by
/// bit, on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Seeds everything.
    pub seed: u64,
    /// How many people, 20 to 50,000.
    pub people: usize,
    /// How many channels, 20 to 20,000.
    pub channels: usize,
    /// How many days of history, 7 to 1,000.
    pub days: usize,
    /// When the history ends; nothing happens after it.
    pub end: Timestamp,
    /// The id of the workspace, as the API spells it.
    pub tenant: String,
}

impl Default for Settings {
    /// 2,000 people, 600 channels, 90 days that end on Friday 2026-05-29 at 15:00 UTC.
    fn default() -> Self {
        Settings {
            seed: 1,
            people: 2_000,
            channels: 600,
            days: 90,
            end: Timestamp::from_seconds(1_780_066_800),
            tenant: "T0DEMO0001".to_owned(),
        }
    }
}

impl Settings {
    /// A workspace of 120 people, 60 channels and 30 days: for tests and examples.
    pub fn small(seed: u64) -> Self {
        Settings { seed, people: 120, channels: 60, days: 30, ..Settings::default() }
    }

    /// When the history begins.
    pub fn start(&self) -> Timestamp {
        self.end.before(days(self.days as u64))
    }

    pub(crate) fn check(&self) -> Result<(), SimulatorError> {
        let within = |what, value, least, most| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(SimulatorError::OutOfRange { what, value, least, most }),
        };
        within("people", self.people, 20, 50_000)?;
        within("channels", self.channels, 20, 20_000)?;
        within("days", self.days, 7, 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_of_nobody_is_refused_with_the_range() {
        let error = Settings { people: 3, ..Settings::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "people must be in 20..=50000, not 3");
        assert_eq!(Settings::default().end.hour_of_week(), 4 * 24 + 15, "Friday 15:00 UTC");
    }
}
