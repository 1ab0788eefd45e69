//! `count`, `sum`, `rate`, `recency` and `distinct`: aggregates of interactions in a window.

use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{Name, View};
use recommend_stores::{Aggregate, AggregateSpec, Scope, StoreError, Stores, Subject};
use serde::Deserialize;

use crate::feature::{Feature, FeatureScope, What};
use crate::plan::{Group, Values, partial, sorted};

const DAY: f32 = 86_400.0;

/// Over which interactions a feature runs: those with the candidate, unless said otherwise; of the given kinds, or of all;
/// in the window that ends at the query's time, or all that are held.
///
/// ```
/// # use recommend_core::days;
/// # use recommend_features::{FeatureScope, Interactions};
/// let mine = Interactions::of(["message"]).window(days(30)).per(FeatureScope::Pair).count();
/// let days_since_anything = Interactions::all().recency();
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interactions {
    #[serde(default = "entity")]
    pub(crate) scope: FeatureScope,
    pub(crate) corpus: Option<Name>,
    #[serde(default)]
    pub(crate) interactions: Vec<Name>,
    #[serde(default, with = "recommend_core::duration::option")]
    pub(crate) window: Option<Duration>,
    #[serde(default, with = "recommend_core::duration::option")]
    pub(crate) resolution: Option<Duration>,
}

fn entity() -> FeatureScope {
    FeatureScope::Entity
}

impl Interactions {
    /// Of these kinds.
    ///
    /// # Panics
    /// When a kind is not a [`Name`]; for literals.
    #[track_caller]
    pub fn of(kinds: impl IntoIterator<Item = &'static str>) -> Self {
        Interactions { interactions: kinds.into_iter().map(Name::literal).collect(), ..Self::all() }
    }

    /// Of all kinds.
    pub fn all() -> Self {
        Interactions {
            scope: entity(),
            corpus: None,
            interactions: Vec::new(),
            window: None,
            resolution: None,
        }
    }

    /// In the window of this length that ends at the query's time.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// The window begins at a whole hour or day (or another multiple of this since 1970), at or before where it would, so
    /// that all stores agree to the bit: one hour for windows of up to a week, one day for longer ones.
    #[must_use]
    pub fn resolution(mut self, resolution: Duration) -> Self {
        self.resolution = Some(resolution);
        self
    }

    /// Of the candidate (entity), of the user with anything (user), of the user with the candidate (pair), or of everybody
    /// with anything (tenant).
    #[must_use]
    pub fn per(mut self, scope: FeatureScope) -> Self {
        self.scope = scope;
        self
    }

    /// In another corpus than the query's.
    ///
    /// # Panics
    /// When the corpus is not a [`Name`]; for literals.
    #[must_use]
    #[track_caller]
    pub fn corpus(mut self, corpus: &'static str) -> Self {
        self.corpus = Some(Name::literal(corpus));
        self
    }

    /// Whose interactions they are, in the words of the stores.
    pub(crate) fn subject(&self) -> Scope {
        match self.scope {
            FeatureScope::User => Scope::User,
            FeatureScope::Pair => Scope::Pair,
            FeatureScope::Tenant => Scope::Tenant,
            FeatureScope::Entity | FeatureScope::Query => Scope::Entity,
        }
    }

    /// How many.
    pub fn count(self) -> Feature {
        What::Aggregate(Aggregated { measure: Measure::Count, over: self }).into()
    }

    /// The sum of their values.
    pub fn sum(self) -> Feature {
        What::Aggregate(Aggregated { measure: Measure::Sum, over: self }).into()
    }

    /// How many per day of the window, which it needs.
    pub fn rate(self) -> Feature {
        What::Aggregate(Aggregated { measure: Measure::Rate, over: self }).into()
    }

    /// Days since the last one; missing without any.
    pub fn recency(self) -> Feature {
        What::Aggregate(Aggregated { measure: Measure::Recency, over: self }).into()
    }

    /// How many different users (of the candidate, of the tenant) or entities (of the user).
    pub fn distinct(self) -> Feature {
        What::Aggregate(Aggregated { measure: Measure::Distinct, over: self }).into()
    }
}

/// What is computed of the interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Count,
    Sum,
    Rate,
    Recency,
    Distinct,
}

impl Measure {
    const ALL: [Measure; 5] =
        [Measure::Count, Measure::Sum, Measure::Rate, Measure::Recency, Measure::Distinct];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Measure::Count => "count",
            Measure::Sum => "sum",
            Measure::Rate => "rate",
            Measure::Recency => "recency",
            Measure::Distinct => "distinct",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// An aggregate as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregated {
    pub(crate) measure: Measure,
    pub(crate) over: Interactions,
}

