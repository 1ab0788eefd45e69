//! What every trainer makes of the rows that is no feature: weights, and where they were shown.

use crate::dataset::Dataset;
use crate::spec::Debias;

/// What the column of the position is called where a model file names it.
#[cfg(feature = "xgboost")]
pub(super) const POSITION: &str = "position";

/// The position as a feature: the effect of a place falls with its logarithm, and the top is 0.
pub(super) fn position(position: u32) -> f32 {
    (position as f32).ln_1p()
}

/// The weight of each row: the dataset's, times the inverse of its propensity where that is asked for.
pub(super) fn weights(dataset: &Dataset, debias: &Debias) -> Vec<f32> {
    let inverse = |propensity: f32| match debias.inverse_propensity {
        true => (1.0 / propensity.max(f32::MIN_POSITIVE)).min(debias.max_weight),
        false => 1.0,
    };
    let pairs = dataset.weights().iter().zip(dataset.propensities());
    pairs.map(|(weight, propensity)| weight * inverse(*propensity)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::libsvm::{FirstIndex, parse};

    #[test]
    fn rare_rows_weigh_more_but_not_without_bound() {
        let mut dataset = parse("1 0:1\n0 0:2\n", None, FirstIndex::Zero).unwrap();
        dataset.set_weights(vec![1.0, 2.0]).unwrap();
        assert_eq!(weights(&dataset, &Debias::default()), [1.0, 2.0]);
        let debias = Debias { inverse_propensity: true, max_weight: 4.0, ..Debias::default() };
        let certain: Vec<f32> = dataset.propensities().iter().map(|p| (1.0 / p).min(4.0)).collect();
        assert_eq!(weights(&dataset, &debias), [certain[0], 2.0 * certain[1]]);
        assert_eq!((position(0), position(1)), (0.0, 2.0_f32.ln()));
    }
}
