//! Errors of the event log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the event log could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// Another process has the log open.
    #[error("the event log {} is in use by another process; stop it, or choose another data folder", .0.display())]
    InUse(PathBuf),
    /// An option is out of its range.
    #[error("[log] {key} = {value}: {reason}")]
    Option {
        /// Which.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong, and what would be right.
        reason: &'static str,
    },
    /// The disk failed. What was to be written is not acknowledged.
    #[error("{doing} {} failed: {source}{}", .path.display(), advice(.source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What failed; shared, because one write answers many callers.
        source: Arc<io::Error>,
    },
    /// The file does not start as a segment does.
    #[error("{} is not a segment of the event log: {reason}; move it away", .path.display())]
    NotASegment {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: &'static str,
    },
    /// The file was written by a newer release.
    #[error("{} has format version {found}, this release reads up to {supported}; use a newer release", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The newest one that this release reads.
        supported: u32,
    },
    /// A Parquet file could not be written or is not what the log writes.
    #[error("the Parquet file {}: {reason}", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Too many interactions wait for the disk already.
    #[error(
        "{waiting} interactions wait for the event log's disk, more than [log] queue = {limit}; try again later"
    )]
    Full {
        /// How many wait.
        waiting: usize,
        /// The bound.
        limit: usize,
    },
    /// The log was closed.
    #[error("the event log is closed")]
    Closed,
    /// The log was closed with records that the disk did not take.
    #[error("the event log closed without writing {records} records: {reason}")]
    Unwritten {
        /// How many are lost.
        records: u64,
        /// Why.
        reason: String,
    },
}

impl LogError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
        let path = path.to_owned();
        move |source| LogError::Io { doing, path, source: Arc::new(source) }
    }

    pub(crate) fn parquet(path: &Path, reason: impl ToString) -> LogError {
        LogError::Parquet { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Whether the disk is full, so that freeing space helps.
    pub fn is_full_disk(&self) -> bool {
        matches!(self, LogError::Io { source, .. } if full(source))
    }
}

fn full(source: &io::Error) -> bool {
    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn advice(source: &io::Error) -> &'static str {
    if full(source) {
        "; free space on that disk, and writing goes on by itself"
    } else if source.kind() == io::ErrorKind::PermissionDenied {
        "; give the user that runs this process the right to write there"
    } else {
        ""
    }
}
