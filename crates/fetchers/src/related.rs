//! Proposes what people use who use what the user uses.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Proposals, Query, days};
use recommend_embeddings::Similarity;
use recommend_stores::{InteractionStore, Stores};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::decay::decay;
use crate::neighbour_index::{IndexSettings, NeighbourIndex, SharedIndexes};
use crate::settings::{KindWeights, above_zero, at_least_one, not_negative, since, up_to_one};

/// How many interactions are read for each entity of the history wanted, because many are with the same.
const EVENTS_PER_ENTITY: usize = 20;
/// And how many at most.
const MAX_EVENTS: usize = 2_000;

/// What the proposals are related to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// What the user interacted with.
    #[default]
    History,
    /// The seeds of the query.
    Seeds,
}

/// The settings of [`Related`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelatedSettings {
    /// What the proposals are related to.
    pub from: From,
    /// The kinds of interaction that count, with their weights; those not above zero do not count.
    pub interactions: KindWeights,
    /// How far back, for the index and for the user's history.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// After how long an interaction of the user counts half.
    #[serde(with = "recommend_core::duration")]
    pub half_life: Duration,
    /// What an entity of the history counts, compared to the one used next after it: 0 to 1. Unlike the half-life it goes
    /// by places and not by time, so it suits those who come once a year too.
    #[serde(deserialize_with = "up_to_one")]
    pub decay: f32,
    /// How many entities of the user's history are looked from, the latest.
    #[serde(deserialize_with = "at_least_one")]
    pub history: usize,
    /// How many neighbours of each entity the index holds.
    #[serde(deserialize_with = "at_least_one")]
    pub neighbours: usize,
    /// With how many common users a similarity counts half.
    #[serde(deserialize_with = "not_negative")]
    pub shrinkage: f32,
    /// With a number of places, two entities go together when users use them about the same time, one after the other:
    /// at a distance of so many places in the user's history a pair counts 1/e. `None` is regardless of order.
    #[serde(deserialize_with = "above_zero")]
    pub nearness: Option<f32>,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for RelatedSettings {
    fn default() -> Self {
        RelatedSettings {
            from: From::History,
            interactions: KindWeights::default(),
            window: Some(days(180)),
            half_life: days(30),
            decay: 1.0,
            history: 50,
            neighbours: 50,
            shrinkage: 10.0,
            nearness: None,
            limit: 200,
        }
    }
}

impl RelatedSettings {
    fn index(&self) -> IndexSettings {
        IndexSettings {
            interactions: self.interactions.clone(),
            window: self.window,
            similarity: Similarity {
                shrinkage: self.shrinkage,
                keep: self.neighbours,
                nearness: self.nearness,
            },
        }
    }
}

/// Proposes the entities most similar, by co-interaction, to those that the user interacted with lately: item-based
/// collaborative filtering (Sarwar et al., WWW 2001). A proposal's score is the sum over the history of similarity ×
/// weight of the kind × decayed age; or over the seeds of similarity. What the sum is over is not itself proposed.
///
/// Similarity is the cosine between the sets of users, shrunk for pairs with few common users; with a
/// [nearness](RelatedSettings::nearness) it is how often users use the two about the same time. The index is built from
/// the interaction log, off the request path; the user's own history is read at each request.
///
/// ```
/// use recommend_core::{IdCodec, Name, days};
/// use recommend_fetchers::Related;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let for_you = Related::to_history(&stores).interactions([Name::literal("join")]).half_life(days(60));
/// let more_like_these = Related::to_seeds(&stores).limit(50);
/// ```
pub struct Related {
    store: Arc<dyn InteractionStore>,
    settings: RelatedSettings,
    index: Arc<NeighbourIndex>,
}

impl Related {
    /// From its settings.
    pub fn new(stores: &Stores, settings: RelatedSettings) -> Self {
        Related::of(stores.interactions.clone(), settings)
    }

    fn of(store: Arc<dyn InteractionStore>, settings: RelatedSettings) -> Self {
        let index = Arc::new(NeighbourIndex::new(store.clone(), settings.index()));
        Related { store, settings, index }
    }

    /// With an index that others may have too.
    pub(crate) fn sharing(stores: &Stores, settings: RelatedSettings, indexes: &SharedIndexes) -> Self {
        let (store, made_of) = (stores.interactions.clone(), settings.index());
        let index = indexes.get(&store, made_of.clone(), || NeighbourIndex::new(store.clone(), made_of));
        Related { store, settings, index }
    }

    /// What is related to the user's history.
    pub fn to_history(stores: &Stores) -> Self {
        Related::new(stores, RelatedSettings::default())
    }

