//! One feature's declaration: what it is, what stands in when it is missing, and what it is for.

use std::time::Duration;

use recommend_core::registry::suggest;
use recommend_core::{Name, error::closest};
use recommend_stores::Scope;
use serde::de::DeserializeOwned;

use crate::error::FeatureError;
use crate::kinds::affinity::Affinity;
use crate::kinds::attribute::{Attribute, Matches};
use crate::kinds::co_interaction::CoInteractions;
use crate::kinds::context::Context;
use crate::kinds::cosine::Cosine;
use crate::kinds::hours::HourOfWeek;
use crate::kinds::interactions::{Aggregated, Measure};
use crate::kinds::ratio::Ratio;
use crate::kinds::relation::RelationTo;
use crate::kinds::stored::Stored;

/// About whom or what a feature says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureScope {
    /// The request: the same for all candidates.
    Query,
    /// The user who asks.
    User,
    /// The candidate.
    Entity,
    /// The user and the candidate together.
    Pair,
    /// The whole tenant.
    Tenant,
}

impl FeatureScope {
    /// The name that configuration and documentation use.
    pub fn name(self) -> &'static str {
        match self {
            FeatureScope::Query => "query",
            FeatureScope::User => "user",
            FeatureScope::Entity => "entity",
            FeatureScope::Pair => "pair",
            FeatureScope::Tenant => "tenant",
        }
    }
}

/// A feature as it is declared.
///
/// ```
/// use recommend_core::days;
/// use recommend_features::{Declarations, Feature, Interactions};
///
/// let features = Declarations::new()
///     .with("members", Feature::attribute("members").or(0.0))
///     .with("messages_7d", Interactions::of(["message"]).window(days(7)).count())
///     .with("age", Feature::age("created").about("How old the channel is."));
/// assert_eq!(features.describe().len(), 3);
/// ```
#[derive(Debug, Clone)]
pub struct Feature {
    pub(crate) what: What,
    pub(crate) default: Option<f32>,
    pub(crate) description: String,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Attribute(Attribute),
    Predicate(Matches),
    Context(Context),
    Aggregate(Aggregated),
    Ratio(Ratio),
    HourOfWeek(HourOfWeek),
    Relation(RelationTo),
    Stored(Stored),
    Affinity(Affinity),
    CoInteraction(CoInteractions),
    Cosine(Cosine),
}

impl From<What> for Feature {
    fn from(what: What) -> Self {
        Feature { what, default: None, description: String::new() }
    }
}

/// A feature as documentation shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: Name,
    /// Its kind, as the configuration calls it.
    pub kind: &'static str,
    /// About whom.
    pub scope: FeatureScope,
    /// What its author says it is for; may be empty.
    pub description: String,
}

/// What a feature reads: names that data should have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Attributes of candidates.
    pub attributes: Vec<Name>,
    /// Attributes of users.
    pub user_attributes: Vec<Name>,
    /// Relations of the user to candidates.
    pub relations: Vec<Name>,
    /// Kinds of interactions, each with its corpus; `None` is the recommender's.
    pub interactions: Vec<(Option<Name>, Name)>,
}

/// The kinds that a declaration may have.
pub(crate) const KINDS: [&str; 15] = [
    "attribute",
    "predicate",
    "context",
    "count",
    "sum",
    "rate",
    "recency",
    "distinct",
    "ratio",
    "hour-of-week",
    "relation",
    "stored",
    "affinity",
    "co-interaction",
    "cosine",
];

impl Feature {
    /// The value that stands in where it is missing; must be finite.
    #[must_use]
    pub fn or(mut self, default: f32) -> Self {
        self.default = Some(default);
        self
    }

    /// What it is for.
    #[must_use]
    pub fn about(mut self, description: &str) -> Self {
        self.description = description.to_owned();
        self
    }

