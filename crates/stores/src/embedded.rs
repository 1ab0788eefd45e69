//! The embedded engine: everything in process for reads, durable on disk for writes.
//!
//! **Reads** look at structures in memory under a short lock per tenant and never wait for the disk: attribute columns
//! by row, relation sets that are copied on write, and interactions three times, as timelines by entity and kind (a
//! window is two binary searches), as timelines by user (pairs and the user's own aggregates are one pass), and by kind
//! and hour for the whole tenant. Distinct users have an index from the first time that somebody asks, valid as of the
//! newest interaction; as of an earlier time, as in a replay, the window is counted. The writer applies a batch in
//! pieces of about 0.1 ms, so that a reader may see a part of a batch that is not acknowledged yet, of which all is
//! durable already. Per interaction this takes 100 to 110 bytes, its share of the engine's cache included.
//!
//! **Writes** go through one thread. It takes all batches that wait, checks them, puts what they change into one
//! transaction with one fsync, applies it to memory, and answers. When a transaction fails (a full disk), the file is
//! opened again to see whether it is in it, before anybody is told; nothing failed is visible, reads go on, and so do
//! writes as soon as the disk takes them. A caller that was told of a failure may find on a retry that it was recorded
//! after all: ids make that harmless.
//!
//! **Letting go** is the writer's too, where a tenant has bounds ([`Retention`]): blocks of interactions on disk, then what
//! memory has of them, in pieces as short as those in which it applies a batch.
//!
//! **Opening** checks every page of the file and reads it back: about 1 s of CPU for a million interactions.
//!
//! # Why redb
//!
//! All is read once, at open, and served from memory; what the engine must do is commit small groups, open fast, and
//! tell a damaged file from a good one. `cargo bench --bench store_engines`, two busy cores (times of fsync vary with
//! what else the disk does; the best of three runs in turns):
//!
//! | | redb 4.5 | fjall 3.1 | append-only file |
//! |---|---|---|---|
//! | group commit, 1 caller: p50 | 0.23–0.44 ms | 0.10–4.2 ms | 0.13 ms |
//! | group commit, 16 callers | 14,600–18,500/s | 37,600/s | 13,100/s |
//! | group commit, 64 callers | 28,800–47,200/s | 49,300/s | 62,400/s |
//! | import of 1 M records | 3.3–4.1 s | 4.0 s | 1.2 s |
//! | open and scan 1 M records | 0.61–0.84 s | 6.5 s | 0.22 s |
//! | bytes per 60-byte record | 135 | 125 | 72 |
//! | 300 truncations: refused / opened short | 299 / 1 | 2 / 297 | 0 / 300 |
//! | 300 bit flips: refused / whole / opened short | 174 / 126 / 0 | 253 / 15 / 32 | 300 / 0 / 0 |
//!
//! fjall commits groups up to 2.5 times as fast. redb was chosen because it opens some eight times as fast with every
//! checksum checked, and because a damaged file is refused or whole: fjall mends a cut or flipped journal by dropping
//! acknowledged records from there on, without a word. (The one truncation that redb opens leaves an empty file, which
//! is refused here before the engine sees it.) One file without threads of its own is also easier to back up, to lock,
//! and to test against a failing disk. LMDB was not a candidate: it has no checksums, and trusts a mapped file.

mod aggregate;
mod buckets;
mod change;
mod columns;
pub(crate) mod decode;
mod disk;
mod durable;
pub(crate) mod encode;
mod export;
mod forget;
#[cfg(test)]
mod full_disk;
mod hours;
mod in_memory;
mod latest;
mod members;
mod memory;
pub(crate) mod names;
mod open;
mod read_catalog;
mod read_features;
pub(crate) mod read_interactions;
mod retention;
mod rows;
mod seen;
mod staging;
mod tenant;
mod tidy;
pub(crate) mod timeline;
mod together;

use std::sync::Arc;

use recommend_core::IdCodec;

use crate::Stores;
use crate::vectors::{EmbeddedVectors, VectorOptions, VectorStore};
use crate::write::Writer;
use in_memory::InMemoryWriter;
use memory::Memory;
pub use open::{OpenOptions, Recovered};
pub use retention::{Retention, RetentionSnapshot, RetentionStats};

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
        let vectors = Arc::new(EmbeddedVectors::in_memory(VectorOptions::default()));
        Stores::of(memory, writer, vectors, codec)
    }

    fn of(
        memory: Arc<Memory>,
        writer: Arc<dyn Writer>,
        vectors: Arc<dyn VectorStore>,
        codec: IdCodec,
    ) -> Self {
        Stores {
            catalog: Arc::clone(&memory) as _,
            interactions: Arc::clone(&memory) as _,
            features: memory,
            vectors,
            writer,
            codec,
            redis: None,
            retention: None,
        }
    }
}
