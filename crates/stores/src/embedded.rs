//! The embedded engine: everything in process for reads, durable on disk for writes.

mod aggregate;
mod buckets;
mod change;
mod columns;
mod disk;
mod durable;
mod encode;
#[cfg(test)]
mod full_disk;
mod hours;
mod in_memory;
mod latest;
mod members;
mod memory;
mod names;
mod open;
mod read_catalog;
mod read_features;
mod read_interactions;
mod rows;
mod seen;
mod staging;
mod tenant;
mod timeline;

use std::sync::Arc;

use recommend_core::IdCodec;

use crate::Stores;
use crate::write::Writer;
use in_memory::InMemoryWriter;
use memory::Memory;
pub use open::{OpenOptions, Recovered};

impl Stores {
    /// Stores that forget everything when they are dropped: the embedded engine without its disk.
    ///
    /// ```
    /// use recommend_core::{EntityId, IdCodec, Name, TenantId, Value};
    /// use recommend_stores::{EntityPut, Stores, WriteBatch};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stores = Stores::in_memory(IdCodec::new([7; 16]));
    /// let (tenant, channel, topic) = (TenantId(1), Name::literal("channel"), Name::literal("topic"));
    /// let put = EntityPut {
    ///     corpus: channel.clone(),
    ///     entity: EntityId(42),
    ///     attributes: vec![(topic.clone(), Some(Value::Number(3.0)))],
    ///     remove: false,
    /// };
    /// stores.writer.write(tenant, WriteBatch { entities: vec![put], ..WriteBatch::default() }).await.unwrap();
    /// let table = stores.catalog.attributes(tenant, &channel, &[EntityId(42)], &[topic]).await.unwrap();
    /// assert_eq!(table.get(0, "topic"), Some(Value::Number(3.0)));
    /// # });
    /// ```
    pub fn in_memory(codec: IdCodec) -> Self {
        let memory = Arc::new(Memory::new(codec));
        let writer = Arc::new(InMemoryWriter::new(Arc::clone(&memory)));
        Stores::of(memory, writer, codec)
    }

    fn of(memory: Arc<Memory>, writer: Arc<dyn Writer>, codec: IdCodec) -> Self {
        Stores {
            catalog: Arc::clone(&memory) as _,
            interactions: Arc::clone(&memory) as _,
            features: memory,
            writer,
            codec,
        }
    }
}
