//! Why a backtest could not be run.

use recommend_core::{ComponentError, RunError};
use recommend_stores::StoreError;
use recommend_training::DatasetError;

/// Why a backtest gave no result.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The split leaves nobody to ask for.
    #[error(
        "nobody did anything after the split that counts: {reason}; look at --label-kind, --min-value and --split"
    )]
    NoQuestions {
        /// What was looked for.
        reason: String,
    },
    /// The split leaves nothing to learn from.
    #[error("no interaction lies before the split; choose a later --split")]
    NothingBefore,
    /// A kind that no interaction has.
    #[error("no interaction is of kind {wanted:?}; there are {}", .known.join(", "))]
    UnknownKind {
        /// What was asked for.
        wanted: String,
        /// The kinds that there are.
        known: Vec<String>,
    },
    /// The stores did not take the interactions.
    #[error("filling the stores: {0}")]
    Store(#[from] StoreError),
    /// A recommender could not be put together.
    #[error("{0}")]
    Assemble(String),
    /// A recommender gave no answer.
    #[error("{name} gave no answer: {error}")]
    Run {
        /// Which one.
        name: String,
        /// What happened.
        error: RunError,
    },
    /// A baseline could not be computed.
    #[error("the baseline {name}: {error}")]
    Baseline {
        /// Which one.
        name: &'static str,
        /// What happened.
        error: ComponentError,
    },
    /// What was shown makes no dataset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A task stopped.
    #[error("the evaluation was stopped: {0}")]
    Stopped(String),
}
