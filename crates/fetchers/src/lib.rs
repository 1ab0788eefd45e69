//! Fetchers: components that propose candidates.
//!
//! In TOML a fetcher is a table, in code a value made from the stores:
//!
//! ```toml
//! fetchers = [
//!     { kind = "popular", interactions = ["join"], window = "30d", half_life = "7d", limit = 200 },
//!     { kind = "related", required = false },
//! ]
//! ```
//!
//! | kind | proposes | settings (default) | score |
//! |---|---|---|---|
//! | `all` | everything in the corpus | `from`: "catalog", "interactions" or "both" ("both"), `where` (a [`recommend_core::predicate`]), `limit` (none) | 1 |
//! | `popular` | what most is done with | `interactions` (all kinds), `window` (all time), `half_life` (none), `limit` (200) | interactions, decayed with the half-life |
//! | `recent` | what is newest | `by` ("created"), `window` (all time), `half_life` ("7d"), `limit` (200) | 0.5^(age / half-life) |
//! | `related` | what people use who use what the user uses | `from`: "history" or "seeds" ("history"), `interactions` (all kinds), `window` ("180d"), `half_life` ("30d"), `decay` (1 per place of the history), `history` (50 entities), `neighbours` (50 per entity), `shrinkage` (10), `nearness` (none; in places: only what is used about the same time goes together), `limit` (200) | sum of similarities, weighted by recency |
//! | `ease` | what a linear autoencoder (EASE^R) makes of the user's history | `interactions` (all kinds), `window` (all time), `lambda` (8 × the mean number of users of an entity), `items` (4000, the most used), `history` (100 entities), `decay` (0.95 per place), `limit` (200) | sum of weights, by recency |
//! | `als` | what matrix factorisation (implicit ALS) makes of the user's history | `interactions` (all kinds), `window` (all time), `factors` (64), `regularization` (30), `frequency_scaling` (1), `alpha` (10), `epsilon` (none; with it confidence is logarithmic), `half_life` (none), `iterations` (12), `items` (20000, the most used), `history` (200 entities), `decay` (1 per place), `limit` (200) | product of the user's vector and the entity's |
//! | `neighbours` | what is nearest in an embedding of the vector store | `embedding`, `of`: "user", "history" or "seeds" ("user"), `interactions` (all kinds), `window` (all time), `history` (50 entities), `decay` (0.9 per place), `limit` (200) | cosine or dot product, as the embedding says |
//! | `adaptive` | what a blend ranks first, of popularity, EASE^R, cosine and order of use, that fits itself to the past | `interactions` (all kinds), `target` (all kinds; those to be foretold), `window` (all time), `items` (20000, the most used), `limit` (500) | weighted sum of standardised scores |
//! | `user-neighbours` | what those use who are most like the user | `interactions` (all kinds), `window` (all time), `neighbours` (50 users), `shrinkage` (10 entities), `history` (50 entities), `decay` (0.95 per place), `limit` (200) | sum of the similarities of those who have it |
//! | `own-activity` | what the user uses anyway | `interactions` (all kinds), `window` (all time), `forgetting` (0.5), `limit` (200) | sum of age^-forgetting over the user's interactions, in days |
//! | `relations` | what the user has a relation to | `relation` ("member"), `by`: "newest" or "weight" ("newest"), `half_life` ("30d" for newest, none for weight), `limit` (500) | decayed age or weight |
//! | `contacts` | whom the user deals with most | `interactions` (all kinds), `window` ("180d"), `half_life` ("30d"), `direction`: "out", "in" or "both" ("out"), `limit` (200) | sum of decayed values |
//! | `co-participants` | what goes with the seeds | as `contacts`, and `people` (corpora "user" and "contact"), `bonus` (0.5), `shrinkage` (10), `neighbours` (50) | shares, more for those of several seeds |
//! | `given` | what the request brings | | 1 |
//! | `time-slots` | moments to come | `horizon` ("7d"), `step` ("1h"), `hours` ([0, 24], UTC), `weekdays` (all, UTC) | 1 |
//! | `fallback` | what the first of its fetchers gives, the next when that is too little | `fetchers`, `at_least` (the query's limit) | 1 / place |
//!
//! `interactions` is a list of kinds, or a table of weights: `interactions = { join = 3.0, message = 1.0 }`. Decay is
//! exponential: after one half-life an interaction counts half. Fetchers have no regard for visibility, membership or
//! removal: that is what filters are for.
//!
//! **How fresh.** `popular`, `related`, `ease`, `als`, `adaptive`, `user-neighbours` and `co-participants` (of things) read a table that is derived from all
//! interactions of a tenant. It is built off the request path and swapped in whole; while a new one is built the old
//! one serves. Small tenants get theirs rebuilt at every change, large ones so often that 5 % of a core go into it.
//! A query whose time is before some interactions, as in a replay, gets a table without them, which in a large tenant
//! may be up to a second older than the query.

