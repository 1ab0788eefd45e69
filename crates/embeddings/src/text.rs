//! Texts as vectors: an open sentence model, and per user and entity a running mean of what was written.
//!
//! A text is held while it is embedded and nowhere after that. What stays is the mean of many, in the vector store, which
//! gives out cosines and no vectors: a vector of a text can be turned back into it.
//!
//! [`TextModel`] reads `all-MiniLM-L6-v2` and models like it from their folder, [`TextVectors`] is for a service that sees
//! messages as they come, and [`Means`] for many at once.

mod error;
mod live;
mod means;
mod model;
mod settings;

pub use error::TextError;
pub use live::{Message, TextVectors, Whose};
pub use means::Means;
pub use model::TextModel;
