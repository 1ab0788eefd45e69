//! Who sees which variant: deterministic, sticky, and independent between experiments.
//!
//! Everything is decided by keyed hashes of the unit, so that no state is kept and every replica, and the analysis years
//! later, decides alike. Three questions are asked in turn, each with a hash of its own:
//!
//! 1. Is the unit held out of everything? Held-out units see the recommender as it is outside of experiments.
//! 2. Is it in this experiment? A [`Layer`] divides its units between experiments that exclude each other; an experiment's
//!    share may be ramped up, and whoever was in stays in.
//! 3. Which variant? By weighted rendezvous hashing (Schindelhauer and Schomaker, SPAA 2005): each variant draws a number
//!    for the unit, and the highest wins. Raising a weight moves units into that variant and between no others; stopping a
//!    variant moves its own units and nobody else's.

use recommend_core::Name;
use serde::Deserialize;
use siphasher::sip::SipHasher13;
use siphasher::sip128::{self, Hasher128};
use std::hash::Hasher;
use std::ops::Range;

mod error;

pub use error::ExperimentError;

/// What is assigned as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Each user for themselves.
    #[default]
    User,
    /// All users of a tenant together, for changes that people would compare with each other.
    Tenant,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name, as in the log.
    pub name: Name,
    /// Its share of the experiment's units, relative to the other variants; 0 stops it.
    #[serde(default = "one")]
    pub weight: f64,
}

/// A part of all units that is divided between experiments which exclude each other.
///
/// Experiments in different layers are independent: a unit may be in one of each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Salts the division.
    pub name: Name,
    /// Where this experiment's share begins, 0 to 1.
    #[serde(default)]
    pub from: f64,
    /// Where it ends.
    #[serde(default = "one")]
    pub to: f64,
}

/// An experiment: its variants, and who takes part.
///
/// ```
/// use recommend_experiments::assignment::Experiment;
/// let experiment: Experiment = toml::from_str(
///     r#"
///     name = "browser-xgboost"
///     ramp = 0.2
///     variants = [{ name = "control" }, { name = "xgboost" }]
///     "#,
/// )?;
/// experiment.validate()?;
/// let in_it = (0..10_000).filter(|user| experiment.variant(1, *user).is_some()).count();
/// assert!((1_900..2_100).contains(&in_it));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name, unique in a deployment.
    pub name: Name,
    /// Changes who is where: give another one to start afresh. The name, if not given.
    #[serde(default)]
    pub salt: Option<String>,
    /// What is assigned as one.
    #[serde(default)]
    pub unit: Unit,
    /// The layer it shares with experiments that it excludes. Without one it has a layer of its own.
    #[serde(default)]
    pub layer: Option<Layer>,
    /// The share of its part of the layer that takes part by now, 0 to 1. Raising it adds units and moves none.
    #[serde(default = "one")]
    pub ramp: f64,
    /// The share of all units that no experiment of the deployment may touch, 0 to 1.
    #[serde(default)]
    pub holdout: f64,
    /// The arms; the first is what the others are compared with.
    pub variants: Vec<Variant>,
    /// Variants that run for everybody in the experiment and that nobody sees.
    #[serde(default)]
    pub shadows: Vec<Name>,
}

fn one() -> f64 {
    1.0
}