mod adaptive;
mod all;
mod als;
mod co_interaction;
mod co_participants;
mod contacts;
mod decay;
mod derived;
mod ease;
mod fallback;
mod given;
mod history;
mod neighbour_index;
mod neighbours;
mod own_activity;
mod popular;
mod recent;
mod related;
mod relations;
mod settings;
mod shared;
mod snapshot;
#[cfg(test)]
mod testing;
mod time_slots;
mod user_neighbours;

use recommend_core::Registry;
use recommend_stores::Stores;

pub use adaptive::{Adaptive, AdaptiveSettings};
pub use all::{All, AllSettings, From as AllFrom};
pub use als::{Als, AlsSettings};
pub use co_participants::{CoParticipants, CoParticipantsSettings};
pub use contacts::{Contacts, ContactsSettings, Direction};
pub use ease::{Ease, EaseSettings};
pub use fallback::Fallback;
pub use given::Given;
pub use neighbours::{NearTo, Neighbours, NeighboursSettings};
pub use own_activity::{OwnActivity, OwnActivitySettings};
pub use popular::{Popular, PopularSettings};
pub use recent::{Recent, RecentSettings};
pub use related::{From as RelatedFrom, Related, RelatedSettings};
pub use relations::{By, Relations, RelationsSettings};
pub use settings::KindWeights;
pub use time_slots::{TimeSlots, Weekday};
pub use user_neighbours::{UserNeighbours, UserNeighboursSettings};

/// Adds every fetcher of this crate to a registry. All but `given`, `time-slots` and `fallback` take [`Stores`] from
/// the resources.
///
/// ```
/// use recommend_core::{Registry, report::Stage};
///
/// let mut registry = Registry::new();
/// recommend_fetchers::register(&mut registry);
/// assert!(registry.kinds(Stage::Fetch).contains(&"popular"));
/// ```
pub fn register(registry: &mut Registry) {
    registry.fetcher("all", |settings: AllSettings, context| {
        All::new(context.resources.get::<Stores>()?, settings, &context.codec)
    });
    registry.fetcher("popular", |settings: PopularSettings, context| {
        Ok(Popular::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("recent", |settings: RecentSettings, context| {
        Ok(Recent::new(context.resources.get::<Stores>()?, settings))
    });
    let indexes = neighbour_index::SharedIndexes::default();
    let for_participants = indexes.clone();
    registry.fetcher("related", move |settings: RelatedSettings, context| {
        Ok(Related::sharing(context.resources.get::<Stores>()?, settings, &indexes))
    });
    let blends = adaptive::SharedBlends::default();
    registry.fetcher("adaptive", move |settings: AdaptiveSettings, context| {
        Ok(Adaptive::sharing(context.resources.get::<Stores>()?, settings, &blends))
    });
    registry.fetcher("ease", |settings: EaseSettings, context| {
        Ok(Ease::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("als", |settings: AlsSettings, context| {
        Ok(Als::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("neighbours", |settings: NeighboursSettings, context| {
        Ok(Neighbours::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("user-neighbours", |settings: UserNeighboursSettings, context| {
        Ok(UserNeighbours::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("own-activity", |settings: OwnActivitySettings, context| {
        Ok(OwnActivity::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("relations", |settings: RelationsSettings, context| {
        Ok(Relations::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("contacts", |settings: ContactsSettings, context| {
        Ok(Contacts::new(context.resources.get::<Stores>()?, settings))
    });
    registry.fetcher("co-participants", move |settings: CoParticipantsSettings, context| {
        let stores = context.resources.get::<Stores>()?;
        let people = settings.people.unwrap_or(matches!(context.corpus.as_str(), "user" | "contact"));
        let settings = CoParticipantsSettings { people: Some(people), ..settings };
        Ok(CoParticipants::sharing(stores, settings, &for_participants))
    });
    registry.fetcher("given", |_: settings::NoSettings, _| Ok(Given));
    registry.fetcher("time-slots", |slots: TimeSlots, _| slots.checked());
    registry.fetcher("fallback", fallback::FallbackSettings::build);
}
