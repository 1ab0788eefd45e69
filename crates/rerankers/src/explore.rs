//! `explore`: epsilon exploration that records with which probability each candidate got its place.

use rand::RngExt;
use recommend_core::{BuildError, ComponentError, Reranker, Slate, View};
use serde::Deserialize;

/// Fills each place with the best candidate that is left, or, with probability epsilon, with one drawn evenly from all that
/// are left of the pool (the best one included).
///
/// With `m` candidates of the pool left for a place, the candidate that got it had the propensity
///
/// ```text
/// epsilon / m                    if it was not the best one left
/// epsilon / m + (1 - epsilon)    if it was
/// ```
///
/// given the candidates above it: those above determine what is left. The pool is the first `pool` candidates (at least
/// `keep` and the query's limit), the places are those up to the limit, without the first `keep`, which are never explored.
/// What was not drawn keeps its order. Draws come from [`recommend_core::Query::rng`], so that a replay draws the same.
///
/// ```
/// # use recommend_rerankers::Explore;
/// let a_tenth_by_chance = Explore::new(0.1).keep(1);
/// ```
#[derive(Debug, Clone)]
pub struct Explore {
    epsilon: f64,
    pool: usize,
    keep: usize,
    salt: String,
}

/// `{ kind = "explore", epsilon = 0.1, pool = 100, keep = 0, salt = "" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    epsilon: f64,
    #[serde(default = "default_pool")]
    pool: usize,
    #[serde(default)]
    keep: usize,
    #[serde(default)]
    salt: String,
}

fn default_pool() -> usize {
    100
}

impl Settings {
    pub(crate) fn build(self) -> Result<Explore, BuildError> {
        let invalid = |reason: String| Err(BuildError::Invalid(reason));
        if !(0.0..=1.0).contains(&self.epsilon) {
            return invalid(format!("`epsilon` is {}; write a probability, 0 to 1", self.epsilon));
        }
        if self.pool == 0 {
            return invalid("`pool` is 0; write how many of the best may be drawn, as in pool = 100".into());
        }
        Ok(Explore::new(self.epsilon).pool(self.pool).keep(self.keep).salt(&self.salt))
    }
}

impl Explore {
    /// Explores each place with this probability, 0 to 1; clamped.
    pub fn new(epsilon: f64) -> Self {
        let epsilon = if epsilon.is_nan() { 0.0 } else { epsilon.clamp(0.0, 1.0) };
        Explore { epsilon, pool: default_pool(), keep: 0, salt: String::new() }.salt("")
    }

    /// Draws from the first `pool` candidates.
    #[must_use]
    pub fn pool(mut self, pool: usize) -> Self {
        self.pool = pool;
        self
    }

    /// Leaves the first `keep` places alone.
    #[must_use]
    pub fn keep(mut self, keep: usize) -> Self {
        self.keep = keep;
        self
    }

    /// Makes its draws differ from those of another one in the same recommender.
    #[must_use]
    pub fn salt(mut self, salt: &str) -> Self {
        self.salt = format!("explore:{salt}");
        self
    }
}

impl Reranker for Explore {
    fn kind(&self) -> &'static str {
        "explore"
    }

    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        let mut rng = view.query.rng(&self.salt);
        let len = slate.entries.len();
        let places = slate.limit.min(len);
        let pool = self.pool.max(slate.limit).max(self.keep).min(len);
        for place in self.keep..places {
            let left = pool - place;
            let explored = rng.random_bool(self.epsilon);
            let drawn = if explored { rng.random_range(0..left) } else { 0 };
            let mut propensity = self.epsilon / left as f64;
            if drawn == 0 {
                propensity += 1.0 - self.epsilon;
            }
            // The drawn one comes forward, and those it passes keep their order.
            slate.entries[place..=place + drawn].rotate_right(1);
            // Rounding may carry the sum a hair past 1.
            let entry = &mut slate.entries[place];
            entry.propensity = (f64::from(entry.propensity) * propensity.min(1.0)) as f32;
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
    fn without_epsilon_nothing_moves_and_all_is_certain() {
        let scene = Scene::new(&[3.0, 2.0, 1.0]);
        assert_eq!(scene.rerank(&Explore::new(0.0)), scene.slate());
    }

    #[test]
    fn the_probability_of_a_slate_is_the_product_of_its_propensities() {
        // 3 places over 5 candidates, 4 of them in the pool: the draws must be as frequent as they say.
        let mut scene = Scene::new(&[5.0, 4.0, 3.0, 2.0, 1.0]).limit(3);
        let explore = Explore::new(0.6).pool(4);
        let (mut seen, rounds) = (HashMap::<Vec<u32>, (f64, f64)>::new(), 200_000_u64);
        for seed in 0..rounds {
            scene.query.seed = seed;
            let slate = scene.rerank(&explore);
            let said = slate.entries[..3].iter().map(|e| f64::from(e.propensity)).product::<f64>();
            let entry = seen.entry(rows(&slate)[..3].to_vec()).or_insert((said, 0.0));
            assert_eq!(entry.0, said, "the same slate has the same propensities whatever was drawn");
            entry.1 += 1.0;
        }
        assert_eq!(seen.len(), 24, "4 · 3 · 2 ordered choices; candidate 4 is outside the pool");
        let total: f64 = seen.values().map(|(said, _)| said).sum();
        assert!((total - 1.0).abs() < 1e-6, "the propensities of all slates sum to {total}");
        for (slate, (said, count)) in seen {
            // Five standard deviations of a binomial: 24 checks together err about once in 70,000 seeds.
            let (share, n) = (count / rounds as f64, rounds as f64);
            let slack = 5.0 * (said * (1.0 - said) / n).sqrt();
            assert!((share - said).abs() < slack, "{slate:?}: said {said}, happened {share}");
        }
    }

    #[test]
    fn a_replay_draws_the_same_and_a_salt_makes_it_differ() {
        let scores: Vec<f32> = (0..50).map(|n| -(n as f32)).collect();
        let scene = Scene::new(&scores);
        assert_eq!(scene.rerank(&Explore::new(0.5)), scene.rerank(&Explore::new(0.5)));
        assert_ne!(scene.rerank(&Explore::new(0.9)), scene.rerank(&Explore::new(0.9).salt("second")));
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        let settings = |text: &str| toml::from_str::<Settings>(text).unwrap().build();
        assert!(settings("epsilon = 1.5").unwrap_err().to_string().contains("0 to 1"));
        assert!(settings("epsilon = nan").is_err());
        assert!(settings("epsilon = 0.1\npool = 0").is_err());
    }

    proptest! {
        #[test]
        fn no_row_is_lost_and_kept_places_stay(
            len in 0_usize..30, limit in 1_usize..40, keep in 0_usize..40, pool in 1_usize..40,
            epsilon in 0.0_f64..=1.0, seed: u64,
        ) {
            let scores: Vec<f32> = (0..len).map(|n| (n * 7 % 5) as f32).collect();
            let mut scene = Scene::new(&scores).limit(limit);
            scene.query.seed = seed;
            let slate = scene.rerank(&Explore::new(epsilon).keep(keep).pool(pool));
            let before = scene.slate();
            prop_assert!(same_rows(&slate, &before));
            let kept = keep.min(len);
            prop_assert_eq!(&slate.entries[..kept], &before.entries[..kept]);
            prop_assert!(slate.entries.iter().all(|entry| entry.propensity > 0.0 || epsilon == 0.0));
            prop_assert!(slate.entries.iter().all(|entry| entry.propensity <= 1.0));
        }
    }
}