    /// What is related to the seeds.
    pub fn to_seeds(stores: &Stores) -> Self {
        Related::new(stores, RelatedSettings { from: From::Seeds, ..RelatedSettings::default() })
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(self, kinds: impl IntoIterator<Item = Name>) -> Self {
        let interactions = kinds.into_iter().collect();
        Related::of(self.store, RelatedSettings { interactions, ..self.settings })
    }

    /// Counts only interactions that are younger than this, 180 days by default.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        Related::of(self.store, RelatedSettings { window: Some(window), ..self.settings })
    }

    /// Lets an interaction of the user count half after each half-life, 30 days by default.
    #[must_use]
    pub fn half_life(self, half_life: Duration) -> Self {
        Related::of(self.store, RelatedSettings { half_life, ..self.settings })
    }

    /// With how many common users a similarity counts half, 10 by default; a small tenant wants less.
    #[must_use]
    pub fn shrinkage(self, shrinkage: f32) -> Self {
        Related::of(self.store, RelatedSettings { shrinkage: shrinkage.max(0.0), ..self.settings })
    }

    /// Lets two entities go together only when users use them about the same time: see
    /// [`RelatedSettings::nearness`].
    #[must_use]
    pub fn nearness(self, places: f32) -> Self {
        let nearness = Some(places.max(f32::MIN_POSITIVE));
        Related::of(self.store, RelatedSettings { nearness, ..self.settings })
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Related::of(self.store, RelatedSettings { limit, ..self.settings })
    }

    /// What to look from, with a weight each.
    async fn roots(&self, query: &Query) -> Result<Vec<(EntityId, f32)>, ComponentError> {
        if self.settings.from == From::Seeds {
            return Ok(query.seeds.iter().map(|seed| (*seed, 1.0)).collect());
        }
        let RelatedSettings { interactions, window, half_life, decay: by_place, history, .. } =
            &self.settings;
        let events = self.store.user_timeline(
            query.tenant,
            query.user,
            &query.corpus,
            interactions.kinds(),
            since(query.now, *window),
            query.now,
            history.saturating_mul(EVENTS_PER_ENTITY).min(MAX_EVENTS),
        );
        let mut roots: Vec<(EntityId, f32)> = Vec::new();
        let mut places: FxHashMap<EntityId, usize> = FxHashMap::default();
        for event in events.await? {
            let weight = interactions.weight(event.kind);
            let worth = weight * decay(query.now.since(event.time), *half_life) as f32;
            if weight <= 0.0 {
                continue;
            }
            match places.get(&event.entity) {
                Some(place) => roots[*place].1 = roots[*place].1.max(worth),
                None if roots.len() == *history => {}
                None => {
                    places.insert(event.entity, roots.len());
                    roots.push((event.entity, worth));
                }
            }
        }
        if *by_place < 1.0 {
            for (place, (_, worth)) in roots.iter_mut().enumerate() {
                *worth *= by_place.powi(place as i32);
            }
        }
        Ok(roots)
    }
}