impl Aggregated {
    pub(crate) fn check(&self) -> Result<(), String> {
        let measure = self.measure.name();
        if self.over.scope == FeatureScope::Query {
            return Err(format!("`scope` of a {measure} is \"query\"; write entity, user, pair or tenant"));
        }
        if self.over.window.is_some_and(|window| window.is_zero()) {
            return Err(
                "`window` is 0; write for example \"7d\", or leave it out for all that is held".into()
            );
        }
        if let Some(resolution) = self.over.resolution {
            let window = self
                .over
                .window
                .ok_or("`resolution` is about where a `window` begins; add one, or leave it out")?;
            if resolution.is_zero() || resolution > window {
                return Err(
                    "`resolution` must be more than 0 and at most the window; write \"1h\" or \"1d\"".into(),
                );
            }
        }
        match (self.measure, self.over.scope, self.over.window) {
            (Measure::Rate, _, None) => {
                Err("a rate is per day and needs a `window`, as in window = \"7d\"".into())
            }
            (Measure::Distinct, FeatureScope::Pair, _) => Err(
                "a distinct of scope pair is 0 or 1; use a count of scope pair, or distinct of another scope"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    /// What the store computes, and by what it is multiplied.
    fn spec(&self) -> (AggregateSpec, f32) {
        let (aggregate, scale) = match self.measure {
            Measure::Count => (Aggregate::Count, 1.0),
            Measure::Sum => (Aggregate::Sum, 1.0),
            Measure::Rate => {
                let days = self.over.window.map_or(f64::INFINITY, |w| w.as_secs_f64() / f64::from(DAY));
                (Aggregate::Count, (1.0 / days) as f32)
            }
            Measure::Recency => (Aggregate::Recency, 1.0 / DAY),
            Measure::Distinct => (Aggregate::Distinct, 1.0),
        };
        let scope = self.over.subject();
        let (corpus, kinds) = (self.over.corpus.clone(), sorted(&self.over.interactions));
        let (window, resolution) = (self.over.window, self.over.resolution);
        (AggregateSpec { scope, corpus, kinds, window, resolution, aggregate }, scale)
    }
}

/// All aggregates of a request: one call, equal ones computed once.
#[derive(Default)]
pub(crate) struct AggregateGroup {
    specs: Vec<AggregateSpec>,
    columns: Vec<usize>,
    values: Vec<Derived>,
}

/// Which spec, times what.
#[derive(Clone, Copy)]
struct Scaled {
    spec: usize,
    scale: f32,
}

#[derive(Clone, Copy)]
enum Derived {
    Plain(Scaled),
    /// `(numerator + add) / (denominator + strength)`.
    Ratio {
        numerator: Scaled,
        denominator: Scaled,
        add: f32,
        strength: f32,
    },
}

impl AggregateGroup {
    fn scaled(&mut self, aggregated: &Aggregated) -> Scaled {
        let (wanted, scale) = aggregated.spec();
        let spec = self.specs.iter().position(|spec| *spec == wanted).unwrap_or_else(|| {
            self.specs.push(wanted);
            self.specs.len() - 1
        });
        Scaled { spec, scale }
    }

    pub(crate) fn plain(&mut self, aggregated: &Aggregated, column: usize) {
        let scaled = self.scaled(aggregated);
        self.columns.push(column);
        self.values.push(Derived::Plain(scaled));
    }

    pub(crate) fn ratio(
        &mut self,
        numerator: &Aggregated,
        denominator: &Aggregated,
        prior: f32,
        strength: f32,
        column: usize,
    ) {
        let (numerator, denominator) = (self.scaled(numerator), self.scaled(denominator));
        self.columns.push(column);
        self.values.push(Derived::Ratio { numerator, denominator, add: prior * strength, strength });
    }
}

#[async_trait]
impl Group for AggregateGroup {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Values, StoreError> {
        let (query, entities) = (view.query, view.candidates.ids());
        let mut raw = vec![f32::NAN; entities.len() * self.specs.len()];
        let subject = Subject {
            tenant: query.tenant,
            user: query.user,
            corpus: &query.corpus,
            entities,
            now: query.now,
        };
        let trouble = partial(stores.interactions.aggregate(&subject, &self.specs, &mut raw).await)?;
        let mut values = Vec::with_capacity(entities.len() * self.values.len());
        for row in raw.chunks_exact(self.specs.len()) {
            let of = |scaled: Scaled| row[scaled.spec] * scaled.scale;
            values.extend(self.values.iter().map(|value| match *value {
                Derived::Plain(scaled) => of(scaled),
                Derived::Ratio { numerator, denominator, add, strength } => {
                    (of(numerator) + add) / (of(denominator) + strength)
                }
            }));
        }
        Ok(Values { values, trouble })
    }
}
