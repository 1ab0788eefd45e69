//! Opening: what is left of the run before, what of it can be read, and what may be lost.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use recommend_core::Timestamp;

use super::running::Running;
use crate::convert::SEGMENT;
use crate::disk::{Disk, TEMPORARY};
use crate::error::LogError;
use crate::schema::Table;
use crate::segment::{Damage, SegmentRecord, read_segment};

/// What opening the log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments that were left to convert.
    pub segments: u64,
    /// Requests in them.
    pub requests: u64,
    /// Impressions in them.
    pub impressions: u64,
    /// Interactions in them.
    pub interactions: u64,
    /// Segments that are not whole, and why.
    pub damage: Vec<(PathBuf, Damage)>,
    /// Files among the segments that this release does not read, and why; they stay where they are.
    pub unread: Vec<(PathBuf, String)>,
    /// Records that are missing between two segments of a run: their frames were damaged.
    pub missing: u64,
    /// What the run before may have lost; `None` when it was closed.
    pub loss: Option<Loss>,
}

/// What a run that was not closed may have lost: requests and impressions that were logged but not durable yet.
/// Interactions that were acknowledged are never among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Everything logged before this is there.
    pub after: Timestamp,
    /// About so many records: the most that one flush of that run wrote.
    pub about: u64,
    /// Never more than this: the bound of that run's queue.
    pub at_most: u64,
}

impl Recovery {
    /// Bytes that are not read because their frames are not whole.
    pub fn dropped_bytes(&self) -> u64 {
        self.damage.iter().map(|(_, damage)| damage.dropped).sum()
    }

    /// Whether the run before was closed and everything is whole.
    pub fn is_clean(&self) -> bool {
        self.damage.is_empty() && self.unread.is_empty() && self.missing == 0 && self.loss.is_none()
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recovery { segments, requests, impressions, interactions, .. } = self;
        write!(
            f,
            "event log: {segments} segments left by the last run, with {requests} requests, {impressions} \
             impressions and {interactions} interactions"
        )?;
        for (path, damage) in &self.damage {
            write!(f, "; {}: {damage}", path.display())?;
        }
        for (_, reason) in &self.unread {
            write!(f, "; {reason}")?;
        }
        if self.missing > 0 {
            write!(f, "; {} records are missing between segments", self.missing)?;
        }
        if let Some(Loss { after, about, at_most }) = self.loss {
            let after = jiff::Timestamp::from_millisecond(after.millis())
                .map_or_else(|_| format!("{after:?}"), |time| time.to_string());
            write!(
                f,
                "; the last run was not closed: requests that it logged after {after} may be missing, about {about} \
                 records and never more than {at_most}; every acknowledged interaction is there"
            )?;
        }
        Ok(())
    }
}

/// Reads what the run before left. Returns the segments in order, to be converted.
pub(super) fn recover(disk: &dyn Disk, log: &Path) -> Result<(Recovery, Vec<PathBuf>), LogError> {
    let mut recovery = Recovery::default();
    let mut paths = segments(log)?;
    for table in Table::ALL {
        remove_temporary(disk, &log.join(table.name()))?;
    }
    let mut last_mark = None;
    // Of the segment before: its run, and how many records its run had written by its end.
    let mut previous: Option<(u64, u64)> = None;
    paths.retain(|path| {
        let mut reader = match read_segment(path) {
            Ok(reader) => reader,
            Err(error) => {
                recovery.unread.push((path.clone(), error.to_string()));
                // A newer release's segment waits for a newer release; the rest is for the converter to put aside.
                return !matches!(error, LogError::Version { .. });
            }
        };
        let mut records = 0;
        for record in reader.by_ref() {
            match record {
                SegmentRecord::Request(request) => {
                    recovery.requests += 1;
                    recovery.impressions += request.entities.len() as u64;
                    records += 1 + request.entities.len() as u64;
                }
                SegmentRecord::Interactions(rows) => {
                    recovery.interactions += rows.len() as u64;
                    records += rows.len() as u64;
                }
                SegmentRecord::Mark(mark) => last_mark = Some(mark),
            }
        }
        recovery.segments += 1;
        if let Some((_, written)) = previous.filter(|(run, _)| *run == reader.run()) {
            recovery.missing += reader.before().saturating_sub(written);
        }
        let headless = reader.damage().is_some_and(|damage| damage.at == 0);
        if !headless {
            previous = Some((reader.run(), reader.before() + records));
        }
        if let Some(damage) = reader.damage() {
            recovery.damage.push((path.clone(), damage.clone()));
        }
        true
    });
    recovery.loss = Running::left(log).map(|running| {
        let running = running.unwrap_or(Running {
            durable: Timestamp::default(),
            busiest: 0,
            queue: u64::MAX,
            flush_interval: Default::default(),
        });
        let mark = last_mark.filter(|mark| mark.time >= running.durable);
        Loss {
            after: mark.map_or(running.durable, |mark| mark.time),
            about: mark.map_or(running.busiest, |mark| mark.busiest),
            at_most: running.queue,
        }
    });
    Ok((recovery, paths))
}

/// The segments of a log, in the order of writing.
pub(crate) fn segments(log: &Path) -> Result<Vec<PathBuf>, LogError> {
    let folder = log.join(SEGMENTS);
    let mut paths = Vec::new();
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(paths),
        other => other.map_err(LogError::io("reading", &folder))?,
    };
    for entry in entries {
        let path = entry.map_err(LogError::io("reading", &folder))?.path();
        if path.extension().is_some_and(|extension| extension == SEGMENT) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The folder of the segments.
pub(crate) const SEGMENTS: &str = "segments";

/// Removes the files that a crash left unfinished; they are made again.
fn remove_temporary(disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(LogError::io("reading", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(LogError::io("reading", folder))?.path();
        if path.is_dir() {
            remove_temporary(disk, &path)?;
        } else if path.to_string_lossy().ends_with(TEMPORARY) {
            disk.remove(&path).map_err(LogError::io("removing", &path))?;
        }
    }
    Ok(())
}
