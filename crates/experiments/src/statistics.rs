//! Whether the difference between two variants is real.
//!
//! The metric of an experiment is a ratio of sums over users, such as clicks per impression. Users are independent, their
//! impressions are not, so that everything is computed from one pair of numbers per user ([`Metric`], delta method:
//! Deng, Knoblich and Lu, KDD 2018).

pub mod compare;
mod metric;
pub mod power;
pub mod sample_ratio;

pub use metric::Metric;
