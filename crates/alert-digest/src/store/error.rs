//! What can go wrong with the store, for the person who has to act.

use std::path::PathBuf;

use thiserror::Error;

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The secret is not 32 bytes.
    #[error(
        "the encryption key is not 32 bytes as hexadecimal digits or base64: make one with `openssl rand -hex 32`"
    )]
    Key,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// A row does not open: it was changed, or sealed with another key.
    #[error(
        "the row {place} does not open: the encryption key differs from the one it was sealed with, or the row was damaged"
    )]
    Sealed {
        /// Table, workspace and key of the row.
        place: String,
    },
    /// A row opens and is not what this version writes.
    #[error("the row {place} can't be read by this version: {reason}")]
    Row {
        /// Table, workspace and key of the row.
        place: String,
        /// What is off.
        reason: String,
    },
    /// Another process holds the file.
    #[error("{path} is open in another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The directory can't be made or written.
    #[error("{path} can't be used: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file was written by another version.
    #[error(
        "the store has format {found}, and this version reads {known}: run the version that wrote it, or start with an empty data directory"
    )]
    Format {
        /// What is there.
        found: u64,
        /// What this version writes.
        known: u64,
    },
    /// The workspace's name can't be one.
    #[error("{0:?} is no id of a workspace: Slack's are letters and digits")]
    Workspace(String),
    /// The workspace has as many jobs waiting as it may.
    #[error("the workspace has {0} digests waiting, which is the limit: wait for one to finish")]
    Full(usize),
    /// The job is not there any more: it expired, or its workspace removed the app.
    #[error("the job was forgotten: it expired, or its workspace removed the app")]
    Forgotten,
    /// The process stops.
    #[error("the store was closed in the middle of a request")]
    Interrupted,
    /// The database.
    #[error("the database failed: {0}")]
    Database(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        StoreError::Database(Box::new(error.into()))
    }
}
