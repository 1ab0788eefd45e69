//! What the settings of several fetchers have in common.

use std::fmt;
use std::time::Duration;

use recommend_core::{Name, Timestamp};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The table of a fetcher that has nothing to set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoSettings {}

/// Kinds of interaction, each with a weight: `["join", "message"]` weighs both 1, `{ join = 3.0, message = 1.0 }`
/// says how much. None at all means every kind, weighing 1.
///
/// ```
/// use recommend_core::Name;
/// use recommend_fetchers::KindWeights;
///
/// let both = KindWeights::from_iter([Name::literal("join"), Name::literal("message")]);
/// let joins_more = KindWeights::from_iter([(Name::literal("join"), 3.0), (Name::literal("message"), 1.0)]);
/// assert_eq!(both.kinds(), joins_more.kinds());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KindWeights {
    kinds: Vec<Name>,
    weights: Vec<f32>,
}

impl KindWeights {
    /// The kinds; none means all.
    pub fn kinds(&self) -> &[Name] {
        &self.kinds
    }

    /// The weight of the kind at a place of [`KindWeights::kinds`].
    pub(crate) fn weight(&self, kind: u16) -> f32 {
        self.weights.get(usize::from(kind)).copied().unwrap_or(1.0)
    }

    /// Whether any weight is not 1.
    pub(crate) fn weighted(&self) -> bool {
        self.weights.iter().any(|weight| *weight != 1.0)
    }

    /// Kinds with their weights.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, f32)> {
        self.kinds.iter().zip(self.weights.iter().copied())
    }
}

impl FromIterator<Name> for KindWeights {
    fn from_iter<I: IntoIterator<Item = Name>>(kinds: I) -> Self {
        kinds.into_iter().map(|kind| (kind, 1.0)).collect()
    }
}

impl FromIterator<(Name, f32)> for KindWeights {
    fn from_iter<I: IntoIterator<Item = (Name, f32)>>(pairs: I) -> Self {
        let mut unique = KindWeights::default();
        for (kind, weight) in pairs {
            if !unique.kinds.contains(&kind) {
                unique.kinds.push(kind);
                unique.weights.push(weight);
            }
        }
        unique
    }
}

impl<'de> Deserialize<'de> for KindWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;

        impl<'de> Visitor<'de> for Kinds {
            type Value = KindWeights;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a list of kinds such as [\"join\"], or a table of weights such as { join = 3.0 }",
                )
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<KindWeights, A::Error> {
                let mut kinds = Vec::new();
                while let Some(kind) = list.next_element::<Name>()? {
                    kinds.push(kind);
                }
                Ok(kinds.into_iter().collect())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<KindWeights, A::Error> {
                let mut pairs = Vec::new();
                while let Some((kind, weight)) = table.next_entry::<Name, f32>()? {
                    if !weight.is_finite() {
                        return Err(A::Error::custom(format!(
                            "the weight of {kind} must be finite, not {weight}"
                        )));
                    }
                    pairs.push((kind, weight));
                }
                Ok(pairs.into_iter().collect())
            }
        }

        deserializer.deserialize_any(Kinds)
    }
}

/// A number of things of which there must be one at least.
pub(crate) fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::custom("a number here is 1 or more, not 0")),
        number => Ok(number),
    }
}

/// A number that is finite and not below zero.
pub(crate) fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    match f32::deserialize(deserializer)? {
        number if number.is_finite() && number >= 0.0 => Ok(number),
        number => Err(D::Error::custom(format!("a number here is 0 or more, not {number}"))),
    }
}

/// A number from 0 to 1.
pub(crate) fn up_to_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    match f32::deserialize(deserializer)? {
        number if (0.0..=1.0).contains(&number) => Ok(number),
        number => Err(D::Error::custom(format!("a number here is from 0 to 1, not {number}"))),
    }
}

/// A number above zero.
pub(crate) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    above_zero(deserializer).map(Option::unwrap_or_default)
}

/// A number above zero, or none.
pub(crate) fn above_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    match f32::deserialize(deserializer)? {
        number if number.is_finite() && number > 0.0 => Ok(Some(number)),
        number => Err(D::Error::custom(format!("a number here is above 0, not {number}"))),
    }
}

/// The time after which things count.
pub(crate) fn since(now: Timestamp, window: Option<Duration>) -> Timestamp {
    window.map_or(Timestamp(i64::MIN), |window| now.before(window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        interactions: KindWeights,
    }

    fn parse(text: &str) -> Result<KindWeights, String> {
        toml::from_str::<Table>(text).map(|t| t.interactions).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn kinds_are_a_list_or_a_table() {
        let list = parse("interactions = ['join', 'message', 'join']").unwrap();
        assert_eq!(list.kinds(), ["join", "message"]);
        assert!(!list.weighted());
        let table = parse("interactions = { join = 3, message = 0.5 }").unwrap();
        assert_eq!(table.iter().map(|(_, weight)| weight).sum::<f32>(), 3.5);
        assert!(table.weighted());
        assert_eq!(KindWeights::default().weight(7), 1.0);
    }

    #[test]
    fn errors_show_what_is_right() {
        assert!(parse("interactions = 'join'").unwrap_err().contains("[\"join\"]"));
        assert!(parse("interactions = ['Join']").unwrap_err().contains("not a name"));
        assert!(parse("interactions = { join = inf }").unwrap_err().contains("finite"));
    }
}
