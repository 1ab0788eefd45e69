//! Training specs: what to train, from which data, towards which objective. A few lines of TOML, or the same in code.
//!
//! ```
//! use recommend_training::spec::{ModelSpec, Spec};
//!
//! let spec = Spec::parse("people.toml", r#"
//!     name = "people_browser_v0_xgbr"
//!     model = { kind = "xgboost-ranker", objective = "rank:map", n_estimators = 500 }
//!     input = { corpus = "user", source = "people-browser", features = "user-base" }
//!     objective = { click = 1.0, message = 3.0, dismiss = -1.0 }
//!
//!     [feature_sets]
//!     user-base = ["messages_7d", "contacts.*"]
//! "#)?;
//! assert_eq!(spec.model.kind, "xgboost-ranker");
//! assert_eq!(spec.objective.len(), 3);
//!
//! let in_code = Spec::new("people_browser_v0_lr", ModelSpec::logistic_regression().with("l2", 10.0))?;
//! # Ok::<(), recommend_training::spec::SpecError>(())
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | `name` | what the artifact is called |
//! | `model` | `kind` and its settings; XGBoost's own parameters go through as they are |
//! | `input` | `corpus`, `source`, and `features`: a list of names, names with `*`, or the name of a feature set; all by default |
//! | `objective` | the weight of each kind of interaction; must be that of the dataset's join where both are given |
//! | `split` | `by = "time"`, `"user"` or `"request"`, `validation = 0.2`, `test = 0.0`, `seed` |
//! | `monotone` | `{ feature = 1 }`: the score must not fall as the feature rises; −1: not rise |
//! | `debias` | `position = true`, `inverse_propensity = true`, `max_weight = 10.0` |
//! | `search` | `method = "random"` or `"halving"`, `trials`, `seed`, `space = { max_depth = [4, 6], learning_rate = { low = 0.01, high = 0.3, log = true } }` |
//! | `metric` | what is searched, stopped and judged by: `ndcg@10` by default |
//! | `seed` | of everything random in the training; 0 by default |
//! | `feature_sets` | lists of features by name; a file `feature-sets.toml` beside the spec may hold them instead |

mod error;
mod features;
mod metric;
mod model;
mod search;

use std::collections::BTreeMap;
use std::path::Path;

use recommend_core::Name;
use recommend_core::registry::suggest;
use serde::{Deserialize, Serialize};

pub use error::SpecError;
pub use features::FeatureChoice;
pub use metric::Judge;
#[cfg(feature = "xgboost")]
pub(crate) use model::CLASSIFIER;
pub use model::ModelSpec;
pub use search::{Method, Range, Search};

use crate::dataset::{About, Split};

/// The file of feature sets that specs in one folder share.
const SETS: &str = "feature-sets.toml";

/// What to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What the artifact is called.
    pub name: Name,
    /// What is trained.
    pub model: ModelSpec,
    /// From which data.
    #[serde(default)]
    pub input: Input,
    /// The weight of each kind of interaction; empty takes whatever the dataset was joined with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objective: BTreeMap<Name, f32>,
    /// What is learned from and what is judged on.
    #[serde(default)]
    pub split: Split,
    /// 1: the score must not fall as the feature rises; −1: it must not rise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub monotone: BTreeMap<Name, i8>,
    /// Against the bias of what was shown where.
    #[serde(default)]
    pub debias: Debias,
    /// The search for settings, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// What is searched, stopped and judged by.
    #[serde(default)]
    pub metric: Judge,
    /// Of everything random in the training.
    #[serde(default)]
    pub seed: u64,
    /// Lists of features by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_sets: BTreeMap<String, Vec<String>>,
}

/// From which data to learn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// The corpus that the dataset must be of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus: Option<Name>,
    /// The source that it must be of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// The features that the model reads.
    pub features: FeatureChoice,
}

/// Against the bias of what was shown where (Joachims, Swaminathan and Schnabel, WSDM 2017).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Debias {
    /// The position is a feature of the training and fixed to the top in the artifact, so that the model need not
    /// explain by other features what the position did.
    pub position: bool,
    /// Rows weigh the inverse of the propensity that was logged for them.
    pub inverse_propensity: bool,
    /// Such a weight is at most this: it bounds the variance that rare rows bring.
    pub max_weight: f32,
}

impl Default for Debias {
    fn default() -> Self {
        Debias { position: false, inverse_propensity: false, max_weight: 10.0 }
    }
}

impl Spec {
    /// A spec of this model with everything else at its default.
    ///
    /// # Errors
    /// When the name is no name, or the model's settings do not fit.
    pub fn new(name: &str, model: ModelSpec) -> Result<Self, SpecError> {
        let wrong = |reason: String| SpecError::Invalid { file: "a spec in code".to_owned(), reason };
        let name = Name::new(name).map_err(|error| wrong(error.to_string()))?;
        let spec = Spec {
            name,
            model,
            input: Input::default(),
            objective: BTreeMap::new(),
            split: Split::default(),
            monotone: BTreeMap::new(),
            debias: Debias::default(),
            search: None,
            metric: Judge::default(),
            seed: 0,
            feature_sets: BTreeMap::new(),
        };
        spec.check().map_err(wrong)?;
        Ok(spec)
    }

