//! `context`: a value that the request brings.

use ndarray::ArrayViewMut1;
use recommend_core::{Name, View};
use serde::Deserialize;

use crate::feature::{Feature, What};
use crate::plan::{Column, Planner};

/// A number that the product knows about the request; missing when the request does not bring it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// What the request calls it; the feature's own name by default.
    key: Option<Name>,
}

impl Feature {
    /// A value of the request's context.
    ///
    /// # Panics
    /// When the key is not a [`Name`]; for literals.
    #[track_caller]
    pub fn context(key: &'static str) -> Self {
        What::Context(Context { key: Some(Name::literal(key)) }).into()
    }
}

impl Context {
    pub(crate) fn plan(&self, planner: &mut Planner, feature: &Name, column: usize) {
        planner.at_hand(column, Key(self.key.as_ref().unwrap_or(feature).clone()));
    }
}

struct Key(Name);

impl Context {
    pub(crate) fn explained(&self) -> String {
        match &self.key {
            Some(key) => format!("the value {key} that the request brings"),
            None => "the value of this name that the request brings".to_owned(),
        }
    }
}

impl Column for Key {
    fn fill(&self, view: &View<'_>, cells: &mut ArrayViewMut1<'_, f32>) -> bool {
        cells.fill(view.query.context(self.0.as_str()).filter(|value| value.is_finite()).unwrap_or(f32::NAN));
        true
    }
}
