//! Retrieval models that are learned from interactions alone: who did something with what, and nothing else.
//!
//! Items and users are numbers from 0 here. Who they are, and which interactions count, is the caller's business.

pub mod ease;
pub mod neighbours;
pub mod users;

pub use ease::{Ease, EaseError, Gram};
pub use neighbours::{Baskets, Neighbours, Similarity};
pub use users::Users;
