//! Fetchers propose candidates.

use async_trait::async_trait;

use crate::candidates::Proposals;
use crate::error::ComponentError;
use crate::query::Query;

/// An asynchronous function from a [`Query`] to the entities that may answer it, best first.
///
/// A fetcher finishes within the query's remaining deadline, returns the same proposals in the same order for the
/// same data, and never an entity of another tenant. It needs no regard for visibility or membership: that is what
/// filters are for.
#[async_trait]
pub trait Fetcher: Send + Sync {
    /// The kind of this component, as the configuration calls it.
    fn kind(&self) -> &'static str;

    /// Proposes candidates, best first.
    ///
    /// # Errors
    /// When what it reads from cannot answer.
    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError>;
}
