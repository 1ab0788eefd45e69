//! Proposes what goes with the seeds: who else belongs into this conversation.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use recommend_core::{ComponentError, EntityId, Fetcher, Name, Proposals, Query, days};
use recommend_embeddings::Similarity;
use recommend_stores::{InteractionStore, Stores};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::contacts::{ContactsSettings, Direction, tie_strengths};
use crate::neighbour_index::{IndexSettings, NeighbourIndex, SharedIndexes};
use crate::settings::{KindWeights, at_least_one, not_negative};

/// Of more seeds than this, the last count: the latest chosen.
const MAX_SEEDS: usize = 20;

/// The settings of [`CoParticipants`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoParticipantsSettings {
    /// Whether the entities are people; `None` is so for the corpora `user` and `contact` in a configuration, and not
    /// in code.
    pub people: Option<bool>,
    /// The kinds of interaction that count, with their weights.
    pub interactions: KindWeights,
    /// How far back.
    #[serde(with = "recommend_core::duration::option")]
    pub window: Option<Duration>,
    /// After how long an interaction counts half; for people.
    #[serde(with = "recommend_core::duration")]
    pub half_life: Duration,
    /// Whose interactions count; for people.
    pub direction: Direction,
    /// How much more a proposal counts for each further seed that it goes with.
    #[serde(deserialize_with = "not_negative")]
    pub bonus: f32,
    /// How many neighbours of each entity the index holds; not for people.
    #[serde(deserialize_with = "at_least_one")]
    pub neighbours: usize,
    /// With how many common users a similarity counts half; not for people.
    #[serde(deserialize_with = "not_negative")]
    pub shrinkage: f32,
    /// How many to propose.
    #[serde(deserialize_with = "at_least_one")]
    pub limit: usize,
}

impl Default for CoParticipantsSettings {
    fn default() -> Self {
        CoParticipantsSettings {
            people: None,
            interactions: KindWeights::default(),
            window: Some(days(180)),
            half_life: days(30),
            direction: Direction::Both,
            bonus: 0.5,
            neighbours: 50,
            shrinkage: 10.0,
            limit: 200,
        }
    }
}

impl CoParticipantsSettings {
    fn index(&self) -> IndexSettings {
        IndexSettings {
            interactions: self.interactions.clone(),
            window: self.window,
            similarity: Similarity { shrinkage: self.shrinkage, keep: self.neighbours, nearness: None },
        }
    }
}

/// Proposes the entities that occur together with the seeds of the query, more so with several of them.
///
/// In a corpus of people these are the contacts of the seeds, in both directions, decayed; each seed has one vote,
/// which its contacts share by how much they deal with it (after Roth et al., "Suggesting friends using the implicit
/// social graph", KDD 2010). In any other corpus these are the entities that the users of the seeds use too, by their
/// similarity ([`crate::Related`]). A proposal that goes with `n` seeds counts `1 + bonus × (n − 1)` times its sum.
/// Seeds are not proposed, and in a corpus of people the user is not.
///
/// ```
/// use recommend_core::{IdCodec, Name};
/// use recommend_fetchers::CoParticipants;
/// use recommend_stores::Stores;
///
/// let stores = Stores::in_memory(IdCodec::new([0; 16]));
/// let people = CoParticipants::of_people(&stores).interactions([Name::literal("message")]);
/// let channels = CoParticipants::of_entities(&stores).limit(50);
/// ```
pub struct CoParticipants {
    store: Arc<dyn InteractionStore>,
    settings: CoParticipantsSettings,
    index: Arc<NeighbourIndex>,
}

impl CoParticipants {
    /// From its settings.
    pub fn new(stores: &Stores, settings: CoParticipantsSettings) -> Self {
        CoParticipants::of(stores.interactions.clone(), settings)
    }

    fn of(store: Arc<dyn InteractionStore>, settings: CoParticipantsSettings) -> Self {
        let index = Arc::new(NeighbourIndex::new(store.clone(), settings.index()));
        CoParticipants { store, settings, index }
    }

    /// With an index that others may have too.
    pub(crate) fn sharing(
        stores: &Stores,
        settings: CoParticipantsSettings,
        indexes: &SharedIndexes,
    ) -> Self {
        let (store, made_of) = (stores.interactions.clone(), settings.index());
        let index = indexes.get(&store, made_of.clone(), || NeighbourIndex::new(store.clone(), made_of));
        CoParticipants { store, settings, index }
    }

    /// Whom the seeds deal with.
    pub fn of_people(stores: &Stores) -> Self {
        let people = Some(true);
        CoParticipants::new(stores, CoParticipantsSettings { people, ..CoParticipantsSettings::default() })
    }

    /// What the users of the seeds use too.
    pub fn of_entities(stores: &Stores) -> Self {
        CoParticipants::new(stores, CoParticipantsSettings::default())
    }

    /// Counts only these kinds of interaction.
    #[must_use]
    pub fn interactions(self, kinds: impl IntoIterator<Item = Name>) -> Self {
        let interactions = kinds.into_iter().collect();
        CoParticipants::of(self.store, CoParticipantsSettings { interactions, ..self.settings })
    }

