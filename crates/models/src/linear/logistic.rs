//! Logistic regression: the linear model's sum, and products of pairs of features, through the logistic function.

use recommend_core::{BuildError, ComponentError, Explanation, FeatureRows, Model, Name};
use serde::Deserialize;

use super::cross::Product;
use super::{Linear, LinearError, RegressionWeights, Settings};
use crate::xgboost::sigmoid;

/// A linear model whose score is a probability: `1 / (1 + exp(-raw))`, where `raw` is the score of the [`Linear`] inside,
/// plus `Σ weight × t₁(x₁) × t₂(x₂)` for trained products of pairs; a product with a missing side is nothing.
///
/// Probabilities that would round to 0 or 1 still rank by [`Logistic::margins`]. Contributions explain the raw score; each
/// side of a product has half of it.
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
    crosses: Vec<Product>,
}

impl Logistic {
    /// The regression with these weights.
    pub fn new(linear: Linear) -> Self {
        Logistic { linear, crosses: Vec::new() }
    }

    /// The regression that training wrote; the version is `name` and a hash of the weights of single features.
    ///
    /// # Errors
    /// [`LinearError`] for the first weight that does not fit, or a product of a feature without a weight.
    pub fn from_weights(name: &str, weights: &RegressionWeights) -> Result<Self, LinearError> {
        let linear = Linear::from_weights(name, weights.bias, weights.weights.iter().cloned())?;
        let crosses =
            weights.crosses.iter().map(|cross| Product::find(&linear, cross)).collect::<Result<_, _>>()?;
        Ok(Logistic { linear, crosses })
    }

    /// The weighted sum of each row, before the logistic function.
    ///
    /// # Errors
    /// None; the signature is that of [`Model::score`].
    pub fn margins(&self, rows: &FeatureRows<'_>, margins: &mut [f32]) -> Result<(), ComponentError> {
        self.linear.score(rows, margins)?;
        if !self.crosses.is_empty() {
            for (row, margin) in margins.iter_mut().enumerate() {
                *margin = self.crosses.iter().fold(*margin, |sum, cross| sum + cross.of(rows, row));
            }
        }
        Ok(())
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

    fn raw(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.margins(rows, scores)
    }

    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        let mut explained = self.linear.explain(rows, row)?;
        for cross in &self.crosses {
            let value = cross.of(rows, row);
            explained.raw += value;
            for column in cross.columns {
                explained.contributions[column] += value / 2.0;
            }
        }
        Ok(explained)
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
    use crate::{Cross, Transform, Weight};

    fn name(text: &'static str) -> Name {
        Name::literal(text)
    }

    fn weights(cross: f32) -> RegressionWeights {
        let weight = |feature, weight, transform| Weight { feature, weight, transform, missing: None };
        let standard = Transform::Standardise { mean: 2.0, std: 4.0 };
        RegressionWeights {
            bias: 0.25,
            weights: vec![
                weight(name("a"), 0.5, standard.clone()),
                weight(
                    name("b"),
                    1.0,
                    Transform::Bucket { bounds: vec![0.0].into(), values: vec![-1.0, 1.0].into() },
                ),
            ],
            crosses: vec![Cross {
                features: [name("a"), name("b")],
                transforms: [standard, Transform::Clip { min: -1.0, max: 1.0 }],
                weight: cross,
            }],
        }
    }

    #[test]
    fn weights_survive_json() {
        let text = serde_json::to_string(&weights(0.75)).unwrap();
        assert!(
            text.contains(r#"{"feature":"a","weight":0.5,"transform":"standardise","mean":2.0,"std":4.0}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<RegressionWeights>(&text).unwrap(), weights(0.75));
    }

    #[test]
    fn a_product_of_a_feature_without_a_weight_is_refused() {
        let mut lonely = weights(1.0);
        lonely.weights.pop();
        assert!(Logistic::from_weights("m", &lonely).unwrap_err().to_string().contains("weight of its own"));
        assert!(Logistic::from_weights("m", &weights(f32::NAN)).is_err());
    }

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

        #[test]
        fn contributions_sum_to_the_raw_score_and_missing_sides_add_nothing(
            a in prop_oneof![Just(f32::NAN), -9.0f32..9.0], b in prop_oneof![Just(f32::NAN), -9.0f32..9.0], w in -2.0f32..2.0,
        ) {
            let model = Logistic::from_weights("m", &weights(w)).unwrap();
            let matrix = ndarray::array![[a, b]];
            let rows = FeatureRows::new(matrix.view(), &[0, 1]);
            let explained = model.explain(&rows, 0).unwrap();
            let sum = explained.contributions.iter().fold(explained.bias, |sum, part| sum + part);
            prop_assert!((sum - explained.raw).abs() < 1e-5);
            let mut scores = [0.0];
            model.score(&rows, &mut scores).unwrap();
            prop_assert!((scores[0] - sigmoid(explained.raw)).abs() < 1e-6);
            if a.is_nan() || b.is_nan() {
                let plain = Logistic::from_weights("m", &weights(0.0)).unwrap();
                prop_assert_eq!(plain.explain(&rows, 0).unwrap().raw, explained.raw);
            }
        }
    }
}
