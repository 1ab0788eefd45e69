//! The file that is there while the log is open: when it is found at opening, the run before was not closed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use recommend_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::disk::{Disk, write_whole};
use crate::error::LogError;
use crate::options::LogOptions;

/// What a run tells the next one, should it not come to closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Everything logged before this is durable.
    pub(crate) durable: Timestamp,
    /// The most records that one flush wrote.
    pub(crate) busiest: u64,
    /// The bound of the queue.
    pub(crate) queue: u64,
    #[serde(with = "recommend_core::duration")]
    pub(crate) flush_interval: Duration,
}

fn file(log: &Path) -> PathBuf {
    log.join("running.json")
}

impl Running {
    pub(crate) fn new(options: &LogOptions, now: Timestamp) -> Self {
        Running {
            durable: now,
            busiest: 0,
            queue: options.queue as u64,
            flush_interval: options.flush_interval,
        }
    }

    /// What the run before left, when it was not closed. A file that cannot be read says that much, and no more.
    pub(crate) fn left(log: &Path) -> Option<Option<Running>> {
        let bytes = std::fs::read(file(log)).ok()?;
        Some(serde_json::from_slice(&bytes).ok())
    }

    pub(crate) fn write(&self, disk: &dyn Disk, log: &Path) -> Result<(), LogError> {
        let path = file(log);
        let bytes = serde_json::to_vec(self).map_err(|error| LogError::io("writing", &path)(error.into()))?;
        write_whole(disk, &path, &bytes).map_err(LogError::io("writing", &path))
    }

    pub(crate) fn remove(disk: &dyn Disk, log: &Path) -> Result<(), LogError> {
        let path = file(log);
        let remove = || {
            disk.remove(&path)?;
            disk.sync_dir(log)
        };
        remove().map_err(LogError::io("removing", &path))
    }
}
