//! Retrieval models that are learned from interactions alone: who did something with what, and nothing else.

pub mod ease;

pub use ease::{Ease, EaseError};
