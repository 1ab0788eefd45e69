//! The words of the engine as types, the four kinds of component as traits, and the executor that runs them.
//!
//! A [`Recommender`] belongs to a *corpus* (the type of entity) and a *source* (the part of the product that asks).
//! It is a list of components that run in this order:
//!
//! ```text
//! Fetcher ──► merge ──► Filter ──► FeatureSource ──► Model ──► Reranker ──► cut
//! ```
//!
//! Candidates are columns ([`Candidates`], [`AttributeTable`], [`FeatureMatrix`]) from the first stage to the last;
//! the clock and the randomness come in with the [`Query`], so that a logged request can be replayed to the same
//! answer. Nothing here reads a file or opens a socket.

pub mod attributes;
pub mod candidates;
pub mod catalog;
pub mod duration;
pub mod error;
pub mod explain;
pub mod features;
pub mod fetcher;
pub mod filter;
pub mod ids;
pub mod interaction;
pub mod model;
pub mod names;
pub mod predicate;
pub mod query;
pub mod recommender;
pub mod registry;
pub mod relations;
pub mod report;
pub mod reranker;
pub mod source;
pub mod time;
pub mod view;

pub use attributes::{AttributeTable, Value};
pub use candidates::{Candidates, Proposals};
pub use catalog::CatalogReader;
pub use error::{BuildError, ComponentError, RunError};
pub use explain::{Contribution, Explained, RankMove, WhyNot};
pub use features::{FeatureMatrix, FeatureRows, FeatureSchema};
pub use fetcher::Fetcher;
pub use filter::{Filter, Verdicts};
pub use ids::{EntityId, IdCodec, IdError, InteractionId, RequestId, TenantId, UserId};
pub use interaction::Interaction;
pub use model::{Explanation, Model};
pub use names::Name;
pub use predicate::Predicate;
pub use query::Query;
pub use recommender::{Component, Outcome, Policy, Recommended, Recommender, RecommenderBuilder, RunOptions};
pub use registry::{BuildContext, Registry, Resources, Spec};
pub use relations::{Relation, RelationSet, Relations};
pub use report::{Cause, Degradation, DropCount, Report, Stage, StageReport};
pub use reranker::{Reranker, Slate, SlateEntry};
pub use source::FeatureSource;
pub use time::{Clock, Deadline, ManualClock, SystemClock, Timestamp, days, hours, minutes, seconds};
pub use view::{Needs, View};
