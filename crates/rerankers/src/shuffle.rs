//! `shuffle-top`: a seeded shuffle of the first places.

use rand::RngExt;
use recommend_core::{BuildError, ComponentError, Reranker, Slate, View};
use serde::Deserialize;

/// Puts the first `top` candidates into an order drawn evenly from all orders, for learning what a position is worth.
///
/// The candidate at place `i` (from 0) of `k` shuffled ones has the propensity `1 / (k - i)` given those above it; each of the
/// `k!` orders has the same probability, and each candidate reaches each place with the probability `1 / k`. Draws come
/// from [`recommend_core::Query::rng`], so that a replay draws the same.
///
/// ```
/// # use recommend_rerankers::ShuffleTop;
/// let fair = ShuffleTop::new(5);
/// ```
#[derive(Debug, Clone)]
pub struct ShuffleTop {
    top: usize,
    salt: String,
}

/// `{ kind = "shuffle-top", top = 5, salt = "" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    top: usize,
    #[serde(default)]
    salt: String,
}

impl Settings {
    pub(crate) fn build(self) -> Result<ShuffleTop, BuildError> {
        if self.top < 2 {
            let reason = format!("`top` is {}, which leaves nothing to shuffle; write at least 2", self.top);
            return Err(BuildError::Invalid(reason));
        }
        Ok(ShuffleTop::new(self.top).salt(&self.salt))
    }
}

impl ShuffleTop {
    /// Shuffles the first `top`.
    pub fn new(top: usize) -> Self {
        ShuffleTop { top, salt: String::new() }.salt("")
    }

    /// Makes its draws differ from those of another one in the same recommender.
    #[must_use]
    pub fn salt(mut self, salt: &str) -> Self {
        self.salt = format!("shuffle-top:{salt}");
        self
    }
}

impl Reranker for ShuffleTop {
    fn kind(&self) -> &'static str {
        "shuffle-top"
    }

    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        let mut rng = view.query.rng(&self.salt);
        let top = self.top.min(slate.entries.len());
        // Fisher and Yates, from the first place: each draw is even over what is left.
        for place in 0..top {
            let left = top - place;
            slate.entries.swap(place, place + rng.random_range(0..left));
            slate.entries[place].propensity /= left as f32;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Scene, rows, same_rows};

    #[test]
    fn every_order_is_as_frequent_as_the_propensities_say() {
        let mut scene = Scene::new(&[5.0, 4.0, 3.0, 2.0, 1.0]);
        let (mut seen, rounds) = (HashMap::<Vec<u32>, f64>::new(), 120_000_u64);
        for seed in 0..rounds {
            scene.query.seed = seed;
            let slate = scene.rerank(&ShuffleTop::new(4));
            assert_eq!(slate.entries[4].row, 4);
            let propensities: Vec<f32> = slate.entries.iter().map(|entry| entry.propensity).collect();
            assert_eq!(propensities, [0.25, 1.0 / 3.0, 0.5, 1.0, 1.0]);
            *seen.entry(rows(&slate)).or_default() += 1.0;
        }
        assert_eq!(seen.len(), 24);
        let (said, n) = (1.0 / 24.0, rounds as f64);
        for (order, count) in seen {
            let slack = 5.0 * (said * (1.0 - said) / n).sqrt();
            assert!((count / n - said).abs() < slack, "{order:?} happened {count} times");
        }
    }

    #[test]
    fn behind_another_draw_the_propensities_multiply() {
        let scene = Scene::new(&[2.0, 1.0]);
        let mut slate = scene.rerank(&ShuffleTop::new(2));
        ShuffleTop::new(2).salt("again").rerank(&scene.view(), &mut slate).unwrap();
        let product: f32 = slate.entries.iter().map(|entry| entry.propensity).product();
        assert_eq!(product, 0.25, "one of two orders, twice");
    }

    #[test]
    fn a_shuffle_of_nothing_is_refused() {
        let settings: Settings = toml::from_str("top = 1").unwrap();
        assert!(settings.build().unwrap_err().to_string().contains("at least 2"));
    }

    proptest! {
        #[test]
        fn no_row_is_lost_and_what_lies_below_stays(len in 0_usize..20, top in 0_usize..30, seed: u64) {
            let scores: Vec<f32> = (0..len).map(|n| (n % 3) as f32).collect();
            let mut scene = Scene::new(&scores);
            scene.query.seed = seed;
            let slate = scene.rerank(&ShuffleTop::new(top));
            prop_assert!(same_rows(&slate, &scene.slate()));
            let below = top.min(len);
            prop_assert_eq!(&slate.entries[below..], &scene.slate().entries[below..]);
        }
    }
}
