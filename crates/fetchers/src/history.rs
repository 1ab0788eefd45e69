//! What the user who asks did before: entities, the latest first.

use std::time::Duration;

use recommend_core::{ComponentError, EntityId, Query};
use recommend_stores::{Event, InteractionStore};
use rustc_hash::FxHashSet;

use crate::settings::{KindWeights, since};

/// How many of the user's interactions are read at most, the latest.
const MAX_EVENTS: usize = 10_000;

/// What a user did.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct History {
    /// What the user wanted, the latest first, each once.
    pub(crate) wanted: Vec<EntityId>,
    /// Everything that the user touched, wanted or not.
    pub(crate) touched: FxHashSet<EntityId>,
}

/// Whether an interaction says that its user wants the entity: its kind weighs more than nothing, and so does its
/// value. A rating of -1 is a dislike.
pub(crate) fn wants(event: &Event, interactions: &KindWeights) -> bool {
    event.value > 0.0 && interactions.weight(event.kind) > 0.0
}

/// The history of the user who asks, as of the query's time.
pub(crate) async fn history(
    store: &dyn InteractionStore,
    query: &Query,
    interactions: &KindWeights,
    window: Option<Duration>,
) -> Result<History, ComponentError> {
    history_with(store, query, interactions, window, |_| {}).await
}

/// The same; `each` sees every interaction that says that the user wants its entity, the latest first.
pub(crate) async fn history_with(
    store: &dyn InteractionStore,
    query: &Query,
    interactions: &KindWeights,
    window: Option<Duration>,
    mut each: impl FnMut(&Event) + Send,
) -> Result<History, ComponentError> {
    let (from, until) = (since(query.now, window), query.now);
    let kinds = interactions.kinds();
    let events =
        store.user_timeline(query.tenant, query.user, &query.corpus, kinds, from, until, MAX_EVENTS).await?;
    let mut history = History::default();
    let mut known = FxHashSet::default();
    for event in events {
        history.touched.insert(event.entity);
        if wants(&event, interactions) {
            each(&event);
            if known.insert(event.entity) {
                history.wanted.push(event.entity);
            }
        }
    }
    Ok(history)
}

/// What each place of a history counts, the latest first: 1, `decay`, `decay²`, … until it is next to nothing.
pub(crate) fn places(decay: f32, most: usize) -> impl Iterator<Item = f32> {
    std::iter::successors(Some(1.0), move |weight| Some(weight * decay))
        .take_while(|weight| *weight > 1e-3)
        .take(most)
}
