//! Proposes by a blend of retrieval models that fits itself to the tenant.

mod blend;
mod cases;
mod fit;
mod members;
mod popularity;
mod select;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, Fetcher, Name, Proposals, Query, TenantId, Timestamp};
use recommend_stores::{InteractionStore, Stores};
use serde::Deserialize;

use self::blend::Blend;
use self::fit::fit;
use crate::derived::{Built, Derived};
use crate::history::history;
use crate::settings::{KindWeights, at_least_one, since};
use crate::shared::Shared;
use crate::snapshot::{Snapshot, Step};

/// For how many tenants a blend is held: some 100 MB each at the most.
const TENANTS: usize = 16;
/// How many items EASE^R knows at most: the time to learn grows with the cube.
const MOST_DENSE: usize = 3_000;

/// The settings of [`Adaptive`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveSettings {
    /// The kinds of interaction that count; those whose weight is not above zero do not, nor does an interaction whose
    /// value is not, such as a rating of -1.
    pub interactions: KindWeights,
    /// The kinds that are to be foretold, of those that count; none means all.
    pub target: Vec<Name>,
    /// How far back; `None` is everything that is held.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// How many entities are ranked, those with the most users.
    #[serde(deserialize_with = "at_least_one")]
    pub items: usize,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for AdaptiveSettings {
    fn default() -> Self {
        AdaptiveSettings {
            interactions: KindWeights::default(),
            target: Vec::new(),
            window: None,
            items: 20_000,
            limit: 500,
        }
    }
}

/// Proposes what a blend of retrieval models ranks first, whose members and weights it fits to the tenant's own past.
///
/// Its members are popularity (the number of users, with half-lives from none to a thousandth of the past), EASE^R
/// (Steck, WWW 2019), item cosine with shrinkage, and similarity by the order of use, the last three reading the user's
/// history with several decays by place. How they are blended is decided by what would have worked: the latest 15 % of
/// what people turned to is foretold from what was known before (prequential validation; Dawid, 1984), and members are
/// added one by one while the nDCG@10 of these cases grows (ensemble selection; Caruana et al., ICML 2004). Users
/// without a history have a blend of their own, of popularities. Then the chosen members are learned anew from all of
/// the past.
///
/// The same data gives the same blend. All of it happens off the request path, as of the query's time; a request reads
/// the user's history and sums a few rows. What the user touched is not proposed.
///
/// ```
/// use recommend_core::{IdCodec, Name};
/// use recommend_fetchers::Adaptive;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let anything = Adaptive::in_tenant(&stores);
/// let joins = Adaptive::in_tenant(&stores).target([Name::literal("join")]).limit(100);
/// ```
pub struct Adaptive {
    store: Arc<dyn InteractionStore>,
    settings: AdaptiveSettings,
    blends: Arc<Derived<Blend>>,
}

/// Blends by what they are made of.
pub(crate) type SharedBlends = Shared<AdaptiveSettings, Derived<Blend>>;

impl Adaptive {
    /// From its settings.
    pub fn new(stores: &Stores, settings: AdaptiveSettings) -> Self {
        Adaptive::of(stores.interactions.clone(), settings)
    }

    fn of(store: Arc<dyn InteractionStore>, settings: AdaptiveSettings) -> Self {
        let blends = Arc::new(Derived::new(store.clone(), settings.window, TENANTS));
        Adaptive { store, settings, blends }
    }

    /// With blends that others may have too.
    pub(crate) fn sharing(stores: &Stores, settings: AdaptiveSettings, shared: &SharedBlends) -> Self {
        let store = stores.interactions.clone();
        // How many are proposed does not change the blend.
        let made_of = AdaptiveSettings { limit: 1, ..settings.clone() };
        let make = || Derived::new(store.clone(), settings.window, TENANTS);
        let blends = shared.get(&store, made_of, make);
        Adaptive { store, settings, blends }
    }

