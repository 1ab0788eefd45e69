//! Proposes what the user uses anyway: the playlist of every morning, the milk of every week.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Proposals, Query};
use recommend_stores::{InteractionStore, Stores};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::settings::{KindWeights, at_least_one, not_negative, since};

/// How many of the user's interactions are read, the latest.
const MAX_EVENTS: usize = 2_000;
/// Nothing is younger than this: what has just happened would outweigh everything.
const YOUNGEST: Duration = Duration::from_secs(60);

/// The settings of [`OwnActivity`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnActivitySettings {
    /// The kinds of interaction that count, with their weights.
    pub interactions: KindWeights,
    /// How far back; `None` is everything that is held.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// How fast a use is forgotten: after `age` it counts `age^-forgetting`. 0 only counts, 2 goes by the last use.
    #[serde(deserialize_with = "not_negative")]
    pub forgetting: f32,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for OwnActivitySettings {
    fn default() -> Self {
        OwnActivitySettings {
            interactions: KindWeights::default(),
            window: None,
            forgetting: 0.5,
            limit: 200,
        }
    }
}

/// Proposes what the user has used often and lately: for who comes back to the same things.
///
/// The score is the base-level activation of human memory, the sum of `age^-0.5` over all uses (Anderson and Schooler,
/// "Reflections of the environment in memory", 1991), which foretells what people listen to again better than recency or
/// frequency alone (Reiter-Haas, Parada-Cabaleiro, Schedl, Motamedi, Tkalcic and Lex, RecSys 2021). A power law has no
/// half-life to choose: it suits those who come every hour and those who come every month. Ages are in days, a minute at
/// least. As a feature it tells a model what is a habit.
///
/// ```
/// use recommend_core::{IdCodec, Name};
/// use recommend_fetchers::OwnActivity;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let again = OwnActivity::of_user(&stores).interactions([Name::literal("play")]).limit(50);
/// ```
pub struct OwnActivity {
    store: Arc<dyn InteractionStore>,
    settings: OwnActivitySettings,
}

impl OwnActivity {
    /// From its settings.
    pub fn new(stores: &Stores, settings: OwnActivitySettings) -> Self {
        OwnActivity { store: stores.interactions.clone(), settings }
    }

    /// What the user who asks uses.
    pub fn of_user(stores: &Stores) -> Self {
        OwnActivity::new(stores, OwnActivitySettings::default())
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(mut self, kinds: impl IntoIterator<Item = Name>) -> Self {
        self.settings.interactions = kinds.into_iter().collect();
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
impl Fetcher for OwnActivity {
    fn kind(&self) -> &'static str {
        "own-activity"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let OwnActivitySettings { interactions, window, forgetting, limit } = &self.settings;
        let (from, until) = (since(query.now, *window), query.now);
        let kinds = interactions.kinds();
        let events = self
            .store
            .user_timeline(query.tenant, query.user, &query.corpus, kinds, from, until, MAX_EVENTS)
            .await?;
        let mut sums: FxHashMap<EntityId, f64> = FxHashMap::default();
        for event in events {
            let age = query.now.since(event.time).max(YOUNGEST).as_secs_f64() / 86_400.0;
            let weight = f64::from(interactions.weight(event.kind));
            *sums.entry(event.entity).or_default() += weight * age.powf(-f64::from(*forgetting));
        }
        let used = sums.into_iter().map(|(id, sum)| (id, sum.min(f64::from(f32::MAX)) as f32));
        Ok(used.filter(|(_, sum)| *sum > 0.0).collect::<Proposals>().top(*limit))
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::days;

    use super::*;
    use crate::testing::{NOW, USER, World, ids, query};

    async fn world() -> World {
        let ago = |entity, age| (USER.0, entity, "play", NOW.before(days(age)));
        let often = (10..40).map(|age| ago(1, age));
        World::new().events(often.chain([ago(2, 1), ago(3, 90), (9, 4, "play", NOW)])).await
    }

    #[tokio::test]
    async fn habits_come_before_what_was_used_once_and_long_ago() {
        let world = world().await;
        let own = OwnActivity::of_user(&world.stores);
        let proposals = own.fetch(&query()).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[1, 2, 3]), "and nothing that others use");
        let last: OwnActivitySettings = toml::from_str("forgetting = 3").unwrap();
        let last = OwnActivity::new(&world.stores, last).fetch(&query()).await.unwrap();
        assert_eq!(last.ids(), ids(&[2, 1, 3]));
    }

    #[tokio::test]
    async fn a_replay_does_not_see_what_came_later() {
        let world = world().await;
        let before = Query { now: NOW.before(days(50)), ..query() };
        assert_eq!(OwnActivity::of_user(&world.stores).fetch(&before).await.unwrap().ids(), ids(&[3]));
    }
}
