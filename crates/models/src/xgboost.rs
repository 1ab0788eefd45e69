//! Models that XGBoost trained and saved, as JSON or UBJSON, by 1.0 to 3.x.

mod document;
mod error;
mod json;
mod model;
mod objective;
mod read;
mod tree;
mod ubjson;

use std::path::Path;
use std::sync::Arc;

pub use error::{DocumentError, LoadError, Problem, TreeFault};
pub(crate) use model::Settings;
pub use model::{ModelError, Output, XgboostModel};
pub use objective::Objective;
pub(crate) use objective::sigmoid;

use crate::forest::{Compare, Engine, Forest, Rows};

/// Longer files than this are refused.
const MAX_BYTES: u64 = 4 << 30;

/// Which boosting rounds of a model count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Iterations {
    /// Up to the best one, when training stopped early and said which that was; all, otherwise. What XGBoost's
    /// scikit-learn interface does.
    #[default]
    Best,
    /// All. What `Booster.predict` does.
    All,
    /// The first so many.
    First(usize),
}

/// How to load a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadOptions {
    /// Which rounds count.
    pub iterations: Iterations,
    /// What tiles of rows are compared as; of interest to benches only.
    pub compare: Compare,
}

/// A trained XGBoost model: trees or a linear booster, with what turns their sums into predictions.
///
/// ```
/// # use recommend_models::xgboost::{Booster, LoadOptions};
/// # use recommend_models::forest::Rows;
/// let model = br#"{"learner": {"learner_model_param": {"num_feature": "1", "num_class": "0", "base_score": "5E-1"},
///     "objective": {"name": "binary:logistic"}, "gradient_booster": {"name": "gbtree", "model": {"trees": [
///     {"left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [0, 0, 0],
///      "split_conditions": [10.0, -1.5, 2.0], "default_left": [true, false, false]}]}}}}"#;
/// let booster = Booster::read(model, &LoadOptions::default())?;
/// let (values, mut scores) = ([3.0, 30.0, f32::NAN], [0.0; 3]);
/// booster.margins(&Rows::new(&values, 1, 3, &[0])?, &mut scores);
/// assert_eq!(scores, [-1.5, 2.0, -1.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Booster {
    pub(crate) version: Option<[u32; 3]>,
    pub(crate) booster: String,
    pub(crate) objective_name: String,
    pub(crate) objective: Objective,
    pub(crate) base: Vec<f32>,
    pub(crate) names: Vec<String>,
    pub(crate) types: Vec<String>,
    pub(crate) features: usize,
    pub(crate) rounds: usize,
    pub(crate) best_iteration: Option<usize>,
    pub(crate) kept: usize,
    pub(crate) ensemble: Ensemble,
}

/// What is summed.
#[derive(Debug)]
pub enum Ensemble {
    /// `gbtree` and `dart`; the weights of the latter are in the leaves.
    Trees(Box<Engine>),
    /// `gblinear`.
    Linear(LinearWeights),
}

/// The weights of `gblinear`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearWeights {
    weights: Vec<f32>,
    groups: usize,
}

impl LinearWeights {
    pub(crate) fn new(weights: Vec<f32>, groups: usize) -> Self {
        LinearWeights { weights, groups }
    }

    /// The weight of a feature for a group.
    ///
    /// # Panics
    /// When there is no such feature or group.
    pub fn weight(&self, feature: usize, group: usize) -> f32 {
        self.weights[feature * self.groups + group]
    }

    /// The bias of a group.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn bias(&self, group: usize) -> f32 {
        self.weights[self.weights.len() - self.groups + group]
    }

    fn add(&self, rows: &Rows<'_>, sums: &mut [f32]) {
        let features = self.weights.len() / self.groups - 1;
        for (row, sums) in sums.chunks_exact_mut(self.groups).enumerate() {
            for (group, sum) in sums.iter_mut().enumerate() {
                // XGBoost's order, so that the bits agree.
                *sum += self.bias(group);
                for feature in 0..features {
                    let value = rows.get(row, feature);
                    if !value.is_nan() {
                        *sum += value * self.weight(feature, group);
                    }
                }
            }
        }
    }
}

