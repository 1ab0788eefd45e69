//! Rerankers: rules that need the whole slate in view.
//!
//! | kind | what it does | settings (defaults) |
//! |---|---|---|
//! | `cap-per-group` | at most `max` candidates with the same value of an attribute ([`CapPer`]) | `by`, `max`, `overflow = "last"` or `"drop"` |
//! | `mmr` | trades score against similarity to what stands above ([`Mmr`]) | `by`, `lambda = 0.7`, `pool = 200` |
//! | `boost` | pins, boosts or buries what matches a predicate ([`Boost`]) | `where`, and one of `add`, `multiply`, `pin`, `bury = true` |
//! | `freshness` | adds to the score of what is young ([`Freshness`]) | `weight`, `half_life`, `by = "created"` |
//! | `explore` | now and then gives a place to a candidate drawn by chance ([`Explore`]) | `epsilon`, `pool = 100`, `keep = 0`, `salt = ""` |
//! | `shuffle-top` | shuffles the first `top` ([`ShuffleTop`]) | `top`, `salt = ""` |
//!
//! # In which order
//!
//! `boost` (with `add` or `multiply`) and `freshness` change scores and sort by them, which undoes the order that others
//! made: put them first. Then come those that only move (`mmr`, `cap-per-group`, `boost` with `pin` or `bury`), and last
//! those that draw by chance.
//!
//! # Propensities
//!
//! A reranker that randomises multiplies into each [`recommend_core::SlateEntry::propensity`] the probability with which
//! that candidate was drawn for its place *given the candidates above it*. The product over a slate is therefore the
//! probability of the slate, which is what sequential estimators weigh by (McInerney et al., "Counterfactual Evaluation of
//! Slate Recommendations with Sequential Reward Interactions", KDD 2020). With one randomising reranker, and it the last
//! one, this is exact. With two, the product is the probability of the path of both draws: at most that of the slate, because
//! other paths may lead to the same slate. A reranker behind them that moves or drops candidates leaves the propensities
//! as they were drawn.

mod attributes;
pub mod boost;
pub mod cap;
pub mod explore;
pub mod freshness;
pub mod mmr;
pub mod shuffle;
#[cfg(test)]
mod testing;

pub use boost::Boost;
pub use cap::CapPer;
pub use explore::Explore;
pub use freshness::Freshness;
pub use mmr::Mmr;
pub use shuffle::ShuffleTop;

use recommend_core::Registry;

/// Makes the rerankers of this crate known to the configuration.
pub fn register(registry: &mut Registry) {
    registry.reranker("cap-per-group", |settings: cap::Settings, _| settings.build());
    registry.reranker("mmr", |settings: mmr::Settings, _| settings.build());
    registry.reranker("boost", |settings: boost::Settings, context| settings.build(&context.codec));
    registry.reranker("freshness", |settings: freshness::Settings, _| settings.build());
    registry.reranker("explore", |settings: explore::Settings, _| settings.build());
    registry.reranker("shuffle-top", |settings: shuffle::Settings, _| settings.build());
}
