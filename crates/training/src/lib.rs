//! Offline: ranking metrics with their intervals.

pub mod metrics;

pub use metrics::{Catalogue, Metric, Ranking, Scores};
