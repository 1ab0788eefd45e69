//! Treatment against control: relative lift, an interval, and p-values that one may look at every day.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::Metric;

/// Settings of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// One minus the confidence of the intervals.
    pub alpha: f64,
    /// The size of lift that one expects, as a share: the standard deviation of the mixture of the sequential test. The test
    /// holds for any value; it is most sensitive to lifts of about this size.
    pub expected_lift: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { alpha: 0.05, expected_lift: 0.1 }
    }
}

/// Treatment over control. Lifts are relative: 0.1 is 10 % more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// The metric of the control.
    pub control: f64,
    /// The metric of the treatment.
    pub treatment: f64,
    /// Treatment over control, less one.
    pub lift: f64,
    /// The interval of the lift for one look, planned in advance.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Two-sided p-value for one look, planned in advance.
    pub p_value: f64,
    /// The interval that covers the lift at all looks together.
    pub always_low: f64,
    /// Its upper end.
    pub always_high: f64,
    /// A p-value that holds whenever and however often one looks.
    pub always_p_value: f64,
    /// Users of both.
    pub users: u64,
}

/// Compares two variants by the logarithm of the ratio of their metrics, which is nearer to normal than the ratio, and whose
/// interval never reaches below -100 %.
///
/// The sequential part is the mixture sequential probability ratio test with a normal mixture (Robbins 1970; Johari, Koomen,
/// Pekelis and Walsh, KDD 2017), with the variance as estimated so far. Take the smallest `always_p_value` of all looks, or
/// the last one; stopping at the first that is small enough is allowed.
///
/// `None` until both have two users and a metric above zero.
///
/// ```
/// use recommend_experiments::statistics::{Metric, compare};
/// let arm = |clicks: u64| (0..5000_u64).map(move |user| (f64::from(u8::from(user % 100 < clicks)), 1.0)).collect::<Metric>();
/// let result = compare::compare(&arm(10), &arm(15), &compare::Settings::default()).expect("enough users");
/// assert!((result.lift - 0.5).abs() < 1e-9 && result.always_p_value < 0.001);
/// assert!(result.always_low < result.low && result.low > 0.0);
/// ```
pub fn compare(control: &Metric, treatment: &Metric, settings: &Settings) -> Option<Comparison> {
    let effect = (treatment.ratio() / control.ratio()).ln();
    let variance = control.log_variance() + treatment.log_variance();
    if !(effect.is_finite() && variance.is_finite() && variance > 0.0) {
        return None;
    }
    let normal = Normal::standard();
    let half = normal.inverse_cdf(1.0 - settings.alpha / 2.0) * variance.sqrt();
    let always_half = sequential_half_width(variance, settings);
    let share = |log: f64| log.exp() - 1.0;
    Some(Comparison {
        control: control.ratio(),
        treatment: treatment.ratio(),
        lift: share(effect),
        low: share(effect - half),
        high: share(effect + half),
        p_value: 2.0 * normal.cdf(-(effect.abs() / variance.sqrt())),
        always_low: share(effect - always_half),
        always_high: share(effect + always_half),
        always_p_value: sequential_p_value(effect, variance, settings),
        users: control.users + treatment.users,
    })
}

/// How far a ratio is from zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The ratio.
    pub value: f64,
    /// Its interval for one look, planned in advance.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Two-sided p-value for one look, planned in advance.
    pub p_value: f64,
    /// The interval that covers it at all looks together.
    pub always_low: f64,
    /// The upper end.
    pub always_high: f64,
    /// A p-value that holds whenever and however often one looks.
    pub always_p_value: f64,
}

