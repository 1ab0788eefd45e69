//! Whether one model is better than another on the same requests, and whether that is enough.

use super::pooled::Pooled;
use super::ranking::Requests;
use super::{judge, oriented};
use crate::dataset::Dataset;
use crate::metrics::{Difference, Interval, paired_difference};
use crate::spec::Judge;

/// Compares two models' scores of the same rows by one metric; above 0 means that `a` is better. For a metric of requests
/// the p-value is that of Fisher's randomisation test, for one of all rows twice the smaller tail of the bootstrap.
///
/// # Panics
/// When there are not as many scores as rows.
pub fn compare(metric: Judge, data: &Dataset, a: &[f32], b: &[f32], seed: u64) -> Difference {
    assert!(a.len() == data.len() && b.len() == data.len(), "two scores for each row");
    if metric.is_per_request() {
        let values = |scores: &[f32]| Requests::of(data, scores).values(metric);
        return oriented(metric, paired_difference(&values(a), &values(b), seed));
    }
    let (first, second) = (Pooled::new(data, a), Pooled::new(data, b));
    let of = |pooled: &Pooled, weights: &[u32]| match metric {
        Judge::Auc => pooled.auc(Some(weights)),
        _ => pooled.log_loss(Some(weights)),
    };
    let resampled = first.resamples(seed).map(|weights| of(&first, &weights) - of(&second, &weights));
    let mut differences: Vec<f64> = resampled.filter(|difference| difference.is_finite()).collect();
    differences.sort_unstable_by(f64::total_cmp);
    let count = differences.len();
    let quantile = |q: f64| match count {
        0 => f64::NAN,
        count => differences[(q * (count - 1) as f64).round() as usize],
    };
    let below = differences.iter().filter(|difference| **difference <= 0.0).count();
    let above = differences.iter().filter(|difference| **difference >= 0.0).count();
    let p_value = (2.0 * (below.min(above) + 1) as f64 / (count + 1) as f64).min(1.0);
    let mean = judge(metric, data, a) - judge(metric, data, b);
    let difference = Interval { mean, low: quantile(0.025), high: quantile(0.975) };
    oriented(metric, Difference { difference, p_value })
}

/// What a candidate must be, compared with what serves, to take its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gate {
    /// Better on average.
    Better,
    /// Better by more than chance explains: the whole interval is above 0.
    SurelyBetter,
    /// Not worse by more than this: the interval's low end is above −margin. For daily retraining, where the same model
    /// on newer data is worth having.
    NotWorse(f64),
}

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateOutcome {
    /// Whether the candidate may pass.
    pub passed: bool,
    /// By what it was judged.
    pub difference: Difference,
}

impl Gate {
    /// Judges a difference, where above 0 is better. What cannot be computed does not pass.
    pub fn judge(self, difference: Difference) -> GateOutcome {
        let Interval { mean, low, .. } = difference.difference;
        let passed = match self {
            Gate::Better => mean > 0.0,
            Gate::SurelyBetter => low > 0.0,
            Gate::NotWorse(margin) => low > -margin,
        };
        GateOutcome { passed, difference }
    }
}
