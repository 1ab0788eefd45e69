//! Drops what the user has chosen already.

use async_trait::async_trait;
use recommend_core::{ComponentError, Filter, Verdicts, View};

/// Drops the query's seeds: the people already in the conversation, the channels ticked so far.
///
/// ```
/// use recommend_core::{Component, Filter};
/// let filter: Component<dyn Filter> = recommend_filters::NotSeed.into();
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NotSeed;

#[async_trait]
impl Filter for NotSeed {
    fn kind(&self) -> &'static str {
        "not-seed"
    }

    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let mut seeds = view.query.seeds.clone();
        seeds.sort_unstable();
        let ids = view.candidates.ids();
        verdicts.drop_where("seed", |row| seeds.binary_search(&ids[row]).is_ok());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Case, reasons};

    #[test]
    fn a_seed_is_not_recommended_again() {
        let case = Case::of(3).seeds(&[3, 1, 99]);
        assert_eq!(reasons(&NotSeed, &case).unwrap(), [Some("seed"), None, Some("seed")]);
    }
}
