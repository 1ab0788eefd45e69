//! Errors of datasets.

use std::io;
use std::path::{Path, PathBuf};

/// Why a dataset could not be read, written or split.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The folder holds none.
    #[error("{} holds no dataset: it has no {}; write one with `recommend join`", .0.display(), super::MANIFEST)]
    NoDataset(PathBuf),
    /// Its description is not what this release writes.
    #[error("{}: {reason}", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It has no rows in the days asked for.
    #[error("the dataset {} has no rows{between}; run `recommend join` for these days, or choose others", .folder.display())]
    Empty {
        /// Its folder.
        folder: PathBuf,
        /// The days, when they were restricted.
        between: String,
    },
    /// A file or folder could not be read or written.
    #[error("{doing} {} failed: {source}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// A Parquet file is not one of a dataset.
    #[error("the dataset's file {}: {reason}", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A line of a text file is not what it should be.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// Features that the dataset does not have.
    #[error("the dataset has no feature {}; it has {}", .missing.join(", "), .known.join(", "))]
    Features {
        /// Those that it lacks.
        missing: Vec<String>,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The parts of a dataset do not fit together.
    #[error("the parts of the dataset do not fit together: {0}")]
    Shape(String),
    /// A split that is out of range or leaves a part empty.
    #[error("the split: {0}")]
    Split(String),
}

impl DatasetError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DatasetError {
        let path = path.to_owned();
        move |source| DatasetError::Io { doing, path, source }
    }

    pub(crate) fn parquet(path: &Path, reason: impl ToString) -> DatasetError {
        DatasetError::Parquet { path: path.to_owned(), reason: reason.to_string() }
    }
}
