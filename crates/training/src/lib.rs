//! Offline: from what was logged to datasets, and ranking metrics with their intervals.

pub mod dataset;
pub mod evaluate;
#[cfg(feature = "join")]
pub mod join;
mod learn;
pub mod metrics;
pub mod off_policy;
pub mod spec;
pub mod trainers;

pub use dataset::{Dataset, DatasetError};
pub use learn::{Learned, learn, named};
pub use metrics::{Catalogue, Metric, Ranking, Scores};
