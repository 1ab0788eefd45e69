//! Errors of the stores.

use std::path::PathBuf;

use recommend_core::ComponentError;

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Two strings have the same hashed id; about one in 2^63 pairs has.
    #[error("the ids {known:?} and {new:?} have the same number {id:#x}; rename one of them")]
    IdCollision {
        /// The number.
        id: u64,
        /// The string that has it.
        known: String,
        /// The string that wants it.
        new: String,
    },
    /// A bound of the vocabulary is reached: names are meant to be few.
    #[error("more than {limit} {what} in one tenant; use few names and put what varies into ids or values")]
    TooManyNames {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The data on disk is not what was written.
    #[error("{} is damaged: {reason}; restore the folder from a backup, or move it away to start empty", .path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Another process has the data open.
    #[error("{} is in use by another process; stop it, or choose another --data", .0.display())]
    InUse(PathBuf),
    /// The disk or the engine failed.
    #[error("{doing} {} failed: {source}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// A store on another machine did not answer, or not well.
    #[error("{reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// Something was loaded, but not all of it or not as it is now: what was asked for is filled in as far as it goes.
    #[error("{reason}")]
    Partial {
        /// What happened.
        reason: String,
    },
    /// The settings do not fit what the store holds.
    #[error("{reason}")]
    Mismatch {
        /// What does not fit, and what to do.
        reason: String,
    },
    /// The store was closed or its writer has stopped after an earlier failure.
    #[error("the store no longer takes writes: {0}")]
    Closed(String),
}

impl From<StoreError> for ComponentError {
    fn from(error: StoreError) -> Self {
        ComponentError::Unavailable { dependency: "the store", reason: error.to_string() }
    }
}
