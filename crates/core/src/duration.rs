//! Durations as people write them in configuration: `"30d"`, `"12h"`, `"15m"`, `"250ms"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Parses a duration such as `"30d"` or `"1h 30m"`.
///
/// # Errors
/// A sentence that says what is wrong and shows a good value.
pub fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| {
        format!("{text:?} is not a duration ({error}); write for example \"30d\", \"12h\" or \"250ms\"")
    })
}

/// A duration as [`parse`] reads it: `30d`, `1h 30m`.
pub fn show(duration: Duration) -> String {
    let (seconds, rest) = (duration.as_secs(), duration.subsec_nanos());
    match (seconds, rest) {
        (seconds, 0) if seconds >= 86_400 && seconds.is_multiple_of(86_400) => {
            format!("{}d", seconds / 86_400)
        }
        _ => humantime::format_duration(duration).to_string(),
    }
}

/// For `#[serde(with = "recommend_core::duration")]`.
///
/// # Errors
/// When the value is not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// For `#[serde(with = "recommend_core::duration")]`.
///
/// # Errors
/// When the serializer fails.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

/// The same for `Option<Duration>`; use it with `#[serde(default, with = "recommend_core::duration::option")]`.
pub mod option {
    use super::{Deserialize, Deserializer, Duration, Serializer, parse};

    /// See [`super::deserialize`].
    ///
    /// # Errors
    /// When the value is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| parse(&text).map_err(serde::de::Error::custom)).transpose()
    }

    /// See [`super::serialize`].
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        for text in ["30d", "1h", "250ms", "1day 1h"] {
            let duration = parse(text).unwrap();
            assert_eq!(parse(&show(duration)), Ok(duration), "{text} is shown as {}", show(duration));
        }
        assert_eq!(show(Duration::from_secs(90 * 86_400)), "90d");
        assert!(parse("soon").unwrap_err().contains("30d"));
    }
}
