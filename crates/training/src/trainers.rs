//! Trainers: from a spec and a dataset to a model file.
//!
//! | kind | how |
//! |---|---|
//! | `logistic-regression` | [`logistic`]: standardised features, buckets, crosses, L2, L-BFGS |
//! | `xgboost-classifier`, `xgboost-ranker` | `xgboost`: XGBoost itself, behind the feature `xgboost` |

#[cfg(test)]
mod debias;
mod error;
pub mod logistic;
mod progress;
mod rows;
mod search;
#[cfg(feature = "xgboost")]
mod xgboost;

use std::collections::BTreeMap;

use recommend_artifacts::{Golden, Importance, ModelKind};
use recommend_core::{FeatureRows, Model, Name};

pub use error::TrainError;
pub use progress::{Progress, Silent};

use crate::dataset::Dataset;
use crate::spec::Spec;

/// How many golden rows an artifact gets.
const GOLDEN_ROWS: usize = 32;

/// A trained model, as an artifact holds it.
#[derive(Debug, Clone)]
pub struct Trained {
    /// What kind of model it is.
    pub kind: ModelKind,
    /// The bytes of its file.
    pub file: Vec<u8>,
    /// The features that it reads.
    pub features: Vec<Name>,
    /// Rows of the training data with the scores that the trainer's own arithmetic gives them.
    pub golden: Golden,
    /// What was settled on: rounds, iterations, what a search found.
    pub chosen: BTreeMap<String, serde_json::Value>,
    /// Features by importance, the most important first.
    pub importances: Vec<Importance>,
}

impl Trained {
    /// The model, read from its file by the code that serves.
    ///
    /// # Errors
    /// When the file cannot be read, which a trainer's fault would be.
    pub fn model(&self, version: &str) -> Result<Box<dyn Model>, TrainError> {
        let read = self.kind.read(version, &self.file, &self.features);
        read.map_err(|reason| TrainError::Unreadable { kind: self.kind, reason })
    }
}

/// Trains a spec: on `train`, and stopped and searched by `validation`. Both have all features of the dataset.
///
/// # Errors
/// [`TrainError`].
pub fn train(
    spec: &Spec,
    train: &Dataset,
    validation: &Dataset,
    progress: &dyn Progress,
) -> Result<Trained, TrainError> {
    let features = spec.features(train.features())?;
    let (train, validation) = (train.with_features(&features)?, validation.with_features(&features)?);
    let positives = train.positives();
    if positives == 0 || positives == train.len() {
        return Err(TrainError::OneClass { name: spec.name.clone(), rows: train.len(), positives });
    }
    match &spec.search {
        Some(search) => search::run(spec, search, &train, &validation, progress),
        None => fit(spec, &train, &validation, progress),
    }
}

/// Trains one model with the settings of the spec.
fn fit(
    spec: &Spec,
    train: &Dataset,
    validation: &Dataset,
    progress: &dyn Progress,
) -> Result<Trained, TrainError> {
    match spec.model.is_xgboost() {
        false => logistic::fit(spec, train, progress),
        #[cfg(feature = "xgboost")]
        true => xgboost::fit(spec, train, validation, progress),
        #[cfg(not(feature = "xgboost"))]
        true => {
            let _ = validation;
            Err(TrainError::NoXgboost { kind: spec.model.kind.clone() })
        }
    }
}

/// Scores every row of a dataset, whatever the order of its columns.
///
/// # Errors
/// When the dataset lacks a feature, or the model cannot score.
pub fn score(model: &dyn Model, dataset: &Dataset) -> Result<Vec<f32>, TrainError> {
    let columns = dataset
        .schema()
        .columns(model.features())
        .map_err(|missing| TrainError::Missing { model: model.version().to_owned(), missing })?;
    let mut scores = vec![f32::NAN; dataset.len()];
    let rows = FeatureRows::new(dataset.matrix(), &columns);
    model.score(&rows, &mut scores).map_err(TrainError::Score)?;
    Ok(scores)
}

/// Numbers of rows spread evenly over a dataset. An infinite value has no place in a golden row, because JSON has none.
fn golden_rows(dataset: &Dataset) -> Vec<usize> {
    let count = dataset.len().min(GOLDEN_ROWS);
    let even = (0..count).map(|at| at * dataset.len() / count);
    even.filter(|row| !dataset.matrix().row(*row).iter().any(|value| value.is_infinite())).collect()
}

/// Shares of what sums to more than nothing, the largest first.
fn shares(features: &[Name], amounts: impl IntoIterator<Item = f64>) -> Vec<Importance> {
    let amounts: Vec<f64> = amounts.into_iter().collect();
    let sum: f64 = amounts.iter().sum();
    let mut shares: Vec<Importance> = features
        .iter()
        .zip(amounts)
        .map(|(feature, amount)| Importance {
            feature: feature.to_string(),
            share: if sum > 0.0 { amount / sum } else { 0.0 },
        })
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.feature.cmp(&b.feature)));
    shares
}
