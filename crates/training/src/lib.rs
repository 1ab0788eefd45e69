//! Offline: from what was logged to datasets, and ranking metrics with their intervals.

pub mod dataset;
#[cfg(feature = "join")]
pub mod join;
pub mod metrics;
pub mod off_policy;

pub use dataset::{Dataset, DatasetError};
pub use metrics::{Catalogue, Metric, Ranking, Scores};
