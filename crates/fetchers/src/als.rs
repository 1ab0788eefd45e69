//! Proposes by implicit ALS: users and entities as vectors whose products say how much a user wants an entity.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Proposals, Query, TenantId, Timestamp};
use recommend_embeddings::Sparse;
use recommend_embeddings::als::{self, Confidence, Solver, Trainer};
use recommend_stores::{InteractionStore, Stores};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer};

use crate::decay::decay_if;
use crate::derived::{Built, Derived};
use crate::history::{history_with, places};
use crate::settings::{KindWeights, above_zero, at_least_one, positive, since, up_to_one};
use crate::snapshot::Snapshot;

/// For how many tenants a model is held: entities × factors × 4 bytes each.
const TENANTS: usize = 16;
/// The same data gives the same vectors.
const SEED: u64 = 1;

/// The settings of [`Als`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlsSettings {
    /// The kinds of interaction that count, each with what one of it weighs; those whose weight is not above zero do not,
    /// nor does an interaction whose value is not.
    pub interactions: KindWeights,
    /// How far back; `None` is everything that is held.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// How many numbers a vector has, 1 to 256.
    #[serde(deserialize_with = "some_factors")]
    pub factors: usize,
    /// λ of a row of mean confidence.
    #[serde(deserialize_with = "positive")]
    pub regularization: f32,
    /// How λ grows with the confidence that a row has in all: to this power, 0 to 1.
    #[serde(deserialize_with = "up_to_one")]
    pub frequency_scaling: f32,
    /// How much confidence a weight of 1 adds to that of 1 that every cell has.
    #[serde(deserialize_with = "positive")]
    pub alpha: f32,
    /// With it, confidence grows with the logarithm of the weight over this.
    #[serde(deserialize_with = "above_zero")]
    pub epsilon: Option<f32>,
    /// After how long an interaction weighs half, in training and in the history of who asks; `None` is never.
    #[serde(with = "recommend_core::duration::option")]
    pub half_life: Option<Duration>,
    /// How often users and entities are solved in turns.
    #[serde(deserialize_with = "at_least_one")]
    pub iterations: usize,
    /// How many entities the model knows, those with the most users.
    #[serde(deserialize_with = "at_least_one")]
    pub items: usize,
    /// How many entities of the user's history are read, the latest.
    #[serde(deserialize_with = "at_least_one")]
    pub history: usize,
    /// What an entity of the history weighs, compared to the one used next after it: 0 to 1.
    #[serde(deserialize_with = "up_to_one")]
    pub decay: f32,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

fn some_factors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        factors if (1..=256).contains(&factors) => Ok(factors),
        factors => Err(serde::de::Error::custom(format!("a vector has 1 to 256 factors, not {factors}"))),
    }
}

impl Default for AlsSettings {
    fn default() -> Self {
        AlsSettings {
            interactions: KindWeights::default(),
            window: None,
            factors: 64,
            regularization: 30.0,
            frequency_scaling: 1.0,
            alpha: 10.0,
            epsilon: None,
            half_life: None,
            iterations: 12,
            items: 20_000,
            history: 200,
            decay: 1.0,
            limit: 200,
        }
    }
}

impl AlsSettings {
    fn training(&self) -> als::AlsSettings {
        als::AlsSettings {
            factors: self.factors,
            regularization: self.regularization,
            frequency_scaling: self.frequency_scaling,
            confidence: match self.epsilon {
                None => Confidence::Linear { alpha: self.alpha },
                Some(epsilon) => Confidence::Log { alpha: self.alpha, epsilon },
            },
            solver: Solver::Cholesky,
            seed: SEED,
            // Requests need the other cores.
            threads: 1,
        }
    }
}

/// Proposes what implicit matrix factorisation makes of the user's history (Hu, Koren and Volinsky, ICDM 2008; with
/// regularisation by frequency, Rendle et al., RecSys 2022). The entities' vectors are learned from all interactions of
/// the tenant, off the request path; the vector of who asks is solved for at each request (fold-in) from what they did
/// until then, weighted by kind and age, so that the latest interaction counts at once. What the user touched is not
/// proposed.
///
/// ```
/// use recommend_core::{IdCodec, Name};
/// use recommend_fetchers::Als;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let films = Als::of_history(&stores).interactions([(Name::literal("watch"), 2.0), (Name::literal("look"), 1.0)]);
/// ```
pub struct Als {
    store: Arc<dyn InteractionStore>,
    settings: AlsSettings,
    models: Derived<Model>,
}