#[async_trait]
impl Fetcher for Related {
    fn kind(&self) -> &'static str {
        "related"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let roots = self.roots(query).await?;
        if roots.is_empty() {
            return Ok(Proposals::default());
        }
        let neighbours = self.index.get(query).await?;
        let scores = neighbours.near_all(&roots);
        Ok(Proposals::from_pairs(scores).top(self.settings.limit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::{TenantId, Timestamp, hours};

    use super::*;
    use crate::testing::{NOW, TENANT, USER, World, ids, query, query_of};

    const ME: u64 = USER.0;

    /// Users 1 to 3 join 10 and 20, users 4 and 5 join 30 and 40; I joined 10 long ago and 30 now.
    async fn world() -> World {
        let mut events: Vec<(u64, u64, &'static str, Timestamp)> = Vec::new();
        for (users, pair) in [(1..=3, [10, 20]), (4..=5, [30, 40])] {
            events.extend(users.flat_map(|user| pair.map(|entity| (user, entity, "join", NOW))));
        }
        events.extend([(ME, 10, "join", NOW.before(days(90))), (ME, 30, "join", NOW)]);
        World::new().events(events).await
    }

    #[tokio::test]
    async fn what_goes_with_recent_history_comes_first() {
        let world = world().await;
        let related = Related::to_history(&world.stores).shrinkage(0.0);
        let proposals = related.fetch(&query()).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[40, 20]), "and neither 10 nor 30, which the user knows");
        let scores: Vec<f32> = proposals.iter().map(|(_, score)| score).collect();
        assert!((scores[0] - 2.0 / 6.0_f32.sqrt()).abs() < 1e-6, "{scores:?}");
        assert!((scores[1] - 0.125 * 3.0 / 12.0_f32.sqrt()).abs() < 1e-6, "three half-lives ago: {scores:?}");
        let patient = Related::to_history(&world.stores).shrinkage(0.0).half_life(days(9_000));
        assert_eq!(patient.fetch(&query()).await.unwrap().ids(), ids(&[20, 40]));
    }

    #[tokio::test]
    async fn with_a_nearness_order_matters() {
        // Everybody uses the same four; 10 and 20 in a row, and 30 and 40.
        let users = (1..=4_u64).flat_map(|user| {
            [10, 20, 30, 40].map(|entity| (user, entity, "join", NOW.before(days(100 - entity))))
        });
        let world = World::new().events(users.chain([(ME, 10, "join", NOW)])).await;
        let together = Related::to_history(&world.stores).fetch(&query()).await.unwrap();
        let score: Vec<f32> = together.iter().map(|(_, score)| score).collect();
        assert!(score[0] == score[2], "{together:?}");
        let in_order = Related::to_history(&world.stores).nearness(1.0).fetch(&query()).await.unwrap();
        assert_eq!(in_order.ids(), ids(&[20, 30, 40]));
    }

    #[tokio::test]
    async fn a_decay_by_places_prefers_what_was_used_last() {
        let world = world().await;
        let settings = "half_life = '9000d'\nshrinkage = 0";
        let related =
            |more: &str| Related::new(&world.stores, toml::from_str(&format!("{settings}\n{more}")).unwrap());
        assert_eq!(related("").fetch(&query()).await.unwrap().ids(), ids(&[20, 40]));
        assert_eq!(related("decay = 0.1").fetch(&query()).await.unwrap().ids(), ids(&[40, 20]));
    }

    #[tokio::test]
    async fn seeds_stand_for_a_history() {
        let world = world().await;
        let related = Related::to_seeds(&world.stores).limit(1);
        assert!(related.fetch(&query()).await.unwrap().is_empty());
        let seeded = |seeds: &[u64]| Query { seeds: ids(seeds), ..query() };
        assert_eq!(related.fetch(&seeded(&[20])).await.unwrap().ids(), ids(&[10]));
        assert_eq!(related.fetch(&seeded(&[30, 99])).await.unwrap().ids(), ids(&[40]));
    }

    #[tokio::test]
    async fn who_did_nothing_gets_nothing() {
        let world = world().await;
        let stranger = Query { user: recommend_core::UserId(1234), ..query() };
        assert!(Related::to_history(&world.stores).fetch(&stranger).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_new_interaction_is_part_of_the_next_answer() {
        let world = world().await;
        let related = Related::to_seeds(&world.stores);
        let seeded = Query { seeds: ids(&[20]), ..query() };
        assert_eq!(related.fetch(&seeded).await.unwrap().ids(), ids(&[10]));
        let world = world.events([(9, 20, "join", NOW), (9, 50, "join", NOW)]).await;
        assert_eq!(related.fetch(&seeded).await.unwrap().ids(), ids(&[10, 50]));
        let past = Query { now: NOW.before(hours(1)), ..seeded };
        assert!(related.fetch(&past).await.unwrap().is_empty(), "then nobody shared anything");
        drop(world);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn nothing_of_another_tenant_is_proposed(
            events in prop::collection::vec((any::<bool>(), 1_u64..9, 1_u64..20), 1..60),
            seeds in prop::collection::vec(1_u64..20, 1..4),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let other = TenantId(TENANT.0 + 1);
                // The same users; even entities are the other tenant's.
                let mut world = World::new();
                for (first, user, entity) in &events {
                    let (tenant, entity) = if *first { (TENANT, entity * 2 + 1) } else { (other, entity * 2) };
                    world = world.events_of(tenant, [(*user, entity, "join", NOW)]).await;
                }
                let seeds: Vec<u64> = seeds.iter().flat_map(|s| [s * 2, s * 2 + 1]).collect();
                let (to_seeds, to_history) = (Related::to_seeds(&world.stores), Related::to_history(&world.stores));
                for (tenant, parity) in [(TENANT, 1), (other, 0)] {
                    let query = Query { seeds: ids(&seeds), user: recommend_core::UserId(3), ..query_of(tenant) };
                    for related in [&to_seeds, &to_history] {
                        let proposals = related.fetch(&query).await.unwrap();
                        prop_assert!(proposals.ids().iter().all(|id| id.0 % 2 == parity));
                        prop_assert_eq!(related.fetch(&query).await.unwrap(), proposals);
                    }
                }
                Ok(())
            })?;
        }
    }
}
