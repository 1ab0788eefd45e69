//! The hand-tuned linear model: a bias and a weighted sum of transformed features.
//!
//! It is what a use case starts on, before there is data to train with. The plan and its kernel are shared by the whole
//! linear family: a trained regression is the same sum with learned weights and a link function behind it.

mod cross;
mod kernel;
mod log1p;
mod logistic;
mod settings;
mod transform;

use std::hash::Hasher;

use recommend_core::{Component, ComponentError, Explanation, FeatureRows, Model, Name};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

pub use cross::{Cross, RegressionWeights};
use kernel::Plan;
pub use logistic::Logistic;
pub(crate) use logistic::LogisticSettings;
pub(crate) use settings::Settings;
pub use transform::Transform;

/// Why a weight cannot be part of a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinearError {
    /// The same feature twice.
    #[error("the feature {0:?} has two weights; keep one")]
    Duplicate(Name),
    /// A number is NaN or infinite.
    #[error("`{key}` of {feature} is {value}; write a finite number")]
    NotFinite {
        /// Whose.
        feature: String,
        /// Which number.
        key: &'static str,
        /// What it is.
        value: f32,
    },
    /// The parameters of a transform do not fit together.
    #[error("the transform of {feature:?} {reason}")]
    Transform {
        /// Whose.
        feature: Name,
        /// What is wrong and how to mend it.
        reason: String,
    },
}

/// One feature's part in the sum: `weight × transform(value)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// The feature.
    pub feature: Name,
    /// The factor; finite, of any sign.
    pub weight: f32,
    /// What is done to the value first.
    #[serde(flatten)]
    pub transform: Transform,
    /// The value that stands in for a missing one; without it, a missing feature contributes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<f32>,
}

/// A weighted sum of transformed features.
///
/// The score is `bias + Σ weight × transform(value)` in f32, summed in the order of the weights; the contributions that
/// [`Model::explain`] returns, summed in that order, give the very same number.
///
/// ```
/// use recommend_core::{FeatureRows, Model};
/// use recommend_models::{Linear, Transform};
///
/// let model = Linear::new("channel")
///     .weight("popular.score", 1.0)
///     .weight_with("messages_7d", Transform::Log1p, 0.5);
/// let matrix = ndarray::array![[0.25, 0.0], [0.25, f32::NAN]];
/// let rows = FeatureRows::new(matrix.view(), &[0, 1]);
/// let mut scores = [0.0; 2];
/// model.score(&rows, &mut scores)?;
/// assert_eq!(scores, [0.25, 0.25]);
/// # Ok::<(), recommend_core::ComponentError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Linear {
    name: String,
    version: String,
    features: Vec<Name>,
    plan: Plan,
}

impl Linear {
    /// A model without any weight yet, which scores 0. The version is the name and a hash of the weights, so that the
    /// log can tell two tunings apart.
    pub fn new(name: &str) -> Self {
        let mut model = Linear {
            name: name.to_owned(),
            version: String::new(),
            features: Vec::new(),
            plan: Plan::default(),
        };
        model.seal();
        model
    }

    /// A model of these weights.
    ///
    /// # Errors
    /// [`LinearError`] for the first weight, or the bias, that does not fit.
    pub fn from_weights(
        name: &str,
        bias: f32,
        weights: impl IntoIterator<Item = Weight>,
    ) -> Result<Self, LinearError> {
        let mut model = Linear::new(name);
        model.plan.set_bias(finite("the model", "bias", bias)?);
        for weight in weights {
            model.push(weight)?;
        }
        Ok(model)
    }

    /// Sets what every row scores before any feature is looked at.
    ///
    /// # Panics
    /// When the bias is not finite; for numbers written in the program. [`Linear::from_weights`] returns the error.
    #[must_use]
    #[track_caller]
    pub fn bias(mut self, bias: f32) -> Self {
        self.plan.set_bias(literal(finite("the model", "bias", bias)));
        self.seal();
        self
    }

    /// Adds a feature as it is.
    ///
    /// # Panics
    /// As [`Linear::weight_with`].
    #[must_use]
    #[track_caller]
    pub fn weight(self, feature: &'static str, weight: f32) -> Self {
        self.weight_with(feature, Transform::Identity, weight)
    }

