//! `attribute` and `predicate`: what the catalog holds of the candidate or of the user who asks.

use ndarray::ArrayViewMut1;
use recommend_core::{AttributeTable, IdCodec, Name, Needs, Predicate, Query, Timestamp, Value, View};
use serde::Deserialize;

use crate::feature::{Feature, FeatureScope, Reads, What};
use crate::plan::{Column, Planner};

/// An attribute as a number: a number as it is, a bool as 1 or 0, the age of a time in days. A value of another type is
/// missing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    attribute: Name,
    #[serde(default = "entity")]
    pub(crate) scope: FeatureScope,
    #[serde(default)]
    r#as: As,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum As {
    #[default]
    Value,
    Age,
}

/// Whether a predicate over attributes holds: 1, 0, or missing where it cannot tell.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matches {
    r#where: String,
    #[serde(default = "entity")]
    pub(crate) scope: FeatureScope,
}

fn entity() -> FeatureScope {
    FeatureScope::Entity
}

fn check_scope(scope: FeatureScope) -> Result<(), String> {
    match scope {
        FeatureScope::Entity | FeatureScope::User => Ok(()),
        other => Err(format!("`scope` is {:?}; write entity or user", other.name())),
    }
}

fn needs(scope: FeatureScope, names: &[Name]) -> Needs {
    match scope {
        FeatureScope::User => Needs { user_attributes: names.to_vec(), ..Needs::default() },
        _ => Needs::attributes(names.iter().cloned()),
    }
}

fn reads(scope: FeatureScope, names: &[Name]) -> Reads {
    let needs = needs(scope, names);
    Reads { attributes: needs.attributes, user_attributes: needs.user_attributes, ..Reads::default() }
}

impl Feature {
    /// A number or bool of the candidate.
    ///
    /// # Panics
    /// When the attribute is not a [`Name`]; for literals.
    #[track_caller]
    pub fn attribute(attribute: &'static str) -> Self {
        let attribute = Name::literal(attribute);
        What::Attribute(Attribute { attribute, scope: FeatureScope::Entity, r#as: As::Value }).into()
    }

    /// A number or bool of the user who asks.
    ///
    /// # Panics
    /// When the attribute is not a [`Name`]; for literals.
    #[track_caller]
    pub fn user_attribute(attribute: &'static str) -> Self {
        let attribute = Name::literal(attribute);
        What::Attribute(Attribute { attribute, scope: FeatureScope::User, r#as: As::Value }).into()
    }

    /// How many days ago a time of the candidate was; negative when it is to come.
    ///
    /// # Panics
    /// When the attribute is not a [`Name`]; for literals.
    #[track_caller]
    pub fn age(attribute: &'static str) -> Self {
        let attribute = Name::literal(attribute);
        What::Attribute(Attribute { attribute, scope: FeatureScope::Entity, r#as: As::Age }).into()
    }

    /// Whether a predicate over the candidate's attributes holds. One that does not parse is an error when the
    /// [`crate::FeatureSet`] is built.
    pub fn matches(predicate: &str) -> Self {
        What::Predicate(Matches { r#where: predicate.to_owned(), scope: FeatureScope::Entity }).into()
    }
}

impl Attribute {
    pub(crate) fn explained(&self) -> String {
        let whose = if self.scope == FeatureScope::User { "user" } else { "candidate" };
        match self.r#as {
            As::Value => format!("the attribute {} of the {whose}; a yes is 1, a no is 0", self.attribute),
            As::Age => {
                format!("days since the time {} of the {whose}; negative when it is to come", self.attribute)
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        check_scope(self.scope)
    }

    pub(crate) fn reads(&self) -> Reads {
        reads(self.scope, std::slice::from_ref(&self.attribute))
    }

    pub(crate) fn plan(&self, planner: &mut Planner, column: usize) {
        planner.need(needs(self.scope, std::slice::from_ref(&self.attribute)));
        planner.at_hand(column, self.clone());
    }

    fn number(&self, value: Option<Value>, now: Timestamp) -> f32 {
        let number = match (self.r#as, value) {
            (As::Value, Some(Value::Number(number))) => number as f32,
            (As::Value, Some(Value::Bool(yes))) => f32::from(u8::from(yes)),
            (As::Age, Some(Value::Time(time))) => days_between(time, now),
            _ => f32::NAN,
        };
        if number.is_finite() { number } else { f32::NAN }
    }
}

/// Days from one time to another.
pub(crate) fn days_between(from: Timestamp, to: Timestamp) -> f32 {
    (to.millis().saturating_sub(from.millis()) as f64 / 86_400_000.0) as f32
}

impl Column for Attribute {
    fn fill(&self, view: &View<'_>, cells: &mut ArrayViewMut1<'_, f32>) -> bool {
        let (name, now) = (self.attribute.as_str(), view.query.now);
        match self.scope {
            FeatureScope::User => {
                cells.fill(self.number(view.user_attribute(name), now));
                view.user.is_some()
            }
            _ => {
                let Some(values) = view.attribute(name) else { return false };
                cells.iter_mut().zip(values).for_each(|(cell, value)| *cell = self.number(*value, now));
                true
            }
        }
    }
}

impl Matches {
    pub(crate) fn explained(&self) -> String {
        let whose = if self.scope == FeatureScope::User { "user" } else { "candidate" };
        format!("1 where `{}` holds of the {whose}, 0 where not, missing where it cannot tell", self.r#where)
    }

    fn parse(&self, codec: &IdCodec) -> Result<Predicate, String> {
        Predicate::parse(&self.r#where, codec).map_err(|error| format!("`where`: {error}"))
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        check_scope(self.scope)?;
        // Which numbers the ids become does not matter here.
        self.parse(&IdCodec::new([0; 16])).map(drop)
    }

    pub(crate) fn reads(&self) -> Reads {
        let parsed = self.parse(&IdCodec::new([0; 16]));
        parsed.map(|predicate| reads(self.scope, predicate.attributes())).unwrap_or_default()
    }

    pub(crate) fn plan(&self, planner: &mut Planner, column: usize) -> Result<(), String> {
        let predicate = self.parse(&planner.codec)?;
        planner.need(needs(self.scope, predicate.attributes()));
        planner.at_hand(column, Matching { predicate, of_user: self.scope == FeatureScope::User });
        Ok(())
    }
}

/// A predicate, parsed.
struct Matching {
    predicate: Predicate,
    of_user: bool,
}

impl Column for Matching {
    fn fill(&self, view: &View<'_>, cells: &mut ArrayViewMut1<'_, f32>) -> bool {
        let test = |table: &AttributeTable, query: &Query, row: usize, cells: &mut ArrayViewMut1<'_, f32>| {
            let Some(matcher) = self.predicate.on(query, table) else { return false };
            let number = |row| matcher.test(row).map_or(f32::NAN, |yes| f32::from(u8::from(yes)));
            match self.of_user {
                true => cells.fill(number(row)),
                false => cells.iter_mut().enumerate().for_each(|(row, cell)| *cell = number(row)),
            }
            true
        };
        let table = if self.of_user { view.user } else { view.attributes };
        table.is_some_and(|table| test(table, view.query, 0, cells))
    }
}
