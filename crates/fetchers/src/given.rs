//! Proposes what the request brings.

use async_trait::async_trait;
use recommend_core::{ComponentError, Fetcher, Proposals, Query};

/// Proposes the candidates that the product put into the request, in that order: a list to rank, a page to sort.
///
/// ```
/// use recommend_core::{Component, Fetcher};
/// let fetcher: Component<dyn Fetcher> = recommend_fetchers::Given.into();
/// assert_eq!(fetcher.name, "given");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given;

#[async_trait]
impl Fetcher for Given {
    fn kind(&self) -> &'static str {
        "given"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        Ok(Proposals::unscored(query.given.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ids, query};

    #[tokio::test]
    async fn what_is_given_is_proposed_in_that_order() {
        let query = Query { given: ids(&[5, 3, 9]), ..query() };
        assert_eq!(Given.fetch(&query).await.unwrap().ids(), ids(&[5, 3, 9]));
    }
}
