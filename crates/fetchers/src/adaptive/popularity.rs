//! Exponentially decayed counts of all items at once, that time does not have to be told to.

use recommend_core::Timestamp;

/// When weights have grown by 2 to this, they are scaled back.
const RESCALE: f64 = 500.0;

/// Counts by forward decay (Cormode, Shkapenyuk, Srivastava and Xu, ICDE 2009): what happens later weighs more, and
/// nothing that is held changes while time passes. The scale has no meaning; ratios do.
#[derive(Debug, Clone)]
pub(super) struct Decayed {
    half_life: Option<f64>,
    /// What happens at this time weighs 1.
    reference: Option<i64>,
    weights: Vec<f64>,
}

impl Decayed {
    /// Nothing yet; the half-life in milliseconds.
    pub(super) fn new(items: usize, half_life: Option<f64>) -> Self {
        Decayed { half_life, reference: None, weights: vec![0.0; items] }
    }

    /// Counts one; times may come in any order, but those far apart are best in theirs.
    pub(super) fn add(&mut self, item: u32, time: Timestamp) {
        let weight = match self.half_life {
            None => 1.0,
            Some(half_life) => {
                let reference = *self.reference.get_or_insert(time.0);
                let mut age = time.0.saturating_sub(reference) as f64 / half_life;
                if age > RESCALE {
                    let shrink = (-age).exp2();
                    self.weights.iter_mut().for_each(|weight| *weight *= shrink);
                    (self.reference, age) = (Some(time.0), 0.0);
                }
                age.exp2()
            }
        };
        self.weights[item as usize] += weight;
    }

    /// Writes the counts, the largest being 1.
    pub(super) fn write(&self, scores: &mut [f32]) {
        let largest = self.weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        for (score, weight) in scores.iter_mut().zip(&self.weights) {
            *score = (weight / largest) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ratios_are_those_of_counts_that_halve_with_each_half_life(
            events in prop::collection::vec((0_u32..4, 0_i64..1_000_000), 1..50),
            half_life in prop::option::of(200.0_f64..1e6),
        ) {
            let mut events = events;
            events.sort_by_key(|event| event.1);
            let last = events.last().unwrap().1;
            let (mut decayed, mut expected) = (Decayed::new(4, half_life), [0.0_f64; 4]);
            for (item, time) in events {
                decayed.add(item, Timestamp(time));
                expected[item as usize] += half_life.map_or(1.0, |half_life| (-((last - time) as f64) / half_life).exp2());
            }
            let mut scores = [0.0; 4];
            decayed.write(&mut scores);
            let largest = expected.iter().copied().fold(0.0, f64::max);
            for (score, expected) in scores.iter().zip(expected) {
                prop_assert!((f64::from(*score) - expected / largest).abs() < 1e-5);
            }
        }
    }
}
