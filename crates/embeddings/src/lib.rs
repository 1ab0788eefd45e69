//! Retrieval models that are learned from interactions alone: who did something with what, and nothing else. And, with the
//! feature `text`, vectors of what people write, in `text`.
//!
//! Items and users are numbers from 0 here. Who they are, and which interactions count, is the caller's business.

#![deny(unsafe_code)]

pub mod als;
pub mod ease;
pub mod neighbours;
mod parallel;
pub mod sparse;
pub mod spectral;
#[cfg(feature = "text")]
pub mod text;
pub mod users;

pub use als::Als;
pub use ease::{Ease, EaseError, Gram};
pub use neighbours::{Baskets, Neighbours, Similarity};
pub use sparse::Sparse;
pub use spectral::ItemVectors;
pub use users::Users;
