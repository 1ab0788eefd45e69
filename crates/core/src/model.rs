//! Models score.

use crate::error::ComponentError;
use crate::features::FeatureRows;
use crate::names::Name;

/// A function from the feature matrix to one finite score per row, in the same order.
pub trait Model: Send + Sync {
    /// The kind of this component, as the configuration calls it.
    fn kind(&self) -> &'static str;

    /// Which model this is: an artifact's `name@version`, or what a hand-tuned one is called.
    fn version(&self) -> &str;

    /// The features that it reads, in its own order. The recommender maps them to columns by name once, at build.
    fn features(&self) -> &[Name];

    /// Writes one finite score per row to `scores`, which is as long as `rows`.
    ///
    /// # Errors
    /// When it cannot score. A score that is not finite counts as a broken contract.
    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError>;

    /// Writes one raw score per row to `scores`: what [`Model::explain`] takes apart, before any link function. The scores
    /// themselves, unless the model has a link.
    ///
    /// # Errors
    /// As [`Model::score`].
    fn raw(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.score(rows, scores)
    }

    /// Why one row got its score.
    ///
    /// # Errors
    /// When the model cannot explain itself.
    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError>;
}

/// A raw score taken apart: `bias + contributions.sum() = raw`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What a row without any evidence would score.
    pub bias: f32,
    /// What each feature adds, in the order of [`Model::features`].
    pub contributions: Vec<f32>,
    /// The raw score (the margin, before any link function).
    pub raw: f32,
}
