//! Sample-ratio mismatch: arms that are not as large as their weights say, a sign that something loses users.

use statrs::distribution::{ChiSquared, ContinuousCDF};
use statrs::function::gamma::ln_gamma;

/// Two answers to "are the arms as large as they should be?"
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRatio {
    /// Pearson's chi-square test, for one look.
    pub p_value: f64,
    /// Holds whenever and however often one looks.
    pub always_p_value: f64,
}

impl SampleRatio {
    /// Whether the result of the experiment should not be believed. The threshold is far below the usual 0.05 because a
    /// mismatch is a defect and not a finding (Fabijan et al., KDD 2019).
    pub fn mismatch(&self) -> bool {
        self.always_p_value < 0.001
    }
}

/// Tests the arms' users against their weights. The sequential part is the Bayes factor of a Dirichlet-multinomial against
/// the multinomial of the weights (Lindon and Malek, NeurIPS 2022), the Dirichlet centred on the weights with as much
/// certainty as 100 users per arm have.
///
/// `None` when an arm with users has no weight, lengths differ, or nobody is there.
///
/// ```
/// use recommend_experiments::statistics::sample_ratio::sample_ratio;
/// assert!(!sample_ratio(&[5_020, 4_980], &[1.0, 1.0]).expect("two arms").mismatch());
/// assert!(sample_ratio(&[5_400, 4_600], &[1.0, 1.0]).expect("two arms").mismatch());
/// ```
pub fn sample_ratio(users: &[u64], weights: &[f64]) -> Option<SampleRatio> {
    let total_weight: f64 = weights.iter().sum();
    let lost = users.iter().zip(weights).any(|(users, weight)| *users > 0 && *weight <= 0.0);
    if users.len() != weights.len() || lost || total_weight.is_nan() || total_weight <= 0.0 {
        return None;
    }
    let arms: Vec<(f64, f64)> = users
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(users, weight)| (*users as f64, weight / total_weight))
        .collect();
    let total: f64 = arms.iter().map(|(users, _)| users).sum();
    if arms.len() < 2 || total == 0.0 {
        return None;
    }
    let statistic: f64 =
        arms.iter().map(|(users, share)| (users - total * share).powi(2) / (total * share)).sum();
    let chi_square = ChiSquared::new((arms.len() - 1) as f64).ok()?;

    let certainty = 100.0 * arms.len() as f64;
    let mut log_factor = ln_gamma(certainty) - ln_gamma(certainty + total);
    for (users, share) in &arms {
        let prior = certainty * share;
        log_factor += ln_gamma(prior + users) - ln_gamma(prior) - users * share.ln();
    }
    Some(SampleRatio { p_value: chi_square.sf(statistic), always_p_value: (-log_factor).exp().min(1.0) })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn looking_often_at_fair_arms_raises_few_false_alarms() {
        let mut alarms = 0;
        for seed in 0..200 {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut users = [0_u64; 2];
            let mut least: f64 = 1.0;
            for _ in 0..50 {
                (0..40).for_each(|_| users[usize::from(rng.random_bool(0.25))] += 1);
                least = least.min(sample_ratio(&users, &[3.0, 1.0]).unwrap().always_p_value);
            }
            alarms += usize::from(least <= 0.05);
        }
        assert!(alarms <= 16, "{alarms} of 200");
    }

    #[test]
    fn a_stopped_arm_is_left_out_and_users_in_it_are_no_ratio() {
        assert!(sample_ratio(&[100, 100, 0], &[1.0, 1.0, 0.0]).is_some());
        assert!(sample_ratio(&[100, 100, 1], &[1.0, 1.0, 0.0]).is_none());
    }
}
