//! Proposes by EASE^R: what a linear autoencoder makes of the user's history.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, Fetcher, Name, Proposals, Query, Timestamp};
use recommend_stores::{InteractionStore, Stores};
use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::derived::{Built, Derived};
use crate::history::{history, places};
use crate::settings::{KindWeights, above_zero, at_least_one, since, up_to_one};
use crate::snapshot::{Snapshot, latest};

/// For how many tenants a model is held: `items`² × 4 bytes each.
const TENANTS: usize = 16;
/// Of a user who used more entities than this, the latest count: the work grows with the square.
const MAX_BASKET: usize = 500;
/// Without a λ, it is so many times the mean number of users of an entity: near the best on data as different as films,
/// groceries and games.
const LAMBDA_PER_SUPPORT: f32 = 8.0;

/// The settings of [`Ease`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EaseSettings {
    /// The kinds of interaction that count; those whose weight is not above zero do not, nor does an interaction whose
    /// value is not.
    pub interactions: KindWeights,
    /// How far back; `None` is everything that is held.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// The regularisation, in users; `None` is eight times the mean number of users of an entity.
    #[serde(deserialize_with = "above_zero")]
    pub lambda: Option<f32>,
    /// How many entities the model knows, those with the most users. The memory grows with the square, the time with
    /// the cube: 4,000 take 64 MB and some seconds off the request path.
    #[serde(deserialize_with = "some_items")]
    pub items: usize,
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

fn some_items<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let most = recommend_embeddings::ease::MAX_ITEMS;
    match at_least_one(deserializer)? {
        items if items <= most => Ok(items),
        items => Err(serde::de::Error::custom(format!("a model knows {most} entities at most, not {items}"))),
    }
}

impl Default for EaseSettings {
    fn default() -> Self {
        EaseSettings {
            interactions: KindWeights::default(),
            window: None,
            lambda: None,
            items: 4_000,
            history: 100,
            decay: 0.95,
            limit: 200,
        }
    }
}

/// Proposes what a linear item-item model with a closed form, EASE^R, makes of the user's history (Steck, WWW 2019).
/// It is learned from all interactions of the tenant, off the request path; the history is read at each request, the
/// latest entities counting most. What the user touched is not proposed.
///
/// ```
/// use recommend_core::{IdCodec, Name};
/// use recommend_fetchers::Ease;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let films = Ease::of_history(&stores).interactions([Name::literal("watch")]).lambda(400.0);
/// ```
pub struct Ease {
    store: Arc<dyn InteractionStore>,
    settings: EaseSettings,
    models: Derived<Model>,
}

/// What is learned of one tenant.
struct Model {
    snapshot: Snapshot,
    weights: recommend_embeddings::Ease,
}

impl Ease {
    /// From its settings.
    pub fn new(stores: &Stores, settings: EaseSettings) -> Self {
        Ease::of(stores.interactions.clone(), settings)
    }

    fn of(store: Arc<dyn InteractionStore>, settings: EaseSettings) -> Self {
        let models = Derived::new(store.clone(), settings.window, TENANTS);
        Ease { store, settings, models }
    }

