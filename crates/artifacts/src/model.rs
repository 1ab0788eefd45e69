//! The model file of an artifact, and how it becomes a model.

use recommend_core::{Model, Name};
use recommend_models::xgboost::{Booster, LoadOptions, Output, XgboostModel};
use recommend_models::{Logistic, RegressionWeights};
use serde::{Deserialize, Serialize};

/// What kind of model an artifact holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// [`RegressionWeights`] as JSON, in `model.json`.
    LogisticRegression,
    /// What XGBoost saved as UBJSON, in `model.ubj`; its score is a probability.
    XgboostClassifier,
    /// The same; its score is a margin, which orders the candidates of one request and means nothing else.
    XgboostRanker,
}

impl ModelKind {
    /// The name of the model's file.
    pub fn file(self) -> &'static str {
        match self {
            ModelKind::LogisticRegression => "model.json",
            ModelKind::XgboostClassifier | ModelKind::XgboostRanker => "model.ubj",
        }
    }

    /// Whether its scores are probabilities.
    pub fn is_probability(self) -> bool {
        self != ModelKind::XgboostRanker
    }

    /// Makes the model of the bytes of its file, whose features are in this order.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn read(self, version: &str, bytes: &[u8], features: &[Name]) -> Result<Box<dyn Model>, String> {
        match self {
            ModelKind::LogisticRegression => {
                let weights: RegressionWeights =
                    serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
                Ok(Box::new(Logistic::from_weights(version, &weights).map_err(|error| error.to_string())?))
            }
            ModelKind::XgboostClassifier | ModelKind::XgboostRanker => {
                let output = match self.is_probability() {
                    true => Output::Prediction,
                    false => Output::Margin,
                };
                let booster =
                    Booster::read(bytes, &LoadOptions::default()).map_err(|error| error.to_string())?;
                // A file without names has its features in the order of the schema.
                let names = (!booster.has_feature_names()).then(|| features.to_vec());
                let model = XgboostModel::with(version, booster, names, None, output);
                Ok(Box::new(model.map_err(|error| error.to_string())?))
            }
        }
    }
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ModelKind::LogisticRegression => "logistic-regression",
            ModelKind::XgboostClassifier => "xgboost-classifier",
            ModelKind::XgboostRanker => "xgboost-ranker",
        })
    }
}
