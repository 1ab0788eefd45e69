//! What another policy would have earned, from what the serving one logged: off-policy evaluation with inverse
//! propensities.
//!
//! | estimator | | source |
//! |---|---|---|
//! | IPS | mean of w·r | Horvitz and Thompson, JASA 1952 |
//! | clipped IPS | mean of min(w, M)·r: less variance for a little bias | Bottou et al., JMLR 2013 |
//! | SNIPS | Σ w·r / Σ w: bounded by the rewards, and not moved by adding a constant to them | Swaminathan and Joachims, NIPS 2015 |
//! | DR | mean of q(target) + w·(r − q(logged)) | Dudík, Langford and Li, ICML 2011 |
//!
//! r is the reward of what was shown, w the probability that the new policy shows it over the probability with which
//! the serving policy did, its *propensity*. All need that the serving policy could have shown whatever the new one
//! would; [`Estimate::effective`] tells how much of the log still speaks.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;

use crate::metrics::Interval;

/// One logged action: what was shown, what came of it, and how likely either policy was to show it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Logged {
    /// What it earned; finite.
    pub reward: f32,
    /// The probability with which the serving policy showed it, in (0, 1].
    pub propensity: f32,
    /// The probability with which the new policy shows it in the same place, in 0..=1.
    pub target: f32,
    /// Which request it belongs to: rows of one are drawn together.
    pub group: u32,
}

/// What a model of rewards expects, for the doubly robust estimator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Of the action that was logged.
    pub logged: f32,
    /// Of the new policy's action, averaged over its randomness.
    pub target: f32,
}

/// Estimates of the mean reward per action of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// What the serving policy earned: the mean of the logged rewards.
    pub logged: Interval,
    /// Inverse propensities.
    pub ips: Interval,
    /// The same with weights of at most the clip.
    pub clipped: Interval,
    /// Self-normalised.
    pub snips: Interval,
    /// How many actions from the new policy would tell as much: (Σ w)² / Σ w² (Kish 1965).
    pub effective: f64,
    /// The largest weight.
    pub largest: f64,
    /// The mean weight; far from 1 means that propensities or target probabilities are wrong, or that the serving
    /// policy never shows what the new one would.
    pub mean_weight: f64,
}

/// Why a log cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OffPolicyError {
    /// There is nothing.
    #[error("no action was logged")]
    Empty,
    /// A propensity or a probability is none.
    #[error(
        "row {row}: {what} = {value} is no probability{}; log what the serving policy drew with",
        if *.what == "propensity" { " above 0" } else { "" }
    )]
    Probability {
        /// Its place, from 0.
        row: usize,
        /// Which of them.
        what: &'static str,
        /// What it is.
        value: f32,
    },
    /// The clip is not a weight.
    #[error("clip = {0}: choose a weight above 0, for example 20")]
    Clip(f64),
    /// Not one expectation per action.
    #[error("{expected} expectations for {actions} actions")]
    Lengths {
        /// How many expectations.
        expected: usize,
        /// How many actions.
        actions: usize,
    },
}

const RESAMPLES: usize = 1000;

/// Groups beyond this many are dealt out to as many blocks, which are resampled in their place: the spread of the mean
/// is the same, and a log of millions takes no longer.
const BLOCKS: usize = 2000;