    /// What goes with the history of the user who asks.
    pub fn of_history(stores: &Stores) -> Self {
        Ease::new(stores, EaseSettings::default())
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(self, kinds: impl IntoIterator<Item = Name>) -> Self {
        let interactions = kinds.into_iter().collect();
        Ease::of(self.store, EaseSettings { interactions, ..self.settings })
    }

    /// The regularisation, in users; numbers that are not above zero are as none.
    #[must_use]
    pub fn lambda(self, lambda: f32) -> Self {
        let lambda = Some(lambda).filter(|lambda| lambda.is_finite() && *lambda > 0.0);
        Ease::of(self.store, EaseSettings { lambda, ..self.settings })
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Ease::of(self.store, EaseSettings { limit, ..self.settings })
    }
}

/// Learns from what all users wanted.
async fn learn(
    store: Arc<dyn InteractionStore>,
    settings: EaseSettings,
    query: (recommend_core::TenantId, Name, Timestamp),
) -> Result<Built<Model>, ComponentError> {
    let (tenant, corpus, now) = query;
    let span = (since(now, settings.window), now);
    let snapshot = Snapshot::read(&*store, (tenant, &corpus), &settings.interactions, span, settings.items)?;
    let lambda = settings.lambda.unwrap_or_else(|| LAMBDA_PER_SUPPORT * mean(&snapshot.support));
    let weights = fit(&snapshot, lambda)?;
    let steps = snapshot.items.len().pow(2);
    Ok(Built { value: Model { snapshot: snapshot.without_steps(), weights }, steps })
}

fn fit(snapshot: &Snapshot, lambda: f32) -> Result<recommend_embeddings::Ease, ComponentError> {
    let mut known = FxHashSet::default();
    let baskets: Vec<Vec<u32>> = snapshot.all().map(|steps| latest(steps, MAX_BASKET, &mut known)).collect();
    let baskets = baskets.iter().map(Vec::as_slice);
    recommend_embeddings::Ease::fit(baskets, snapshot.items.len(), lambda)
        .map_err(|error| ComponentError::Failed(error.to_string()))
}

/// The mean of some counts, 1 at least.
fn mean(support: &[u32]) -> f32 {
    let sum: u64 = support.iter().map(|n| u64::from(*n)).sum();
    (sum as f32 / support.len().max(1) as f32).max(1.0)
}

#[async_trait]
impl Fetcher for Ease {
    fn kind(&self) -> &'static str {
        "ease"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let EaseSettings { interactions, window, history: most, decay, limit, .. } = &self.settings;
        let history = history(&*self.store, query, interactions, *window).await?;
        if history.wanted.is_empty() {
            return Ok(Proposals::default());
        }
        let model = self.models.get(query, || {
            let about = (query.tenant, query.corpus.clone(), query.now);
            learn(self.store.clone(), self.settings.clone(), about)
        });
        let Model { snapshot, weights } = &*model.await?.value;
        let places = history.wanted.iter().zip(places(*decay, *most));
        let roots: Vec<(u32, f32)> =
            places.filter_map(|(id, weight)| Some((snapshot.number(*id)?, weight))).collect();
        let mut scores = vec![0.0; snapshot.items.len()];
        weights.score(&roots, &mut scores);
        let pairs = snapshot.items.iter().copied().zip(scores);
        let new = pairs.filter(|(id, score)| *score != 0.0 && !history.touched.contains(id));
        Ok(new.collect::<Proposals>().top(*limit))
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::days;

    use super::*;
    use crate::testing::{NOW, USER, World, ids, query};

    /// Users 1 to 6 join 10 and 20, users 7 to 12 join 30 and 40; I joined 10 and 30, 30 last.
    async fn world() -> World {
        let groups = [(1..=6_u64, [10, 20]), (107..=112, [30, 40])];
        let others = groups.into_iter().flat_map(|(users, pair)| {
            users.flat_map(move |user| pair.map(|entity| (user, entity, "join", NOW.before(days(9)))))
        });
        let mine = [(USER.0, 10, "join", NOW.before(days(1))), (USER.0, 30, "join", NOW)];
        World::new().events(others.chain(mine)).await
    }

    #[tokio::test]
    async fn what_goes_with_recent_history_comes_first() {
        let world = world().await;
        let ease = Ease::of_history(&world.stores).lambda(1.0);
        let proposals = ease.fetch(&query()).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[40, 20]), "and neither 10 nor 30, which the user has");
        assert_eq!(ease.limit(1).fetch(&query()).await.unwrap().ids(), ids(&[40]));
    }

    #[tokio::test]
    async fn who_did_nothing_gets_nothing() {
        let world = world().await;
        let stranger = Query { user: recommend_core::UserId(1234), ..query() };
        assert!(Ease::of_history(&world.stores).fetch(&stranger).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_entities_with_the_most_users_are_known() {
        let world = world().await.events([(50, 60, "join", NOW), (51, 30, "join", NOW)]).await;
        let settings: EaseSettings = toml::from_str("items = 3\nlambda = 1").unwrap();
        let ease = Ease::new(&world.stores, settings);
        // 10 and 30 have seven and eight users, 20 and 40 six; the smaller id is kept.
        assert_eq!(ease.fetch(&query()).await.unwrap().ids(), ids(&[20]));
    }

    #[tokio::test]
    async fn a_replay_does_not_see_what_came_later() {
        let world = world().await;
        let ease = Ease::of_history(&world.stores).lambda(1.0);
        let before = ease.fetch(&Query { now: NOW.before(days(1)), ..query() }).await.unwrap();
        assert_eq!(before.ids()[0].0, 20, "30 was not there yet");
    }
}
