//! What is done to a feature before it is weighed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A function of one feature's value. Each maps finite numbers to finite numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "transform", rename_all = "kebab-case")]
pub enum Transform {
    /// The value itself.
    Identity,
    /// `sign(x) · ln(1 + |x|)`: for counts, where ten times as many is not ten times as good. Within 2 ulp.
    Log1p,
    /// The value, but at least `min` and at most `max`.
    Clip {
        /// The least.
        min: f32,
        /// The most.
        max: f32,
    },
    /// A step function: `values[k]`, where `k` is how many of the bounds are `<= x`.
    Bucket {
        /// Where the steps are, strictly ascending.
        bounds: Cow<'static, [f32]>,
        /// What the steps are: one more than bounds.
        values: Cow<'static, [f32]>,
    },
    /// `(x - mean) / std`.
    Standardise {
        /// The mean of the feature.
        mean: f32,
        /// Its standard deviation, above 0.
        std: f32,
    },
}

impl Transform {
    /// Whether the parameters make sense; the error continues the sentence "the transform of X …".
    pub(crate) fn check(&self) -> Result<(), String> {
        let fail = |reason: String| Err(reason);
        match self {
            Transform::Identity | Transform::Log1p => Ok(()),
            Transform::Clip { min, max } if !(min.is_finite() && max.is_finite() && min <= max) => {
                fail(format!("clips to {min}..{max}; `min` must be at most `max` and both finite"))
            }
            Transform::Clip { .. } => Ok(()),
            Transform::Bucket { bounds, values } => {
                if bounds.is_empty() {
                    return fail("has no `bounds`; write for example bounds = [7, 30]".into());
                }
                if values.len() != bounds.len() + 1 {
                    return fail(format!(
                        "has {} `bounds` and {} `values`; it needs one value more than bounds: the first is for \
                         what lies below the first bound",
                        bounds.len(),
                        values.len()
                    ));
                }
                if !bounds.windows(2).all(|pair| pair[0] < pair[1]) {
                    return fail(format!(
                        "has `bounds` {bounds:?}; write them in ascending order, each once"
                    ));
                }
                match bounds.iter().chain(values.iter()).find(|n| !n.is_finite()) {
                    Some(bad) => fail(format!("has {bad} among `bounds` and `values`; write finite numbers")),
                    None => Ok(()),
                }
            }
            Transform::Standardise { mean, std } => {
                // The reciprocal is what the kernel multiplies by: it must be a number too.
                if mean.is_finite() && *std > 0.0 && std.is_finite() && (1.0 / std).is_finite() {
                    return Ok(());
                }
                fail(format!("has mean {mean} and std {std}; `std` must be above 0 and both finite"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(bounds: &'static [f32], values: &'static [f32]) -> Result<(), String> {
        Transform::Bucket { bounds: bounds.into(), values: values.into() }.check()
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused_with_the_fix() {
        assert!(bucket(&[1.0], &[0.0, 1.0]).is_ok());
        assert!(bucket(&[], &[0.0]).unwrap_err().contains("no `bounds`"));
        assert!(bucket(&[1.0, 2.0], &[0.0, 1.0]).unwrap_err().contains("one value more"));
        assert!(bucket(&[2.0, 2.0], &[0.0, 1.0, 2.0]).unwrap_err().contains("ascending"));
        assert!(bucket(&[f32::NAN], &[0.0, 1.0]).unwrap_err().contains("finite"));
        assert!(Transform::Standardise { mean: 0.0, std: 0.0 }.check().unwrap_err().contains("above 0"));
        assert!(Transform::Clip { min: 0.0, max: f32::INFINITY }.check().is_err());
    }
}
