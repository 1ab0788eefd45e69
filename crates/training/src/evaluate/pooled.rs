//! Metrics of all rows together, and their bootstrap over requests.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::reliability::BINS;
use crate::dataset::Dataset;
use crate::metrics::Interval;

/// Resamples of the bootstrap. Each is a pass over all rows, so there are fewer than of per-request metrics.
const RESAMPLES: usize = 200;

/// Rows sorted by score, with the request of each.
pub(super) struct Pooled {
    scores: Vec<f32>,
    positive: Vec<bool>,
    request: Vec<u32>,
    requests: usize,
}

/// How often each request counts; `None` counts each once.
pub(super) type Weights<'a> = Option<&'a [u32]>;

impl Pooled {
    pub(super) fn new(data: &Dataset, scores: &[f32]) -> Self {
        let mut rows: Vec<(f32, bool, u32)> = Vec::with_capacity(data.len());
        for (request, group) in data.groups().iter().enumerate() {
            rows.extend(
                group.rows.clone().map(|row| (scores[row], data.labels()[row] > 0.0, request as u32)),
            );
        }
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Pooled {
            scores: rows.iter().map(|row| row.0).collect(),
            positive: rows.iter().map(|row| row.1).collect(),
            request: rows.iter().map(|row| row.2).collect(),
            requests: data.groups().len(),
        }
    }

    fn weight(&self, weights: Weights<'_>, row: usize) -> f64 {
        weights.map_or(1.0, |weights| f64::from(weights[self.request[row] as usize]))
    }

    /// The probability that a positive row scores above a negative one; NaN without any of either.
    pub(super) fn auc(&self, weights: Weights<'_>) -> f64 {
        let (mut below, mut pairs, mut positives) = (0.0, 0.0, 0.0);
        let mut row = 0;
        while row < self.scores.len() {
            let (mut tied, mut tied_positive) = (0.0, 0.0);
            let score = self.scores[row];
            while row < self.scores.len() && self.scores[row] == score {
                let weight = self.weight(weights, row);
                if self.positive[row] {
                    tied_positive += weight;
                } else {
                    tied += weight;
                }
                row += 1;
            }
            pairs += tied_positive * (below + tied / 2.0);
            below += tied;
            positives += tied_positive;
        }
        pairs / (positives * below)
    }

    /// The mean negative logarithm of what was said about what happened. Certainty that was wrong counts as 1e-15, as in
    /// scikit-learn.
    pub(super) fn log_loss(&self, weights: Weights<'_>) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, score) in self.scores.iter().enumerate() {
            let weight = self.weight(weights, row);
            let said = f64::from(*score).clamp(1e-15, 1.0 - 1e-15);
            sum -= weight * if self.positive[row] { said.ln() } else { (1.0 - said).ln() };
            total += weight;
        }
        sum / total
    }

    /// The expected calibration error: by how much bins of predictions miss what happened, weighted by their size.
    pub(super) fn ece(&self, weights: Weights<'_>) -> f64 {
        let mut bins = [(0.0, 0.0); BINS];
        let mut total = 0.0;
        for (row, score) in self.scores.iter().enumerate() {
            let weight = self.weight(weights, row);
            let (predicted, observed) = &mut bins[super::reliability::bin(*score)];
            *predicted += weight * f64::from(*score);
            *observed += weight * f64::from(u8::from(self.positive[row]));
            total += weight;
        }
        bins.iter().map(|(predicted, observed): &(f64, f64)| (predicted - observed).abs()).sum::<f64>()
            / total
    }

    /// The metric, with the percentile interval over resampled requests.
    pub(super) fn bootstrap(&self, seed: u64, metric: &dyn Fn(Weights<'_>) -> f64) -> Interval {
        let mut values: Vec<f64> = self
            .resamples(seed)
            .map(|weights| metric(Some(&weights)))
            .filter(|value| value.is_finite())
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        let quantile = |q: f64| match values.len() {
            0 => f64::NAN,
            len => values[(q * (len - 1) as f64).round() as usize],
        };
        Interval { mean: metric(None), low: quantile(0.025), high: quantile(0.975) }
    }

    /// How often each request is drawn, resample by resample; the same for every metric and every model.
    pub(super) fn resamples(&self, seed: u64) -> impl Iterator<Item = Vec<u32>> + use<> {
        let (mut rng, requests) = (Xoshiro256PlusPlus::seed_from_u64(seed), self.requests);
        (0..RESAMPLES).map(move |_| {
            let mut times = vec![0_u32; requests];
            (0..requests).for_each(|_| times[rng.random_range(0..requests)] += 1);
            times
        })
    }
}
