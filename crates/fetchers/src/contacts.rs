//! Proposes whom, or what, the user deals with most.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Proposals, Query, UserId, days};
use recommend_stores::{Event, InteractionStore, Stores};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::decay::decay;
use crate::settings::{KindWeights, at_least_one, since};

/// How many of the newest interactions are read, each way. Older ones weigh little after that many.
const MAX_EVENTS: usize = 2_000;

/// Whose interactions count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The user's with others.
    #[default]
    Out,
    /// Others' with the user. For corpora of people.
    In,
    /// Both. For corpora of people.
    Both,
}

/// The settings of [`Contacts`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactsSettings {
    /// The kinds of interaction that count, with their weights.
    pub interactions: KindWeights,
    /// How far back.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// After how long an interaction counts half.
    #[serde(with = "recommend_core::duration")]
    pub half_life: Duration,
    /// Whose interactions count.
    pub direction: Direction,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for ContactsSettings {
    fn default() -> Self {
        ContactsSettings {
            interactions: KindWeights::default(),
            window: Some(days(180)),
            half_life: days(30),
            direction: Direction::Out,
            limit: 200,
        }
    }
}

/// Proposes the entities with the largest sum of the user's interactions, each worth its value times the weight of
/// its kind, decayed exponentially: the *Interactions Rank* of Roth et al., "Suggesting friends using the implicit
/// social graph" (KDD 2010), there for people, here for any corpus. The user is not among them.
///
/// ```
/// use recommend_core::{IdCodec, Name, days};
/// use recommend_fetchers::{Contacts, Direction};
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let people = Contacts::of_user(&stores).interactions([Name::literal("message")]).direction(Direction::Both);
/// ```
pub struct Contacts {
    store: Arc<dyn InteractionStore>,
    settings: ContactsSettings,
}

impl Contacts {
    /// From its settings.
    pub fn new(stores: &Stores, settings: ContactsSettings) -> Self {
        Contacts { store: stores.interactions.clone(), settings }
    }

    /// What the user who asks deals with most.
    pub fn of_user(stores: &Stores) -> Self {
        Contacts::new(stores, ContactsSettings::default())
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(mut self, kinds: impl IntoIterator<Item = Name>) -> Self {
        self.settings.interactions = kinds.into_iter().collect();
        self
    }

    /// Counts only interactions that are younger than this, 180 days by default.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.settings.window = Some(window);
        self
    }

    /// Lets an interaction count half after each half-life, 30 days by default.
    #[must_use]
    pub fn half_life(mut self, half_life: Duration) -> Self {
        self.settings.half_life = half_life;
        self
    }

    /// Whose interactions count; the user's own by default.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.settings.direction = direction;
        self
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.settings.limit = limit;
        self
    }
}

/// The decayed sum of values between `user` and each other entity, in the order in which they were first met. Without
/// the user, and without those whose sum is not above zero.
pub(crate) async fn tie_strengths(
    store: &dyn InteractionStore,
    settings: &ContactsSettings,
    query: &Query,
    user: UserId,
) -> Result<Vec<(EntityId, f32)>, ComponentError> {
    let ContactsSettings { interactions, window, half_life, direction, .. } = settings;
    let (tenant, corpus, kinds) = (query.tenant, &query.corpus, interactions.kinds());
    let (from, until, me) = (since(query.now, *window), query.now, user.as_entity());
    let outward = async {
        match direction {
            Direction::In => Ok(Vec::new()),
            _ => store.user_timeline(tenant, user, corpus, kinds, from, until, MAX_EVENTS).await,
        }
    };
    let inward = async {
        match direction {
            Direction::Out => Ok(Vec::new()),
            _ => store.entity_timeline(tenant, corpus, me, kinds, from, until, MAX_EVENTS).await,
        }
    };
    let (outward, inward) = futures::try_join!(outward, inward)?;
    let worth = |event: &Event| {
        let decayed = decay(query.now.since(event.time), *half_life);
        f64::from(event.value) * f64::from(interactions.weight(event.kind)) * decayed
    };
    let outward = outward.iter().map(|event| (event.entity, worth(event)));
    let inward = inward.iter().map(|event| (event.user.as_entity(), worth(event)));
    let mut places: FxHashMap<EntityId, usize> = FxHashMap::default();
    let mut sums: Vec<(EntityId, f64)> = Vec::new();
    for (other, worth) in outward.chain(inward).filter(|(other, _)| *other != me) {
        let place = *places.entry(other).or_insert(sums.len());
        if place == sums.len() {
            sums.push((other, 0.0));
        }
        sums[place].1 += worth;
    }
    // Finite, whatever the values are: a score becomes a feature.
    let finite = |(other, sum): (EntityId, f64)| (other, sum.min(f64::from(f32::MAX)) as f32);
    Ok(sums.into_iter().map(finite).filter(|(_, sum)| *sum > 0.0).collect())
}

#[async_trait]
impl Fetcher for Contacts {
    fn kind(&self) -> &'static str {
        "contacts"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let ties = tie_strengths(&*self.store, &self.settings, query, query.user).await?;
        Ok(Proposals::from_pairs(ties).top(self.settings.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, USER, World, ids, query_of_people};

    const ME: u64 = USER.0;

    #[tokio::test]
    async fn frequent_and_recent_contacts_come_first() {
        let old = NOW.before(days(30));
        let events = [
            (ME, 1, "message", old),
            (ME, 1, "message", old),
            (ME, 1, "message", old),
            (ME, 2, "message", NOW),
            (ME, 3, "meeting", NOW),
            (ME, 3, "message", NOW),
            (ME, ME, "message", NOW),
            (9, 4, "message", NOW),
        ];
        let world = World::of("user").events(events).await;
        let contacts = || Contacts::of_user(&world.stores);
        let proposals = contacts().fetch(&query_of_people()).await.unwrap();
        let expected = [(EntityId(3), 2.0), (EntityId(1), 1.5), (EntityId(2), 1.0)];
        assert_eq!(proposals, Proposals::from_pairs(expected));
        let meetings = contacts().interactions([Name::literal("meeting")]);
        assert_eq!(meetings.fetch(&query_of_people()).await.unwrap().ids(), ids(&[3]));
        let recent = contacts().window(days(10)).limit(5);
        assert_eq!(recent.fetch(&query_of_people()).await.unwrap().ids(), ids(&[3, 2]));
    }

    #[tokio::test]
    async fn who_deals_with_me_counts_when_asked_for() {
        let events = [(ME, 1, "message", NOW), (2, ME, "message", NOW), (2, ME, "message", NOW)];
        let world = World::of("user").events(events).await;
        for (direction, expected) in
            [(Direction::Out, vec![1]), (Direction::In, vec![2]), (Direction::Both, vec![2, 1])]
        {
            let contacts = Contacts::of_user(&world.stores).direction(direction);
            assert_eq!(contacts.fetch(&query_of_people()).await.unwrap().ids(), ids(&expected));
        }
    }

    #[tokio::test]
    async fn weights_may_push_somebody_out() {
        let events = [(ME, 1, "message", NOW), (ME, 2, "message", NOW), (ME, 1, "mute", NOW)];
        let world = World::of("user").events(events).await;
        let settings =
            toml::from_str("interactions = { message = 1, mute = -5 }\ndirection = 'both'").unwrap();
        let contacts = Contacts::new(&world.stores, settings);
        assert_eq!(contacts.fetch(&query_of_people()).await.unwrap().ids(), ids(&[2]));
    }
}
