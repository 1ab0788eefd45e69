//! The columns of the regression: what is made of the features before they are weighed.

use recommend_core::Name;
use recommend_models::{Cross, RegressionWeights, Transform, Weight};

use super::settings::{Buckets, Settings};
use crate::dataset::Dataset;
use crate::spec::Spec;
use crate::trainers::{TrainError, rows};

/// How a feature's values become columns.
#[derive(Debug, Clone)]
enum Shape {
    /// One column, standardised.
    Slope,
    /// One column a bucket: 1 inside, 0 outside.
    Steps { bounds: Vec<f32> },
}

#[derive(Debug, Clone)]
struct Feature {
    name: Name,
    mean: f32,
    std: f32,
    shape: Shape,
    /// Its first column.
    at: usize,
}

impl Feature {
    fn columns(&self) -> usize {
        match &self.shape {
            Shape::Slope => 1,
            Shape::Steps { bounds } => bounds.len() + 1,
        }
    }

    /// The standardised value; a missing one is the mean.
    fn standard(&self, value: f32) -> f32 {
        if value.is_nan() { 0.0 } else { (value - self.mean) * (1.0 / self.std) }
    }
}

/// What was learned about the features before the weights: means, deviations, bounds.
#[derive(Debug, Clone)]
pub(super) struct Design {
    features: Vec<Feature>,
    /// Pairs of features.
    crosses: Vec<[usize; 2]>,
    /// Mean and deviation of the position, where it takes part.
    position: Option<(f32, f32)>,
    width: usize,
}

impl Design {
    /// Looks at the data.
    pub(super) fn fit(data: &Dataset, settings: &Settings, spec: &Spec) -> Result<Self, TrainError> {
        let wrong = |key: &str, name: &Name| TrainError::Setting {
            name: spec.name.clone(),
            key: key.to_owned(),
            reason: format!("names {name:?}, which is none of the features that the model reads"),
        };
        if let Some(name) = settings.buckets.keys().find(|name| !data.features().contains(name)) {
            return Err(wrong("buckets", name));
        }
        let (mut features, mut width) = (Vec::new(), 0);
        for (column, name) in data.features().iter().enumerate() {
            let (mean, std) = moments(data.column(column).iter().copied());
            let shape = match settings.buckets.get(name) {
                None => Shape::Slope,
                Some(Buckets::Bounds(bounds)) => Shape::Steps { bounds: bounds.clone() },
                Some(Buckets::Count(count)) => {
                    Shape::Steps { bounds: quantiles(data.column(column).iter().copied(), *count) }
                }
            };
            let feature = Feature { name: name.clone(), mean, std, shape, at: width };
            width += feature.columns();
            features.push(feature);
        }
        let place = |name: &Name| {
            data.features().iter().position(|known| known == name).ok_or_else(|| wrong("crosses", name))
        };
        let crosses = settings
            .crosses
            .iter()
            .map(|[a, b]| Ok([place(a)?, place(b)?]))
            .collect::<Result<Vec<_>, TrainError>>()?;
        width += crosses.len();
        let position =
            spec.debias.position.then(|| moments(data.positions().iter().copied().map(rows::position)));
        width += usize::from(position.is_some());
        Ok(Design { features, crosses, position, width })
    }

    /// How many columns, without the bias.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The columns of all rows, row after row.
    pub(super) fn expand(&self, data: &Dataset, position: impl Fn(usize) -> f32) -> Vec<f32> {
        let mut out = vec![0.0; data.len() * self.width];
        let given = data.features().len();
        let rows = data.values().chunks_exact(given).zip(out.chunks_exact_mut(self.width));
        for (row, (values, columns)) in rows.enumerate() {
            for (feature, value) in self.features.iter().zip(values) {
                match &feature.shape {
                    Shape::Slope => columns[feature.at] = feature.standard(*value),
                    Shape::Steps { .. } if value.is_nan() => {}
                    Shape::Steps { bounds } => {
                        columns[feature.at + bounds.partition_point(|bound| bound <= value)] = 1.0;
                    }
                }
            }
            let rest = self.width - self.crosses.len() - usize::from(self.position.is_some());
            for (column, cross) in columns[rest..].iter_mut().zip(&self.crosses) {
                let [a, b] = cross.map(|feature| self.features[feature].standard(values[feature]));
                *column = a * b;
            }
            if let Some((mean, std)) = self.position {
                columns[self.width - 1] = (position(row) - mean) / std;
            }
        }
        out
    }