    /// Adds a transformed feature.
    ///
    /// # Panics
    /// When the name is no name, the feature has a weight already, or a number does not fit; for weights written in the
    /// program. [`Linear::from_weights`] returns the error.
    #[must_use]
    #[track_caller]
    pub fn weight_with(mut self, feature: &'static str, transform: Transform, weight: f32) -> Self {
        let feature = Name::literal(feature);
        literal(self.push(Weight { feature, weight, transform, missing: None }));
        self
    }

    fn push(&mut self, weight: Weight) -> Result<(), LinearError> {
        if self.features.contains(&weight.feature) {
            return Err(LinearError::Duplicate(weight.feature));
        }
        finite(weight.feature.as_str(), "weight", weight.weight)?;
        if let Some(missing) = weight.missing {
            finite(weight.feature.as_str(), "missing", missing)?;
        }
        weight
            .transform
            .check()
            .map_err(|reason| LinearError::Transform { feature: weight.feature.clone(), reason })?;
        self.plan.push(&weight.transform, weight.weight, weight.missing);
        self.features.push(weight.feature);
        self.seal();
        Ok(())
    }

    /// Gives the model the version of its present weights.
    fn seal(&mut self) {
        let mut hasher = SipHasher13::new();
        for feature in &self.features {
            hasher.write(feature.as_str().as_bytes());
            hasher.write_u8(0);
        }
        self.plan.hash(&mut hasher);
        self.version = format!("{}@{:08x}", self.name, hasher.finish() as u32);
    }
}

impl Model for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn features(&self) -> &[Name] {
        &self.features
    }

    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        self.plan.score(rows, scores);
        Ok(())
    }

    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        Ok(self.plan.explain(rows, row))
    }
}

/// A linear model as a constant of the program.
///
/// ```
/// use recommend_models::{HandTuned, Transform};
///
/// /// Busy channels first, those that friends are in above all.
/// const CHANNEL: HandTuned = HandTuned {
///     name: "channel",
///     bias: 0.0,
///     weights: &[
///         ("messages_7d", Transform::Log1p, 0.4),
///         ("contacts_in", Transform::Clip { min: 0.0, max: 5.0 }, 0.3),
///     ],
/// };
/// let builder = recommend_core::Recommender::builder("channel", "channel-browser").model(CHANNEL);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct HandTuned {
    /// What the log calls it.
    pub name: &'static str,
    /// What every row scores before any feature is looked at.
    pub bias: f32,
    /// Feature, transform, weight.
    pub weights: &'static [(&'static str, Transform, f32)],
}

/// # Panics
/// When a weight does not fit, as in [`Linear::weight_with`].
impl From<HandTuned> for Linear {
    #[track_caller]
    fn from(constant: HandTuned) -> Self {
        let mut model = Linear::new(constant.name).bias(constant.bias);
        for (feature, transform, weight) in constant.weights {
            model = model.weight_with(feature, transform.clone(), *weight);
        }
        model
    }
}

impl From<HandTuned> for Component<dyn Model> {
    #[track_caller]
    fn from(constant: HandTuned) -> Self {
        Linear::from(constant).into()
    }
}

