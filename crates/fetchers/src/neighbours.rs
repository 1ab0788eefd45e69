//! Proposes the entities whose vectors are nearest to one of the user, of the history, or of the seeds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Proposals, Query};
use recommend_stores::vectors::{Among, Place, Probe, Side, VectorError};
use recommend_stores::{InteractionStore, Stores, VectorStore};
use serde::Deserialize;

use crate::history::{history, places};
use crate::settings::{KindWeights, at_least_one, up_to_one};

/// What the neighbours are near to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NearTo {
    /// The user's own vector.
    #[default]
    User,
    /// The sum of the vectors of what the user used, the latest counting most.
    History,
    /// The sum of the vectors of what was chosen already.
    Seeds,
}

/// The settings of [`Neighbours`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighboursSettings {
    /// The embedding.
    pub embedding: Name,
    /// What the neighbours are near to.
    #[serde(default)]
    pub of: NearTo,
    /// The kinds of interaction that make the history.
    #[serde(default)]
    pub interactions: KindWeights,
    /// How far back the history goes; `None` is everything that is held.
    #[serde(default, with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// How many entities of the history are read, the latest.
    #[serde(default = "fifty", deserialize_with = "at_least_one")]
    pub history: usize,
    /// What an entity of the history counts, compared to the one used next after it: 0 to 1.
    #[serde(default = "nine_tenths", deserialize_with = "up_to_one")]
    pub decay: f32,
    /// How many to propose.
    #[serde(default = "two_hundred", deserialize_with = "at_least_one")]
    pub limit: usize,
}

fn fifty() -> usize {
    50
}

fn nine_tenths() -> f32 {
    0.9
}

fn two_hundred() -> usize {
    200
}

/// Proposes what is nearest in an embedding that the vector store holds: to the user, to the user's history, or to the
/// seeds. What the probe is made of is not proposed. A user, or a history, without a vector gets nothing.
///
/// ```
/// use recommend_core::IdCodec;
/// use recommend_fetchers::Neighbours;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let channels = Neighbours::of_user("user-channel", &stores).limit(100);
/// ```
pub struct Neighbours {
    vectors: Arc<dyn VectorStore>,
    interactions: Arc<dyn InteractionStore>,
    settings: NeighboursSettings,
}

impl Neighbours {
    /// From its settings.
    pub fn new(stores: &Stores, settings: NeighboursSettings) -> Self {
        let (vectors, interactions) = (stores.vectors.clone(), stores.interactions.clone());
        Neighbours { vectors, interactions, settings }
    }

    fn near_to(of: NearTo, embedding: &'static str, stores: &Stores) -> Self {
        let settings = NeighboursSettings {
            embedding: Name::literal(embedding),
            of,
            interactions: KindWeights::default(),
            window: None,
            history: fifty(),
            decay: nine_tenths(),
            limit: two_hundred(),
        };
        Neighbours::new(stores, settings)
    }

    /// Near to the user who asks.
    ///
    /// # Panics
    /// When the embedding's name is not a [`Name`]; for literals.
    #[track_caller]
    pub fn of_user(embedding: &'static str, stores: &Stores) -> Self {
        Neighbours::near_to(NearTo::User, embedding, stores)
    }

    /// Near to what the user used.
    ///
    /// # Panics
    /// When the embedding's name is not a [`Name`]; for literals.
    #[track_caller]
    pub fn of_history(embedding: &'static str, stores: &Stores) -> Self {
        Neighbours::near_to(NearTo::History, embedding, stores)
    }

    /// Near to what was chosen already.
    ///
    /// # Panics
    /// When the embedding's name is not a [`Name`]; for literals.
    #[track_caller]
    pub fn of_seeds(embedding: &'static str, stores: &Stores) -> Self {
        Neighbours::near_to(NearTo::Seeds, embedding, stores)
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.settings.limit = limit;
        self
    }

    /// What is searched with, and what is not to be found.
    async fn probe(&self, query: &Query) -> Result<(Probe, Vec<u64>), ComponentError> {
        let NeighboursSettings { of, interactions, window, history: most, decay, .. } = &self.settings;
        Ok(match of {
            NearTo::User => (Probe::Sum(Side::User, vec![(query.user.0, 1.0)]), Vec::new()),
            NearTo::Seeds => {
                let seeds: Vec<u64> = query.seeds.iter().map(|seed| seed.0).collect();
                (Probe::Sum(Side::Entity, seeds.iter().map(|seed| (*seed, 1.0)).collect()), seeds)
            }
            NearTo::History => {
                let history = history(&*self.interactions, query, interactions, *window).await?;
                let parts = history.wanted.iter().zip(places(*decay, *most)).map(|(id, place)| (id.0, place));
                let probe = Probe::Sum(Side::Entity, parts.collect());
                (probe, history.touched.iter().map(|id| id.0).collect())
            }
        })
    }
}