/// Estimates the value of a policy from a log. Intervals are percentile bootstraps (95 %, 1,000 resamples) over groups,
/// which lie beside each other.
///
/// ```
/// # use recommend_training::off_policy::{Logged, evaluate};
/// // Two actions, drawn evenly; the first earns 1, the second nothing; the new policy always takes the first.
/// let row = |n: u32| Logged {
///     reward: if n % 2 == 0 { 1.0 } else { 0.0 },
///     propensity: 0.5,
///     target: if n % 2 == 0 { 1.0 } else { 0.0 },
///     group: n,
/// };
/// let log: Vec<Logged> = (0..1000).map(row).collect();
/// let estimate = evaluate(&log, 20.0, 7)?;
/// assert_eq!((estimate.logged.mean, estimate.ips.mean, estimate.snips.mean), (0.5, 1.0, 1.0));
/// assert_eq!(estimate.effective, 500.0);
/// # Ok::<(), recommend_training::off_policy::OffPolicyError>(())
/// ```
///
/// # Errors
/// [`OffPolicyError`] for what is no probability, an empty log, or a clip that is none.
pub fn evaluate(log: &[Logged], clip: f64, seed: u64) -> Result<Estimate, OffPolicyError> {
    check(log)?;
    if clip.is_nan() || clip <= 0.0 {
        return Err(OffPolicyError::Clip(clip));
    }
    let mut groups: Vec<Sums> = Vec::new();
    let mut whole = Sums::default();
    let (mut squares, mut largest) = (0.0, 0.0_f64);
    for (at, row) in log.iter().enumerate() {
        let weight = weight(row);
        let reward = f64::from(row.reward);
        let sums = Sums {
            count: 1.0,
            reward,
            weight,
            weighted: weight * reward,
            clipped: weight.min(clip) * reward,
        };
        match groups.last_mut() {
            Some(last) if at > 0 && log[at - 1].group == row.group => last.add(&sums),
            _ => groups.push(sums),
        }
        whole.add(&sums);
        squares += weight * weight;
        largest = largest.max(weight);
    }
    if groups.len() > BLOCKS {
        let (blocks, rest) = groups.split_at_mut(BLOCKS);
        for (at, sums) in rest.iter().enumerate() {
            blocks[at % BLOCKS].add(sums);
        }
        groups.truncate(BLOCKS);
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let resampled: Vec<Sums> = (0..RESAMPLES)
        .map(|_| {
            let mut sums = Sums::default();
            for _ in 0..groups.len() {
                sums.add(&groups[rng.random_range(0..groups.len())]);
            }
            sums
        })
        .collect();
    let interval = |of: fn(&Sums) -> f64| {
        let mut values: Vec<f64> = resampled.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        let quantile = |q: f64| values[(q * (RESAMPLES - 1) as f64).round() as usize];
        Interval { mean: of(&whole), low: quantile(0.025), high: quantile(0.975) }
    };
    Ok(Estimate {
        logged: interval(|sums| sums.reward / sums.count),
        ips: interval(|sums| sums.weighted / sums.count),
        clipped: interval(|sums| sums.clipped / sums.count),
        // A resample in which the new policy shows nothing of what was logged says nothing: 0, as its IPS.
        snips: interval(|sums| if sums.weight > 0.0 { sums.weighted / sums.weight } else { 0.0 }),
        effective: if squares > 0.0 { whole.weight * whole.weight / squares } else { 0.0 },
        largest,
        mean_weight: whole.weight / whole.count,
    })
}

/// The doubly robust estimate: right when either the propensities or the model of rewards are.
///
/// # Errors
/// As [`evaluate`], and [`OffPolicyError::Lengths`].
pub fn doubly_robust(log: &[Logged], expected: &[Expected], seed: u64) -> Result<Interval, OffPolicyError> {
    check(log)?;
    if expected.len() != log.len() {
        return Err(OffPolicyError::Lengths { expected: expected.len(), actions: log.len() });
    }
    let corrected: Vec<Logged> = log
        .iter()
        .zip(expected)
        .map(|(row, q)| {
            let value = f64::from(q.target) + weight(row) * f64::from(row.reward - q.logged);
            // As logged rewards, so that the same bootstrap speaks of them.
            Logged { reward: value as f32, propensity: 1.0, target: 1.0, group: row.group }
        })
        .collect();
    evaluate(&corrected, f64::INFINITY, seed).map(|estimate| estimate.logged)
}

/// The weights that make training on a log unbiased by what the serving policy preferred to show: 1 / propensity, at
/// most `clip` times the mean, and then scaled to a mean of 1 (Joachims, Swaminathan and Schnabel, WSDM 2017).
///
/// # Errors
/// [`OffPolicyError::Probability`] and [`OffPolicyError::Clip`].
pub fn inverse_propensity_weights(propensities: &[f32], clip: f64) -> Result<Vec<f32>, OffPolicyError> {
    if clip.is_nan() || clip <= 0.0 {
        return Err(OffPolicyError::Clip(clip));
    }
    for (row, value) in propensities.iter().copied().enumerate() {
        probability(row, "propensity", value, value > 0.0)?;
    }
    let mean = |weights: &[f64]| weights.iter().sum::<f64>() / weights.len().max(1) as f64;
    let weights: Vec<f64> = propensities.iter().map(|p| 1.0 / f64::from(*p)).collect();
    let most = mean(&weights) * clip;
    let clipped: Vec<f64> = weights.into_iter().map(|weight| weight.min(most)).collect();
    let mean = mean(&clipped);
    Ok(clipped.into_iter().map(|weight| (weight / mean) as f32).collect())
}

/// What the estimators need of some rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: f64,
    reward: f64,
    weight: f64,
    weighted: f64,
    clipped: f64,
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.count += other.count;
        self.reward += other.reward;
        self.weight += other.weight;
        self.weighted += other.weighted;
        self.clipped += other.clipped;
    }
}