/// What is learned of one tenant.
struct Model {
    items: Vec<EntityId>,
    /// `None` where nobody did anything.
    vectors: Option<recommend_embeddings::Als>,
}

impl Als {
    /// From its settings.
    pub fn new(stores: &Stores, settings: AlsSettings) -> Self {
        Als::of(stores.interactions.clone(), settings)
    }

    fn of(store: Arc<dyn InteractionStore>, settings: AlsSettings) -> Self {
        let models = Derived::new(store.clone(), settings.window, TENANTS);
        Als { store, settings, models }
    }

    /// What goes with the history of the user who asks.
    pub fn of_history(stores: &Stores) -> Self {
        Als::new(stores, AlsSettings::default())
    }

    /// Counts only these kinds of interaction, each with what one of it weighs.
    #[must_use]
    pub fn interactions(self, kinds: impl IntoIterator<Item = (Name, f32)>) -> Self {
        let interactions = kinds.into_iter().collect();
        Als::of(self.store, AlsSettings { interactions, ..self.settings })
    }

    /// How many numbers a vector has, 64 by default; more than 256 are as 256.
    #[must_use]
    pub fn factors(self, factors: usize) -> Self {
        Als::of(self.store, AlsSettings { factors: factors.clamp(1, 256), ..self.settings })
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Als::of(self.store, AlsSettings { limit, ..self.settings })
    }
}

/// Learns from what all users wanted.
async fn learn(
    store: Arc<dyn InteractionStore>,
    settings: AlsSettings,
    (tenant, corpus, now): (TenantId, Name, Timestamp),
) -> Result<Built<Model>, ComponentError> {
    let span = (since(now, settings.window), now);
    let snapshot = Snapshot::read(&*store, (tenant, &corpus), &settings.interactions, span, settings.items)?;
    let (users, items) = (snapshot.users(), snapshot.items.len());
    let weight = |step: &crate::snapshot::Step| {
        let age = now.since(step.time);
        settings.interactions.weight(step.kind) * decay_if(age, settings.half_life) as f32
    };
    let cells = (0..users)
        .flat_map(|user| snapshot.user(user).iter().map(move |step| (user as u32, step.item, weight(step))));
    let matrix = Sparse::from_triplets(users, items, cells);
    let steps = (matrix.len() * settings.factors.pow(2) + (users + items) * settings.factors.pow(3) / 3)
        .saturating_mul(settings.iterations)
        / 32;
    let vectors = match matrix.is_empty() {
        true => None,
        false => Some(train(&matrix, &settings).map_err(|error| ComponentError::Failed(error.to_string()))?),
    };
    Ok(Built { value: Model { items: snapshot.without_steps().items, vectors }, steps })
}

fn train(matrix: &Sparse, settings: &AlsSettings) -> Result<recommend_embeddings::Als, als::AlsError> {
    let mut trainer = Trainer::new(matrix, settings.training())?;
    for _ in 0..settings.iterations {
        trainer.step()?;
    }
    // Users are folded in when they ask.
    Ok(trainer.finish().without_users())
}

#[async_trait]
impl Fetcher for Als {
    fn kind(&self) -> &'static str {
        "als"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let AlsSettings { interactions, window, half_life, history: most, decay, limit, .. } = &self.settings;
        let mut weights: FxHashMap<EntityId, f32> = FxHashMap::default();
        let history = history_with(&*self.store, query, interactions, *window, |event| {
            let weight = decay_if(query.now.since(event.time), *half_life) as f32;
            *weights.entry(event.entity).or_default() += interactions.weight(event.kind) * weight;
        });
        let history = history.await?;
        if history.wanted.is_empty() {
            return Ok(Proposals::default());
        }
        let model = self.models.get(query, || {
            let about = (query.tenant, query.corpus.clone(), query.now);
            learn(self.store.clone(), self.settings.clone(), about)
        });
        let model = model.await?.value;
        let Some(vectors) = &model.vectors else { return Ok(Proposals::default()) };
        let number = |id: &EntityId| model.items.binary_search(id).ok().map(|number| number as u32);
        let known = history.wanted.iter().zip(places(*decay, *most)).filter_map(|(id, place)| {
            let weight = weights.get(id).copied().unwrap_or_default() * place;
            Some((number(id)?, weight)).filter(|(_, weight)| *weight > 0.0)
        });
        let known: Vec<(u32, f32)> = known.collect();
        if known.is_empty() {
            return Ok(Proposals::default());
        }
        let user = vectors.user(&known).map_err(|error| ComponentError::Failed(error.to_string()))?;
        let mut scores = vec![0.0; model.items.len()];
        vectors.score(&user, &mut scores);
        let pairs = model.items.iter().copied().zip(scores);
        Ok(pairs.filter(|(id, _)| !history.touched.contains(id)).collect::<Proposals>().top(*limit))
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::days;