    /// Its kind, as the configuration calls it.
    pub fn kind(&self) -> &'static str {
        match &self.what {
            What::Attribute(_) => "attribute",
            What::Predicate(_) => "predicate",
            What::Context(_) => "context",
            What::Aggregate(aggregated) => aggregated.measure.name(),
            What::Ratio(_) => "ratio",
            What::HourOfWeek(_) => "hour-of-week",
            What::Relation(_) => "relation",
            What::Stored(_) => "stored",
            What::Affinity(_) => "affinity",
            What::CoInteraction(_) => "co-interaction",
            What::Cosine(_) => "cosine",
        }
    }

    /// About whom it says something. A ratio of declared features does not know that by itself; see
    /// [`crate::Declarations::describe`].
    pub fn scope(&self) -> FeatureScope {
        match &self.what {
            What::Attribute(attribute) => attribute.scope,
            What::Predicate(matches) => matches.scope,
            What::Context(_) => FeatureScope::Query,
            What::Aggregate(aggregated) => aggregated.over.scope,
            What::Ratio(ratio) => ratio.scope(|_| None),
            What::HourOfWeek(hours) => hours.scope(),
            What::Relation(_) => FeatureScope::Pair,
            What::Stored(stored) => stored.scope,
            What::Affinity(affinity) => affinity.scope(),
            What::CoInteraction(shared) => shared.scope(),
            What::Cosine(cosine) => cosine.scope(),
        }
    }

    /// Whose interactions it counts or sums, in which window and from a whole multiple of what on, when it says both.
    pub fn resolved(&self) -> Option<(Scope, Duration, Duration)> {
        match &self.what {
            // Who was there is remembered with the hour, however long ago.
            What::Aggregate(aggregated) if aggregated.measure != Measure::Distinct => {
                let over = &aggregated.over;
                Some((over.subject(), over.window?, over.resolution?))
            }
            _ => None,
        }
    }

    /// What it reads. A predicate that does not parse reads nothing.
    pub fn reads(&self) -> Reads {
        let kinds = |corpus: &Option<Name>, kinds: &[Name]| Reads {
            interactions: kinds.iter().map(|kind| (corpus.clone(), kind.clone())).collect(),
            ..Reads::default()
        };
        match &self.what {
            What::Attribute(attribute) => attribute.reads(),
            What::Predicate(matches) => matches.reads(),
            What::Context(_) | What::Stored(_) | What::Cosine(_) => Reads::default(),
            What::Aggregate(aggregated) => kinds(&aggregated.over.corpus, &aggregated.over.interactions),
            What::Ratio(ratio) => ratio.reads(),
            What::HourOfWeek(hours) => Reads {
                user_attributes: hours.group.iter().cloned().collect(),
                ..kinds(&hours.corpus, &hours.interactions)
            },
            What::Relation(relation) => {
                Reads { relations: vec![relation.relation.clone()], ..Reads::default() }
            }
            What::Affinity(affinity) => kinds(&affinity.corpus, &affinity.interactions),
            What::CoInteraction(shared) => kinds(&shared.corpus, &shared.interactions),
        }
    }

    /// How far back it looks; `None` when that is all there is, or it looks at no interactions.
    pub fn window(&self) -> Option<Duration> {
        match &self.what {
            What::Aggregate(aggregated) => aggregated.over.window,
            What::Affinity(affinity) => Some(affinity.window),
            What::CoInteraction(shared) => shared.window,
            What::HourOfWeek(hours) => hours.window,
            What::Ratio(ratio) => ratio.window(),
            _ => None,
        }
    }

    /// Reads a declaration: the table under `[features.<name>]`.
    ///
    /// # Errors
    /// [`FeatureError::Declaration`] with the key and the fix.
    pub fn from_table(name: &str, mut table: toml::Table) -> Result<Self, FeatureError> {
        let wrong = |reason: String| FeatureError::declaration(name, reason);
        let default = match table.remove("default") {
            None => None,
            Some(toml::Value::Float(number)) => Some(number as f32),
            Some(toml::Value::Integer(number)) => Some(number as f32),
            Some(_) => return Err(wrong("`default` must be a number".into())),
        };
        let description = match table.remove("description") {
            None => String::new(),
            Some(toml::Value::String(text)) => text,
            Some(_) => return Err(wrong("`description` must be a string".into())),
        };
        let what = What::from_table(table).map_err(wrong)?;
        let feature = Feature { what, default, description };
        feature.check().map_err(|reason| FeatureError::declaration(name, reason))?;
        Ok(feature)
    }

    /// What the types do not say: numbers in range, settings that go together.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(default) = self.default.filter(|default| !default.is_finite()) {
            return Err(format!(
                "`default` is {default}; write a finite number, or leave it out for missing"
            ));
        }
        match &self.what {
            What::Attribute(attribute) => attribute.check(),
            What::Predicate(matches) => matches.check(),
            What::Aggregate(aggregated) => aggregated.check(),
            What::Ratio(ratio) => ratio.check(),
            What::HourOfWeek(hours) => hours.check(),
            What::Stored(stored) => stored.check(),
            What::Affinity(affinity) => affinity.check(),
            What::CoInteraction(shared) => shared.check(),
            What::Context(_) | What::Relation(_) | What::Cosine(_) => Ok(()),
        }
    }
}

impl What {
    pub(crate) fn from_table(mut table: toml::Table) -> Result<Self, String> {
        let kind = match table.remove("kind") {
            Some(toml::Value::String(kind)) => kind,
            Some(_) => return Err("`kind` must be a string".into()),
            None => return Err(format!("has no `kind`; choose one of {}", KINDS.join(", "))),
        };
        if let Some(measure) = Measure::named(&kind) {
            return Ok(What::Aggregate(Aggregated { measure, over: settings(table)? }));
        }
        Ok(match kind.as_str() {
            "attribute" => What::Attribute(settings(table)?),
            "predicate" => What::Predicate(settings(table)?),
            "context" => What::Context(settings(table)?),
            "ratio" => What::Ratio(Ratio::from_table(table)?),
            "hour-of-week" => What::HourOfWeek(settings(table)?),
            "relation" => What::Relation(settings(table)?),
            "stored" => What::Stored(settings(table)?),
            "affinity" => What::Affinity(settings(table)?),
            "co-interaction" => What::CoInteraction(settings(table)?),
            "cosine" => What::Cosine(settings(table)?),
            _ => {
                let hint = match closest(KINDS, &kind) {
                    Some(close) => format!("did you mean {close:?}?"),
                    None => format!("choose one of {}", KINDS.join(", ")),
                };
                return Err(format!("there is no kind {kind:?} of features; {hint}"));
            }
        })
    }
}

pub(crate) fn settings<S: DeserializeOwned>(table: toml::Table) -> Result<S, String> {
    toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| suggest(error.message()))
}
