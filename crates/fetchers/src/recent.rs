//! Proposes what is newest.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, Fetcher, Name, Proposals, Query, days};
use recommend_stores::{Catalog, Stores};
use serde::Deserialize;

use crate::decay::decay;
use crate::settings::{at_least_one, since};

/// The settings of [`Recent`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecentSettings {
    /// The time attribute that says how old an entity is.
    pub by: Name,
    /// How old it may be; `None` is any age.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// At which age the score is one half.
    #[serde(with = "recommend_core::duration")]
    pub half_life: Duration,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for RecentSettings {
    fn default() -> Self {
        RecentSettings { by: Name::literal("created"), window: None, half_life: days(7), limit: 200 }
    }
}

/// Proposes the entities whose time attribute is latest, `created` by default, newest first.
///
/// ```
/// use recommend_core::{IdCodec, days};
/// use recommend_fetchers::Recent;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let new_channels = Recent::in_tenant(&stores).window(days(14)).limit(50);
/// ```
pub struct Recent {
    catalog: Arc<dyn Catalog>,
    settings: RecentSettings,
}

impl Recent {
    /// From its settings.
    pub fn new(stores: &Stores, settings: RecentSettings) -> Self {
        Recent { catalog: stores.catalog.clone(), settings }
    }

    /// What was created last in the tenant of the query.
    pub fn in_tenant(stores: &Stores) -> Self {
        Recent::new(stores, RecentSettings::default())
    }

    /// Goes by another time attribute.
    #[must_use]
    pub fn by(mut self, attribute: Name) -> Self {
        self.settings.by = attribute;
        self
    }

    /// Only what is younger than this.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.settings.window = Some(window);
        self
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.settings.limit = limit;
        self
    }
}

#[async_trait]
impl Fetcher for Recent {
    fn kind(&self) -> &'static str {
        "recent"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let RecentSettings { by, window, half_life, limit } = &self.settings;
        let (tenant, now) = (query.tenant, query.now);
        let newest = self.catalog.newest(tenant, &query.corpus, by, since(now, *window), now, *limit).await?;
        Ok(newest.into_iter().map(|(id, time)| (id, decay(now.since(time), *half_life) as f32)).collect())
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::Value;

    use super::*;
    use crate::testing::{NOW, World, ids, query};

    #[tokio::test]
    async fn the_newest_comes_first_and_the_unborn_not_at_all() {
        let mut world = World::new();
        for (id, age) in [(1, 30), (2, 1), (3, 7)] {
            world = world.entity(id, &[("created", Value::Time(NOW.before(days(age))))]).await;
        }
        world = world.entity(4, &[("created", Value::Time(NOW.after(days(1))))]).await.entity(5, &[]).await;
        let recent = Recent::in_tenant(&world.stores);
        let proposals = recent.fetch(&query()).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[2, 3, 1]));
        assert_eq!(proposals.iter().nth(1).unwrap().1, 0.5, "a week is the half-life");
        assert_eq!(recent.window(days(10)).limit(1).fetch(&query()).await.unwrap().ids(), ids(&[2]));
        let other = Recent::in_tenant(&world.stores).by(Name::literal("renamed"));
        assert!(other.fetch(&query()).await.unwrap().is_empty());
    }
}