fn weight(row: &Logged) -> f64 {
    f64::from(row.target) / f64::from(row.propensity)
}

fn probability(row: usize, what: &'static str, value: f32, is_one: bool) -> Result<(), OffPolicyError> {
    match is_one && (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(OffPolicyError::Probability { row, what, value }),
    }
}

fn check(log: &[Logged]) -> Result<(), OffPolicyError> {
    if log.is_empty() {
        return Err(OffPolicyError::Empty);
    }
    for (at, row) in log.iter().enumerate() {
        probability(at, "propensity", row.propensity, row.propensity > 0.0)?;
        probability(at, "target", row.target, true)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A log of a policy that draws one of three actions with these probabilities; action `n` earns 1 with probability
    /// `means[n]`.
    fn log(draws: [f32; 3], target: [f32; 3], means: [f64; 3], size: u32) -> Vec<Logged> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
        let mut row = |group| {
            let (draw, reward): (f32, f64) = (rng.random(), rng.random());
            let action = if draw < draws[0] { 0 } else { 1 + usize::from(draw >= draws[0] + draws[1]) };
            let reward = if reward < means[action] { 1.0 } else { 0.0 };
            Logged { reward, propensity: draws[action], target: target[action], group }
        };
        (0..size).map(&mut row).collect()
    }

    #[test]
    fn the_estimates_find_the_value_of_a_policy_that_never_served() {
        let means = [0.1, 0.3, 0.6];
        let log = log([0.6, 0.3, 0.1], [0.1, 0.2, 0.7], means, 40_000);
        let truth = 0.1 * 0.1 + 0.2 * 0.3 + 0.7 * 0.6;
        let served = 0.6 * 0.1 + 0.3 * 0.3 + 0.1 * 0.6;
        let estimate = evaluate(&log, 20.0, 3).unwrap();
        // Four standard errors to either side.
        let holds = |Interval { mean, low, high }, value: f64| (mean - value).abs() <= high - low;
        assert!(holds(estimate.logged, served) && !holds(estimate.logged, truth));
        assert!(holds(estimate.ips, truth) && holds(estimate.snips, truth), "{estimate:?}");
        assert!(estimate.snips.high - estimate.snips.low < estimate.ips.high - estimate.ips.low);
        assert!((estimate.mean_weight - 1.0).abs() < 0.05 && (estimate.largest - 7.0).abs() < 1e-5);
        // Cut at half of the largest weight, the estimate is low, and knows less than it says.
        assert!(evaluate(&log, 3.5, 3).unwrap().clipped.mean < truth - 0.1);
    }

    #[test]
    fn doubly_robust_is_right_with_a_good_model_and_with_none() {
        let means = [0.1, 0.3, 0.6];
        let target = [0.1, 0.2, 0.7];
        let log = log([0.6, 0.3, 0.1], target, means, 40_000);
        let truth = 0.49;
        let of = |row: &Logged| target.iter().position(|t| *t == row.target).unwrap();
        let good: Vec<Expected> =
            log.iter().map(|row| Expected { logged: means[of(row)] as f32, target: truth as f32 }).collect();
        let none = vec![Expected { logged: 0.0, target: 0.0 }; log.len()];
        let with_model = doubly_robust(&log, &good, 3).unwrap();
        let without = doubly_robust(&log, &none, 3).unwrap();
        assert!((with_model.mean - truth).abs() < 0.02 && (without.mean - truth).abs() < 0.03);
        assert!(with_model.high - with_model.low < without.high - without.low, "a model narrows it");
        assert!(
            (without.mean - evaluate(&log, 20.0, 3).unwrap().ips.mean).abs() < 1e-6,
            "and without one it is IPS"
        );
        assert!(doubly_robust(&log, &none[1..], 3).is_err());
    }

    #[test]
    fn what_is_no_probability_is_named_with_its_row() {
        let row = Logged { reward: 1.0, propensity: 0.5, target: 1.0, group: 0 };
        let error = |row| evaluate(&[Logged { group: 0, ..row }, row], 20.0, 0).unwrap_err().to_string();
        assert!(
            error(Logged { propensity: 0.0, ..row }).contains("propensity = 0 is no probability above 0")
        );
        assert!(error(Logged { target: 1.5, ..row }).contains("target = 1.5"));
        assert!(error(Logged { propensity: f32::NAN, ..row }).contains("row 0"));
        assert_eq!(evaluate(&[], 20.0, 0), Err(OffPolicyError::Empty));
        assert_eq!(evaluate(&[row], 0.0, 0), Err(OffPolicyError::Clip(0.0)));
    }

    #[test]
    fn weights_of_training_undo_what_the_policy_preferred() {
        assert_eq!(inverse_propensity_weights(&[0.5, 0.5], 10.0).unwrap(), [1.0, 1.0]);
        let weights = inverse_propensity_weights(&[0.8, 0.2], 10.0).unwrap();
        assert!((weights[1] / weights[0] - 4.0).abs() < 1e-5 && (weights[0] + weights[1] - 2.0).abs() < 1e-5);
        let clipped = inverse_propensity_weights(&[0.5, 0.5, 0.5, 0.001], 2.0).unwrap();
        assert!(clipped[3] / clipped[0] < 500.0);
        assert!(inverse_propensity_weights(&[0.0], 10.0).is_err());
    }

    proptest! {
        #[test]
        fn the_serving_policy_is_worth_what_it_earned(
            rows in prop::collection::vec((-2.0..3.0_f32, 0.01..1.0_f32), 1..50), seed: u64
        ) {
            let log: Vec<Logged> = (0..).zip(rows)
                .map(|(group, (reward, p))| Logged { reward, propensity: p, target: p, group })
                .collect();
            let estimate = evaluate(&log, 20.0, seed).unwrap();
            for interval in [estimate.ips, estimate.clipped, estimate.snips] {
                prop_assert!((interval.mean - estimate.logged.mean).abs() < 1e-6);
                prop_assert!(interval.low <= interval.high);
            }
            prop_assert!((estimate.effective - log.len() as f64).abs() < 1e-3);
        }

        #[test]
        fn snips_stays_within_the_rewards(
            rows in prop::collection::vec((-2.0..3.0_f32, 0.01..1.0_f32, 0.0..1.0_f32), 1..50)
        ) {
            prop_assume!(rows.iter().any(|row| row.2 > 0.0));
            let log: Vec<Logged> = (0..).zip(&rows)
                .map(|(group, (reward, propensity, target))| Logged { reward: *reward, propensity: *propensity, target: *target, group })
                .collect();
            let snips = evaluate(&log, 20.0, 1).unwrap().snips.mean as f32;
            let rewards = || rows.iter().map(|row| row.0);
            prop_assert!(rewards().fold(f32::INFINITY, f32::min) - 1e-4 <= snips && snips <= rewards().fold(f32::NEG_INFINITY, f32::max) + 1e-4);
        }
    }
}
