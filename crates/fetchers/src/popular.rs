//! Proposes what most is done with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Proposals, Query, TenantId, Timestamp};
use recommend_stores::{InteractionStore, Stores};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::decay::decay_if;
use crate::derived::{Built, Derived};
use crate::settings::{KindWeights, at_least_one};

/// For how many tenants a ranking is held: `limit` entities each, a few kilobytes.
const TENANTS: usize = 4_096;

/// The settings of [`Popular`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PopularSettings {
    /// The kinds of interaction that count, with their weights.
    pub interactions: KindWeights,
    /// How far back; `None` is everything that is held.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// After how long an interaction counts half; `None` is never.
    #[serde(with = "recommend_core::duration::option")]
    pub half_life: Option<Duration>,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for PopularSettings {
    fn default() -> Self {
        PopularSettings { interactions: KindWeights::default(), window: None, half_life: None, limit: 200 }
    }
}

/// Proposes the entities with the most interactions in a window, or with the largest exponentially decayed sum of
/// them. With `interactions = ["join"]` and a half-life it is *trending*: what people join these days.
///
/// The ranking is derived per tenant and swapped in whole, so that a request costs the same in a large tenant as in a
/// small one. Decay is forward decay (Cormode, Shkapenyuk, Srivastava and Xu, ICDE 2009): a table of decayed sums
/// stays right while time passes, but for a factor.
///
/// ```
/// use recommend_core::{IdCodec, days};
/// use recommend_fetchers::Popular;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let trending = Popular::in_tenant(&stores).window(days(30)).half_life(days(7)).limit(200);
/// ```
pub struct Popular {
    store: Arc<dyn InteractionStore>,
    settings: PopularSettings,
    rankings: Derived<Vec<(EntityId, f32)>>,
}

impl Popular {
    /// From its settings.
    pub fn new(stores: &Stores, settings: PopularSettings) -> Self {
        Popular::of(stores.interactions.clone(), settings)
    }

    fn of(store: Arc<dyn InteractionStore>, settings: PopularSettings) -> Self {
        let rankings = Derived::new(store.clone(), settings.window, TENANTS);
        Popular { store, settings, rankings }
    }

    /// What is popular in the tenant of the query, of all time.
    pub fn in_tenant(stores: &Stores) -> Self {
        Popular::new(stores, PopularSettings::default())
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(self, kinds: impl IntoIterator<Item = Name>) -> Self {
        let interactions = kinds.into_iter().collect();
        Popular::of(self.store, PopularSettings { interactions, ..self.settings })
    }

    /// Counts only interactions that are younger than this.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        Popular::of(self.store, PopularSettings { window: Some(window), ..self.settings })
    }

    /// Lets an interaction count half after each half-life.
    #[must_use]
    pub fn half_life(self, half_life: Duration) -> Self {
        Popular::of(self.store, PopularSettings { half_life: Some(half_life), ..self.settings })
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Popular::of(self.store, PopularSettings { limit, ..self.settings })
    }
}

/// Ranks all entities of a corpus as of `now`.
async fn rank(
    store: Arc<dyn InteractionStore>,
    settings: PopularSettings,
    tenant: TenantId,
    corpus: Name,
    now: Timestamp,
) -> Result<Built<Vec<(EntityId, f32)>>, ComponentError> {
    let PopularSettings { interactions, window, half_life, limit } = settings;
    let scored = match interactions.weighted() {
        false => store.popularity(tenant, &corpus, interactions.kinds(), window, half_life, now).await?,
        true => {
            let mut sums: FxHashMap<EntityId, f32> = FxHashMap::default();
            for (kind, weight) in interactions.iter() {
                let kinds = std::slice::from_ref(kind);
                for (id, score) in store.popularity(tenant, &corpus, kinds, window, half_life, now).await? {
                    *sums.entry(id).or_default() += weight * score;
                }
            }
            // With negative weights some sums are: what more dislike than like is not popular.
            sums.into_iter().filter(|(_, score)| *score > 0.0 && score.is_finite()).collect()
        }
    };
    Ok(Built { value: Proposals::from_pairs(scored).top(limit).iter().collect(), steps: 0 })
}

