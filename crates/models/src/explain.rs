//! Why a model scored as it did: contributions and interactions behind one trait, and what matters to a whole model.

use crate::forest::{Node, Rows, ShapError};
use crate::xgboost::{Booster, Ensemble};

/// A model whose raw scores can be taken apart.
///
/// Values come in XGBoost's shapes: for each row and group (class), one per feature and the bias last; they sum to the
/// raw score.
pub trait Explain {
    /// How many features a row has.
    fn features(&self) -> usize;

    /// How many scores a row gets.
    fn groups(&self) -> usize;

    /// Writes what each feature adds to each raw score: rows × groups × (features + 1) values, the meaning of XGBoost's
    /// `pred_contribs`.
    ///
    /// # Errors
    /// When the model cannot say.
    ///
    /// # Panics
    /// When `rows` or `out` have the wrong size.
    fn contributions(&self, rows: &Rows<'_>, out: &mut [f32]) -> Result<(), ShapError>;

    /// Writes what pairs of features add together: rows × groups × (features + 1)² values, symmetric, each line summing to the
    /// feature's contribution; the meaning of XGBoost's `pred_interactions`.
    ///
    /// # Errors
    /// When the model cannot say.
    ///
    /// # Panics
    /// When `rows` or `out` have the wrong size.
    fn interactions(&self, rows: &Rows<'_>, out: &mut [f32]) -> Result<(), ShapError>;
}

impl Explain for Booster {
    fn features(&self) -> usize {
        Booster::features(self)
    }

    fn groups(&self) -> usize {
        Booster::groups(self)
    }

    fn contributions(&self, rows: &Rows<'_>, out: &mut [f32]) -> Result<(), ShapError> {
        let (features, groups) = (self.features(), self.groups());
        match self.ensemble() {
            Ensemble::Trees(engine) => engine.contributions(rows, out)?,
            Ensemble::Linear(weights) => {
                for (at, out) in out.chunks_exact_mut(features + 1).enumerate() {
                    let (row, group) = (at / groups, at % groups);
                    for (feature, out) in out[..features].iter_mut().enumerate() {
                        let value = rows.get(row, feature);
                        *out = if value.is_nan() { 0.0 } else { value * weights.weight(feature, group) };
                    }
                    out[features] = weights.bias(group);
                }
            }
        }
        for (at, out) in out.chunks_exact_mut(features + 1).enumerate() {
            out[features] += self.base_margins()[at % groups];
        }
        Ok(())
    }

    fn interactions(&self, rows: &Rows<'_>, out: &mut [f32]) -> Result<(), ShapError> {
        let (width, groups) = (self.features() + 1, self.groups());
        match self.ensemble() {
            Ensemble::Trees(engine) => engine.interactions(rows, out)?,
            Ensemble::Linear(weights) => {
                // Nothing interacts: contributions, on the diagonal.
                out.fill(0.0);
                for (at, out) in out.chunks_exact_mut(width * width).enumerate() {
                    let (row, group) = (at / groups, at % groups);
                    for feature in 0..width - 1 {
                        let value = rows.get(row, feature);
                        let part = if value.is_nan() { 0.0 } else { value * weights.weight(feature, group) };
                        out[feature * width + feature] = part;
                    }
                    out[width * width - 1] = weights.bias(group);
                }
            }
        }
        for (at, out) in out.chunks_exact_mut(width * width).enumerate() {
            out[width * width - 1] += self.base_margins()[at % groups];
        }
        Ok(())
    }
}

/// What one feature means to a whole model.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Importance {
    /// In how many splits it is (XGBoost's `weight`).
    pub splits: usize,
    /// What its splits gained in training, on average (`gain`) and in all (`total_gain`).
    pub gain: f64,
    /// All of its gains.
    pub total_gain: f64,
    /// The training weight that passed its splits, on average (`cover`) and in all (`total_cover`).
    pub cover: f64,
    /// All of its covers.
    pub total_cover: f64,
}

/// The importance of each feature as the training saw it; all zero for a linear booster.
pub fn importances(booster: &Booster) -> Vec<Importance> {
    let mut all = vec![Importance::default(); booster.features()];
    if let Some(forest) = booster.forest() {
        for tree in forest.trees() {
            for at in tree.nodes() {
                if let Node::Split { feature, .. } = forest.nodes()[at] {
                    let importance = &mut all[feature as usize];
                    importance.splits += 1;
                    importance.total_gain += f64::from(forest.gains()[at]);
                    importance.total_cover += f64::from(forest.covers()[at]);
                }
            }
        }
    }
    for importance in all.iter_mut().filter(|importance| importance.splits > 0) {
        importance.gain = importance.total_gain / importance.splits as f64;
        importance.cover = importance.total_cover / importance.splits as f64;
    }
    all
}

/// The mean of the absolute contributions of each feature over rows, for one group: how much a feature moves scores.
///
/// # Errors
/// When the model cannot explain.
///
/// # Panics
/// When `rows` has another number of features than the model, or there is no such group.
pub fn mean_absolute_shap(model: &dyn Explain, rows: &Rows<'_>, group: usize) -> Result<Vec<f64>, ShapError> {
    const BATCH: usize = 256;
    assert!(group < model.groups(), "the group is one of the model's");
    let (features, groups) = (model.features(), model.groups());
    let mut sums = vec![0.0; features];
    let mut values = Vec::new();
    for start in (0..rows.len()).step_by(BATCH) {
        let batch = rows.slice(start..rows.len().min(start + BATCH));
        values.clear();
        values.resize(batch.len() * groups * (features + 1), 0.0);
        model.contributions(&batch, &mut values)?;
        for row in values.chunks_exact((features + 1) * groups) {
            for (sum, value) in sums.iter_mut().zip(&row[group * (features + 1)..]) {
                *sum += f64::from(value.abs());
            }
        }
    }
    sums.iter_mut().for_each(|sum| *sum /= rows.len().max(1) as f64);
    Ok(sums)
}
