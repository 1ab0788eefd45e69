//! Drops the user who asks from a slate of people.

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Verdicts, View};

/// Drops the entity whose id is the user's. For corpora of people: elsewhere the same number is something else.
///
/// ```
/// use recommend_core::{Component, Filter};
/// let filter: Component<dyn Filter> = recommend_filters::NotSelf.into();
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NotSelf;

#[async_trait]
impl Filter for NotSelf {
    fn kind(&self) -> &'static str {
        "not-self"
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let own = view.query.user.as_entity();
        if let Some(row) = view.candidates.ids().iter().position(|id| *id == own) {
            verdicts.drop(row, "self");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, USER, reasons};

    #[test]
    fn nobody_is_recommended_to_themselves() {
        let result = reasons(&NotSelf, &Case::of(USER.0 + 1)).unwrap();
        let dropped: Vec<u64> = (1..).zip(&result).filter(|(_, r)| r.is_some()).map(|(id, _)| id).collect();
        assert_eq!(dropped, [USER.0]);
    }
}
