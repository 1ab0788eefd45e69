//! Drops what is no longer in use.

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Name, Needs, Value, Verdicts, View};
use serde::Deserialize;

use crate::support::{attribute, short_name};

/// Drops an entity when one of these attributes is true: archived channels, deactivated people.
///
/// ```
/// use recommend_core::{Component, Filter};
/// use recommend_filters::{InUse, NotArchived};
///
/// let usual: Component<dyn Filter> = NotArchived.into();
/// let other: Component<dyn Filter> = InUse::unless(["frozen"])?.into();
/// assert_eq!(usual.name, other.name);
/// # Ok::<(), recommend_core::names::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InUse {
    attributes: Vec<Name>,
}

short_name! {
    /// [`InUse`] by the attributes `archived` and `deactivated`.
    NotArchived => InUse::default()
}

impl Default for InUse {
    fn default() -> Self {
        InUse { attributes: vec![Name::literal("archived"), Name::literal("deactivated")] }
    }
}

impl InUse {
    /// By attributes of other names.
    ///
    /// # Errors
    /// When one of them is not a name.
    pub fn unless<'a>(
        attributes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, recommend_core::names::NameError> {
        Ok(InUse { attributes: attributes.into_iter().map(Name::new).collect::<Result<_, _>>()? })
    }
}

#[async_trait]
impl Filter for InUse {
    fn kind(&self) -> &'static str {
        "not-archived"
    }

    fn needs(&self) -> Needs {
        Needs::attributes(self.attributes.iter().cloned())
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        for name in &self.attributes {
            let column = attribute(view, name.as_str())?;
            verdicts.drop_where("archived", |row| column[row] == Some(Value::Bool(true)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, reasons};

    #[test]
    fn what_is_archived_or_deactivated_is_dropped() {
        let (yes, no) = (Some(Value::Bool(true)), Some(Value::Bool(false)));
        let case = Case::of(4)
            .attribute("archived", [yes, no, no, None])
            .attribute("deactivated", [no, yes, no, None]);
        let dropped = Some("archived");
        assert_eq!(reasons(&InUse::default(), &case).unwrap(), [dropped, dropped, None, None]);
    }
}