impl Booster {
    /// Loads a model file, `.json` or `.ubj`; which of them is seen from its content.
    ///
    /// # Errors
    /// [`LoadError`] when it cannot be read, says where and why.
    pub fn open(path: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        Booster::read(&Booster::bytes(path)?, options)
    }

    /// The bytes of a model file, unless they are too many.
    fn bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
        let io = |source| LoadError::Io { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(io)?.len();
        if size > MAX_BYTES {
            return Err(LoadError::TooLarge { size, limit: MAX_BYTES });
        }
        std::fs::read(path).map_err(io)
    }

    /// Reads a model from the bytes of a file.
    ///
    /// # Errors
    /// [`LoadError`] when the bytes are no model that can be scored.
    pub fn read(bytes: &[u8], options: &LoadOptions) -> Result<Self, LoadError> {
        read::read(bytes, options)
    }

    /// How many features a row has.
    pub fn features(&self) -> usize {
        self.features
    }

    /// How many scores a row gets: one, or one per class or target.
    pub fn groups(&self) -> usize {
        self.base.len()
    }

    /// The names of the features; without any in the file, XGBoost's own `f0`, `f1`….
    pub fn feature_names(&self) -> Vec<String> {
        match self.names.is_empty() {
            true => (0..self.features).map(|feature| format!("f{feature}")).collect(),
            false => self.names.clone(),
        }
    }

    /// Whether the file names its features.
    pub fn has_feature_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// XGBoost's types of the features (`float`, `int`, `i`, `q`, `c`); empty when the file has none.
    pub fn feature_types(&self) -> &[String] {
        &self.types
    }

    /// What it was trained for.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// What XGBoost calls the objective.
    pub fn objective_name(&self) -> &str {
        &self.objective_name
    }

    /// `gbtree`, `dart`, or `gblinear`.
    pub fn booster_name(&self) -> &str {
        &self.booster
    }

    /// The version of XGBoost that saved it.
    pub fn version(&self) -> Option<[u32; 3]> {
        self.version
    }

    /// How many boosting rounds the file has, and how many of them count.
    pub fn rounds(&self) -> (usize, usize) {
        (self.rounds, self.kept)
    }

    /// The best round of early stopping, from 0.
    pub fn best_iteration(&self) -> Option<usize> {
        self.best_iteration
    }

    /// The margin of a row before any tree, per group.
    pub fn base_margins(&self) -> &[f32] {
        &self.base
    }

    /// Trees or weights.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// The trees, unless it is linear.
    pub fn forest(&self) -> Option<&Arc<Forest>> {
        match &self.ensemble {
            Ensemble::Trees(engine) => Some(engine.forest()),
            Ensemble::Linear(_) => None,
        }
    }

    /// Writes the margin of every row and group to `out`, one row after the other: the bits that libxgboost gives.
    ///
    /// # Panics
    /// When `rows` has another number of features than the model, or `out` another length than rows × groups.
    pub fn margins(&self, rows: &Rows<'_>, out: &mut [f32]) {
        for row in out.chunks_exact_mut(self.base.len()) {
            row.copy_from_slice(&self.base);
        }
        match &self.ensemble {
            Ensemble::Trees(engine) => engine.add(rows, out),
            Ensemble::Linear(weights) => {
                assert_eq!(rows.columns().len(), self.features, "rows have the model's features");
                assert_eq!(out.len(), rows.len() * self.groups(), "a score for each row and group");
                weights.add(rows, out);
            }
        }
    }

    /// Like [`Booster::margins`], through the objective: probabilities for a logistic one, one per class for a multi-class one.
    ///
    /// # Panics
    /// As [`Booster::margins`].
    pub fn predict(&self, rows: &Rows<'_>, out: &mut [f32]) {
        self.margins(rows, out);
        if self.objective == Objective::Softmax {
            out.chunks_exact_mut(self.base.len()).for_each(|row| self.objective.predict(row));
        } else {
            self.objective.predict(out);
        }
    }
}
