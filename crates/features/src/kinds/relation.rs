//! `relation`: whether the user who asks has a relation to the candidate, since when, and how strong it is.

use ndarray::ArrayViewMut1;
use recommend_core::{Name, Needs, View};
use serde::Deserialize;

use super::attribute::days_between;
use crate::feature::{Feature, What};
use crate::plan::{Column, Planner};

/// A relation as a number: a flag is 1 or 0; the age (in days) and the weight are missing where there is no relation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationTo {
    pub(crate) relation: Name,
    #[serde(default)]
    r#as: As,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum As {
    #[default]
    Flag,
    Age,
    Weight,
}

impl RelationTo {
    pub(crate) fn explained(&self) -> String {
        let relation = &self.relation;
        match self.r#as {
            As::Flag => format!("1 where the user has the relation {relation} to the candidate, 0 where not"),
            As::Age => format!(
                "days since the user has the relation {relation} to the candidate; missing without it"
            ),
            As::Weight => {
                format!("how strong the user's relation {relation} to the candidate is; missing without it")
            }
        }
    }
}

impl Feature {
    /// 1 where the user has the relation to the candidate, 0 where not.
    ///
    /// # Panics
    /// When the relation is not a [`Name`]; for literals.
    #[track_caller]
    pub fn relation(relation: &'static str) -> Self {
        What::Relation(RelationTo { relation: Name::literal(relation), r#as: As::Flag }).into()
    }

    /// For how many days the user has had the relation.
    ///
    /// # Panics
    /// When the relation is not a [`Name`]; for literals.
    #[track_caller]
    pub fn relation_age(relation: &'static str) -> Self {
        What::Relation(RelationTo { relation: Name::literal(relation), r#as: As::Age }).into()
    }

    /// How strong the relation is.
    ///
    /// # Panics
    /// When the relation is not a [`Name`]; for literals.
    #[track_caller]
    pub fn relation_weight(relation: &'static str) -> Self {
        What::Relation(RelationTo { relation: Name::literal(relation), r#as: As::Weight }).into()
    }
}

impl RelationTo {
    pub(crate) fn plan(&self, planner: &mut Planner, column: usize) {
        planner.need(Needs::relations([self.relation.clone()]));
        planner.at_hand(column, self.clone());
    }
}

impl Column for RelationTo {
    fn fill(&self, view: &View<'_>, cells: &mut ArrayViewMut1<'_, f32>) -> bool {
        let Some(set) = view.relations.and_then(|relations| relations.get(self.relation.as_str())) else {
            return false;
        };
        for (cell, id) in cells.iter_mut().zip(view.candidates.ids()) {
            let tie = set.get(*id);
            *cell = match self.r#as {
                As::Flag => f32::from(u8::from(tie.is_some())),
                As::Age => tie.map_or(f32::NAN, |tie| days_between(tie.since, view.query.now)),
                As::Weight => tie.map_or(f32::NAN, |tie| tie.weight),
            };
        }
        true
    }
}
