//! How many users a lift needs before an experiment can see it.

use statrs::distribution::{ContinuousCDF, Normal};

use super::Metric;
use super::compare::{Settings, sequential_half_width};

/// What an experiment takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Users in both arms together, when one looks once, at the end.
    pub users: u64,
    /// Users in both arms together, when one looks whenever one likes and wants the answer by then.
    pub users_sequential: u64,
}

/// Users for two arms of equal size to find a relative lift with this power (0.8 is usual) at the settings' alpha, from the
/// variance of the metric as it was logged; the treatment is taken to vary as much as the control.
///
/// Once: `(z(1 - α/2) + z(power))² · 2σ² / log(1 + lift)²` users per arm, σ² being one user's variance of the logarithm.
/// Sequentially: as many as it takes until the interval of the sequential test is narrow enough.
///
/// `None` for a lift of zero or at most -1, a power outside of (0, 1), or a metric without variance.
///
/// ```
/// use recommend_experiments::statistics::{Metric, compare::Settings, power::plan};
/// // One in ten clicks: the textbook needs about 29,000 users for 10 % more at 80 % power.
/// let metric: Metric = (0..1000).map(|user| (f64::from(u8::from(user % 10 == 0)), 1.0)).collect();
/// let plan = plan(&metric, 0.1, 0.8, &Settings::default()).expect("a plan");
/// assert!((28_000..33_000).contains(&plan.users) && plan.users_sequential > plan.users);
/// ```
pub fn plan(metric: &Metric, lift: f64, power: f64, settings: &Settings) -> Option<Plan> {
    let effect = (1.0 + lift).ln().abs();
    let per_user = metric.log_variance() * metric.users as f64;
    let usable = effect.is_finite() && effect > 0.0 && per_user.is_finite() && per_user > 0.0;
    if !usable || !(0.0..1.0).contains(&power) || power == 0.0 {
        return None;
    }
    let normal = Normal::standard();
    let reached = normal.inverse_cdf(power);
    let once = (normal.inverse_cdf(1.0 - settings.alpha / 2.0) + reached).powi(2) * 2.0 * per_user
        / (effect * effect);
    // The half width shrinks with every user, so that the first number that is enough is found by halving.
    let enough = |arm: f64| {
        let variance = 2.0 * per_user / arm;
        sequential_half_width(variance, settings) + reached * variance.sqrt() <= effect
    };
    let (mut low, mut high) = (once.max(1.0), once.max(1.0) * 2.0);
    while !enough(high) {
        (low, high) = (high, high * 2.0);
    }
    while high - low > 1.0 {
        let middle = f64::midpoint(low, high);
        if enough(middle) { high = middle } else { low = middle }
    }
    Some(Plan { users: (2.0 * once).ceil() as u64, users_sequential: (2.0 * high).ceil() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clicks() -> Metric {
        (0..1000).map(|user| (f64::from(u8::from(user % 20 == 0)), 1.0)).collect()
    }

    #[test]
    fn half_the_lift_needs_about_four_times_the_users() {
        let users = |lift| plan(&clicks(), lift, 0.8, &Settings::default()).unwrap().users as f64;
        let ratio = users(0.05) / users(0.1);
        assert!((3.6..4.4).contains(&ratio), "{ratio}");
    }

    #[test]
    fn nonsense_is_no_plan() {
        let settings = Settings::default();
        assert_eq!(plan(&clicks(), 0.0, 0.8, &settings), None);
        assert_eq!(plan(&clicks(), 0.1, 1.0, &settings), None);
        assert_eq!(plan(&Metric::default(), 0.1, 0.8, &settings), None);
    }
}
