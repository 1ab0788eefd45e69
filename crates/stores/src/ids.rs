//! Collects the dictionary entries of a batch while its strings become numbers.

use recommend_core::{EntityId, IdCodec, IdError, TenantId, UserId};

/// Encodes strings and remembers those that only a dictionary can turn back.
#[derive(Debug)]
pub struct IdBatch {
    codec: IdCodec,
    names: Vec<(u64, Box<str>)>,
}

impl IdBatch {
    /// An empty batch.
    pub fn new(codec: IdCodec) -> Self {
        IdBatch { codec, names: Vec::new() }
    }

    /// The entity of a string, or the word as an id.
    ///
    /// # Errors
    /// [`IdError`] when it is empty or too long.
    pub fn entity(&mut self, text: &str) -> Result<EntityId, IdError> {
        let id = self.codec.encode(text)?;
        if IdCodec::is_hashed(id) {
            self.names.push((id, text.into()));
        }
        Ok(EntityId(id))
    }

    /// The user of a string.
    ///
    /// # Errors
    /// [`IdError`] when it is empty or too long.
    pub fn user(&mut self, text: &str) -> Result<UserId, IdError> {
        self.entity(text).map(EntityId::as_user)
    }

    /// The tenant of a string, and the string if a dictionary must keep it.
    ///
    /// # Errors
    /// [`IdError`] when it is empty or too long.
    pub fn tenant(&self, text: &str) -> Result<(TenantId, Option<Box<str>>), IdError> {
        let id = self.codec.encode(text)?;
        Ok((TenantId(id), IdCodec::is_hashed(id).then(|| text.into())))
    }

    /// What [`crate::WriteBatch::names`] wants, each string once.
    pub fn into_names(mut self) -> Vec<(u64, Box<str>)> {
        self.names.sort_unstable();
        self.names.dedup();
        self.names
    }
}