    /// Fits to whatever the users of the tenant do.
    pub fn in_tenant(stores: &Stores) -> Self {
        Adaptive::new(stores, AdaptiveSettings::default())
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(self, kinds: impl IntoIterator<Item = Name>) -> Self {
        let interactions = kinds.into_iter().collect();
        Adaptive::of(self.store, AdaptiveSettings { interactions, ..self.settings })
    }

    /// Foretells only these kinds of interaction.
    #[must_use]
    pub fn target(self, kinds: impl IntoIterator<Item = Name>) -> Self {
        let target = kinds.into_iter().collect();
        Adaptive::of(self.store, AdaptiveSettings { target, ..self.settings })
    }

    /// How many to propose, 500 by default.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Adaptive::of(self.store, AdaptiveSettings { limit, ..self.settings })
    }
}

/// Fits a blend as of a time.
async fn learn(
    store: Arc<dyn InteractionStore>,
    settings: AdaptiveSettings,
    (tenant, corpus, now): (TenantId, Name, Timestamp),
) -> Result<Built<Blend>, ComponentError> {
    let AdaptiveSettings { mut interactions, target, window, items, .. } = settings;
    if interactions.kinds().is_empty() && !target.is_empty() {
        // Kinds have to be named for the target to be told from the others.
        let held = store.describe(tenant).await?;
        let of_corpus = held.into_iter().filter(|summary| summary.corpus == corpus);
        interactions = of_corpus.map(|summary| summary.kind).collect();
    }
    let span = (since(now, window), now);
    let snapshot = Snapshot::read(&*store, (tenant, &corpus), &interactions, span, items)?;
    let wanted: Vec<bool> = interactions.kinds().iter().map(|kind| target.contains(kind)).collect();
    let is_target = |step: &Step| wanted.get(usize::from(step.kind)).copied().unwrap_or(false);
    let target = (!target.is_empty()).then_some(&is_target as &dyn Fn(&Step) -> bool);
    let fitted = fit(&snapshot, target, MOST_DENSE)?;
    tracing::debug!(%corpus, known = ?fitted.known, strangers = ?fitted.strangers, "fitted a blend");
    let steps = fitted.steps;
    Ok(Built { value: Blend::learn(snapshot, fitted, target, MOST_DENSE)?, steps })
}

#[async_trait]
impl Fetcher for Adaptive {
    fn kind(&self) -> &'static str {
        "adaptive"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let AdaptiveSettings { interactions, window, limit, .. } = &self.settings;
        let history = history(&*self.store, query, interactions, *window).await?;
        let blend = self.blends.get(query, || {
            let about = (query.tenant, query.corpus.clone(), query.now);
            learn(self.store.clone(), self.settings.clone(), about)
        });
        let blend = blend.await?.value;
        let items = &blend.snapshot.items;
        let known: Vec<u32> = history.wanted.iter().filter_map(|id| blend.snapshot.number(*id)).collect();
        let scored = items.iter().copied().zip(blend.score(&known));
        let new = scored.filter(|(id, _)| !history.touched.contains(id));
        Ok(new.collect::<Proposals>().top(*limit))
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::{UserId, days, hours};

    use super::*;
    use crate::testing::{NOW, TENANT, USER, World, ids, query};

    /// Two tastes: users of even numbers go through the entities 100 to 119 and those of odd ones through 200 to 219, in
    /// an order of their own, a few of them a day.
    fn tastes(users: u64) -> impl Iterator<Item = (u64, u64, &'static str, Timestamp)> {
        (0..users).flat_map(|user| {
            (0..12_u64).map(move |turn| {
                let entity = 100 + 100 * (user % 2) + (user * 7 + turn * (1 + user / 2 % 3)) % 20;
                (1_000 + user, entity, "play", NOW.before(hours(30 * (12 - turn) + user % 24)))
            })
        })
    }

