//! A trained logistic regression: the linear sum, products of pairs of features, and the logistic function.

use recommend_core::{ComponentError, Explanation, FeatureRows, Model, Name};
use serde::{Deserialize, Serialize};

use super::kernel::Factor;
use super::{Linear, LinearError, Transform, Weight};
use crate::xgboost::sigmoid;

/// The product of two transformed features, weighed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cross {
    /// The two features; each must have a weight of its own too.
    pub features: [Name; 2],
    /// What is done to each before they are multiplied.
    pub transforms: [Transform; 2],
    /// The factor.
    pub weight: f32,
}

/// The numbers of a regression, as training writes them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegressionWeights {
    /// The log-odds of a row without any evidence.
    pub bias: f32,
    /// A weight for every feature.
    pub weights: Vec<Weight>,
    /// Products of pairs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crosses: Vec<Cross>,
}

/// A probability from weighted features and weighted products of them.
///
/// The raw score is the linear sum plus `Σ weight × t₁(x₁) × t₂(x₂)`; a product with a missing side is nothing. An
/// explanation gives each side of a product half of it.
///
/// ```
/// use recommend_core::{FeatureRows, Model, Name};
/// use recommend_models::{Cross, Regression, RegressionWeights, Transform, Weight};
///
/// let (a, b) = (Name::new("a")?, Name::new("b")?);
/// let weight = |feature: &Name, weight| Weight {
///     feature: feature.clone(), weight, transform: Transform::Identity, missing: None,
/// };
/// let model = Regression::new("m", &RegressionWeights {
///     bias: -3.0,
///     weights: vec![weight(&a, 1.0), weight(&b, 0.0)],
///     crosses: vec![Cross { features: [a, b], transforms: [Transform::Identity, Transform::Identity], weight: 0.5 }],
/// })?;
/// let matrix = ndarray::array![[1.0, 4.0]];
/// let mut scores = [0.0];
/// model.score(&FeatureRows::new(matrix.view(), &[0, 1]), &mut scores)?;
/// assert_eq!(scores, [0.5], "-3 + 1 + 0.5 · 1 · 4 is 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Regression {
    linear: Linear,
    crosses: Vec<Product>,
}

/// A cross with its columns found.
#[derive(Debug, Clone)]
struct Product {
    columns: [usize; 2],
    factors: [Factor; 2],
    weight: f32,
}

impl Product {
    fn of(&self, rows: &FeatureRows<'_>, row: usize) -> f32 {
        let [a, b] = [0, 1].map(|side| self.factors[side].of(rows.get(row, self.columns[side])));
        self.weight * a * b
    }
}

impl Regression {
    /// The model with these weights; the version is `name` and a hash of the weights of single features.
    ///
    /// # Errors
    /// [`LinearError`] for the first weight that does not fit, or a product of a feature without a weight.
    pub fn new(name: &str, weights: &RegressionWeights) -> Result<Self, LinearError> {
        let linear = Linear::from_weights(name, weights.bias, weights.weights.iter().cloned())?;
        let crosses =
            weights.crosses.iter().map(|cross| product(&linear, cross)).collect::<Result<_, _>>()?;
        Ok(Regression { linear, crosses })
    }
}

fn product(linear: &Linear, cross: &Cross) -> Result<Product, LinearError> {
    let [a, b] = &cross.features;
    let column = |feature: &Name| {
        linear.features().iter().position(|known| known == feature).ok_or_else(|| LinearError::Transform {
            feature: feature.clone(),
            reason: "is part of a product only; give it a weight of its own, 0 if need be".to_owned(),
        })
    };
    super::finite(&format!("{a} × {b}"), "weight", cross.weight)?;
    for (feature, transform) in cross.features.iter().zip(&cross.transforms) {
        transform.check().map_err(|reason| LinearError::Transform { feature: feature.clone(), reason })?;
    }
    let factors = [Factor::new(&cross.transforms[0]), Factor::new(&cross.transforms[1])];
    Ok(Product { columns: [column(a)?, column(b)?], factors, weight: cross.weight })
}

impl Model for Regression {
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
        self.linear.score(rows, scores)?;
        for (row, score) in scores.iter_mut().enumerate() {
            let raw = self.crosses.iter().fold(*score, |sum, cross| sum + cross.of(rows, row));
            *score = sigmoid(raw);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert!(Regression::new("m", &lonely).unwrap_err().to_string().contains("weight of its own"));
        assert!(Regression::new("m", &weights(f32::NAN)).is_err());
    }

    proptest! {
        #[test]
        fn contributions_sum_to_the_raw_score_and_missing_sides_add_nothing(
            a in prop_oneof![Just(f32::NAN), -9.0f32..9.0], b in prop_oneof![Just(f32::NAN), -9.0f32..9.0], w in -2.0f32..2.0,
        ) {
            let model = Regression::new("m", &weights(w)).unwrap();
            let matrix = ndarray::array![[a, b]];
            let rows = FeatureRows::new(matrix.view(), &[0, 1]);
            let explained = model.explain(&rows, 0).unwrap();
            let sum = explained.contributions.iter().fold(explained.bias, |sum, part| sum + part);
            prop_assert!((sum - explained.raw).abs() < 1e-5);
            let mut scores = [0.0];
            model.score(&rows, &mut scores).unwrap();
            prop_assert!((scores[0] - sigmoid(explained.raw)).abs() < 1e-6);
            if a.is_nan() || b.is_nan() {
                let plain = Regression::new("m", &weights(0.0)).unwrap();
                prop_assert_eq!(plain.explain(&rows, 0).unwrap().raw, explained.raw);
            }
        }
    }
}
