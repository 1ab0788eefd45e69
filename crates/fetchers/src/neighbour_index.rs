//! The index of co-interaction neighbours of each tenant, built from the interaction log and kept up to date.

use std::sync::Arc;
use std::time::Duration;

use recommend_core::{ComponentError, EntityId, Query};
use recommend_embeddings::Similarity;
use recommend_stores::{Event, InteractionStore};
use rustc_hash::FxHashMap;

use crate::co_interaction::{Baskets, Neighbours};
use crate::derived::{Built, Derived};
use crate::settings::{KindWeights, since};
use crate::shared::Shared;

/// Of a user who used more entities than this, the latest count: one who uses everything says little about anything,
/// and the work grows with the square.
const MAX_BASKET: usize = 500;
/// For how many tenants an index is held: `neighbours` × 8 bytes for each entity.
const TENANTS: usize = 256;

/// What the index is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexSettings {
    pub(crate) interactions: KindWeights,
    pub(crate) window: Option<Duration>,
    pub(crate) similarity: Similarity,
}

/// Indexes by what they are made of.
pub(crate) type SharedIndexes = Shared<IndexSettings, NeighbourIndex>;

/// Neighbours by tenant and corpus.
pub(crate) struct NeighbourIndex {
    store: Arc<dyn InteractionStore>,
    settings: IndexSettings,
    derived: Derived<Neighbours>,
}

impl NeighbourIndex {
    pub(crate) fn new(store: Arc<dyn InteractionStore>, settings: IndexSettings) -> Self {
        let derived = Derived::new(store.clone(), settings.window, TENANTS);
        NeighbourIndex { store, settings, derived }
    }

    /// The neighbours as of the query's time.
    pub(crate) async fn get(&self, query: &Query) -> Result<Arc<Neighbours>, ComponentError> {
        let derivation = self.derived.get(query, || {
            let (store, settings) = (self.store.clone(), self.settings.clone());
            let (tenant, corpus, now) = (query.tenant, query.corpus.clone(), query.now);
            async move {
                let IndexSettings { interactions, window, similarity } = settings;
                let (mut baskets, from) = (Baskets::default(), since(now, window));
                store.scan_users(tenant, &corpus, interactions.kinds(), from, now, &mut |_, events| {
                    baskets.push(basket(events, &interactions));
                })?;
                let (value, steps) = Neighbours::of(baskets, similarity);
                Ok(Built { value, steps })
            }
        });
        Ok(derivation.await?.value)
    }
}

/// What one user used, each entity with the largest weight among the kinds of interaction with it.
fn basket(events: &[Event], weights: &KindWeights) -> Vec<(EntityId, f32)> {
    let mut places: FxHashMap<EntityId, usize> = FxHashMap::default();
    let mut basket: Vec<(EntityId, f32)> = Vec::new();
    for event in events.iter().rev() {
        let weight = weights.weight(event.kind);
        if weight <= 0.0 {
            continue;
        }
        match places.get(&event.entity) {
            Some(place) => basket[*place].1 = basket[*place].1.max(weight),
            None if basket.len() == MAX_BASKET => {}
            None => {
                places.insert(event.entity, basket.len());
                basket.push((event.entity, weight));
            }
        }
    }
    basket
}

#[cfg(test)]
mod tests {
    use recommend_core::{Name, Timestamp, UserId};

    use super::*;

    fn event(entity: u64, kind: u16) -> Event {
        Event { entity: EntityId(entity), user: UserId(1), time: Timestamp(0), value: 1.0, kind }
    }

    #[test]
    fn an_entity_counts_once_with_its_best_kind() {
        let kinds = ["join", "message", "mute"].map(Name::literal);
        let weights: KindWeights = kinds.into_iter().zip([3.0, 1.0, -1.0]).collect();
        let events = [event(1, 1), event(1, 0), event(1, 1), event(2, 2), event(3, 1)];
        assert_eq!(basket(&events, &weights), [(EntityId(3), 1.0), (EntityId(1), 3.0)]);
    }

    #[test]
    fn of_a_user_of_everything_the_latest_counts() {
        let events: Vec<_> = (0..2 * MAX_BASKET as u64).map(|id| event(id, 0)).collect();
        let basket = basket(&events, &KindWeights::default());
        assert_eq!((basket.len(), basket[0].0), (MAX_BASKET, EntityId(2 * MAX_BASKET as u64 - 1)));
    }
}