    /// Reads a spec, and the feature sets that lie beside it.
    ///
    /// # Errors
    /// What is wrong with it, with the file and the line where that is known.
    pub fn load(path: &Path) -> Result<Self, SpecError> {
        let read = |path: &Path| {
            let source = std::fs::read_to_string(path);
            source.map_err(|source| SpecError::Io { file: path.display().to_string(), source })
        };
        let mut spec = Spec::parse(&path.display().to_string(), &read(path)?)?;
        let sets = path.with_file_name(SETS);
        if sets.exists() {
            let text = read(&sets)?;
            let shared: BTreeMap<String, Vec<String>> = toml::from_str(&text)
                .map_err(|error| SpecError::toml(&sets.display().to_string(), &text, &error))?;
            for (name, features) in shared {
                spec.feature_sets.entry(name).or_insert(features);
            }
        }
        Ok(spec)
    }

    /// Reads a spec from its text; `file` is what messages call it.
    ///
    /// # Errors
    /// As [`Spec::load`].
    pub fn parse(file: &str, text: &str) -> Result<Self, SpecError> {
        let spec: Spec = toml::from_str(text).map_err(|error| SpecError::toml(file, text, &error))?;
        spec.check().map_err(|reason| SpecError::Invalid { file: file.to_owned(), reason })?;
        Ok(spec)
    }

    /// What TOML cannot check.
    fn check(&self) -> Result<(), String> {
        self.model.check()?;
        if let Some((feature, sign)) = self.monotone.iter().find(|(_, sign)| !(-1..=1).contains(*sign)) {
            return Err(format!("`monotone.{feature}` is {sign}; write 1, -1, or nothing"));
        }
        if !self.monotone.is_empty() && !self.model.is_xgboost() {
            return Err(format!("`monotone` is for XGBoost's trees, and this is a {}", self.model.kind));
        }
        if !(self.debias.max_weight >= 1.0 && self.debias.max_weight.is_finite()) {
            return Err(format!(
                "`debias.max_weight` is {}; write a number of at least 1",
                self.debias.max_weight
            ));
        }
        if let Some((kind, weight)) = self.objective.iter().find(|(_, weight)| !weight.is_finite()) {
            return Err(format!("`objective.{kind}` is {weight}; write a finite number"));
        }
        self.search.as_ref().map_or(Ok(()), Search::check)
    }

    /// Whether a dataset is the one that this spec is for.
    ///
    /// # Errors
    /// What differs.
    pub fn fits(&self, about: &About) -> Result<(), SpecError> {
        let differs = |what: &str, spec: String, dataset: String| {
            Err(SpecError::OtherData { name: self.name.clone(), what: what.to_owned(), spec, dataset })
        };
        for (what, wanted, found) in
            [("corpus", &self.input.corpus, &about.corpus), ("source", &self.input.source, &about.source)]
        {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != found) {
                return differs(what, wanted.to_string(), found.to_string());
            }
        }
        if !self.objective.is_empty() && !about.objective.is_empty() && self.objective != about.objective {
            return differs("objective", weights(&self.objective), weights(&about.objective));
        }
        Ok(())
    }

    /// The features that the model reads, of those that a dataset has.
    ///
    /// # Errors
    /// When one is missing, or a set or pattern matches nothing.
    pub fn features(&self, known: &[Name]) -> Result<Vec<Name>, SpecError> {
        let chosen = self.input.features.choose(known, &self.feature_sets);
        let chosen = chosen.map_err(|reason| SpecError::Features { name: self.name.clone(), reason })?;
        if let Some(feature) = self.monotone.keys().find(|feature| !chosen.contains(feature)) {
            let reason = format!("`monotone` names {feature:?}, which is none of the features that it reads");
            return Err(SpecError::Features { name: self.name.clone(), reason });
        }
        Ok(chosen)
    }

    /// The spec as TOML, for the manifest.
    pub fn to_table(&self) -> toml::Table {
        // Every spec was TOML or could have been.
        toml::Table::try_from(self).unwrap_or_default()
    }
}

/// `click=1,dismiss=-1`, as `recommend join` takes it.
fn weights(objective: &BTreeMap<Name, f32>) -> String {
    objective.iter().map(|(kind, weight)| format!("{kind}={weight}")).collect::<Vec<_>>().join(",")
}

impl SpecError {
    fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let file = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
        SpecError::Invalid { file, reason: suggest(error.message()) }
    }
}

#[cfg(test)]
mod tests;
