//! `stored`: a value that was computed elsewhere and put through the API.

use async_trait::async_trait;
use recommend_core::{Name, View};
use recommend_stores::{StoreError, Stores};
use serde::Deserialize;

use crate::feature::{Feature, FeatureScope, What};
use crate::plan::{Group, Planner, Values, partial};

/// A stored value of the candidate, or of the user and the candidate together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    #[serde(default = "entity")]
    pub(crate) scope: FeatureScope,
    /// What it was stored as; the feature's own name by default.
    name: Option<Name>,
}

fn entity() -> FeatureScope {
    FeatureScope::Entity
}

impl Feature {
    /// A stored value of the candidate, under the feature's own name.
    pub fn stored() -> Self {
        What::Stored(Stored { scope: FeatureScope::Entity, name: None }).into()
    }

    /// A stored value of the user and the candidate together, under the feature's own name.
    pub fn stored_pair() -> Self {
        What::Stored(Stored { scope: FeatureScope::Pair, name: None }).into()
    }
}

impl Stored {
    pub(crate) fn explained(&self) -> String {
        let of = match self.scope {
            FeatureScope::Pair => "user and candidate",
            _ => "the candidate",
        };
        match &self.name {
            Some(name) => format!("the value {name} that was put for {of}"),
            None => format!("the value of this name that was put for {of}"),
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self.scope {
            FeatureScope::Entity | FeatureScope::Pair => Ok(()),
            other => Err(format!("`scope` is {:?}; write entity or pair", other.name())),
        }
    }

    pub(crate) fn plan(&self, planner: &mut Planner, feature: &Name, column: usize) {
        let group = match self.scope {
            FeatureScope::Pair => &mut planner.pair_rows,
            _ => &mut planner.entity_rows,
        };
        group.names.push(self.name.as_ref().unwrap_or(feature).clone());
        group.columns.push(column);
    }
}

/// All stored values of one scope: one call.
pub(crate) struct StoredGroup {
    of_pair: bool,
    names: Vec<Name>,
    columns: Vec<usize>,
}

impl StoredGroup {
    pub(crate) fn new(of_pair: bool) -> Self {
        StoredGroup { of_pair, names: Vec::new(), columns: Vec::new() }
    }
}

#[async_trait]
impl Group for StoredGroup {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    async fn load(&self, stores: &Stores, view: &View<'_>) -> Result<Values, StoreError> {
        let (query, ids) = (view.query, view.candidates.ids());
        let mut values = vec![f32::NAN; ids.len() * self.names.len()];
        let user = self.of_pair.then_some(query.user);
        let rows = stores.features.rows(query.tenant, &query.corpus, user, ids, &self.names, &mut values);
        Ok(Values { trouble: partial(rows.await)?, values })
    }
}
