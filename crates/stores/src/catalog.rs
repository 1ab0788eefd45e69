//! The catalog: what is known about entities, and what ties users to them.

use std::sync::Arc;

use async_trait::async_trait;
use recommend_core::{CatalogReader, EntityId, Name, TenantId, Timestamp};

use crate::error::StoreError;

/// The catalog as fetchers, imports and the server read it; the executor reads through [`CatalogReader`].
#[async_trait]
pub trait Catalog: CatalogReader {
    /// All entities of a corpus that were put, by id.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn entities(&self, tenant: TenantId, corpus: &Name) -> Result<Arc<[EntityId]>, StoreError>;

    /// The entities whose time attribute `by` lies in `since..=until`, newest first, ties by id; at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn newest(
        &self,
        tenant: TenantId,
        corpus: &Name,
        by: &Name,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<(EntityId, Timestamp)>, StoreError>;

    /// The strings that became these numbers in this tenant; `None` for a hashed id that was never written.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn names(&self, tenant: TenantId, ids: &[u64]) -> Result<Vec<Option<String>>, StoreError>;

    /// All tenants with any data, by id, with the string that the API uses.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn tenants(&self) -> Result<Vec<(TenantId, String)>, StoreError>;

    /// The corpora of a tenant with how many entities were put, and for each attribute how many entities have it.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn describe(&self, tenant: TenantId) -> Result<Vec<CorpusSummary>, StoreError>;
}

/// What the catalog holds of one corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusSummary {
    /// The corpus.
    pub corpus: Name,
    /// How many entities were put.
    pub entities: usize,
    /// For each attribute, how many entities have it.
    pub attributes: Vec<(Name, usize)>,
    /// For each kind of relation, how many ties there are.
    pub relations: Vec<(Name, usize)>,
}
