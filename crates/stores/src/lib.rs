//! Catalog, features, interactions and vectors: the store traits, and the embedded default that keeps all in process and
//! durable on disk.
//!
//! Reads are batched and never block on the disk. A write is one [`WriteBatch`] of one tenant; it is durable, whole,
//! when [`Writer::write`] returns.

mod breaker;
pub mod catalog;
pub mod embedded;
pub mod error;
pub mod feature_rows;
pub mod ids;
pub mod interactions;
pub mod redis;
pub mod vectors;
pub mod write;

use std::sync::Arc;

use recommend_core::IdCodec;

pub use catalog::{Catalog, CorpusSummary};
pub use embedded::{OpenOptions, Recovered, Retention, RetentionSnapshot, RetentionStats};
pub use error::StoreError;
pub use feature_rows::FeatureRowStore;
pub use ids::IdBatch;
pub use interactions::{
    Aggregate, AggregateSpec, CoInteraction, Event, HourScope, InteractionStore, KindSummary, Scope, Subject,
};
pub use redis::{RedisOptions, RedisSnapshot, RedisStats};
pub use vectors::{EmbeddedVectors, VectorStore};
pub use write::{EntityPut, FeaturePut, RelationPut, WriteBatch, WriteOutcome, Writer};

/// The stores that the components of a process share. Cloning is reference counting.
#[derive(Clone)]
pub struct Stores {
    /// Entities, their attributes, and users' relations to them.
    pub catalog: Arc<dyn Catalog>,
    /// What users did.
    pub interactions: Arc<dyn InteractionStore>,
    /// Feature values computed elsewhere.
    pub features: Arc<dyn FeatureRowStore>,
    /// Embeddings of users and entities.
    pub vectors: Arc<dyn VectorStore>,
    /// The way in.
    pub writer: Arc<dyn Writer>,
    /// Strings to numbers and back.
    pub codec: IdCodec,
    /// What was asked of Redis and how it went, when the stores are there.
    pub redis: Option<Arc<RedisStats>>,
    /// What the bounds of tenants made the embedded stores let go of, when they are on disk.
    pub retention: Option<Arc<RetentionStats>>,
}

impl Stores {
    /// Finishes the writes that wait and takes no more. Reads go on.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.writer.close().await?;
        Ok(self.vectors.close().await?)
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stores")
    }
}
