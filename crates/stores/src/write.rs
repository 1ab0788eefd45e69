//! Writing: one batch of one tenant, durable and whole when the call returns.

use async_trait::async_trait;
use recommend_core::{EntityId, Interaction, InteractionId, Name, TenantId, Timestamp, UserId, Value};

use crate::error::StoreError;

/// An entity to add, change or remove.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityPut {
    /// Its corpus.
    pub corpus: Name,
    /// Which.
    pub entity: EntityId,
    /// Attributes to set, or with `None` to remove; the others stay.
    pub attributes: Vec<(Name, Option<Value>)>,
    /// Removes the entity instead.
    pub remove: bool,
}

/// A tie to add, renew or remove.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationPut {
    /// Who.
    pub user: UserId,
    /// Which kind: member, dismissed…
    pub kind: Name,
    /// The corpus of the entity.
    pub corpus: Name,
    /// To what.
    pub entity: EntityId,
    /// Since when.
    pub since: Timestamp,
    /// How strong; finite.
    pub weight: f32,
    /// Removes the tie instead.
    pub remove: bool,
}

/// Feature values of an entity or of a (user, entity) pair.
#[derive(Debug, Clone, PartialEq)]
pub struct FeaturePut {
    /// The corpus of the entity.
    pub corpus: Name,
    /// Which entity.
    pub entity: EntityId,
    /// The user, for a pair.
    pub user: Option<UserId>,
    /// Values by name; NaN removes one, the others stay.
    pub values: Vec<(Name, f32)>,
}

/// What is written together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteBatch {
    /// The tenant's string, when its number is a hash.
    pub tenant_name: Option<Box<str>>,
    /// Strings of hashed ids that the batch uses, for the dictionary.
    pub names: Vec<(u64, Box<str>)>,
    /// Entities.
    pub entities: Vec<EntityPut>,
    /// Relations.
    pub relations: Vec<RelationPut>,
    /// Interactions; each is recorded at most once under its id.
    pub interactions: Vec<Interaction>,
    /// Feature values.
    pub features: Vec<FeaturePut>,
}

impl WriteBatch {
    /// How many things it writes.
    pub fn len(&self) -> usize {
        let WriteBatch { tenant_name: _, names, entities, relations, interactions, features } = self;
        names.len() + entities.len() + relations.len() + interactions.len() + features.len()
    }

    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a write did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// Interactions recorded now; and those that are older than what is kept, which are not held.
    pub accepted: usize,
    /// Interactions recorded before under the same id, or twice in the batch.
    pub duplicates: usize,
}

/// The way into the stores.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Writes a batch. When it returns, all of it is durable and visible to reads; on an error none of it is.
    ///
    /// # Errors
    /// [`StoreError::IdCollision`] when two strings share a hashed id; [`StoreError::TooManyNames`] when a bound of the
    /// vocabulary is reached; otherwise when the store cannot be written.
    async fn write(&self, tenant: TenantId, batch: WriteBatch) -> Result<WriteOutcome, StoreError>;

    /// Which of these interactions are recorded already, so that whoever keeps a log beside the stores need not log them
    /// again. A writer that cannot tell says that none is.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn recorded(&self, tenant: TenantId, ids: &[InteractionId]) -> Result<Vec<bool>, StoreError> {
        let _ = tenant;
        Ok(vec![false; ids.len()])
    }

    /// Finishes the writes that wait and takes no more; the data folder is free when it returns.
    ///
    /// # Errors
    /// When the store cannot be written.
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
