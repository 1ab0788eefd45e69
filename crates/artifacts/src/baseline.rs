//! How the features were distributed in the training data: what later data is compared with.

use recommend_core::Name;
use serde::{Deserialize, Serialize};

/// Quantiles are kept at every hundredth.
const QUANTILES: usize = 101;
/// The most frequent values that are kept.
const TOP: usize = 10;

/// One entry per feature, in the order of the schema.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// How many rows were looked at.
    pub rows: u64,
    /// The features.
    pub features: Vec<FeatureBaseline>,
}

/// The distribution of one feature in the training data. What needs a value and has none is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureBaseline {
    /// The feature.
    pub name: String,
    /// The share of rows without a value, 0 to 1.
    pub missing: f64,
    /// The mean of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Their standard deviation (of the population).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// The quantiles 0, 0.01, …, 1, each one of the values (nearest rank); empty without values. The first is the
    /// minimum, the last the maximum.
    pub quantiles: Vec<f32>,
    /// The most frequent values with their shares of the values, the most frequent first; of values that occur once
    /// there are none.
    pub top: Vec<(f32, f64)>,
}

impl Baseline {
    /// Looks at a row-major matrix with a column for each name. Takes memory for one column beside it.
    ///
    /// ```
    /// # use recommend_artifacts::Baseline;
    /// # use recommend_core::Name;
    /// let baseline = Baseline::of(&[Name::new("age")?], &[3.0, 1.0, f32::NAN, 3.0]);
    /// let age = &baseline.features[0];
    /// assert_eq!((age.missing, age.quantiles[0], age.quantiles[100]), (0.25, 1.0, 3.0));
    /// assert_eq!(age.top, [(3.0, 2.0 / 3.0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// When the matrix is not a whole number of rows.
    pub fn of(names: &[Name], matrix: &[f32]) -> Self {
        let width = names.len();
        let rows = matrix.len().checked_div(width).unwrap_or(0);
        assert_eq!(rows * width, matrix.len(), "a matrix has whole rows");
        let mut column = Vec::with_capacity(rows);
        let features = names.iter().enumerate().map(|(at, name)| {
            column.clear();
            column.extend(matrix.iter().skip(at).step_by(width).copied().filter(|value| !value.is_nan()));
            FeatureBaseline::of(name, rows, &mut column)
        });
        Baseline { features: features.collect(), rows: rows as u64 }
    }
}

impl FeatureBaseline {
    /// Sorts the values, none of which is NaN.
    fn of(name: &Name, rows: usize, values: &mut [f32]) -> Self {
        values.sort_unstable_by(f32::total_cmp);
        let count = values.len();
        let mean = values.iter().copied().map(f64::from).sum::<f64>() / count as f64;
        let square = |value: &f32| (f64::from(*value) - mean).powi(2);
        let std = (values.iter().map(square).sum::<f64>() / count as f64).sqrt();
        let some = |value: f64| (count > 0 && value.is_finite()).then_some(value);
        let nearest = |q: usize| values[(count * q).div_ceil(QUANTILES - 1).clamp(1, count) - 1];
        FeatureBaseline {
            name: name.to_string(),
            missing: if rows == 0 { 0.0 } else { (rows - count) as f64 / rows as f64 },
            mean: some(mean),
            std: some(std),
            quantiles: if count == 0 { Vec::new() } else { (0..QUANTILES).map(nearest).collect() },
            top: top(values),
        }
    }
}

/// The most frequent of sorted values; of equally frequent ones the smaller.
fn top(values: &[f32]) -> Vec<(f32, f64)> {
    let mut runs: Vec<(f32, usize)> = Vec::new();
    for run in values.chunk_by(|a, b| a == b).filter(|run| run.len() > 1) {
        let at = runs.partition_point(|(_, len)| *len >= run.len());
        if at < TOP {
            runs.insert(at, (run[0], run.len()));
            runs.truncate(TOP);
        }
    }
    runs.into_iter().map(|(value, len)| (value, len as f64 / values.len() as f64)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_feature_that_is_always_missing_has_no_distribution() {
        let baseline = Baseline::of(&[Name::literal("a")], &[f32::NAN, f32::NAN]);
        let a = &baseline.features[0];
        assert_eq!((a.missing, a.mean, a.std), (1.0, None, None));
        assert!(a.quantiles.is_empty() && a.top.is_empty());
        let text = serde_json::to_string(&baseline).unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap(), baseline);
    }

    proptest! {
        #[test]
        fn a_quantile_has_that_share_of_the_values_at_or_below_it(values in proptest::collection::vec(-5i8..5, 1..300)) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let baseline = Baseline::of(&[Name::literal("a")], &values);
            let feature = &baseline.features[0];
            for (q, quantile) in feature.quantiles.iter().enumerate() {
                let share = |below: &dyn Fn(f32) -> bool| {
                    values.iter().filter(|value| below(**value)).count() as f64 / values.len() as f64
                };
                prop_assert!(share(&|value| value <= *quantile) >= q as f64 / 100.0 - 1e-9);
                prop_assert!(q == 0 || share(&|value| value < *quantile) < q as f64 / 100.0 + 1e-9);
            }
            for (value, share) in &feature.top {
                let count = values.iter().filter(|other| *other == value).count();
                prop_assert_eq!(*share, count as f64 / values.len() as f64);
            }
        }
    }
}
