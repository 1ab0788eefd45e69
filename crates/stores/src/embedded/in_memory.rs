//! The writer without a disk: the same state and the same checks, for tests and examples.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use recommend_core::{InteractionId, TenantId, Timestamp};

use super::memory::Memory;
use super::staging::Staging;
use crate::error::StoreError;
use crate::write::{WriteBatch, WriteOutcome, Writer};

/// Applies each batch at once.
#[derive(Debug)]
pub(crate) struct InMemoryWriter {
    memory: Arc<Memory>,
    staging: Mutex<Staging>,
}

impl InMemoryWriter {
    pub(crate) fn new(memory: Arc<Memory>) -> Self {
        let staging = Mutex::new(Staging::new(Arc::clone(&memory)));
        InMemoryWriter { memory, staging }
    }
}

#[async_trait]
impl Writer for InMemoryWriter {
    async fn write(&self, tenant: TenantId, batch: WriteBatch) -> Result<WriteOutcome, StoreError> {
        let mut staging = self.staging.lock();
        let (changes, outcome) = staging.stage(tenant, batch, Timestamp(i64::MIN))?;
        self.memory.apply(tenant, &changes);
        staging.applied();
        Ok(outcome)
    }

    async fn recorded(&self, tenant: TenantId, ids: &[InteractionId]) -> Result<Vec<bool>, StoreError> {
        Ok(self.staging.lock().recorded(tenant, ids))
    }
}
