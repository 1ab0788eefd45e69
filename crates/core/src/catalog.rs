//! The part of the catalog that the executor reads: attributes and relations, one batch each per request.

use std::sync::Arc;

use async_trait::async_trait;

use crate::attributes::AttributeTable;
use crate::error::ComponentError;
use crate::ids::{EntityId, TenantId, UserId};
use crate::names::Name;
use crate::relations::RelationSet;

/// A batched read of what is known about entities and about a user's ties to them.
#[async_trait]
pub trait CatalogReader: Send + Sync {
    /// The attributes `names` of the entities `ids`, one row per id in the same order. An entity that the catalog
    /// does not hold is a row that is not [`AttributeTable::known`].
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn attributes(
        &self,
        tenant: TenantId,
        corpus: &Name,
        ids: &[EntityId],
        names: &[Name],
    ) -> Result<AttributeTable, ComponentError>;

    /// The user's relations to entities of `corpus`, one set per kind in the order of `kinds`; no tie is an empty set.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn relations(
        &self,
        tenant: TenantId,
        user: UserId,
        corpus: &Name,
        kinds: &[Name],
    ) -> Result<Vec<Arc<RelationSet>>, ComponentError>;
}
