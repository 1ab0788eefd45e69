//! Searching for better settings: a space of numbers, and three ways through it.
//!
//! The search knows nothing of recommenders: a [`Point`] has one number for each [`Dimension`], and an objective says
//! how good a point is for so many users. It maximises, on whatever the objective looks at; let that be a validation
//! part of the past, never the test.

mod search;
mod space;

pub use search::{Method, Search, Trial, search};
pub use space::{Dimension, Point};
