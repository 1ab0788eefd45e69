//! What can go wrong in training.

use recommend_artifacts::ModelKind;
use recommend_core::{ComponentError, Name};

use crate::dataset::DatasetError;
use crate::spec::SpecError;

/// Why nothing was trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The spec does not fit, or does not fit the dataset.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The dataset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A setting of the model.
    #[error("{name}: `model.{key}` {reason}")]
    Setting {
        /// The spec.
        name: Name,
        /// Which setting.
        key: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
    /// There is nothing to tell apart.
    #[error(
        "{name}: of {rows} rows to learn from, {positives} have a label above 0; a model needs some of both: \
         join more days, or weigh more kinds of interaction in the objective"
    )]
    OneClass {
        /// The spec.
        name: Name,
        /// How many rows.
        rows: usize,
        /// How many of them are positive.
        positives: usize,
    },
    /// The optimiser did not get anywhere.
    #[error("{name}: L-BFGS did not get anywhere: {reason}; are there infinite or huge features?")]
    Diverged {
        /// The spec.
        name: Name,
        /// What it said.
        reason: String,
    },
    /// XGBoost refused.
    #[error("{name}: XGBoost: {reason}")]
    Xgboost {
        /// The spec.
        name: Name,
        /// What it said.
        reason: String,
    },
    /// This program cannot train XGBoost's models.
    #[error(
        "a {kind} is trained by XGBoost, and this program was built without it: build it with --features xgboost \
         (`make train-xgboost` brings the library and does that)"
    )]
    NoXgboost {
        /// The kind of model.
        kind: String,
    },
    /// What was trained cannot be read by the code that serves.
    #[error("the trained {kind} cannot be served: {reason}")]
    Unreadable {
        /// The kind of model.
        kind: ModelKind,
        /// Why.
        reason: String,
    },
    /// A model reads features that the dataset does not have.
    #[error("the dataset lacks {missing:?}, which {model} reads; join the days on which they were logged")]
    Missing {
        /// The model.
        model: String,
        /// The features.
        missing: Vec<String>,
    },
    /// A model did not score.
    #[error("scoring: {0}")]
    Score(ComponentError),
}
