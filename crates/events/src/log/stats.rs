//! What the log counts.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// The counts of a log since it was opened. A record is a request, an impression or an interaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Records that wait for the disk.
    pub queued: u64,
    /// Records of requests that were taken in.
    pub accepted: u64,
    /// Records that are durable.
    pub written: u64,
    /// Records of requests that were dropped: the queue was full, the log closed, or the record malformed.
    pub shed: u64,
    /// How often the disk was made to hold what it was given.
    pub fsyncs: u64,
    /// Bytes written to segments.
    pub bytes: u64,
    /// Segments that wait to become Parquet.
    pub waiting_segments: u64,
    /// Segments that became Parquet.
    pub converted_segments: u64,
    /// Parquet files written.
    pub parquet_files: u64,
    /// Their bytes.
    pub parquet_bytes: u64,
    /// Failures of the disk.
    pub errors: u64,
    /// The last failure; `None` when writing has succeeded since.
    pub last_error: Option<String>,
}

/// The counters behind [`LogStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) written: AtomicU64,
    pub(crate) shed: AtomicU64,
    pub(crate) fsyncs: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) waiting_segments: AtomicU64,
    pub(crate) converted_segments: AtomicU64,
    pub(crate) parquet_files: AtomicU64,
    pub(crate) parquet_bytes: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) write_error: Mutex<Option<String>>,
    pub(crate) convert_error: Mutex<Option<String>>,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// Notes a failure in its place; says so once per kind of failure rather than at every try.
    pub(crate) fn failed(&self, place: &Mutex<Option<String>>, error: impl ToString) {
        Counters::add(&self.errors, 1);
        let error = error.to_string();
        let mut last = place.lock();
        if last.as_ref() != Some(&error) {
            tracing::error!(error, "the event log");
            *last = Some(error);
        }
    }

    pub(crate) fn stats(&self, queued: u64, accepted: u64) -> LogStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogStats {
            queued,
            accepted,
            written: get(&self.written),
            shed: get(&self.shed),
            fsyncs: get(&self.fsyncs),
            bytes: get(&self.bytes),
            waiting_segments: get(&self.waiting_segments),
            converted_segments: get(&self.converted_segments),
            parquet_files: get(&self.parquet_files),
            parquet_bytes: get(&self.parquet_bytes),
            errors: get(&self.errors),
            last_error: self.write_error.lock().clone().or_else(|| self.convert_error.lock().clone()),
        }
    }
}
