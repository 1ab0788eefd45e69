//! Products of pairs of features, and the weights that training writes.

use recommend_core::{FeatureRows, Model, Name};
use serde::{Deserialize, Serialize};

use super::kernel::Factor;
use super::{Linear, LinearError, Transform, Weight};

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

/// A cross with its columns found.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) columns: [usize; 2],
    factors: [Factor; 2],
    weight: f32,
}

impl Product {
    pub(super) fn of(&self, rows: &FeatureRows<'_>, row: usize) -> f32 {
        let [a, b] = [0, 1].map(|side| self.factors[side].of(rows.get(row, self.columns[side])));
        self.weight * a * b
    }

    /// The product with its columns in the linear model.
    pub(super) fn find(linear: &Linear, cross: &Cross) -> Result<Self, LinearError> {
        let [a, b] = &cross.features;
        let column = |feature: &Name| {
            linear.features().iter().position(|known| known == feature).ok_or_else(|| {
                LinearError::Transform {
                    feature: feature.clone(),
                    reason: "is part of a product only; give it a weight of its own, 0 if need be".to_owned(),
                }
            })
        };
        super::finite(&format!("{a} × {b}"), "weight", cross.weight)?;
        for (feature, transform) in cross.features.iter().zip(&cross.transforms) {
            transform
                .check()
                .map_err(|reason| LinearError::Transform { feature: feature.clone(), reason })?;
        }
        let factors = [Factor::new(&cross.transforms[0]), Factor::new(&cross.transforms[1])];
        Ok(Product { columns: [column(a)?, column(b)?], factors, weight: cross.weight })
    }
}
