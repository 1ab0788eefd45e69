//! What can be wrong with an experiment.

use recommend_core::Name;

/// An experiment that cannot run, and what to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExperimentError {
    /// A share outside of 0 to 1.
    #[error("experiment {experiment}: {key} = {value} is no share; use 0 to 1, such as 0.1 for a tenth")]
    Share {
        /// Which experiment.
        experiment: Name,
        /// Which key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// A layer's part that ends where it begins, or before.
    #[error("experiment {experiment}: its part of the layer is empty; let layer.from be below layer.to")]
    EmptyLayer {
        /// Which experiment.
        experiment: Name,
    },
    /// Nothing to compare.
    #[error(
        "experiment {experiment}: it takes two variants at least; the first is what others are compared with"
    )]
    OneVariant {
        /// Which experiment.
        experiment: Name,
    },
    /// A negative or infinite weight.
    #[error("experiment {experiment}: variant {variant} has weight = {value}; use 0 (stopped) or more")]
    Weight {
        /// Which experiment.
        experiment: Name,
        /// Which variant.
        variant: Name,
        /// Its weight.
        value: f64,
    },
    /// A name that two variants have.
    #[error("experiment {experiment}: two variants are called {variant}; the log could not tell them apart")]
    Twice {
        /// Which experiment.
        experiment: Name,
        /// Which name.
        variant: Name,
    },
    /// All variants are stopped.
    #[error(
        "experiment {experiment}: every weight is 0; give one variant a weight, or remove the experiment"
    )]
    NoWeight {
        /// Which experiment.
        experiment: Name,
    },
}
