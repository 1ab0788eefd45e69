//! Errors of the join.

use std::io;
use std::path::{Path, PathBuf};

use datafusion::error::DataFusionError;

use crate::dataset::{About, DatasetError, MANIFEST};

/// Why a log could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// What is to be joined is out of range.
    #[error("{0}")]
    Spec(String),
    /// The log has no impressions of the source.
    #[error("the log {} has no impressions of corpus {corpus}, source {source_name}{known}", .log.display())]
    NoImpressions {
        /// The log.
        log: PathBuf,
        /// Of which corpus.
        corpus: String,
        /// Of which source.
        source_name: String,
        /// What it has instead, as a part of the sentence.
        known: String,
    },
    /// The log has none of that day.
    #[error(
        "the log has no impressions of {date}; it has {first} to {last}. Its newest minutes become Parquet a little later, or when the server stops"
    )]
    NoDay {
        /// The day.
        date: String,
        /// The first that it has.
        first: String,
        /// The last.
        last: String,
    },
    /// A file or folder of the log could not be read.
    #[error("reading {} failed: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// A file of the log is not what the log writes.
    #[error("the log's file {}: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The folder holds a dataset of another join.
    #[error(
        "{} holds a dataset of another join: {} says {found}, this join {wanted}; choose another --output, or remove it",
        .folder.display(), MANIFEST
    )]
    OtherSpec {
        /// The dataset.
        folder: PathBuf,
        /// What it was made from.
        found: String,
        /// What is to be joined now.
        wanted: String,
    },
    /// The dataset could not be written.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The query failed.
    #[error("joining {date} failed: {source}{}", advice(.source))]
    Query {
        /// The day.
        date: String,
        /// What the engine says.
        source: Box<DataFusionError>,
    },
}

impl JoinError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> JoinError {
        let path = path.to_owned();
        move |source| JoinError::Io { path, source }
    }

    pub(super) fn query(date: &str) -> impl Fn(DataFusionError) -> JoinError {
        let date = date.to_owned();
        move |source| JoinError::Query { date: date.clone(), source: Box::new(source) }
    }

    /// Whether the query ran out of the memory that it was given.
    pub(super) fn is_out_of_memory(&self) -> bool {
        matches!(self, JoinError::Query { source, .. } if out_of_memory(source))
    }

    pub(super) fn other_spec(folder: &Path, found: &About, wanted: &About) -> JoinError {
        let text = |about: &About| serde_json::to_string(about).unwrap_or_else(|error| error.to_string());
        JoinError::OtherSpec { folder: folder.to_owned(), found: text(found), wanted: text(wanted) }
    }
}

fn out_of_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

fn advice(error: &DataFusionError) -> &'static str {
    match out_of_memory(error) {
        true => "; give it more --memory",
        false => "",
    }
}