    /// Counts only interactions that are younger than this, 180 days by default.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        CoParticipants::of(self.store, CoParticipantsSettings { window: Some(window), ..self.settings })
    }

    /// How much more a proposal counts for each further seed that it goes with, 0.5 by default.
    #[must_use]
    pub fn bonus(self, bonus: f32) -> Self {
        CoParticipants::of(self.store, CoParticipantsSettings { bonus: bonus.max(0.0), ..self.settings })
    }

    /// How many to propose, 200 by default.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        CoParticipants::of(self.store, CoParticipantsSettings { limit, ..self.settings })
    }

    /// What goes with each seed, as shares of its vote.
    async fn contacts_of(
        &self,
        seeds: &[EntityId],
        query: &Query,
    ) -> Result<Vec<Vec<(EntityId, f32)>>, ComponentError> {
        let contacts = ContactsSettings {
            interactions: self.settings.interactions.clone(),
            window: self.settings.window,
            half_life: self.settings.half_life,
            direction: self.settings.direction,
            limit: self.settings.limit,
        };
        let contacts = &contacts;
        let ties = seeds.iter().map(|seed| tie_strengths(&*self.store, contacts, query, seed.as_user()));
        let mut ties = try_join_all(ties).await?;
        for of_seed in &mut ties {
            let vote: f32 = of_seed.iter().map(|(_, strength)| strength).sum();
            of_seed.iter_mut().for_each(|(_, strength)| *strength /= vote);
        }
        Ok(ties)
    }
}

#[async_trait]
impl Fetcher for CoParticipants {
    fn kind(&self) -> &'static str {
        "co-participants"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let mut seeds: Vec<EntityId> = Vec::new();
        for seed in query.seeds.iter().rev() {
            if seeds.len() < MAX_SEEDS && !seeds.contains(seed) {
                seeds.push(*seed);
            }
        }
        if seeds.is_empty() {
            return Ok(Proposals::default());
        }
        let people = self.settings.people.unwrap_or(false);
        let with_each = match people {
            true => self.contacts_of(&seeds, query).await?,
            false => {
                let neighbours = self.index.get(query).await?;
                seeds.iter().map(|seed| neighbours.near(*seed).collect()).collect()
            }
        };
        let unwanted = |id: &EntityId| query.seeds.contains(id) || people && *id == query.user.as_entity();
        let mut sums: FxHashMap<EntityId, (f32, u32)> = FxHashMap::default();
        for (other, share) in with_each.into_iter().flatten().filter(|(other, _)| !unwanted(other)) {
            let (sum, seeds) = sums.entry(other).or_default();
            *sum += share;
            *seeds += 1;
        }
        let bonus = self.settings.bonus;
        let scored =
            sums.into_iter().map(|(id, (sum, seeds))| (id, sum * (1.0 + bonus * (seeds - 1) as f32)));
        Ok(scored.collect::<Proposals>().top(self.settings.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, USER, World, ids, query, query_of_people};

    fn with_seeds(seeds: &[u64], query: Query) -> Query {
        Query { seeds: ids(seeds), ..query }
    }

    #[tokio::test]
    async fn who_deals_with_several_seeds_comes_first() {
        let events = [
            // Seed 1 talks a lot, mostly to 10; seed 2 is talked to by 11 and me; both deal with 12 and each other.
            (1, 10, "message", NOW),
            (1, 10, "message", NOW),
            (1, 12, "message", NOW),
            (1, 2, "message", NOW),
            (11, 2, "message", NOW),
            (12, 2, "message", NOW),
            (USER.0, 2, "message", NOW),
        ];
        let world = World::of("user").events(events).await;
        let people = CoParticipants::of_people(&world.stores);
        let proposals = people.fetch(&with_seeds(&[1, 2], query_of_people())).await.unwrap();
        // Votes of seed 1: 10 gets 2/4, 12 gets 1/4. Of seed 2, met by 1, 11, 12 and me: 11 and 12 get 1/4.
        let expected = [(EntityId(12), 0.75), (EntityId(10), 0.5), (EntityId(11), 0.25)];
        assert_eq!(proposals, Proposals::from_pairs(expected));
        let without = people.bonus(0.0).limit(2);
        let proposals = without.fetch(&with_seeds(&[1, 2], query_of_people())).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[10, 12]), "a tie now");
    }

    #[tokio::test]
    async fn things_go_with_what_their_users_use() {
        let pairs = [(1, [10, 20]), (2, [10, 20]), (3, [30, 20]), (4, [30, 40])];
        let events =
            pairs.into_iter().flat_map(|(user, pair)| pair.map(|entity| (user, entity, "join", NOW)));
        let world = World::new().events(events).await;
        let things = CoParticipants::of_entities(&world.stores);
        let proposals = things.fetch(&with_seeds(&[10, 30], query())).await.unwrap();
        assert_eq!(proposals.ids(), ids(&[20, 40]));
        assert!(things.fetch(&query()).await.unwrap().is_empty(), "no seeds, no proposals");
    }

    #[tokio::test]
    async fn many_and_repeated_seeds_are_bounded() {
        let world = World::of("user").events((1..100).map(|user| (user, 1000, "message", NOW))).await;
        let people = CoParticipants::of_people(&world.stores).bonus(0.0);
        let seeds: Vec<u64> = (0..300).map(|n| n % 90 + 1).collect();
        let proposals = people.fetch(&with_seeds(&seeds, query_of_people())).await.unwrap();
        assert_eq!(proposals, Proposals::from_pairs([(EntityId(1000), MAX_SEEDS as f32)]));
    }
}
