//! Keeps or drops what the user has a relation to.

use async_trait::async_trait;
use recommend_core::names::NameError;
use recommend_core::{ComponentError, Filter, Name, Needs, Verdicts, View};
use serde::Deserialize;

use crate::support::{relation, short_name};

/// Keeps what the user has a relation to: the channels to leave are among those that one is a member of.
/// Fail-closed, because what passes is the exception.
///
/// ```
/// let filter = recommend_filters::Related::to("member")?;
/// # Ok::<(), recommend_core::names::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Related {
    relation: Name,
}

/// Drops what the user has a relation to: already a member, already a contact.
///
/// ```
/// let filter = recommend_filters::NotRelated::to("contact")?;
/// # Ok::<(), recommend_core::names::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotRelated {
    relation: Name,
}

short_name! {
    /// [`NotRelated`] by the relation `member`.
    NotMember => NotRelated { relation: Name::literal("member") }
}

impl Related {
    /// By this relation.
    ///
    /// # Errors
    /// When it is not a name.
    pub fn to(relation: &str) -> Result<Self, NameError> {
        Ok(Related { relation: Name::new(relation)? })
    }
}

impl NotRelated {
    /// By this relation.
    ///
    /// # Errors
    /// When it is not a name.
    pub fn to(relation: &str) -> Result<Self, NameError> {
        Ok(NotRelated { relation: Name::new(relation)? })
    }
}

#[async_trait]
impl Filter for Related {
    fn kind(&self) -> &'static str {
        "related"
    }

    fn needs(&self) -> Needs {
        Needs::relations([self.relation.clone()])
    }

    fn fail_closed(&self) -> bool {
        true
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let ties = relation(view, self.relation.as_str())?;
        let ids = view.candidates.ids();
        verdicts.drop_where("not related", |row| !ties.contains(ids[row]));
        Ok(())
    }
}

#[async_trait]
impl Filter for NotRelated {
    fn kind(&self) -> &'static str {
        "not-related"
    }

    fn needs(&self) -> Needs {
        Needs::relations([self.relation.clone()])
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let ties = relation(view, self.relation.as_str())?;
        let ids = view.candidates.ids();
        verdicts.drop_where("related", |row| ties.contains(ids[row]));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, reasons};

    #[test]
    fn the_two_are_opposites() {
        let case = Case::of(3).relation("member", &[2]);
        let (not, is) = (Some("not related"), Some("related"));
        assert_eq!(reasons(&Related::to("member").unwrap(), &case).unwrap(), [not, None, not]);
        assert_eq!(reasons(&NotRelated::to("member").unwrap(), &case).unwrap(), [None, is, None]);
    }

    #[test]
    fn without_the_relation_neither_can_judge() {
        let case = Case::of(1).relation("member", &[1]);
        assert!(reasons(&Related::to("contact").unwrap(), &case).is_err());
        assert!(reasons(&NotRelated::to("contact").unwrap(), &case).is_err());
        assert!(Related::to("member").unwrap().fail_closed());
    }
}