    /// News: everybody reads what came out a few hours ago, and never anything older.
    fn news(users: u64) -> impl Iterator<Item = (u64, u64, &'static str, Timestamp)> {
        (0..users).flat_map(|user| {
            (1..40_u64).map(move |turn| {
                let ago = turn * 6 + user % 5;
                (1_000 + user, 10_000 - (ago / 6) * 3 - user % 3, "read", NOW.before(hours(ago)))
            })
        })
    }

    async fn blend_of(world: &World) -> Arc<Blend> {
        let adaptive = Adaptive::in_tenant(&world.stores);
        let about = (TENANT, Name::literal("channel"), NOW);
        Arc::new(learn(adaptive.store.clone(), adaptive.settings, about).await.unwrap().value)
    }

    #[tokio::test]
    async fn taste_is_found_where_there_is_taste() {
        let mine = [(USER.0, 103, "play", NOW.before(days(1))), (USER.0, 110, "play", NOW)];
        let world = World::new().events(tastes(60).chain(mine)).await;
        let proposals = Adaptive::in_tenant(&world.stores).fetch(&query()).await.unwrap();
        let first: Vec<u64> = proposals.ids()[..10].iter().map(|id| id.0).collect();
        assert!(first.iter().all(|id| (100..120).contains(id)), "{first:?}");
        assert!(!proposals.ids().contains(&ids(&[103])[0]), "the user has it");
        assert_eq!(proposals.len(), 38, "everything else is ranked");
    }

    #[tokio::test]
    async fn freshness_is_found_where_only_that_counts() {
        let world = World::new().events(news(40)).await;
        let stranger = Query { user: UserId(5), ..query() };
        let proposals = Adaptive::in_tenant(&world.stores).fetch(&stranger).await.unwrap();
        let newest = 10_000 - 3 * 3;
        assert!(proposals.ids()[..3].iter().all(|id| id.0 > newest), "{proposals:?}");
        let blend = blend_of(&world).await;
        assert!(blend.score(&[]).len() > 100);
    }

    #[tokio::test]
    async fn a_few_interactions_are_enough_for_an_answer() {
        let world = World::new();
        let adaptive = Adaptive::in_tenant(&world.stores);
        assert!(adaptive.fetch(&query()).await.unwrap().is_empty());
        let world = world.events([(1, 10, "join", NOW), (2, 10, "join", NOW), (2, 20, "join", NOW)]).await;
        assert_eq!(adaptive.fetch(&query()).await.unwrap().ids(), ids(&[10, 20]));
        let one = Query { user: UserId(1), ..query() };
        assert_eq!(adaptive.fetch(&one).await.unwrap().ids(), ids(&[20]));
        drop(world);
    }

    #[tokio::test]
    async fn what_is_to_be_foretold_leads() {
        // Everybody writes in 10 and 20 and joins 30, then 40.
        let events = (0..80_u64).flat_map(|user| {
            [(10, "message", 9), (20, "message", 8), (30, "join", 7), (40, "join", 6)].map(
                move |(entity, kind, day)| {
                    (1_000 + user, entity, kind, NOW.before(hours(day * 24 + user % 20)))
                },
            )
        });
        let world = World::new().events(events).await;
        let stranger = Query { user: UserId(5), ..query() };
        let joins = Adaptive::in_tenant(&world.stores).target([Name::literal("join")]);
        let first = joins.fetch(&stranger).await.unwrap().ids()[..2].to_vec();
        assert!(first.iter().all(|id| [30, 40].contains(&id.0)), "{first:?}");
    }

    #[tokio::test]
    async fn the_future_changes_no_answer() {
        let world = World::new().events(tastes(40)).await;
        let past = Query { user: UserId(1_003), now: NOW.before(days(4)), ..query() };
        let before = Adaptive::in_tenant(&world.stores).fetch(&past).await.unwrap();
        let after = (0..400).map(|n| (1_000 + n % 40, 300 + n % 7, "play", NOW.before(hours(90 - n % 60))));
        let world = world.events(after).await;
        assert_eq!(Adaptive::in_tenant(&world.stores).fetch(&past).await.unwrap(), before);
        assert!(before.len() > 20);
    }
}
