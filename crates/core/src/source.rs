//! Feature sources fill columns of the feature matrix.

use async_trait::async_trait;
use ndarray::ArrayViewMut2;

use crate::error::ComponentError;
use crate::names::Name;
use crate::view::{Needs, View};

/// An asynchronous function from the candidates to the values of its features, as of the query's time.
///
/// A source answers for all candidates in one go: one round trip per store and request, never one per candidate.
#[async_trait]
pub trait FeatureSource: Send + Sync {
    /// The kind of this component, as the configuration calls it.
    fn kind(&self) -> &'static str;

    /// The features that it provides, in the order of its columns.
    fn features(&self) -> &[Name];

    /// What must be loaded before it can fill.
    fn needs(&self) -> Needs {
        Needs::none()
    }

    /// Fills `block`: one row per candidate of the view, one column per feature of [`FeatureSource::features`]. Every
    /// cell comes in as NaN, which means missing. Infinite values are not allowed.
    ///
    /// # Errors
    /// When what it reads from cannot answer. What it filled before the error, or before its time was up, stays, and the
    /// rest is missing: values that are there are as good as ever.
    async fn fill(&self, view: &View<'_>, block: ArrayViewMut2<'_, f32>) -> Result<(), ComponentError>;
}
