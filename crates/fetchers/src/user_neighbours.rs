//! Proposes what those use who use what the user uses.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, Fetcher, Name, Proposals, Query, TenantId, Timestamp};
use recommend_embeddings::Users;
use recommend_stores::{InteractionStore, Stores};
use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::derived::{Built, Derived};
use crate::history::{history, places};
use crate::settings::{KindWeights, at_least_one, not_negative, since, up_to_one};
use crate::snapshot::{Snapshot, latest};

/// For how many tenants histories are held: 8 bytes for each entity of each user.
const TENANTS: usize = 64;
/// How many entities of each user are held, the latest, and how many users of each entity.
const HELD: (usize, usize) = (200, 2_000);

/// The settings of [`UserNeighbours`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserNeighboursSettings {
    /// The kinds of interaction that count; those whose weight is not above zero do not, nor does an interaction whose
    /// value is not.
    pub interactions: KindWeights,
    /// How far back; `None` is everything that is held.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// How many users are asked, those most alike.
    #[serde(deserialize_with = "at_least_one")]
    pub neighbours: usize,
    /// By how many entities more each history counts as longer, so that one who did a single thing is not everybody's
    /// best friend.
    #[serde(deserialize_with = "not_negative")]
    pub shrinkage: f32,
    /// How many entities of the user's history are read, the latest.
    #[serde(deserialize_with = "at_least_one")]
    pub history: usize,
    /// What an entity of the history counts, compared to the one used next after it: 0 to 1.
    #[serde(deserialize_with = "up_to_one")]
    pub decay: f32,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for UserNeighboursSettings {
    fn default() -> Self {
        UserNeighboursSettings {
            interactions: KindWeights::default(),
            window: None,
            neighbours: 50,
            shrinkage: 10.0,
            history: 50,
            decay: 0.95,
            limit: 200,
        }
    }
}

/// Proposes what the users most like the one who asks have used: user-based collaborative filtering (Herlocker,
/// Konstan, Borchers and Riedl, SIGIR 1999), with what many have counting little (inverse user frequency; Breese,
/// Heckerman and Kadie, UAI 1998). A proposal's score is the sum of the similarities of those who have it.
///
/// Histories are held by user and by entity, built off the request path; neighbours are found at each request. What the
/// user touched is not proposed.
///
/// ```
/// use recommend_core::{IdCodec, Name};
/// use recommend_fetchers::UserNeighbours;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let peers = UserNeighbours::of_user(&stores).interactions([Name::literal("join")]).neighbours(20);
/// ```
pub struct UserNeighbours {
    store: Arc<dyn InteractionStore>,
    settings: UserNeighboursSettings,
    held: Derived<Held>,
}

/// What is held of one tenant.
struct Held {
    snapshot: Snapshot,
    users: Users,
}

impl UserNeighbours {
    /// From its settings.
    pub fn new(stores: &Stores, settings: UserNeighboursSettings) -> Self {
        UserNeighbours::of(stores.interactions.clone(), settings)
    }

    fn of(store: Arc<dyn InteractionStore>, settings: UserNeighboursSettings) -> Self {
        let held = Derived::new(store.clone(), settings.window, TENANTS);
        UserNeighbours { store, settings, held }
    }

    /// What is used by those like the user who asks.
    pub fn of_user(stores: &Stores) -> Self {
        UserNeighbours::new(stores, UserNeighboursSettings::default())
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(self, kinds: impl IntoIterator<Item = Name>) -> Self {
        let interactions = kinds.into_iter().collect();
        UserNeighbours::of(self.store, UserNeighboursSettings { interactions, ..self.settings })
    }

    /// How many users are asked, 50 by default.
    #[must_use]
    pub fn neighbours(self, neighbours: usize) -> Self {
        UserNeighbours::of(self.store, UserNeighboursSettings { neighbours, ..self.settings })
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        UserNeighbours::of(self.store, UserNeighboursSettings { limit, ..self.settings })
    }
}

/// Reads the histories of all users.
async fn hold(
    store: Arc<dyn InteractionStore>,
    settings: UserNeighboursSettings,
    (tenant, corpus, now): (TenantId, Name, Timestamp),
) -> Result<Built<Held>, ComponentError> {
    let span = (since(now, settings.window), now);
    let snapshot = Snapshot::read(&*store, (tenant, &corpus), &settings.interactions, span, usize::MAX)?;
    let mut known = FxHashSet::default();
    let users = snapshot.all().map(|steps| latest(steps, HELD.0, &mut known));
    let users = Users::of(users, snapshot.items.len(), HELD);
    Ok(Built { value: Held { snapshot: snapshot.without_steps(), users }, steps: 0 })
}

#[async_trait]
impl Fetcher for UserNeighbours {
    fn kind(&self) -> &'static str {
        "user-neighbours"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let UserNeighboursSettings { interactions, window, neighbours, shrinkage, .. } = &self.settings;
        let history = history(&*self.store, query, interactions, *window).await?;
        if history.wanted.is_empty() {
            return Ok(Proposals::default());
        }
        let held = self.held.get(query, || {
            let about = (query.tenant, query.corpus.clone(), query.now);
            hold(self.store.clone(), self.settings.clone(), about)
        });
        let Held { snapshot, users } = &*held.await?.value;
        let roots = history.wanted.iter().zip(places(self.settings.decay, self.settings.history));
        let roots: Vec<(u32, f32)> =
            roots.filter_map(|(id, weight)| Some((snapshot.number(*id)?, weight))).collect();
        // The user is the most like, and has nothing new to say.
        let alike = users.neighbours(&roots, neighbours.saturating_add(1), *shrinkage);
        let mut scores = vec![0.0; snapshot.items.len()];
        users.score(&alike, &mut scores);
        let scored = snapshot.items.iter().copied().zip(scores);
        let new = scored.filter(|(id, score)| *score > 0.0 && !history.touched.contains(id));
        Ok(new.collect::<Proposals>().top(self.settings.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, USER, World, ids, query};

    /// User 1 has what I have and 30; user 2 has one thing in common and 40; user 3 has nothing.
    async fn world() -> World {
        let events = [(1, [10, 20, 30]), (2, [10, 40, 41]), (3, [50, 51, 52]), (USER.0, [10, 20, 21])];
        World::new()
            .events(
                events
                    .into_iter()
                    .flat_map(|(user, entities)| entities.map(|entity| (user, entity, "join", NOW))),
            )
            .await
    }

    #[tokio::test]
    async fn what_the_most_alike_use_comes_first() {
        let world = world().await;
        let peers = UserNeighbours::of_user(&world.stores);
        assert_eq!(peers.fetch(&query()).await.unwrap().ids(), ids(&[30, 40, 41]));
        let nearest = peers.neighbours(1).limit(1);
        assert_eq!(nearest.fetch(&query()).await.unwrap().ids(), ids(&[30]));
    }

    #[tokio::test]
    async fn who_did_nothing_gets_nothing() {
        let world = world().await;
        let stranger = Query { user: recommend_core::UserId(1234), ..query() };
        assert!(UserNeighbours::of_user(&world.stores).fetch(&stranger).await.unwrap().is_empty());
    }
}
