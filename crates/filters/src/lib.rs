//! Filters: components that drop what may not or need not be shown.
//!
//! In code a filter is a plain value; in TOML it is a table, or a bare string when nothing has to be set:
//!
//! ```toml
//! filters = [ "not-private", "not-archived", { kind = "not-related", relation = "member" } ]
//! ```
//!
//! | kind | keeps | settings (default) | drops as |
//! |---|---|---|---|
//! | `not-private` | what is public, and what is private if the user is a member | `attribute` ("private"), `relation` ("member") | `private`, `unknown`, `undecided` |
//! | `known` | what the catalog holds | | `unknown` |
//! | `not-archived` | what is in use | `attributes` (["archived", "deactivated"]) | `archived` |
//! | `owner` | what the user owns, or does not own | `attribute` ("owner"), `mode`: "only" or "without" ("only") | `not owner`, `owner` |
//! | `related` | what the user has a relation to | `relation` | `not related` |
//! | `not-related` | what the user has no relation to | `relation` | `related` |
//! | `not-dismissed` | what the user did not dismiss of late | `relation` ("dismissed"), `cool_down` ("30d") | `dismissed` |
//! | `not-interacted` | what the user did nothing with | `interactions` (all kinds), `window` (all time) | `interacted` |
//! | `not-seed` | what is not among the query's seeds | | `seed` |
//! | `not-self` | everybody but the user; for corpora of people | | `self` |
//! | `min-activity` | what enough was done with | `at_least`, `of`: "interactions", "users" or "values" ("interactions"), `interactions` (all kinds), `window` (all time) | `inactive` |
//! | `max-activity` | what little was done with | `at_most`, and as above | `active` |
//! | `predicate` | what a [`recommend_core::predicate`] says yes to | `where`, `unknown`: "drop" or "keep" ("drop"), `guard` (false) | `predicate`, `unknown`, `undecided` |
//!
//! **When a filter cannot decide**, because the catalog or the store does not answer, the answer is marked degraded
//! and: `not-private`, `related`, `owner` with mode "only", and `predicate` with `guard = true` drop everything
//! (*fail-closed*: what passes them is the exception or a permission); the others keep everything. `required = true`
//! fails the request instead.
//!
//! `not-private` also drops what the catalog does not hold, such as an entity that was removed but still has
//! interactions; a recommender of things without privacy says `known` for that.

mod activity;
mod archived;
mod dismissed;
mod interacted;
mod known;
mod not_seed;
mod not_self;
mod owner;
mod predicate;
mod private;
mod related;
mod support;
#[cfg(test)]
mod testing;

use recommend_core::{BuildError, Registry};
use recommend_stores::Stores;
use serde::Deserialize;

pub use activity::{Activity, ActivityOf};
pub use archived::{InUse, NotArchived};
pub use dismissed::NotDismissed;
pub use interacted::{NotInteracted, NotInteractedSettings};
pub use known::Known;
pub use not_seed::NotSeed;
pub use not_self::NotSelf;
pub use owner::{Owner, OwnerMode};
pub use predicate::{Unknown, Where, WhereError, WhereSettings};
pub use private::{NotPrivate, Visibility};
pub use related::{NotMember, NotRelated, Related};

/// The table of a filter that has nothing to set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

/// Adds every filter of this crate to a registry. Those that read interactions take [`Stores`] from the resources.
///
/// ```
/// use recommend_core::{Registry, report::Stage};
///
/// let mut registry = Registry::new();
/// recommend_filters::register(&mut registry);
/// assert!(registry.kinds(Stage::Filter).contains(&"not-private"));
/// ```
pub fn register(registry: &mut Registry) {
    registry.filter("not-private", |filter: Visibility, _| Ok(filter));
    registry.filter("known", |_: NoSettings, _| Ok(Known));
    registry.filter("not-archived", |filter: InUse, _| Ok(filter));
    registry.filter("owner", |filter: Owner, _| Ok(filter));
    registry.filter("related", |filter: Related, _| Ok(filter));
    registry.filter("not-related", |filter: NotRelated, _| Ok(filter));
    registry.filter("not-dismissed", |filter: NotDismissed, _| Ok(filter));
    registry.filter("not-seed", |_: NoSettings, _| Ok(NotSeed));
    registry.filter("not-self", |_: NoSettings, _| Ok(NotSelf));
    registry.filter("not-interacted", |settings: NotInteractedSettings, context| {
        Ok(NotInteracted::new(context.resources.get::<Stores>()?, settings))
    });
    registry.filter("min-activity", |settings: activity::MinSettings, context| {
        settings.build(context.resources.get::<Stores>()?)
    });
    registry.filter("max-activity", |settings: activity::MaxSettings, context| {
        settings.build(context.resources.get::<Stores>()?)
    });
    registry.filter("predicate", |settings: WhereSettings, context| {
        Where::new(settings, &context.codec).map_err(|error| BuildError::Invalid(error.to_string()))
    });
}