    /// The weights as a server reads them. The position is at the top for ever, so it becomes part of the bias.
    pub(super) fn weights(&self, beta: &[f64]) -> RegressionWeights {
        let mut bias = beta[self.width];
        if let Some((mean, std)) = self.position {
            bias += beta[self.width - 1] * f64::from((rows::position(0) - mean) / std);
        }
        let weights = self.features.iter().map(|feature| {
            let (weight, transform) = match &feature.shape {
                Shape::Slope => (beta[feature.at] as f32, feature.transform()),
                Shape::Steps { bounds } => {
                    let values = beta[feature.at..][..bounds.len() + 1].iter().map(|b| *b as f32);
                    let values = values.collect::<Vec<f32>>().into();
                    (1.0, Transform::Bucket { bounds: bounds.clone().into(), values })
                }
            };
            Weight { feature: feature.name.clone(), weight, transform, missing: None }
        });
        let first = self.width - self.crosses.len() - usize::from(self.position.is_some());
        let crosses = self.crosses.iter().zip(&beta[first..]).map(|(cross, weight)| Cross {
            features: cross.map(|feature| self.features[feature].name.clone()),
            transforms: cross.map(|feature| self.features[feature].transform()),
            weight: *weight as f32,
        });
        RegressionWeights { bias: bias as f32, weights: weights.collect(), crosses: crosses.collect() }
    }

    /// The mean absolute contribution of each feature over rows; a cross counts half to each side.
    pub(super) fn contributions(&self, matrix: &[f32], beta: &[f64]) -> Vec<f64> {
        let mut of_columns = vec![0.0; self.width];
        for row in matrix.chunks_exact(self.width) {
            for (sum, (x, b)) in of_columns.iter_mut().zip(row.iter().zip(beta)) {
                *sum += (f64::from(*x) * b).abs();
            }
        }
        let mut of_features: Vec<f64> =
            self.features.iter().map(|f| of_columns[f.at..][..f.columns()].iter().sum()).collect();
        let first = self.width - self.crosses.len() - usize::from(self.position.is_some());
        for (cross, sum) in self.crosses.iter().zip(&of_columns[first..]) {
            cross.iter().for_each(|feature| of_features[*feature] += sum / 2.0);
        }
        of_features
    }
}

impl Feature {
    fn transform(&self) -> Transform {
        Transform::Standardise { mean: self.mean, std: self.std }
    }
}

/// Mean and standard deviation of what is not missing; a deviation of nothing is 1, so that a constant weighs nothing.
fn moments(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let present = || values.clone().filter(|value| !value.is_nan()).map(f64::from);
    let count = present().count().max(1) as f64;
    let mean = present().sum::<f64>() / count;
    let std = (present().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let usable = std.is_finite() && std > 1e-12 * mean.abs().max(1e-20) && (1.0 / std as f32).is_finite();
    (mean as f32, if usable { std as f32 } else { 1.0 })
}

/// Bounds between buckets of equal size.
fn quantiles(values: impl Iterator<Item = f32>, count: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let mut bounds: Vec<f32> =
        (1..count).filter_map(|at| sorted.get(at * sorted.len() / count).copied()).collect();
    bounds.dedup();
    // The least value as a bound would leave the first bucket empty.
    if bounds.len() > 1 && bounds.first() == sorted.first() {
        bounds.remove(0);
    }
    if bounds.is_empty() { vec![0.0] } else { bounds }
}
