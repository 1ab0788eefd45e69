//! What can be wrong with a spec.

use recommend_core::Name;

/// Why a spec cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("reading {file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What failed.
        source: std::io::Error,
    },
    /// A key is missing, misspelt, or out of range.
    #[error("{file}: {reason}")]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// The dataset is of something else.
    #[error(
        "{name}: the spec's {what} is {spec}, and the dataset's is {dataset}; \
         give the dataset that was joined for it, or change the spec"
    )]
    OtherData {
        /// The spec.
        name: Name,
        /// What differs.
        what: String,
        /// What the spec says.
        spec: String,
        /// What the dataset says.
        dataset: String,
    },
    /// The features do not fit the dataset.
    #[error("{name}: {reason}")]
    Features {
        /// The spec.
        name: Name,
        /// What is wrong.
        reason: String,
    },
}
