//! Drops what the catalog does not hold.

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Name, Needs, Verdicts, View};

use crate::support::attributes;

/// Keeps the entities that the catalog holds: an entity that was removed, or was never put, may still have
/// interactions and so be proposed. [`crate::NotPrivate`] does this too.
///
/// ```
/// use recommend_core::{Component, Filter};
/// let filter: Component<dyn Filter> = recommend_filters::Known.into();
/// assert_eq!(filter.name, "known");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known;

#[async_trait]
impl Filter for Known {
    fn kind(&self) -> &'static str {
        "known"
    }

    /// Which entities are known comes with the table of attributes, which is loaded when somebody wants a column; any
    /// will do, and this one most recommenders load anyway.
    fn needs(&self) -> Needs {
        Needs::attributes([Name::literal("archived")])
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let table = attributes(view)?;
        verdicts.drop_where("unknown", |row| !table.known(row));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, reasons};

    #[test]
    fn a_removed_entity_is_dropped() {
        assert_eq!(reasons(&Known, &Case::of(2).unknown(1)).unwrap(), [None, Some("unknown")]);
        assert!(reasons(&Known, &Case::of(2).without_attributes()).is_err());
    }
}