/// Tests a ratio of sums over users against zero, such as the wins less the losses over the slates of an interleaving. The
/// tests are those of [`compare`], on the ratio itself; [`Settings::expected_lift`] is then the size of ratio that one
/// expects.
///
/// `None` until there are two users and they differ.
///
/// ```
/// use recommend_experiments::statistics::{Metric, compare};
/// // Wins less losses out of ten slates each: two of three users prefer the treatment.
/// let metric: Metric = (0..600).map(|user| (if user % 3 < 2 { 1.0 } else { -1.0 }, 10.0)).collect();
/// let found = compare::against_zero(&metric, &compare::Settings::default()).expect("users who differ");
/// assert!((found.value - 1.0 / 30.0).abs() < 1e-9 && found.always_p_value < 0.001);
/// ```
pub fn against_zero(metric: &Metric, settings: &Settings) -> Option<Difference> {
    let (value, variance) = (metric.ratio(), metric.variance_per_user() / metric.users as f64);
    if !(value.is_finite() && variance.is_finite() && variance > 0.0) {
        return None;
    }
    let normal = Normal::standard();
    let half = normal.inverse_cdf(1.0 - settings.alpha / 2.0) * variance.sqrt();
    let always_half = sequential_half_width(variance, settings);
    Some(Difference {
        value,
        low: value - half,
        high: value + half,
        p_value: 2.0 * normal.cdf(-(value.abs() / variance.sqrt())),
        always_low: value - always_half,
        always_high: value + always_half,
        always_p_value: sequential_p_value(value, variance, settings),
    })
}

/// The variance of the mixture, of the logarithm of the ratio.
fn mixture(settings: &Settings) -> f64 {
    (1.0 + settings.expected_lift).ln().powi(2)
}

/// One over the mixture likelihood ratio, at most 1.
fn sequential_p_value(effect: f64, variance: f64, settings: &Settings) -> f64 {
    let mixture = mixture(settings);
    let log_ratio = 0.5 * (variance / (variance + mixture)).ln()
        + mixture * effect * effect / (2.0 * variance * (variance + mixture));
    (-log_ratio).exp().min(1.0)
}

/// How far from the estimate the effects lie that the sequential test would not reject.
pub(super) fn sequential_half_width(variance: f64, settings: &Settings) -> f64 {
    let mixture = mixture(settings);
    let spread = (variance + mixture) / variance;
    (variance * (variance + mixture) / mixture * (spread.ln() - 2.0 * settings.alpha.ln())).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// Users with a click-through rate of their own and as many impressions as they like.
    fn day(rng: &mut Xoshiro256PlusPlus, users: usize, rate: f64) -> Metric {
        (0..users)
            .map(|_| {
                let impressions = 1 + (rng.random::<f64>().powi(3) * 30.0) as u32;
                let rate = (rate * (0.2 + 1.6 * rng.random::<f64>())).min(1.0);
                let clicks = (0..impressions).filter(|_| rng.random_bool(rate)).count();
                (clicks as f64, f64::from(impressions))
            })
            .collect()
    }

    /// Whether one of so many daily looks finds a difference: by the sequential test, and by the one that is not.
    fn looks(seed: u64, rates: (f64, f64)) -> (bool, bool) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut control, mut treatment) = (Metric::default(), Metric::default());
        let (mut sequential, mut fixed) = (false, false);
        for _ in 0..14 {
            control.merge(&day(&mut rng, 60, rates.0));
            treatment.merge(&day(&mut rng, 60, rates.1));
            let Some(result) = compare(&control, &treatment, &Settings::default()) else { continue };
            sequential |= result.always_p_value <= 0.05;
            fixed |= result.p_value <= 0.05;
        }
        (sequential, fixed)
    }

    #[test]
    fn daily_looks_at_equal_arms_raise_few_false_alarms() {
        let results: Vec<_> = (0..300).map(|seed| looks(seed, (0.1, 0.1))).collect();
        let sequential = results.iter().filter(|result| result.0).count();
        let fixed = results.iter().filter(|result| result.1).count();
        // 5 % of 300, and what chance adds to it at most; the ordinary test shows that the looks are hard.
        assert!(sequential <= 23, "{sequential} of 300");
        assert!(fixed > 30, "{fixed} of 300");
    }

    #[test]
    fn a_real_lift_is_found() {
        let found = (0..60).filter(|seed| looks(*seed, (0.1, 0.15)).0).count();
        assert!(found > 50, "{found} of 60");
    }

    #[test]
    fn too_little_data_is_no_comparison() {
        let some: Metric = [(1.0, 2.0), (0.0, 3.0)].into_iter().collect();
        assert_eq!(compare(&Metric::default(), &some, &Settings::default()), None);
    }

    proptest! {
        #[test]
        fn the_interval_and_the_p_value_agree(effect in -1.0..1.0_f64, variance in 1e-6..0.1_f64) {
            let settings = Settings::default();
            let half = sequential_half_width(variance, &settings);
            let rejected = sequential_p_value(effect, variance, &settings) <= settings.alpha;
            prop_assert_eq!(rejected, effect.abs() >= half);
        }
    }
}
