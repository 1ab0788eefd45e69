//! Logistic regression: the linear model's sum through the logistic function.

use recommend_core::{BuildError, ComponentError, Explanation, FeatureRows, Model, Name};
use serde::Deserialize;

use super::{Linear, Settings};
use crate::xgboost::sigmoid;

/// A linear model whose score is a probability: `1 / (1 + exp(-raw))`, where `raw` is the score of the [`Linear`] inside.
///
/// Probabilities that would round to 0 or 1 still rank by [`Logistic::margins`]. Contributions explain the raw score.
///
/// ```
/// use recommend_core::{FeatureRows, Model};
/// use recommend_models::{Linear, Logistic};
///
/// let model = Logistic::new(Linear::new("join").bias(-2.0).weight("friends", 1.0));
/// let matrix = ndarray::array![[2.0]];
/// let rows = FeatureRows::new(matrix.view(), &[0]);
/// let mut scores = [0.0];
/// model.score(&rows, &mut scores)?;
/// assert_eq!(scores, [0.5]);
/// model.margins(&rows, &mut scores)?;
/// assert_eq!(scores, [0.0]);
/// # Ok::<(), recommend_core::ComponentError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Logistic {
    linear: Linear,
}

impl Logistic {
    /// The regression with these weights.
    pub fn new(linear: Linear) -> Self {
        Logistic { linear }
    }

    /// The weighted sum of each row, before the logistic function.
    ///
    /// # Errors
    /// None; the signature is that of [`Model::score`].
    pub fn margins(&self, rows: &FeatureRows<'_>, margins: &mut [f32]) -> Result<(), ComponentError> {
        self.linear.score(rows, margins)
    }
}

impl Model for Logistic {
    fn kind(&self) -> &'static str {
        "logistic"
    }

    fn version(&self) -> &str {
        self.linear.version()
    }

    fn features(&self) -> &[Name] {
        self.linear.features()
    }

    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.margins(rows, scores)?;
        scores.iter_mut().for_each(|score| *score = sigmoid(*score));
        Ok(())
    }

    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        self.linear.explain(rows, row)
    }
}

/// `{ kind = "logistic", bias = 0.0, weights = { … } }`: those of `linear`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct LogisticSettings(Settings);

impl LogisticSettings {
    pub(crate) fn build(self) -> Result<Logistic, BuildError> {
        self.0.build_as("logistic").map(Logistic::new)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scores_are_probabilities_in_the_order_of_the_raw_scores(values in proptest::collection::vec(-50.0f32..50.0, 2..40)) {
            let model = Logistic::new(Linear::new("m").weight("a", 2.0).bias(0.5));
            let matrix = ndarray::Array2::from_shape_vec((values.len(), 1), values.clone()).unwrap();
            let rows = FeatureRows::new(matrix.view(), &[0]);
            let (mut scores, mut raw) = (vec![0.0; values.len()], vec![0.0; values.len()]);
            model.score(&rows, &mut scores).unwrap();
            model.margins(&rows, &mut raw).unwrap();
            for (row, (score, raw)) in scores.iter().zip(&raw).enumerate() {
                prop_assert!((0.0..=1.0).contains(score));
                let exact = 1.0 / (1.0 + (-f64::from(*raw)).exp());
                prop_assert!((f64::from(*score) - exact).abs() < 1e-6);
                prop_assert_eq!(model.explain(&rows, row).unwrap().raw, *raw);
            }
        }
    }
}
