//! The kinds of features, one per file: its settings, how it joins the plan, and how it is computed.

pub mod affinity;
pub mod attribute;
pub mod co_interaction;
pub mod context;
pub mod cosine;
pub mod hours;
pub mod interactions;
pub mod ratio;
pub mod relation;
pub(crate) mod retrieval;
pub mod stored;
