//! Exponential decay with a half-life.

use std::time::Duration;

/// What an amount is worth after `age`: half of it after each half-life. A half-life of zero counts as a millisecond.
///
/// Decayed sums rank entities alike at whatever time they are taken, as long as nothing happens: all shrink by the
/// same factor. So a table of them stays good without being rebuilt.
pub(crate) fn decay(age: Duration, half_life: Duration) -> f64 {
    (-(age.as_secs_f64() / half_life.as_secs_f64().max(1e-3))).exp2()
}

/// The same, or 1 without a half-life.
pub(crate) fn decay_if(age: Duration, half_life: Option<Duration>) -> f64 {
    half_life.map_or(1.0, |half_life| decay(age, half_life))
}

#[cfg(test)]
mod tests {
    use recommend_core::days;

    use super::*;

    #[test]
    fn half_is_left_after_a_half_life() {
        assert_eq!(decay(days(7), days(7)), 0.5);
        assert_eq!(decay(Duration::ZERO, Duration::ZERO), 1.0);
        assert_eq!(decay(days(1), Duration::ZERO), 0.0);
        assert_eq!(decay_if(days(14), Some(days(7))), 0.25);
        assert_eq!(decay_if(days(14), None), 1.0);
    }
}