#[async_trait]
impl Fetcher for Neighbours {
    fn kind(&self) -> &'static str {
        "neighbours"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let (probe, known) = self.probe(query).await?;
        if matches!(&probe, Probe::Sum(_, parts) if parts.is_empty()) {
            return Ok(Proposals::default());
        }
        let place = Place::entities(query.tenant, &self.settings.embedding);
        let known = known.into_iter().collect();
        let found =
            match self.vectors.nearest(&place, &probe, self.settings.limit, Among::Except(&known)).await {
                // A tenant whose vectors have not come yet has no neighbours, and nothing is wrong.
                Err(VectorError::Unknown(_)) => return Ok(Proposals::default()),
                found => found?,
            };
        Ok(Proposals::from_pairs(found.into_iter().map(|near| (EntityId(near.id), near.similarity))))
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::days;
    use recommend_stores::vectors::{Comparison, Precision, Shape};

    use super::*;
    use crate::testing::{NOW, TENANT, USER, World, ids, query};

    /// Four entities on a quarter of a circle, the user at the second.
    async fn world() -> World {
        let world = World::new();
        let name = Name::literal("user-channel");
        let shape = Shape { dimension: 2, comparison: Comparison::Cosine, precision: Precision::F32 };
        let vectors = &world.stores.vectors;
        vectors.define(TENANT, &name, shape).await.unwrap();
        let entities =
            [(10, vec![1.0, 0.0]), (20, vec![0.9, 0.4]), (30, vec![0.4, 0.9]), (40, vec![0.0, 1.0])];
        vectors.upsert(&Place::entities(TENANT, &name), &entities).await.unwrap();
        vectors.upsert(&Place::users(TENANT, &name), &[(USER.0, vec![0.95, 0.35])]).await.unwrap();
        world
            .events([(USER.0, 40, "join", NOW.before(days(1))), (USER.0, 10, "join", NOW.before(days(9)))])
            .await
    }

    #[tokio::test]
    async fn the_nearest_to_the_user_come_first() {
        let world = world().await;
        let near = Neighbours::of_user("user-channel", &world.stores);
        let proposals = near.fetch(&query()).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[20, 10, 30, 40]));
        assert!(proposals.iter().all(|(_, score)| score <= 1.0 + 1e-6));
        assert_eq!(near.limit(1).fetch(&query()).await.unwrap().ids(), ids(&[20]));
        let stranger = Query { user: recommend_core::UserId(1), ..query() };
        assert!(
            Neighbours::of_user("user-channel", &world.stores).fetch(&stranger).await.unwrap().is_empty()
        );
    }

    #[tokio::test]
    async fn the_latest_of_the_history_counts_most_and_does_not_come_again() {
        let world = world().await;
        let near = Neighbours::of_history("user-channel", &world.stores);
        assert_eq!(near.fetch(&query()).await.unwrap().ids(), ids(&[30, 20]));
        let past = Query { now: NOW.before(days(2)), ..query() };
        assert_eq!(near.fetch(&past).await.unwrap().ids(), ids(&[20, 30, 40]), "40 was not there yet");
    }

    #[tokio::test]
    async fn seeds_have_neighbours() {
        let world = world().await;
        let near = Neighbours::of_seeds("user-channel", &world.stores);
        assert!(near.fetch(&query()).await.unwrap().is_empty());
        let seeded = Query { seeds: ids(&[30]), ..query() };
        assert_eq!(near.fetch(&seeded).await.unwrap().ids(), ids(&[40, 20, 10]));
    }

    #[tokio::test]
    async fn a_tenant_without_the_embedding_has_no_neighbours() {
        let world = World::new();
        assert!(Neighbours::of_user("user-channel", &world.stores).fetch(&query()).await.unwrap().is_empty());
    }

    #[test]
    fn settings_are_read() {
        let settings: NeighboursSettings =
            toml::from_str("embedding = 'user-channel'\nof = 'history'\ndecay = 0.5").unwrap();
        assert_eq!((settings.of, settings.limit), (NearTo::History, 200));
        assert!(
            toml::from_str::<NeighboursSettings>("of = 'user'").unwrap_err().message().contains("embedding")
        );
    }
}