#[async_trait]
impl Fetcher for Popular {
    fn kind(&self) -> &'static str {
        "popular"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let ranking = self.rankings.get(query, || {
            let (store, settings) = (self.store.clone(), self.settings.clone());
            rank(store, settings, query.tenant, query.corpus.clone(), query.now)
        });
        let ranking = ranking.await?;
        let aged = decay_if(query.now.since(ranking.as_of), self.settings.half_life) as f32;
        Ok(ranking.value.iter().map(|(id, score)| (*id, score * aged)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::{days, hours};

    use super::*;
    use crate::testing::{NOW, TENANT, World, ids, query, query_of};

    #[tokio::test]
    async fn what_most_is_done_with_comes_first() {
        let world =
            World::new().events([(1, 10, "join", NOW), (2, 20, "join", NOW), (3, 20, "message", NOW)]).await;
        let all = Popular::in_tenant(&world.stores).fetch(&query()).await.unwrap();
        assert_eq!(all, Proposals::from_pairs([(EntityId(20), 2.0), (EntityId(10), 1.0)]));
        let joins = Popular::in_tenant(&world.stores).interactions([Name::literal("join")]).limit(1);
        assert_eq!(joins.fetch(&query()).await.unwrap().ids(), ids(&[10]), "a tie goes to the smaller id");
    }

    #[tokio::test]
    async fn kinds_may_weigh_more_or_less_than_nothing() {
        let events =
            [(1, 10, "message", NOW), (2, 10, "message", NOW), (1, 20, "join", NOW), (1, 30, "mute", NOW)];
        let world = World::new().events(events).await;
        let settings: PopularSettings =
            toml::from_str("interactions = { join = 3, message = 1, mute = -1 }").unwrap();
        let ranked = Popular::new(&world.stores, settings).fetch(&query()).await.unwrap();
        assert_eq!(ranked, Proposals::from_pairs([(EntityId(20), 3.0), (EntityId(10), 2.0)]));
    }

    #[tokio::test]
    async fn old_interactions_fade_and_then_do_not_count() {
        let old = NOW.before(days(14));
        let events = [(1, 10, "join", old), (2, 10, "join", old), (3, 20, "join", NOW)];
        let world = World::new().events(events).await;
        let trending = Popular::in_tenant(&world.stores).half_life(days(7));
        let fresh = trending.fetch(&query()).await.unwrap();
        assert_eq!(fresh, Proposals::from_pairs([(EntityId(20), 1.0), (EntityId(10), 0.5)]));
        let later = Query { now: NOW.after(days(7)), ..query() };
        let faded = trending.fetch(&later).await.unwrap();
        assert_eq!(
            faded,
            Proposals::from_pairs([(EntityId(20), 0.5), (EntityId(10), 0.25)]),
            "same table, aged"
        );
        let recent = Popular::in_tenant(&world.stores).window(days(10));
        assert_eq!(recent.fetch(&query()).await.unwrap().ids(), ids(&[20]));
        let later = Query { now: NOW.after(days(10)), ..query() };
        assert!(recent.fetch(&later).await.unwrap().is_empty(), "the window has moved on");
    }

    #[tokio::test]
    async fn what_was_just_recorded_is_seen() {
        let world = World::new();
        let popular = Popular::in_tenant(&world.stores);
        assert!(popular.fetch(&query()).await.unwrap().is_empty());
        let mut world = world;
        for n in 1..=50 {
            world = world.events([(n, n, "join", NOW)]).await;
            assert_eq!(popular.fetch(&query()).await.unwrap().len() as u64, n);
        }
    }

    #[tokio::test]
    async fn a_replay_does_not_see_what_came_later() {
        let world = World::new().events([(1, 10, "join", NOW.before(days(9))), (2, 20, "join", NOW)]).await;
        let popular = Popular::in_tenant(&world.stores);
        let past = Query { now: NOW.before(hours(1)), ..query() };
        for _ in 0..3 {
            assert_eq!(popular.fetch(&query()).await.unwrap().len(), 2);
            assert_eq!(popular.fetch(&past).await.unwrap().ids(), ids(&[10]));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn each_tenant_sees_its_own_interactions_as_of_its_own_time(
            events in prop::collection::vec((any::<bool>(), 1_u64..6, 1_u64..8, 0_u64..100), 1..40),
            asks in prop::collection::vec((any::<bool>(), 0_u64..100), 1..20),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let other = TenantId(TENANT.0 + 1);
                let tenant = |first: bool| if first { TENANT } else { other };
                let mut world = World::new();
                for (first, user, entity, hour) in &events {
                    let event = (*user, *entity, "join", NOW.after(hours(*hour)));
                    world = world.events_of(tenant(*first), [event]).await;
                }
                let popular = Popular::in_tenant(&world.stores);
                for (first, hour) in asks {
                    let query = Query { now: NOW.after(hours(hour)), ..query_of(tenant(first)) };
                    let mut counts = std::collections::BTreeMap::new();
                    for (_, _, entity, _) in events.iter().filter(|e| e.0 == first && e.3 <= hour) {
                        *counts.entry(EntityId(*entity)).or_insert(0.0_f32) += 1.0;
                    }
                    let expected = Proposals::from_pairs(counts).top(200);
                    prop_assert_eq!(popular.fetch(&query).await.unwrap(), expected);
                }
                Ok(())
            })?;
        }
    }
}
