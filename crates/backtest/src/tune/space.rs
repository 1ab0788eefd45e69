//! The space of a search: dimensions, how to draw from them, and what lies near a point.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

/// One number for each dimension; `None` leaves what is configured.
pub type Point = Vec<Option<f64>>;

/// What one number may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Dimension {
    /// The place in a list of so many, at least 1, that have no order.
    Choice(usize),
    /// A number between two, both included.
    Range {
        /// The smallest.
        low: f64,
        /// The largest, at least the smallest.
        high: f64,
        /// Whether a step is a factor; then the smallest is above 0.
        log: bool,
        /// Whether only whole numbers count.
        whole: bool,
    },
}

impl Dimension {
    /// Draws evenly, on a logarithmic scale where steps are factors.
    pub(crate) fn draw(&self, rng: &mut Xoshiro256PlusPlus) -> f64 {
        match self {
            Dimension::Choice(many) => rng.random_range(0..(*many).max(1)) as f64,
            Dimension::Range { .. } => self.at(rng.random::<f64>()),
        }
    }

    /// The number at a share (0 to 1) of a range.
    fn at(&self, share: f64) -> f64 {
        match self {
            Dimension::Choice(many) => (share * *many as f64).floor().min(*many as f64 - 1.0),
            Dimension::Range { low, high, log, whole } => {
                let number = match log {
                    true => low * (high / low).powf(share),
                    false => low + (high - low) * share,
                };
                let number = if *whole { number.round() } else { number };
                number.clamp(*low, *high)
            }
        }
    }

    /// At which share of a range a number lies.
    fn share(&self, number: f64) -> f64 {
        let share = match self {
            Dimension::Choice(_) => 0.0,
            Dimension::Range { low, high, .. } if high <= low => 0.0,
            Dimension::Range { low, high, log: true, .. } => {
                (number.max(*low) / low).ln() / (high / low).ln()
            }
            Dimension::Range { low, high, .. } => (number - low) / (high - low),
        };
        share.clamp(0.0, 1.0)
    }

    /// What to try next to a number: a step (a share of the range) down and up, or every other choice.
    pub(crate) fn near(&self, number: Option<f64>, step: f64) -> Vec<f64> {
        let mut near: Vec<f64> = match self {
            Dimension::Choice(many) => (0..*many).map(|at| at as f64).collect(),
            Dimension::Range { .. } => {
                let share = number.map_or(0.5, |number| self.share(number));
                [share - step, share + step].map(|share| self.at(share.clamp(0.0, 1.0))).to_vec()
            }
        };
        near.dedup();
        near.retain(|other| Some(*other) != number);
        near
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn on_a_logarithmic_scale_a_step_is_a_factor() {
        let range = Dimension::Range { low: 1.0, high: 10_000.0, log: true, whole: false };
        let near = range.near(Some(100.0), 0.25);
        assert!((near[0] - 10.0).abs() < 1e-9 && (near[1] - 1_000.0).abs() < 1e-6, "{near:?}");
        assert_eq!(range.near(Some(10_000.0), 0.5).len(), 1, "there is nothing above the largest");
    }

    #[test]
    fn every_other_choice_is_near() {
        assert_eq!(Dimension::Choice(3).near(Some(1.0), 0.1), [0.0, 2.0]);
        assert_eq!(Dimension::Choice(2).near(None, 0.1), [0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn what_is_drawn_or_near_lies_inside(
            low in 0.001_f64..10.0, width in 0.0_f64..1000.0, log: bool, whole: bool, seed: u64, step in 0.01_f64..1.0,
        ) {
            let (low, high) = if whole { (low.ceil(), (low + width).ceil()) } else { (low, low + width) };
            let range = Dimension::Range { low, high, log, whole };
            let drawn = range.draw(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
            for number in range.near(Some(drawn), step).into_iter().chain([drawn]) {
                prop_assert!((low..=high).contains(&number), "{number} in {low}..={high}");
                prop_assert!(!whole || number.fract() == 0.0);
            }
        }
    }
}
