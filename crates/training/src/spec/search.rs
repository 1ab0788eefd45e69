//! The search for settings: what may vary, and how it is looked for.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

/// A search over settings of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// How.
    #[serde(default)]
    pub method: Method,
    /// How many settings are drawn.
    #[serde(default = "twenty")]
    pub trials: usize,
    /// Changes what is drawn.
    #[serde(default)]
    pub seed: u64,
    /// What may vary, by the key of the setting.
    pub space: BTreeMap<String, Range>,
}

fn twenty() -> usize {
    20
}

/// How settings are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every drawn setting is trained on everything (Bergstra and Bengio, JMLR 2012).
    #[default]
    Random,
    /// All are trained on a part of the requests; the best third goes on with three times as many, until few are left
    /// that are trained on everything (Jamieson and Talwalkar, AISTATS 2016).
    Halving,
}

/// The values of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Range {
    /// One of these.
    Choice(Vec<toml::Value>),
    /// Anything between two numbers; whole ones when both are.
    Between {
        /// The least.
        low: toml::Value,
        /// The most.
        high: toml::Value,
        /// Evenly on a logarithmic scale.
        #[serde(default)]
        log: bool,
    },
}

fn number(value: &toml::Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64)).filter(|n| n.is_finite())
}

impl Range {
    fn check(&self) -> Result<(), String> {
        match self {
            Range::Choice(values) if values.is_empty() => Err("has no values to choose from".to_owned()),
            Range::Choice(_) => Ok(()),
            Range::Between { low, high, log } => match (number(low), number(high)) {
                (Some(low), Some(high)) if low < high && (!log || low > 0.0) => Ok(()),
                (Some(low), Some(high)) => Err(format!(
                    "is from {low} to {high}; `low` must be below `high`, and above 0 with log = true"
                )),
                _ => Err("needs numbers for `low` and `high`".to_owned()),
            },
        }
    }

    fn draw(&self, rng: &mut impl rand::Rng) -> toml::Value {
        match self {
            Range::Choice(values) => values[rng.random_range(0..values.len())].clone(),
            Range::Between { low, high, log } => {
                let (a, b) = (number(low).unwrap_or(0.0), number(high).unwrap_or(1.0));
                let whole = low.is_integer() && high.is_integer();
                // Whole numbers are drawn from cells around them, so that the ends are as likely as the others.
                let (a, b) = if whole { (a - 0.5, b + 0.5) } else { (a, b) };
                let drawn = match log {
                    true => (a.ln() + (b.ln() - a.ln()) * rng.random::<f64>()).exp(),
                    false => a + (b - a) * rng.random::<f64>(),
                };
                match whole {
                    true => toml::Value::Integer(drawn.round().clamp(a + 0.5, b - 0.5) as i64),
                    false => toml::Value::Float(drawn),
                }
            }
        }
    }
}

impl Search {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.space.is_empty() {
            return Err(
                "`search.space` is empty; write for example space = { max_depth = [4, 6, 8] }".to_owned()
            );
        }
        if !(1..=10_000).contains(&self.trials) {
            return Err(format!("`search.trials` is {}; write 1 to 10000", self.trials));
        }
        for (key, range) in &self.space {
            range.check().map_err(|reason| format!("`search.space.{key}` {reason}"))?;
        }
        Ok(())
    }

    /// One setting of everything that may vary.
    pub(crate) fn draw(&self, rng: &mut impl rand::Rng) -> toml::Table {
        self.space.iter().map(|(key, range)| (key.clone(), range.draw(rng))).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn search(space: &str) -> Search {
        toml::from_str(&format!("space = {{ {space} }}")).unwrap()
    }

    #[test]
    fn what_is_drawn_lies_in_the_space_and_reaches_its_ends() {
        let search =
            search("a = [1, \"x\"], b = { low = 2, high = 4 }, c = { low = 0.001, high = 1.0, log = true }");
        search.check().unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let drawn: Vec<toml::Table> = (0..300).map(|_| search.draw(&mut rng)).collect();
        let whole: std::collections::BTreeSet<i64> =
            drawn.iter().filter_map(|t| t["b"].as_integer()).collect();
        assert_eq!(whole.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
        let small = drawn.iter().filter(|t| t["c"].as_float().unwrap() < 0.0316).count();
        assert!((100..200).contains(&small), "half of the logarithmic range, not {small}");
        assert!(drawn.iter().any(|t| t["a"].as_str() == Some("x")));
    }

    #[test]
    fn a_space_without_room_is_refused() {
        for space in ["a = []", "a = { low = 2, high = 2 }", "a = { low = 0, high = 1, log = true }", ""] {
            assert!(search(space).check().unwrap_err().contains("search.space"), "{space}");
        }
    }
}
