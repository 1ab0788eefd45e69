//! Offline: from what was logged to datasets, and ranking metrics with their intervals.

pub mod dataset;
pub mod metrics;

pub use dataset::{Dataset, DatasetError};
pub use metrics::{Catalogue, Metric, Ranking, Scores};
