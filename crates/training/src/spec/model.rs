//! What is trained: a kind and its settings.

use recommend_core::error::closest;
use serde::{Deserialize, Serialize};

/// The kinds that there are.
const KINDS: [&str; 3] = [LOGISTIC, CLASSIFIER, RANKER];
pub(crate) const LOGISTIC: &str = "logistic-regression";
pub(crate) const CLASSIFIER: &str = "xgboost-classifier";
pub(crate) const RANKER: &str = "xgboost-ranker";

/// `{ kind = "xgboost-ranker", objective = "rank:map", n_estimators = 500 }`.
///
/// Settings of `logistic-regression`: `l2` (1.0), `max_iterations` (200), `tolerance` (1e-6), `buckets`
/// (`{ hour = 8 }`: so many quantiles, or `{ hour = [9, 17] }`: these bounds), `crosses` (`[["a", "b"]]`).
///
/// Settings of the XGBoost kinds: `n_estimators` (100), `early_stopping_rounds` (off), and every parameter of XGBoost
/// by its own name (`objective`, `eta` or `learning_rate`, `max_depth`, `lambdarank_pair_method`…).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Which trainer.
    pub kind: String,
    /// Its settings.
    #[serde(flatten)]
    pub settings: toml::Table,
}

impl ModelSpec {
    fn of(kind: &str) -> Self {
        ModelSpec { kind: kind.to_owned(), settings: toml::Table::new() }
    }

    /// A logistic regression.
    pub fn logistic_regression() -> Self {
        ModelSpec::of(LOGISTIC)
    }

    /// Boosted trees that give a probability.
    pub fn xgboost_classifier() -> Self {
        ModelSpec::of(CLASSIFIER)
    }

    /// Boosted trees that order the candidates of a request.
    pub fn xgboost_ranker() -> Self {
        ModelSpec::of(RANKER)
    }

    /// With one more setting.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.settings.insert(key.to_owned(), value.into());
        self
    }

    /// Whether XGBoost trains it.
    pub fn is_xgboost(&self) -> bool {
        self.kind == CLASSIFIER || self.kind == RANKER
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if KINDS.contains(&self.kind.as_str()) {
            return Ok(());
        }
        let hint = match closest(KINDS, &self.kind) {
            Some(close) => format!("did you mean {close:?}?"),
            None => format!("there are {}", KINDS.join(", ")),
        };
        Err(format!("`model.kind`: there is no trainer {:?}; {hint}", self.kind))
    }
}
