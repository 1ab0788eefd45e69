//! Metrics of the API's methods and of the event log.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};

use crate::codes::ByCode;
use crate::{Inner, Maker};

/// Counts the calls of one method. Cloning is reference counting.
#[derive(Clone)]
pub struct MethodMetrics(Arc<Method>);

struct Method {
    name: &'static str,
    calls: IntCounterVec,
    by_code: ByCode,
    duration: Histogram,
}

impl MethodMetrics {
    pub(crate) fn new(metrics: &Inner, name: &'static str) -> Self {
        MethodMetrics(Arc::new(Method {
            name,
            calls: metrics.calls.clone(),
            by_code: ByCode::default(),
            duration: metrics.call_duration.with_label_values(&[name]),
        }))
    }

    /// A call ended with this gRPC status code (0 is OK) after this long.
    pub fn finished(&self, took: Duration, code: i32) {
        let method = &*self.0;
        method.duration.observe(took.as_secs_f64());
        method.by_code.count(code, |code| method.calls.with_label_values(&[method.name, code]));
    }
}

impl std::fmt::Debug for MethodMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MethodMetrics({})", self.0.name)
    }
}

/// What the event log has done since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogTotals {
    /// Records that wait to be written.
    pub queued: u64,
    /// Records written.
    pub written: u64,
    /// Records given up because the queue was full.
    pub shed: u64,
    /// Bytes written to segments.
    pub bytes: u64,
    /// Times that a segment was forced to disk.
    pub fsyncs: u64,
    /// Parquet files written.
    pub files: u64,
    /// Writes that failed, for example on a full disk.
    pub errors: u64,
}

pub(crate) struct LogMetrics {
    queued: IntGauge,
    written: IntCounter,
    shed: IntCounter,
    bytes: IntCounter,
    fsyncs: IntCounter,
    files: IntCounter,
    errors: IntCounter,
    /// Two scrapes at once must not both add the difference.
    setting: Mutex<()>,
}

impl LogMetrics {
    pub(crate) fn new(made: &Maker<'_>) -> Result<Self, prometheus::Error> {
        Ok(LogMetrics {
            queued: made
                .gauge("recommend_log_queue_records", "Records that wait to be written to the log.")?,
            written: made.counter("recommend_log_records_total", "Records written to the log.")?,
            shed: made.counter(
                "recommend_log_shed_records_total",
                "Records given up because the queue was full; alert when it grows.",
            )?,
            bytes: made.counter("recommend_log_bytes_total", "Bytes written to segments of the log.")?,
            fsyncs: made.counter("recommend_log_fsyncs_total", "Times that a segment was forced to disk.")?,
            files: made.counter("recommend_log_files_total", "Parquet files written.")?,
            errors: made.counter("recommend_log_errors_total", "Writes of the log that failed.")?,
            setting: Mutex::new(()),
        })
    }

    /// Totals only grow; what is already counted is not counted again.
    pub(crate) fn set(&self, totals: &LogTotals) {
        let _one_at_a_time = self.setting.lock();
        self.queued.set(i64::try_from(totals.queued).unwrap_or(i64::MAX));
        for (counter, total) in [
            (&self.written, totals.written),
            (&self.shed, totals.shed),
            (&self.bytes, totals.bytes),
            (&self.fsyncs, totals.fsyncs),
            (&self.files, totals.files),
            (&self.errors, totals.errors),
        ] {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metrics;

    #[test]
    fn totals_of_the_log_are_not_counted_twice() {
        let metrics = Metrics::new("0").unwrap();
        metrics.log(&LogTotals { written: 5, queued: 2, ..LogTotals::default() });
        metrics.log(&LogTotals { written: 8, shed: 1, ..LogTotals::default() });
        let text = metrics.encode().unwrap();
        for line in [
            "recommend_log_records_total 8",
            "recommend_log_shed_records_total 1",
            "recommend_log_queue_records 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
