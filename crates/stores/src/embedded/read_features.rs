//! Reads of stored feature values.

use async_trait::async_trait;
use recommend_core::{EntityId, Name, TenantId, UserId};

use super::memory::Memory;
use crate::error::StoreError;
use crate::feature_rows::FeatureRowStore;

#[async_trait]
impl FeatureRowStore for Memory {
    async fn rows(
        &self,
        tenant: TenantId,
        corpus: &Name,
        user: Option<UserId>,
        entities: &[EntityId],
        names: &[Name],
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        out.fill(f32::NAN);
        let Some(tenant) = self.tenant(tenant) else { return Ok(()) };
        let state = tenant.state.read();
        let Some(corpus) = state.corpus(corpus).filter(|_| !names.is_empty()) else { return Ok(()) };
        let numbers: Vec<_> = names.iter().map(|name| corpus.features.names.get(name)).collect();
        for (entity, out) in entities.iter().zip(out.chunks_exact_mut(names.len())) {
            let Some(row) = corpus.entities.get(entity.0) else { continue };
            match user {
                None => {
                    for (cell, number) in out.iter_mut().zip(&numbers) {
                        *cell = number.map_or(f32::NAN, |number| corpus.features.entity(row, number));
                    }
                }
                Some(user) => {
                    for (number, value) in corpus.features.pair(user, row) {
                        for (cell, wanted) in out.iter_mut().zip(&numbers) {
                            if *wanted == Some(*number) {
                                *cell = *value;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
