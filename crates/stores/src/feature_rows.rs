//! Feature values that were computed elsewhere and put through the API.

use async_trait::async_trait;
use recommend_core::{EntityId, Name, TenantId, UserId};

use crate::error::StoreError;

/// Batched reads of stored feature values.
#[async_trait]
pub trait FeatureRowStore: Send + Sync {
    /// `out[i * names.len() + j]` is feature `names[j]` of entity `i` (with `user`: of the pair); NaN where there is none.
    ///
    /// # Errors
    /// When the store cannot be reached or read.
    async fn rows(
        &self,
        tenant: TenantId,
        corpus: &Name,
        user: Option<UserId>,
        entities: &[EntityId],
        names: &[Name],
        out: &mut [f32],
    ) -> Result<(), StoreError>;
}
