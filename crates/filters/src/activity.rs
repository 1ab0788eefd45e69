//! Drops what too little, or too much, is done with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{BuildError, ComponentError, Filter, Name, Verdicts, View};
use recommend_stores::{Aggregate, AggregateSpec, InteractionStore, Scope, Stores};
use serde::Deserialize;

use crate::support::aggregate_kept;

/// What is counted as activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivityOf {
    /// How many interactions.
    #[default]
    Interactions,
    /// How many different users interacted.
    Users,
    /// The sum of the interactions' values.
    Values,
}

/// The table of `min-activity`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MinSettings {
    at_least: f32,
    #[serde(default)]
    of: ActivityOf,
    #[serde(default)]
    interactions: Vec<Name>,
    #[serde(default, with = "recommend_core::duration::option")]
    window: Option<Duration>,
}

/// The table of `max-activity`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaxSettings {
    at_most: f32,
    #[serde(default)]
    of: ActivityOf,
    #[serde(default)]
    interactions: Vec<Name>,
    #[serde(default, with = "recommend_core::duration::option")]
    window: Option<Duration>,
}

impl MinSettings {
    pub(crate) fn build(self, stores: &Stores) -> Result<Activity, BuildError> {
        finite("at_least", self.at_least)?;
        let filter = Activity::at_least(stores, self.at_least).of(self.of).interactions(self.interactions);
        Ok(Activity { window: self.window, ..filter })
    }
}

impl MaxSettings {
    pub(crate) fn build(self, stores: &Stores) -> Result<Activity, BuildError> {
        finite("at_most", self.at_most)?;
        let filter = Activity::at_most(stores, self.at_most).of(self.of).interactions(self.interactions);
        Ok(Activity { window: self.window, ..filter })
    }
}

fn finite(key: &str, value: f32) -> Result<(), BuildError> {
    match value.is_finite() {
        true => Ok(()),
        false => Err(BuildError::Invalid(format!("`{key}` must be a finite number, not {value}"))),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f32),
    AtMost(f32),
}

/// Drops what less than a least, or more than a most, amount was done with; one call for all candidates.
///
/// ```
/// use recommend_core::{IdCodec, days};
/// use recommend_filters::{Activity, ActivityOf};
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let alive = Activity::at_least(&stores, 3.0).of(ActivityOf::Users).window(days(30));
/// let asleep = Activity::at_most(&stores, 0.0).window(days(60));
/// ```
pub struct Activity {
    store: Arc<dyn InteractionStore>,
    bound: Bound,
    of: ActivityOf,
    kinds: Vec<Name>,
    window: Option<Duration>,
}

impl Activity {
    /// Keeps what at least this much was done with.
    pub fn at_least(stores: &Stores, at_least: f32) -> Self {
        Activity::within(stores, Bound::AtLeast(at_least))
    }

    /// Keeps what at most this much was done with.
    pub fn at_most(stores: &Stores, at_most: f32) -> Self {
        Activity::within(stores, Bound::AtMost(at_most))
    }

    fn within(stores: &Stores, bound: Bound) -> Self {
        let (store, of) = (stores.interactions.clone(), ActivityOf::Interactions);
        Activity { store, bound, of, kinds: Vec::new(), window: None }
    }

    /// Counts something else than interactions.
    #[must_use]
    pub fn of(mut self, of: ActivityOf) -> Self {
        self.of = of;
        self
    }

    /// Counts only interactions of these kinds; none means all.
    #[must_use]
    pub fn interactions(mut self, kinds: impl IntoIterator<Item = Name>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Counts only interactions that are younger than this.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }
}

#[async_trait]
impl Filter for Activity {
    fn kind(&self) -> &'static str {
        match self.bound {
            Bound::AtLeast(_) => "min-activity",
            Bound::AtMost(_) => "max-activity",
        }
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let spec = AggregateSpec {
            scope: Scope::Entity,
            corpus: None,
            kinds: self.kinds.clone(),
            window: self.window,
            resolution: None,
            aggregate: match self.of {
                ActivityOf::Interactions => Aggregate::Count,
                ActivityOf::Users => Aggregate::Distinct,
                ActivityOf::Values => Aggregate::Sum,
            },
        };
        for (row, amount) in aggregate_kept(&*self.store, view, verdicts, &spec).await? {
            match self.bound {
                Bound::AtLeast(least) if amount < least => verdicts.drop(row, "inactive"),
                Bound::AtMost(most) if amount > most => verdicts.drop(row, "active"),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::days;

    use super::*;
    use crate::testing::{Case, NOW, reasons_in, stores_with};

    #[tokio::test]
    async fn activity_is_counted_in_a_window_by_kind() {
        let old = NOW.before(days(40));
        let events =
            [(1, 1, "message", NOW), (1, 1, "message", NOW), (2, 2, "join", NOW), (2, 2, "message", old)];
        let stores = stores_with(events).await;
        let case = Case::of(3);
        let (few, many) = (Some("inactive"), Some("active"));
        let two = || Activity::at_least(&stores, 2.0);
        assert_eq!(reasons_in(&two(), &case).await, [None, None, few]);
        assert_eq!(reasons_in(&two().window(days(30)), &case).await, [None, few, few]);
        assert_eq!(reasons_in(&two().of(ActivityOf::Users), &case).await, [few, few, few]);
        let messages = || Activity::at_most(&stores, 1.0).interactions([Name::literal("message")]);
        assert_eq!(reasons_in(&messages(), &case).await, [many, None, None]);
        assert_eq!((two().kind(), messages().kind()), ("min-activity", "max-activity"));
    }

    #[tokio::test]
    async fn a_bound_must_be_a_number() {
        let stores = stores_with([]).await;
        let settings: MinSettings = toml::from_str("at_least = nan").unwrap();
        assert!(settings.build(&stores).err().unwrap().to_string().contains("`at_least`"));
        let settings: MaxSettings = toml::from_str("at_most = 3\nof = 'users'\nwindow = '7d'").unwrap();
        assert_eq!(settings.build(&stores).unwrap().window, Some(days(7)));
    }
}