fn finite(feature: &str, key: &'static str, value: f32) -> Result<f32, LinearError> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(LinearError::NotFinite { feature: feature.to_owned(), key, value }),
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a weight in the program is an invariant, not input")]
fn literal<T>(result: Result<T, LinearError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weight(feature: &'static str, weight: f32, transform: Transform, missing: Option<f32>) -> Weight {
        Weight { feature: Name::literal(feature), weight, transform, missing }
    }

    fn transforms() -> Vec<Transform> {
        vec![
            Transform::Identity,
            Transform::Log1p,
            Transform::Clip { min: -1.0, max: 3.0 },
            Transform::Bucket { bounds: vec![0.0, 10.0].into(), values: vec![-1.0, 0.5, 2.0].into() },
            Transform::Standardise { mean: 4.0, std: 2.5 },
        ]
    }

    const FEATURES: [&str; 5] = ["a", "b", "c", "d", "e"];

    /// The definition, one cell at a time and in f64.
    fn naive(transform: &Transform, x: f64) -> f64 {
        match transform {
            Transform::Identity => x,
            Transform::Log1p => x.signum() * x.abs().ln_1p(),
            Transform::Clip { min, max } => x.clamp(f64::from(*min), f64::from(*max)),
            Transform::Bucket { bounds, values } => {
                f64::from(values[bounds.iter().filter(|b| f64::from(**b) <= x).count()])
            }
            Transform::Standardise { mean, std } => (x - f64::from(*mean)) / f64::from(*std),
        }
    }

    #[test]
    fn what_is_missing_contributes_nothing_unless_a_value_stands_in() {
        let weights =
            [weight("a", 2.0, Transform::Identity, None), weight("b", 2.0, Transform::Log1p, Some(0.0))];
        let model = Linear::from_weights("m", 1.0, weights).unwrap();
        let matrix = ndarray::array![[f32::NAN, f32::NAN], [3.0, f32::NAN]];
        let rows = FeatureRows::new(matrix.view(), &[0, 1]);
        let mut scores = [0.0; 2];
        model.score(&rows, &mut scores).unwrap();
        assert_eq!(scores, [1.0, 7.0]);
        assert_eq!(model.explain(&rows, 0).unwrap().contributions, [0.0, 0.0]);
    }

    #[test]
    fn weights_that_do_not_fit_are_errors_that_name_the_feature() {
        let error = |weights: Vec<Weight>| Linear::from_weights("m", 0.0, weights).unwrap_err().to_string();
        let twice =
            vec![weight("a", 1.0, Transform::Identity, None), weight("a", 2.0, Transform::Log1p, None)];
        assert_eq!(error(twice), "the feature \"a\" has two weights; keep one");
        let nan = error(vec![weight("a", f32::NAN, Transform::Identity, None)]);
        assert_eq!(nan, "`weight` of a is NaN; write a finite number");
        assert!(
            error(vec![weight("a", 1.0, Transform::Identity, Some(f32::INFINITY))]).contains("`missing`")
        );
        assert!(
            error(vec![weight("a", 1.0, Transform::Clip { min: 2.0, max: 1.0 }, None)]).contains("\"a\"")
        );
        assert!(Linear::from_weights("m", f32::NAN, []).is_err());
    }

    #[test]
    fn the_version_changes_with_the_weights_and_with_nothing_else() {
        let model = |weight| Linear::new("m").weight("a", weight);
        assert_eq!(model(1.0).version(), model(1.0).version());
        assert_ne!(model(1.0).version(), model(2.0).version());
        assert_ne!(model(1.0).version(), model(1.0).bias(1.0).version());
        assert_ne!(model(1.0).version(), Linear::new("m").weight("b", 1.0).version());
        assert!(model(1.0).version().starts_with("m@"));
    }

    proptest! {
        #[test]
        fn scores_are_the_definition_and_contributions_sum_to_them_bit_by_bit(
            rows in 0_usize..150,
            bias in -5.0_f32..5.0,
            weights in proptest::collection::vec(-3.0_f32..3.0, 5),
            cells in proptest::collection::vec(prop_oneof![8 => -100.0_f32..100.0, 1 => Just(f32::NAN)], 7 * 150),
            start in 0_usize..3,
        ) {
            let terms = FEATURES.iter().zip(transforms()).zip(&weights).map(|((f, t), w)| weight(f, *w, t, None));
            let model = Linear::from_weights("m", bias, terms).unwrap();
            let matrix = ndarray::Array2::from_shape_vec((rows, 7), cells[..rows * 7].to_vec()).unwrap();
            // The model reads some columns of a wider matrix, in an order of its own.
            let columns = [4, 0, start + 1, 6, 5];
            let seen = FeatureRows::new(matrix.view(), &columns);
            let mut scores = vec![f32::NAN; rows];
            model.score(&seen, &mut scores).unwrap();
            for (row, score) in scores.iter().enumerate() {
                let explained = model.explain(&seen, row).unwrap();
                prop_assert_eq!(explained.raw.to_bits(), score.to_bits());
                let sum = explained.contributions.iter().fold(explained.bias, |sum, c| sum + c);
                prop_assert_eq!(sum.to_bits(), score.to_bits());
                let exact: f64 = (0..5).map(|at| (seen.get(row, at), at)).filter(|(x, _)| !x.is_nan())
                    .map(|(x, at)| f64::from(weights[at]) * naive(&transforms()[at], f64::from(x))).sum();
                prop_assert!((f64::from(*score) - f64::from(bias) - exact).abs() < 1e-3, "{} {}", score, exact);
            }
            // A matrix in another layout gives the same scores.
            let mut turned = ndarray::Array2::zeros((7, rows));
            turned.assign(&matrix.t());
            let mut again = vec![f32::NAN; rows];
            model.score(&FeatureRows::new(turned.t(), &columns), &mut again).unwrap();
            prop_assert_eq!(again, scores);
        }
    }
}