impl Experiment {
    /// Checks shares, weights and names.
    ///
    /// # Errors
    /// [`ExperimentError`] with the key that is wrong and what it may be.
    pub fn validate(&self) -> Result<(), ExperimentError> {
        let share = |key: &'static str, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(ExperimentError::Share { experiment: self.name.clone(), key, value }),
        };
        share("ramp", self.ramp)?;
        share("holdout", self.holdout)?;
        if let Some(layer) = &self.layer {
            share("layer.from", layer.from)?;
            share("layer.to", layer.to)?;
            if layer.from >= layer.to {
                return Err(ExperimentError::EmptyLayer { experiment: self.name.clone() });
            }
        }
        // One variant is enough for shadows to run beside it.
        if self.variants.len() < if self.shadows.is_empty() { 2 } else { 1 } {
            return Err(ExperimentError::OneVariant { experiment: self.name.clone() });
        }
        for (at, variant) in self.variants.iter().enumerate() {
            if !(variant.weight.is_finite() && variant.weight >= 0.0) {
                return Err(ExperimentError::Weight {
                    experiment: self.name.clone(),
                    variant: variant.name.clone(),
                    value: variant.weight,
                });
            }
            let earlier = self.variants[..at].iter().map(|other| &other.name);
            if earlier.chain(&self.shadows).any(|other| *other == variant.name) {
                return Err(ExperimentError::Twice {
                    experiment: self.name.clone(),
                    variant: variant.name.clone(),
                });
            }
        }
        if let Some(twice) =
            self.shadows.iter().enumerate().find(|(at, name)| self.shadows[..*at].contains(name))
        {
            return Err(ExperimentError::Twice { experiment: self.name.clone(), variant: twice.1.clone() });
        }
        match self.variants.iter().any(|variant| variant.weight > 0.0) {
            true => Ok(()),
            false => Err(ExperimentError::NoWeight { experiment: self.name.clone() }),
        }
    }

    /// What decides for many users: the hashes' keys, computed once.
    pub fn assigner(&self) -> Assigner {
        let salt = self.salt.as_deref().unwrap_or(self.name.as_str());
        Assigner {
            unit: self.unit,
            // One salt for all experiments: the holdout is the same people everywhere.
            holdout: (self.holdout > 0.0).then(|| (Key::of(&["holdout"]), self.holdout)),
            layer: self
                .layer
                .as_ref()
                .map(|layer| (Key::of(&["layer", layer.name.as_str()]), layer.from..layer.to)),
            ramp: (self.ramp < 1.0).then(|| (Key::of(&["ramp", salt]), self.ramp)),
            key: Key::of(&["variant", salt]),
            variants: self
                .variants
                .iter()
                .map(|variant| (Key::of(&[variant.name.as_str()]).0, variant.weight))
                .collect(),
        }
    }

    /// The place in [`Experiment::variants`] of what this user of this tenant sees; `None` outside of the experiment. For
    /// more than a few users, ask [`Experiment::assigner`].
    pub fn variant(&self, tenant: u64, user: u64) -> Option<usize> {
        self.assigner().variant(tenant, user)
    }
}

/// Decides who sees what, in some tens of nanoseconds.
///
/// ```
/// # use recommend_experiments::assignment::Experiment;
/// # let experiment: Experiment = toml::from_str(r#"
/// # name = "a"
/// # variants = [{ name = "control" }, { name = "treatment" }]
/// # "#)?;
/// let assigner = experiment.assigner();
/// assert!((0..100).all(|user| assigner.variant(1, user) == experiment.variant(1, user)));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Assigner {
    unit: Unit,
    holdout: Option<(Key, f64)>,
    layer: Option<(Key, Range<f64>)>,
    ramp: Option<(Key, f64)>,
    key: Key,
    /// For each variant, what tells its draws from those of others, and its weight.
    variants: Vec<(u64, f64)>,
}

impl Assigner {
    /// Whether the unit of this user is kept out of everything.
    pub fn held_out(&self, tenant: u64, user: u64) -> bool {
        let unit = self.unit(tenant, user);
        self.holdout.as_ref().is_some_and(|(key, share)| fraction(key.hash(unit)) < *share)
    }

    /// The place in [`Experiment::variants`] of what this user of this tenant sees; `None` outside of the experiment.
    pub fn variant(&self, tenant: u64, user: u64) -> Option<usize> {
        if self.held_out(tenant, user) {
            return None;
        }
        let unit = self.unit(tenant, user);
        if let Some((key, part)) = &self.layer
            && !part.contains(&fraction(key.hash(unit)))
        {
            return None;
        }
        if let Some((key, share)) = &self.ramp
            && fraction(key.hash(unit)) >= *share
        {
            return None;
        }
        let hash = self.key.hash(unit);
        let draws = self.variants.iter().enumerate().filter(|(_, (_, weight))| *weight > 0.0);
        let draws = draws.map(|(at, (seed, weight))| (at, -weight / fraction(mixed(hash ^ seed)).ln()));
        draws.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
    }

    fn unit(&self, tenant: u64, user: u64) -> (u64, u64) {
        match self.unit {
            Unit::User => (tenant, user),
            Unit::Tenant => (tenant, 0),
        }
    }
}

/// The key of a hash of units.
#[derive(Debug, Clone, Copy)]
struct Key(u64, u64);

impl Key {
    fn of(salts: &[&str]) -> Self {
        let mut hasher = sip128::SipHasher13::new();
        for salt in salts {
            hasher.write(salt.as_bytes());
            // Keeps ("ab", "c") and ("a", "bc") apart.
            hasher.write_u8(0xff);
        }
        let key = hasher.finish128();
        Key(key.h1, key.h2)
    }

    fn hash(self, (tenant, user): (u64, u64)) -> u64 {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&tenant.to_le_bytes());
        bytes[8..].copy_from_slice(&user.to_le_bytes());
        SipHasher13::new_with_keys(self.0, self.1).hash(&bytes)
    }
}

