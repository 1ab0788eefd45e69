//! Features: declared once, looked up for all candidates in one batch.
//!
//! A feature is one f32 about the query, the user, an entity, a pair of both, or the tenant; NaN is missing. It is declared
//! under its name, in the configuration or in code, and any number of recommenders use it:
//!
//! ```toml
//! [features.messages_7d]
//! kind = "count"
//! interactions = ["message"]
//! window = "7d"
//! description = "Messages in the channel this week."
//!
//! [features.replies_per_message]
//! kind = "ratio"
//! numerator = { kind = "count", interactions = ["reply"], window = "30d" }
//! denominator = { kind = "count", interactions = ["message"], window = "30d" }
//! prior = 0.2
//! strength = 10.0
//! ```
//!
//! | kind | what it is | settings (defaults) |
//! |---|---|---|
//! | `attribute` | a number or bool of the catalog, or the age of a time | `attribute`, `scope = "entity"` or `"user"`, `as = "value"` or `"age"` |
//! | `predicate` | 1 where a predicate over attributes holds, 0 where not | `where`, `scope = "entity"` or `"user"` |
//! | `context` | a value that the request brings | `key` (the feature's name) |
//! | `count`, `sum`, `rate`, `recency`, `distinct` | of interactions in a window ([`Interactions`]) | `scope = "entity"` (or `"user"`, `"pair"`, `"tenant"`), `interactions = []` (all kinds), `window` (all that is held), `resolution` (as fine as the store holds; with `"1h"` or `"1d"` all stores agree to the bit), `corpus` (the request's) |
//! | `ratio` | of two of those, smoothed ([`kinds::ratio::Ratio`]) | `numerator`, `denominator`: the name of a feature, or a table as above; `prior = 0.0`, `strength = 0.0` |
//! | `hour-of-week` | the share of activity in an hour of the week ([`HourOfWeek`]) | `of = "user"`, `"tenant"`, `"seeds"` or `"group"`, `group` (a user attribute), `at = "now"` or `"candidate"`, `interactions`, `window`, `corpus`, `smoothing = 1.0` |
//! | `relation` | whether the user has a relation to the candidate, since when, how strong | `relation`, `as = "flag"`, `"age"` or `"weight"` |
//! | `stored` | a value that was put through the API | `scope = "entity"` or `"pair"`, `name` (the feature's own) |
//! | `affinity` | decayed interactions between the candidate and other people ([`Affinity`]) | `with = "seeds"` or `"user"`, `direction = "both"`, `"from"` or `"to"`, `interactions`, `window = "90d"`, `half_life = "30d"`, `corpus` |
//! | `co-interaction` | how many users the candidate has in common with what the user was busy with last, or the seeds ([`CoInteractions`]) | `with = "user"` or `"seeds"`, `interactions`, `window = "90d"`, `resolution`, `corpus` |
//! | `cosine` | how near the candidate is to the user, or the seeds, in an embedding ([`Cosine`]) | `embedding`, `with = "user"` or `"seeds"` |
//!
//! Every declaration may have a `default`, which stands in for a missing value, and a `description`. Times are in days. Each
//! fetcher's score and rank (0 for its best) are features without a declaration: `popular.score`, `popular.rank`; and
//! `popular.zscore`, the score among those of the request's candidates (0 is their mean, 1 a standard deviation above it), which
//! puts fetchers on one scale for a model that adds them up.
//!
//! [`FeatureSet`] plans all features that a recommender wants when it is built, and fills them with one call per store.
//! A recommender that keeps its declarations to itself lists them in a feature source of the kind `declared`:
//! `feature_sources = [{ kind = "declared", features.members = { kind = "attribute", attribute = "members" } }]`.

pub mod declarations;
mod describe;
pub mod error;
pub mod feature;
pub mod kinds;
mod plan;
pub mod set;

pub use declarations::Declarations;
pub use error::{FeatureError, FeatureErrors};
pub use feature::{Description, Feature, FeatureScope, Reads};
pub use kinds::affinity::Affinity;
pub use kinds::co_interaction::CoInteractions;
pub use kinds::cosine::Cosine;
pub use kinds::hours::HourOfWeek;
pub use kinds::interactions::Interactions;
pub use set::FeatureSet;

use recommend_core::Registry;
use recommend_stores::Stores;

/// Makes the feature source `declared` known to the configuration.
pub fn register(registry: &mut Registry) {
    registry.feature_source("declared", |settings: set::Settings, context| {
        settings.build(context.resources.get::<Stores>()?, context.fetchers)
    });
}
