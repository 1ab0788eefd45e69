//! Keeps or drops what belongs to the user who asks.

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Name, Needs, Value, Verdicts, View};
use serde::Deserialize;

use crate::support::attribute;

/// Which side of ownership stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerMode {
    /// Only what the user owns; fail-closed, because owning is what permits.
    #[default]
    Only,
    /// Only what the user does not own.
    Without,
}

/// Compares an attribute that holds an id, `owner` by default, with the user who asks. An entity without that
/// attribute belongs to nobody.
///
/// ```
/// use recommend_core::Filter;
/// use recommend_filters::Owner;
///
/// assert!(Owner::only().fail_closed());
/// assert!(!Owner::without().fail_closed());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Owner {
    attribute: Name,
    mode: OwnerMode,
}

impl Default for Owner {
    fn default() -> Self {
        Owner { attribute: Name::literal("owner"), mode: OwnerMode::Only }
    }
}

impl Owner {
    /// Keeps only what the user owns.
    pub fn only() -> Self {
        Owner::default()
    }

    /// Keeps only what the user does not own.
    pub fn without() -> Self {
        Owner { mode: OwnerMode::Without, ..Owner::default() }
    }

    /// Reads the owner from another attribute.
    #[must_use]
    pub fn by(mut self, attribute: Name) -> Self {
        self.attribute = attribute;
        self
    }
}

#[async_trait]
impl Filter for Owner {
    fn kind(&self) -> &'static str {
        "owner"
    }

    fn needs(&self) -> Needs {
        Needs::attributes([self.attribute.clone()])
    }

    fn fail_closed(&self) -> bool {
        self.mode == OwnerMode::Only
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let owners = attribute(view, self.attribute.as_str())?;
        let own = Some(Value::Id(view.query.user.as_entity()));
        match self.mode {
            OwnerMode::Only => verdicts.drop_where("not owner", |row| owners[row] != own),
            OwnerMode::Without => verdicts.drop_where("owner", |row| owners[row] == own),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::EntityId;

    use super::*;
    use crate::testing::{Case, USER, reasons};

    #[test]
    fn only_and_without_are_opposites() {
        let own = Some(Value::Id(USER.as_entity()));
        let case = Case::of(3).attribute("owner", [own, Some(Value::Id(EntityId(5))), None]);
        let (not, is) = (Some("not owner"), Some("owner"));
        assert_eq!(reasons(&Owner::only(), &case).unwrap(), [None, not, not]);
        assert_eq!(reasons(&Owner::without(), &case).unwrap(), [is, None, None]);
    }

    #[test]
    fn the_owner_may_have_another_name() {
        let case = Case::of(1).attribute("creator", [Some(Value::Id(USER.as_entity()))]);
        assert_eq!(reasons(&Owner::only().by(Name::literal("creator")), &case).unwrap(), [None]);
        assert!(reasons(&Owner::only(), &case).is_err(), "the column was not loaded");
    }
}
