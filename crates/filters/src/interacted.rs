//! Drops what the user has done something with already: articles read, films rated.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Name, Verdicts, View};
use recommend_stores::{Aggregate, AggregateSpec, InteractionStore, Scope, Stores};
use serde::Deserialize;

use crate::support::aggregate_kept;

/// The settings of [`NotInteracted`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotInteractedSettings {
    /// The kinds of interaction that count; none means all.
    pub interactions: Vec<Name>,
    /// How far back; `None` is everything that is held.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
}

/// Drops the candidates that the user who asks has interactions with; one call for all of them.
///
/// ```
/// use recommend_core::{IdCodec, Name, days};
/// use recommend_filters::NotInteracted;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let unread = NotInteracted::by(&stores, [Name::literal("read")]).window(days(90));
/// ```
pub struct NotInteracted {
    interactions: Arc<dyn InteractionStore>,
    spec: AggregateSpec,
}

impl NotInteracted {
    /// From its settings.
    pub fn new(stores: &Stores, settings: NotInteractedSettings) -> Self {
        let NotInteractedSettings { interactions: kinds, window } = settings;
        let spec = AggregateSpec {
            scope: Scope::Pair,
            corpus: None,
            kinds,
            window,
            resolution: None,
            aggregate: Aggregate::Count,
        };
        NotInteracted { interactions: stores.interactions.clone(), spec }
    }

    /// Any kind of interaction, ever.
    pub fn in_any_way(stores: &Stores) -> Self {
        NotInteracted::new(stores, NotInteractedSettings::default())
    }

    /// Only these kinds.
    pub fn by(stores: &Stores, kinds: impl IntoIterator<Item = Name>) -> Self {
        let interactions = kinds.into_iter().collect();
        NotInteracted::new(stores, NotInteractedSettings { interactions, window: None })
    }

    /// Only interactions that are younger than this.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.spec.window = Some(window);
        self
    }
}

#[async_trait]
impl Filter for NotInteracted {
    fn kind(&self) -> &'static str {
        "not-interacted"
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        for (row, count) in aggregate_kept(&*self.interactions, view, verdicts, &self.spec).await? {
            if count > 0.0 {
                verdicts.drop(row, "interacted");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::days;

    use super::*;
    use crate::testing::{Case, NOW, USER, reasons_in, stores_with};

    #[tokio::test]
    async fn what_the_user_did_something_with_is_dropped() {
        let me = USER.0;
        let old = NOW.before(days(40));
        let stores = stores_with([(me, 1, "read", NOW), (me, 2, "rate", old), (9, 3, "read", NOW)]).await;
        let (case, dropped) = (Case::of(3), Some("interacted"));
        assert_eq!(reasons_in(&NotInteracted::in_any_way(&stores), &case).await, [dropped, dropped, None]);
        let ratings = || NotInteracted::by(&stores, [Name::literal("rate")]);
        assert_eq!(reasons_in(&ratings(), &case).await, [None, dropped, None]);
        assert_eq!(reasons_in(&ratings().window(days(30)), &case).await, [None; 3]);
    }
}
