//! Intervals and comparisons over users: percentile bootstrap, and a paired randomisation test.

use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;

/// A mean with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean over users.
    pub mean: f64,
    /// The 2.5 % quantile.
    pub low: f64,
    /// The 97.5 % quantile.
    pub high: f64,
}

/// A difference of two configurations over the same users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Mean of `a - b` with its interval.
    pub difference: Interval,
    /// Two-sided p-value of "no difference".
    pub p_value: f64,
}

const RESAMPLES: usize = 1000;

/// The mean of per-user values with a percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13) over 1,000
/// resamples. NaN everywhere without values.
pub fn bootstrap_mean(values: &[f64], seed: u64) -> Interval {
    if values.is_empty() {
        return Interval { mean: f64::NAN, low: f64::NAN, high: f64::NAN };
    }
    let mean = |sum: f64| sum / values.len() as f64;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let groups = Groups::of(values.to_vec());
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| match &groups {
            Some(groups) => mean(groups.resampled_sum(&mut rng)),
            None => mean((0..values.len()).map(|_| values[rng.random_range(0..values.len())]).sum()),
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let quantile = |q: f64| means[(q * (RESAMPLES - 1) as f64).round() as usize];
    Interval { mean: mean(values.iter().sum()), low: quantile(0.025), high: quantile(0.975) }
}

/// Compares two configurations user by user: bootstrap interval of the mean difference, and the p-value of Fisher's
/// randomisation test, which swaps the two within each user (Smucker, Allan and Carterette, CIKM 2007); 10,000 swaps.
/// Slices are per-user values in the same order of users; the longer one is cut.
pub fn paired_difference(a: &[f64], b: &[f64], seed: u64) -> Difference {
    const SWAPS: usize = 10_000;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let difference = bootstrap_mean(&differences, seed);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5eed);
    let observed = differences.iter().sum::<f64>().abs();
    // Users without a difference stay where they are under any swap.
    let moving: Vec<f64> = differences.into_iter().filter(|d| *d != 0.0).collect();
    let groups = Groups::of(moving.iter().map(|d| d.abs()).collect());
    let mut as_extreme = 0_usize;
    for _ in 0..SWAPS {
        let sum = match &groups {
            Some(groups) => groups.swapped_sum(&mut rng),
            None => swapped_sum(&moving, &mut rng),
        };
        as_extreme += usize::from(sum.abs() >= observed - 1e-9 * observed.max(1e-3));
    }
    Difference { difference, p_value: (as_extreme + 1) as f64 / (SWAPS + 1) as f64 }
}

/// The sum with a sign for each value, by a coin each.
fn swapped_sum(values: &[f64], rng: &mut Xoshiro256PlusPlus) -> f64 {
    let mut sum = 0.0;
    for chunk in values.chunks(64) {
        let mut signs: u64 = rng.random();
        for value in chunk {
            sum += if signs & 1 == 0 { *value } else { -*value };
            signs >>= 1;
        }
    }
    sum
}

/// Equal values together: most metrics of a user take few values, and to draw how often each comes up is quicker by far
/// than to draw the users. The distribution is the same.
struct Groups {
    values: Vec<(f64, u64)>,
    total: u64,
}

impl Groups {
    /// `None` when that saves nothing.
    fn of(mut values: Vec<f64>) -> Option<Self> {
        let total = values.len() as u64;
        values.sort_unstable_by(f64::total_cmp);
        let values: Vec<(f64, u64)> =
            values.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
        // A draw from a binomial costs about as much as sixteen users.
        (values.len() as u64 * 16 < total).then_some(Groups { values, total })
    }

    /// The sum of as many draws with replacement as there are values: a multinomial, one binomial after the other.
    fn resampled_sum(&self, rng: &mut Xoshiro256PlusPlus) -> f64 {
        let (mut draws, mut rest, mut sum) = (self.total, self.total, 0.0);
        for (value, count) in &self.values {
            let drawn = binomial(draws, *count as f64 / rest as f64, rng);
            sum += value * drawn as f64;
            draws -= drawn;
            rest -= count;
        }
        sum
    }

    fn swapped_sum(&self, rng: &mut Xoshiro256PlusPlus) -> f64 {
        let signed = |(value, count): &(f64, u64)| {
            let plus = binomial(*count, 0.5, rng);
            value * (2.0 * plus as f64 - *count as f64)
        };
        self.values.iter().map(signed).sum()
    }
}

fn binomial(draws: u64, share: f64, rng: &mut Xoshiro256PlusPlus) -> u64 {
    // The share is one of counts, and so between 0 and 1; were it not, nothing would be drawn.
    Binomial::new(draws, share.clamp(0.0, 1.0)).map_or(0, |binomial| binomial.sample(rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_covers_the_mean_and_narrows_with_users() {
        let values = |n: usize| (0..n).map(|i| f64::from(u8::from(i % 4 == 0))).collect::<Vec<_>>();
        let (few, many) = (bootstrap_mean(&values(40), 1), bootstrap_mean(&values(4000), 1));
        assert!((many.mean - 0.25).abs() < 1e-12 && many.low < 0.25 && many.high > 0.25);
        assert!(many.high - many.low < (few.high - few.low) / 5.0);
        // The normal approximation of a share of 0.25 among 4,000 is ± 0.0134.
        assert!((many.high - many.low - 2.0 * 0.0134).abs() < 0.004);
    }

    #[test]
    fn a_real_difference_is_seen_and_none_is_not() {
        let a: Vec<f64> = (0..300).map(|i| f64::from(i % 7) / 7.0).collect();
        let better: Vec<f64> =
            a.iter().enumerate().map(|(i, v)| v + if i % 3 == 0 { 0.2 } else { -0.02 }).collect();
        let found = paired_difference(&better, &a, 9);
        assert!(found.p_value < 0.001 && found.difference.low > 0.0);
        let shuffled: Vec<f64> =
            a.iter().enumerate().map(|(i, v)| v + if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        assert!(paired_difference(&shuffled, &a, 9).p_value > 0.3);
        assert!(bootstrap_mean(&[], 1).mean.is_nan());
    }

    #[test]
    fn drawing_groups_is_as_drawing_users() {
        // The same values, and with tiny differences that keep them from being grouped.
        let same: Vec<f64> = (0..2000).map(|i| f64::from(i % 5) / 5.0).collect();
        let apart: Vec<f64> = same.iter().enumerate().map(|(i, v)| v + i as f64 * 1e-9).collect();
        assert!(Groups::of(same.clone()).is_some() && Groups::of(apart.clone()).is_none());
        let (a, b) = (bootstrap_mean(&same, 3), bootstrap_mean(&apart, 4));
        assert!((a.low - b.low).abs() < 0.003 && (a.high - b.high).abs() < 0.003, "{a:?} {b:?}");
        let shifted: Vec<f64> = same
            .iter()
            .enumerate()
            .map(|(i, v)| {
                v + f64::from(u8::from(i % 97 == 0)) / 5.0 - f64::from(u8::from(i % 173 == 0)) / 5.0
            })
            .collect();
        let (grouped, plain) =
            (paired_difference(&shifted, &same, 5), paired_difference(&shifted, &apart, 6));
        assert!((grouped.p_value - plain.p_value).abs() < 0.03, "{grouped:?} {plain:?}");
    }
}
