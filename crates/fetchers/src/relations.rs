//! Proposes what the user has a relation to: own channels, own contacts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, Fetcher, Name, Proposals, Query, days};
use recommend_stores::{Catalog, Stores};
use serde::Deserialize;

use crate::decay::{decay, decay_if};
use crate::settings::at_least_one;

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The latest tie. Its score is its decayed age.
    #[default]
    Newest,
    /// The strongest tie, decayed when there is a half-life. Its score is that weight.
    Weight,
}

/// The settings of [`Relations`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelationsSettings {
    /// The kind of relation.
    pub relation: Name,
    /// What comes first.
    pub by: By,
    /// After how long a tie counts half; `None` is 30 days for [`By::Newest`] and never for [`By::Weight`].
    #[serde(with = "recommend_core::duration::option")]
    pub half_life: Option<Duration>,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for RelationsSettings {
    fn default() -> Self {
        RelationsSettings { relation: Name::literal("member"), by: By::Newest, half_life: None, limit: 500 }
    }
}

/// Proposes the entities that the user has a relation to, `member` by default.
///
/// ```
/// use recommend_core::{IdCodec, Name};
/// use recommend_fetchers::{By, Relations};
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let own_channels = Relations::of_user(&stores, Name::literal("member"));
/// let strongest = Relations::of_user(&stores, Name::literal("contact")).by(By::Weight).limit(50);
/// ```
pub struct Relations {
    catalog: Arc<dyn Catalog>,
    settings: RelationsSettings,
}

impl Relations {
    /// From its settings.
    pub fn new(stores: &Stores, settings: RelationsSettings) -> Self {
        Relations { catalog: stores.catalog.clone(), settings }
    }

    /// What the user who asks has this relation to, newest first.
    pub fn of_user(stores: &Stores, relation: Name) -> Self {
        Relations::new(stores, RelationsSettings { relation, ..RelationsSettings::default() })
    }

    /// What comes first.
    #[must_use]
    pub fn by(mut self, by: By) -> Self {
        self.settings.by = by;
        self
    }

    /// Lets a tie count half after each half-life.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> Self {
        self.settings.half_life = Some(half_life);
        self
    }

    /// How many to propose, 500 by default.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.settings.limit = limit;
        self
    }
}

#[async_trait]
impl Fetcher for Relations {
    fn kind(&self) -> &'static str {
        "relations"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let RelationsSettings { relation, by, half_life, limit } = &self.settings;
        let kinds = std::slice::from_ref(relation);
        let sets = self.catalog.relations(query.tenant, query.user, &query.corpus, kinds).await?;
        let mut ties: Vec<_> = sets.iter().flat_map(|set| set.iter()).copied().collect();
        let age = |since| query.now.since(since);
        if *by == By::Weight {
            let scored =
                ties.iter().map(|t| (t.entity, t.weight * decay_if(age(t.since), *half_life) as f32));
            return Ok(scored.collect::<Proposals>().top(*limit));
        }
        // By the time itself: scores of old ties are too close to tell apart.
        ties.sort_unstable_by_key(|tie| (std::cmp::Reverse(tie.since), tie.entity));
        ties.truncate(*limit);
        let half_life = half_life.unwrap_or(days(30));
        Ok(ties.iter().map(|tie| (tie.entity, decay(age(tie.since), half_life) as f32)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, World, ids, query};

    #[tokio::test]
    async fn ties_come_newest_or_strongest_first() {
        let (old, older) = (NOW.before(days(30)), NOW.before(days(3000)));
        let ties = [(1, old, 4.0), (2, NOW, 1.0), (3, older, 3.0), (4, older.before(days(1)), 9.0)];
        let world = World::new().relations("member", ties).await.relations("starred", [(9, NOW, 1.0)]).await;
        let own = || Relations::of_user(&world.stores, Name::literal("member"));
        let newest = own().fetch(&query()).await.unwrap();
        assert_eq!(newest.ids(), ids(&[2, 1, 3, 4]));
        assert_eq!(newest.iter().nth(1).unwrap().1, 0.5);
        assert_eq!(own().by(By::Weight).limit(2).fetch(&query()).await.unwrap().ids(), ids(&[4, 1]));
        let faded = own().by(By::Weight).half_life(days(15)).fetch(&query()).await.unwrap();
        assert_eq!(
            faded.ids()[..2],
            ids(&[1, 2])[..],
            "a tie of strength 4 after two half-lives ties with one of 1"
        );
    }
}
