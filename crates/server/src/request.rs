//! From the messages of the API to the types of the engine; every field is checked here and nowhere else.

mod catalog;
mod fields;
mod interactions;
mod recommend;

pub(crate) use catalog::{entities, features, relations};
pub(crate) use fields::Invalid;
pub use interactions::interaction_id;
pub(crate) use interactions::interactions;
pub(crate) use recommend::{Asked, query};
