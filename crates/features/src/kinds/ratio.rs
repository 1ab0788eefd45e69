//! `ratio`: of two aggregates, smoothed so that a little evidence does not make an extreme.

use std::time::Duration;

use recommend_core::Name;
use serde::Deserialize;

use super::interactions::Aggregated;
use crate::declarations::Declarations;
use crate::feature::{Feature, FeatureScope, Reads, What, settings};
use crate::plan::Planner;

/// `(numerator + prior · strength) / (denominator + strength)`: with little evidence near `prior`, with much near the plain
/// ratio; `strength` says how much evidence weighs as much as the prior. Without strength a denominator of 0 makes it
/// missing.
#[derive(Debug, Clone)]
pub struct Ratio {
    numerator: Operand,
    denominator: Operand,
    prior: f32,
    strength: f32,
}

/// An aggregate, by the name of its feature or in place.
#[derive(Debug, Clone)]
enum Operand {
    Named(Name),
    Inline(Box<Feature>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    numerator: toml::Value,
    denominator: toml::Value,
    #[serde(default)]
    prior: f32,
    #[serde(default)]
    strength: f32,
}

impl Ratio {
    /// How far back what is declared in place looks; what is named says so itself.
    pub(crate) fn window(&self) -> Option<Duration> {
        let windows = [&self.numerator, &self.denominator].map(|operand| match operand {
            Operand::Named(_) => None,
            Operand::Inline(feature) => feature.window(),
        });
        windows.into_iter().flatten().max()
    }
}

impl Operand {
    fn from_value(key: &str, value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(name) => {
                Name::new(&name).map(Operand::Named).map_err(|error| format!("`{key}`: {error}"))
            }
            toml::Value::Table(table) => {
                let what = What::from_table(table).map_err(|error| format!("`{key}`: {error}"))?;
                Ok(Operand::Inline(Box::new(what.into())))
            }
            other => Err(format!(
                "`{key}` is a {}; write the name of a feature, or a table as in {{ kind = \"count\", window = \"7d\" }}",
                other.type_str()
            )),
        }
    }

    fn resolve<'a>(&'a self, declared: &'a Declarations) -> Result<&'a Aggregated, String> {
        let feature = match self {
            Operand::Inline(feature) => feature,
            Operand::Named(name) => {
                declared.get(name.as_str()).ok_or_else(|| format!("{name:?} is not declared"))?
            }
        };
        aggregate(feature)
    }
}

fn aggregate(feature: &Feature) -> Result<&Aggregated, String> {
    match &feature.what {
        What::Aggregate(aggregated) => aggregated.check().map(|()| aggregated),
        _ => Err(format!("a ratio is of count, sum, rate, recency or distinct, not of {}", feature.kind())),
    }
}

impl Feature {
    /// The ratio of two aggregates; see [`Ratio`]. An operand that is no aggregate is an error when the
    /// [`crate::FeatureSet`] is built.
    ///
    /// ```
    /// # use recommend_core::days;
    /// # use recommend_features::{Feature, Interactions};
    /// let week = |kind| Interactions::of([kind]).window(days(7)).count();
    /// let share = Feature::ratio(week("reply"), week("message"), 0.2, 10.0);
    /// assert_eq!(share.kind(), "ratio");
    /// ```
    pub fn ratio(numerator: Feature, denominator: Feature, prior: f32, strength: f32) -> Self {
        let operand = |feature: Feature| Operand::Inline(Box::new(feature));
        let (numerator, denominator) = (operand(numerator), operand(denominator));
        What::Ratio(Ratio { numerator, denominator, prior, strength }).into()
    }
}

impl Ratio {
    pub(crate) fn explained(&self) -> String {
        let said = |operand: &Operand| match operand {
            Operand::Named(name) => name.to_string(),
            Operand::Inline(feature) => feature.explained(),
        };
        let (numerator, denominator) = (said(&self.numerator), said(&self.denominator));
        match self.strength > 0.0 {
            true => format!(
                "({numerator}), divided by ({denominator}), drawn towards {} as if by {} more",
                self.prior, self.strength
            ),
            false => format!("({numerator}), divided by ({denominator})"),
        }
    }

    pub(crate) fn from_table(table: toml::Table) -> Result<Self, String> {
        let Settings { numerator, denominator, prior, strength } = settings(table)?;
        let numerator = Operand::from_value("numerator", numerator)?;
        Ok(Ratio {
            numerator,
            denominator: Operand::from_value("denominator", denominator)?,
            prior,
            strength,
        })
    }

    fn operands(&self) -> [(&'static str, &Operand); 2] {
        [("numerator", &self.numerator), ("denominator", &self.denominator)]
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.prior.is_finite() {
            return Err(format!("`prior` is {}; write a finite number", self.prior));
        }
        if !(self.strength >= 0.0 && self.strength.is_finite()) {
            return Err(format!("`strength` is {}; write 0 or more", self.strength));
        }
        for (key, operand) in self.operands() {
            if let Operand::Inline(feature) = operand {
                aggregate(feature).map_err(|error| format!("`{key}`: {error}"))?;
            }
        }
        Ok(())
    }

    /// The scope of both operands; of different ones, it is about a pair. `named` tells that of a declared feature.
    pub(crate) fn scope(&self, named: impl Fn(&Name) -> Option<FeatureScope>) -> FeatureScope {
        let scopes = self.operands().into_iter().filter_map(|(_, operand)| match operand {
            Operand::Inline(feature) => Some(feature.scope()),
            Operand::Named(name) => named(name),
        });
        scopes.reduce(|a, b| if a == b { a } else { FeatureScope::Pair }).unwrap_or(FeatureScope::Entity)
    }

    /// What the operands read that are written in place; the others are declared and tell it themselves.
    pub(crate) fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        for (_, operand) in self.operands() {
            if let Operand::Inline(feature) = operand {
                reads.interactions.append(&mut feature.reads().interactions);
            }
        }
        reads
    }

    pub(crate) fn plan(
        &self,
        planner: &mut Planner,
        declared: &Declarations,
        column: usize,
    ) -> Result<(), String> {
        let [numerator, denominator] = self
            .operands()
            .map(|(key, operand)| operand.resolve(declared).map_err(|error| format!("`{key}`: {error}")));
        planner.aggregates.ratio(numerator?, denominator?, self.prior, self.strength, column);
        Ok(())
    }
}
