//! The options of the log: the `[log]` table of the configuration.

use std::time::Duration;

use recommend_core::{Name, RequestId};
use serde::{Deserialize, Serialize};

use crate::error::LogError;

/// How the log trades durability, file size and memory.
///
/// ```
/// # use recommend_events::LogOptions;
/// let options: LogOptions = serde_json::from_str(r#"{"flush_interval": "50ms", "people": ["user"]}"#).unwrap();
/// assert_eq!(options.flush_interval.as_millis(), 50);
/// assert_eq!(options.queue, LogOptions::default().queue);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    /// Requests are on disk at most this long after they were logged, 1 ms to 1 min; 100 ms by default.
    #[serde(with = "recommend_core::duration")]
    pub flush_interval: Duration,
    /// A segment this long is rolled into Parquet, in bytes, 4 KiB to 1 GiB; 32 MiB by default.
    pub roll_bytes: u64,
    /// A segment this old is rolled into Parquet, at least 100 ms; 5 min by default.
    #[serde(with = "recommend_core::duration")]
    pub roll_after: Duration,
    /// The most records that wait for the disk in memory: a request counts one and each of its impressions one, some
    /// hundred bytes each. Beyond it requests are shed, and counted. At least 1; 200,000 by default.
    pub queue: usize,
    /// The share of requests that is logged, with all their impressions, 0 to 1; 1 by default. The request's id, which is
    /// random, decides: what is logged stays an unbiased sample of what was asked. Interactions are always logged.
    pub sample: f64,
    /// The corpora whose entities are people: the log holds their pseudonyms. `user` and `contact` by default.
    pub people: Vec<Name>,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            flush_interval: Duration::from_millis(100),
            roll_bytes: 32 << 20,
            roll_after: Duration::from_secs(300),
            queue: 200_000,
            sample: 1.0,
            people: vec![Name::literal("user"), Name::literal("contact")],
        }
    }
}

impl LogOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`LogError::Option`] with the key and a value that would do.
    pub fn validate(&self) -> Result<(), LogError> {
        let wrong = |key, value: String, reason| Err(LogError::Option { key, value, reason });
        if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&self.flush_interval) {
            return wrong(
                "flush_interval",
                format!("{:?}", self.flush_interval),
                "choose \"1ms\" to \"1m\", for example \"100ms\"",
            );
        }
        if !(4096..=1 << 30).contains(&self.roll_bytes) {
            return wrong(
                "roll_bytes",
                self.roll_bytes.to_string(),
                "choose 4096 to 1073741824 bytes, for example 33554432",
            );
        }
        if self.roll_after < Duration::from_millis(100) {
            return wrong(
                "roll_after",
                format!("{:?}", self.roll_after),
                "choose at least \"100ms\", for example \"5m\"",
            );
        }
        if self.queue == 0 {
            return wrong("queue", "0".into(), "choose at least 1 record, for example 200000");
        }
        if !(0.0..=1.0).contains(&self.sample) {
            return wrong(
                "sample",
                self.sample.to_string(),
                "choose 0 to 1, for example 0.1 for every tenth request",
            );
        }
        Ok(())
    }

    /// Whether the sample takes a request.
    pub(crate) fn takes(sample: f64, request: RequestId) -> bool {
        sample >= 1.0 || (request.0 as u64 as f64) < sample * u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_out_of_range_is_named_with_a_good_value() {
        LogOptions::default().validate().unwrap();
        let error = LogOptions { flush_interval: Duration::ZERO, ..LogOptions::default() }.validate();
        assert!(error.unwrap_err().to_string().contains("[log] flush_interval = 0ns: choose \"1ms\""));
        assert!(LogOptions { queue: 0, ..LogOptions::default() }.validate().is_err());
        assert!(LogOptions { roll_bytes: 1, ..LogOptions::default() }.validate().is_err());
        assert!(LogOptions { roll_after: Duration::ZERO, ..LogOptions::default() }.validate().is_err());
    }

    #[test]
    fn the_sample_takes_its_share_and_the_same_requests_every_time() {
        let taken =
            |sample| (0..1024_u128).filter(|at| LogOptions::takes(sample, RequestId(at << 54 | 7))).count();
        assert_eq!((taken(0.0), taken(0.25), taken(1.0)), (0, 256, 1024));
        assert!(LogOptions { sample: f64::NAN, ..LogOptions::default() }.validate().is_err());
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(serde_json::from_str::<LogOptions>(r#"{"flush": "50ms"}"#).is_err());
    }
}
