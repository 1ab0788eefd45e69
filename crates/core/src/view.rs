//! What components see of a run, and what they need to see.

use crate::attributes::{AttributeTable, Value};
use crate::candidates::Candidates;
use crate::names::Name;
use crate::query::Query;
use crate::relations::Relations;

/// What a component wants loaded before it runs; the executor loads the union once per request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Attributes of the candidates.
    pub attributes: Vec<Name>,
    /// Attributes of the user who asks, from the corpus `user`.
    pub user_attributes: Vec<Name>,
    /// Relations of the user who asks to entities of the recommender's corpus.
    pub relations: Vec<Name>,
}

impl Needs {
    /// Nothing.
    pub fn none() -> Self {
        Needs::default()
    }

    /// These attributes of the candidates.
    pub fn attributes(names: impl IntoIterator<Item = Name>) -> Self {
        Needs { attributes: names.into_iter().collect(), ..Needs::default() }
    }

    /// These relations of the user.
    pub fn relations(kinds: impl IntoIterator<Item = Name>) -> Self {
        Needs { relations: kinds.into_iter().collect(), ..Needs::default() }
    }

    /// Both, each name once.
    #[must_use]
    pub fn and(mut self, other: Needs) -> Self {
        fn join(into: &mut Vec<Name>, names: Vec<Name>) {
            for name in names {
                if !into.contains(&name) {
                    into.push(name);
                }
            }
        }
        join(&mut self.attributes, other.attributes);
        join(&mut self.user_attributes, other.user_attributes);
        join(&mut self.relations, other.relations);
        self
    }
}

/// The state of a run after the look-up: the query, the candidates, and what was loaded about them. All tables have
/// one row per candidate.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The request.
    pub query: &'a Query,
    /// The candidates that are left.
    pub candidates: &'a Candidates,
    /// Their attributes; `None` when the catalog could not be read.
    pub attributes: Option<&'a AttributeTable>,
    /// The attributes of the user who asks, one row; `None` when the catalog could not be read.
    pub user: Option<&'a AttributeTable>,
    /// The user's relations; `None` when the catalog could not be read.
    pub relations: Option<&'a Relations>,
}

impl<'a> View<'a> {
    /// A column of attributes; `None` when the catalog could not be read or the column was not asked for.
    pub fn attribute(&self, name: &str) -> Option<&'a [Option<Value>]> {
        self.attributes?.column(name)
    }

    /// An attribute of the user who asks.
    pub fn user_attribute(&self, name: &str) -> Option<Value> {
        self.user?.get(0, name)
    }
}