/// A hash as a number in (0, 1), uniform over units and independent between keys.
fn fraction(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): another hash from a hash, at a tenth of the price.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ChiSquared, ContinuousCDF};

    use super::*;

    fn experiment(weights: &[f64]) -> Experiment {
        let variants = weights
            .iter()
            .enumerate()
            .map(|(at, weight)| Variant { name: Name::new(&format!("v{at}")).unwrap(), weight: *weight });
        Experiment {
            name: Name::literal("a"),
            salt: None,
            unit: Unit::User,
            layer: None,
            ramp: 1.0,
            holdout: 0.0,
            variants: variants.collect(),
            shadows: Vec::new(),
        }
    }

    #[test]
    fn units_are_spread_as_the_weights_say() {
        let weights = [1.0, 2.0, 5.0];
        let experiment = experiment(&weights);
        let count = 200_000;
        let mut seen = [0.0; 3];
        (0..count).for_each(|user| seen[experiment.variant(9, user).unwrap()] += 1.0);
        let statistic: f64 = seen
            .iter()
            .zip(weights)
            .map(|(seen, weight)| {
                let expected = count as f64 * weight / 8.0;
                (seen - expected) * (seen - expected) / expected
            })
            .sum();
        let p = 1.0 - ChiSquared::new(2.0).unwrap().cdf(statistic);
        assert!(p > 0.001, "{seen:?}: p = {p}");
    }

    #[test]
    fn two_experiments_are_independent() {
        let first = experiment(&[1.0, 1.0]);
        let second = Experiment { name: Name::literal("b"), ..first.clone() };
        let mut table = [[0.0; 2]; 2];
        let count = 100_000;
        for user in 0..count {
            table[first.variant(1, user).unwrap()][second.variant(1, user).unwrap()] += 1.0;
        }
        let expected = count as f64 / 4.0;
        let statistic: f64 = table.iter().flatten().map(|n| (n - expected) * (n - expected) / expected).sum();
        assert!(1.0 - ChiSquared::new(3.0).unwrap().cdf(statistic) > 0.001, "{table:?}");
    }

    #[test]
    fn experiments_in_one_layer_exclude_each_other() {
        let part = |name, from, to| Experiment {
            name: Name::new(name).unwrap(),
            layer: Some(Layer { name: Name::literal("ranking"), from, to }),
            ..experiment(&[1.0, 1.0])
        };
        let (first, second) = (part("a", 0.0, 0.3), part("b", 0.3, 1.0));
        for user in 0..20_000 {
            assert_ne!(first.variant(1, user).is_some(), second.variant(1, user).is_some());
        }
    }

    #[test]
    fn tenants_as_units_see_one_variant() {
        let experiment = Experiment { unit: Unit::Tenant, ..experiment(&[1.0, 1.0]) };
        for tenant in 0..50 {
            let first = experiment.variant(tenant, 0);
            assert!((1..50).all(|user| experiment.variant(tenant, user) == first));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let errors = [
            Experiment { ramp: 1.5, ..experiment(&[1.0, 1.0]) },
            experiment(&[1.0]),
            experiment(&[0.0, 0.0]),
            experiment(&[1.0, -1.0]),
        ]
        .map(|experiment| experiment.validate().unwrap_err().to_string());
        assert!(errors[0].contains("ramp = 1.5"), "{}", errors[0]);
        assert!(errors[1].contains("two"), "{}", errors[1]);
        assert!(errors[2].contains("weight"), "{}", errors[2]);
        assert!(errors[3].contains("v1"), "{}", errors[3]);
    }

    proptest! {
        #[test]
        fn ramping_up_moves_nobody(user: u64, low in 0.0..1.0, more in 0.0..1.0) {
            let early = Experiment { ramp: low, ..experiment(&[1.0, 2.0]) };
            let late = Experiment { ramp: low + (1.0 - low) * more, ..early.clone() };
            if let Some(variant) = early.variant(3, user) {
                prop_assert_eq!(late.variant(3, user), Some(variant));
            }
        }

        #[test]
        fn raising_a_weight_moves_units_only_into_it(user: u64, extra in 0.0..10.0) {
            let (before, after) = (experiment(&[1.0, 1.0, 1.0]), experiment(&[1.0, 1.0 + extra, 1.0]));
            let (was, is) = (before.variant(3, user), after.variant(3, user));
            prop_assert!(was == is || is == Some(1));
        }

        #[test]
        fn stopping_a_variant_moves_only_its_own_units(user: u64) {
            let (before, after) = (experiment(&[1.0, 1.0, 1.0]), experiment(&[1.0, 0.0, 1.0]));
            let (was, is) = (before.variant(3, user), after.variant(3, user));
            prop_assert!(was == is || was == Some(1));
        }
    }
}