    use super::*;
    use crate::testing::{NOW, USER, World, ids, query};

    /// Users 1 to 6 join 10 and 20, users 107 to 112 join 30 and 40; I joined 10 long ago and 30 now.
    async fn world() -> World {
        let groups = [(1..=6_u64, [10, 20]), (107..=112, [30, 40])];
        let others = groups.into_iter().flat_map(|(users, pair)| {
            users.flat_map(move |user| pair.map(|entity| (user, entity, "join", NOW.before(days(9)))))
        });
        let mine = [(USER.0, 10, "join", NOW.before(days(90))), (USER.0, 30, "join", NOW)];
        World::new().events(others.chain(mine)).await
    }

    fn als(world: &World, more: &str) -> Als {
        let settings = format!("factors = 4\nregularization = 0.5\n{more}");
        Als::new(&world.stores, toml::from_str(&settings).unwrap())
    }

    #[tokio::test]
    async fn what_goes_with_recent_history_comes_first() {
        let world = world().await;
        for recency in ["half_life = '30d'", "decay = 0.3"] {
            let proposals = als(&world, recency).fetch(&query()).await.unwrap();
            assert_eq!(
                proposals.ids(),
                ids(&[40, 20]),
                "{recency}: and neither 10 nor 30, which the user has"
            );
        }
        assert_eq!(als(&world, "decay = 0.3\nlimit = 1").fetch(&query()).await.unwrap().ids(), ids(&[40]));
    }

    #[tokio::test]
    async fn a_user_who_came_after_training_is_folded_in() {
        let world = world().await;
        let als = als(&world, "");
        als.fetch(&query()).await.unwrap();
        let world = world.events([(99, 20, "join", NOW)]).await;
        let newcomer = Query { user: recommend_core::UserId(99), ..query() };
        assert_eq!(als.fetch(&newcomer).await.unwrap().ids()[0], ids(&[10])[0]);
        drop(world);
    }

    #[tokio::test]
    async fn kinds_weigh_what_they_are_said_to() {
        let world = world().await.events([(USER.0, 10, "look", NOW), (USER.0, 10, "look", NOW)]).await;
        let first = |settings: &'static str| {
            let als = als(&world, settings);
            async move { als.fetch(&query()).await.unwrap().ids()[0].0 }
        };
        assert_eq!(first("interactions = { join = 1.0, look = 50.0 }").await, 20);
        assert_eq!(first("half_life = '10d'\ninteractions = ['join']").await, 40);
    }

    #[tokio::test]
    async fn strangers_and_empty_tenants_get_nothing() {
        let stranger = Query { user: recommend_core::UserId(1234), ..query() };
        assert!(als(&world().await, "").fetch(&stranger).await.unwrap().is_empty());
        assert!(als(&World::new(), "").fetch(&query()).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_replay_does_not_see_what_came_later() {
        let world = world().await;
        let before = Query { now: NOW.before(days(1)), ..query() };
        assert_eq!(als(&world, "").fetch(&before).await.unwrap().ids()[0].0, 20, "30 was not there yet");
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = |text: &str| toml::from_str::<AlsSettings>(text).unwrap_err().message().to_owned();
        assert!(refused("factors = 300").contains("1 to 256"));
        assert!(refused("regularization = 0").contains("above 0"));
        assert!(refused("frequency_scaling = 2").contains("0 to 1"));
    }
}
