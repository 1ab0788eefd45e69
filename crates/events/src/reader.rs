//! Reading a log back: typed rows from Parquet and from the segments that are not Parquet yet.

mod parquet;

use std::fs;
use std::hash::Hash;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use crate::error::LogError;
use crate::log::segments;
use crate::row::{ImpressionRow, InteractionRow, Placement, RequestRow};
use crate::schema::Table;
use crate::segment::{SegmentRecord, read_segment};

/// Reads the rows of a log, each once: a row that was delivered or written twice has the same key.
///
/// For inspection, tests, and data that fits in memory; for more, query the Parquet files (see [`crate::schema`]). It
/// may be used while the log is written: it sees what is durable, and perhaps somewhat more.
#[derive(Debug, Clone)]
pub struct LogReader {
    log: PathBuf,
}

impl LogReader {
    /// A reader of the log in a folder.
    ///
    /// # Errors
    /// [`LogError::Io`] when there is no such folder.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, LogError> {
        let log = folder.as_ref().to_owned();
        fs::read_dir(&log).map_err(LogError::io("reading", &log))?;
        Ok(LogReader { log })
    }

    /// The Parquet files of a table, by path.
    ///
    /// # Errors
    /// [`LogError::Io`] when a folder cannot be read.
    pub fn files(&self, table: Table) -> Result<Vec<PathBuf>, LogError> {
        let mut files = Vec::new();
        walk(&self.log.join(table.name()), &mut files)?;
        files.sort();
        Ok(files)
    }

    /// The rows of `requests`, in no particular order.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Parquet`] and [`LogError::Version`] for a file that cannot be read.
    pub fn requests(&self) -> Result<Vec<RequestRow>, LogError> {
        let mut rows = Vec::new();
        self.segments(|record| {
            if let SegmentRecord::Request(request) = record {
                rows.push(request.row());
            }
        })?;
        for file in self.files(Table::Requests)? {
            parquet::requests(&file, &mut rows)?;
        }
        Ok(once(rows, |row| row.request))
    }

    /// The rows of `impressions`, in no particular order.
    ///
    /// # Errors
    /// As [`LogReader::requests`].
    pub fn impressions(&self) -> Result<Vec<ImpressionRow>, LogError> {
        let mut rows = Vec::new();
        self.segments(|record| {
            if let SegmentRecord::Request(request) = record {
                rows.extend(request.impressions());
            }
        })?;
        for file in self.files(Table::Impressions)? {
            parquet::impressions(&file, &mut rows)?;
        }
        Ok(once(rows, |row| (row.request, row.position)))
    }

    /// The rows of `interactions`, in no particular order.
    ///
    /// # Errors
    /// As [`LogReader::requests`].
    pub fn interactions(&self) -> Result<Vec<InteractionRow>, LogError> {
        let mut rows = Vec::new();
        self.segments(|record| {
            if let SegmentRecord::Interactions(batch) = record {
                rows.extend(batch);
            }
        })?;
        for file in self.files(Table::Interactions)? {
            parquet::interactions(&file, &mut rows)?;
        }
        Ok(once(rows, |row| row.id))
    }

    /// Hands out the rows of `requests` one by one, without holding more of them than a file has. A row that was written
    /// twice comes twice; its key tells.
    ///
    /// # Errors
    /// As [`LogReader::requests`].
    pub fn scan_requests(&self, mut each: impl FnMut(RequestRow)) -> Result<(), LogError> {
        self.segments(|record| {
            if let SegmentRecord::Request(request) = record {
                each(request.row());
            }
        })?;
        for file in self.files(Table::Requests)? {
            let mut rows = Vec::new();
            parquet::requests(&file, &mut rows)?;
            rows.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    /// Hands out where entities were placed, row by row of `impressions`, and reads none of their features. A row that was
    /// written twice comes twice.
    ///
    /// # Errors
    /// As [`LogReader::requests`].
    pub fn scan_placements(&self, mut each: impl FnMut(Placement)) -> Result<(), LogError> {
        self.segments(|record| {
            if let SegmentRecord::Request(request) = record {
                request.placements().for_each(&mut each);
            }
        })?;
        for file in self.files(Table::Impressions)? {
            parquet::placements(&file, &mut each)?;
        }
        Ok(())
    }

    /// Hands out the rows of `interactions` one by one, without holding more of them than a file has. A row that was
    /// delivered twice comes twice; its key tells.
    ///
    /// # Errors
    /// As [`LogReader::requests`].
    pub fn scan_interactions(&self, mut each: impl FnMut(InteractionRow)) -> Result<(), LogError> {
        self.segments(|record| {
            if let SegmentRecord::Interactions(batch) = record {
                batch.into_iter().for_each(&mut each);
            }
        })?;
        for file in self.files(Table::Interactions)? {
            let mut rows = Vec::new();
            parquet::interactions(&file, &mut rows)?;
            rows.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    /// The records of the segments. They are read before the Parquet files: a segment that is converted meanwhile is
    /// then seen twice rather than not at all.
    fn segments(&self, mut each: impl FnMut(SegmentRecord)) -> Result<(), LogError> {
        for path in segments(&self.log)? {
            match read_segment(&path) {
                Ok(reader) => reader.for_each(&mut each),
                // It was converted since the folder was read.
                Err(LogError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The first row of each key, in the order given.
fn once<T, K: Eq + Hash>(mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = FxHashSet::with_capacity_and_hasher(rows.len(), Default::default());
    rows.retain(|row| seen.insert(key(row)));
    rows
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), LogError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(LogError::io("reading", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(LogError::io("reading", folder))?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    Ok(())
}
