//! Stores over Redis: what several processes share, kept where one machine is not enough.
//!
//! **Rows.** What is known of an entity, of a user, and of what was done with and by them, lies in packed rows of bytes:
//! a request reads those of its candidates and of its user in one round trip, an `MGET` beside another, and on a cluster
//! one per shard, side by side. Every write is an `APPEND` by a script that is atomic within a shard and takes each
//! interaction once; long rows are folded beside the writes (`row.rs`).
//!
//! An id is known in the shards of the interaction's entity and user: a client that tries again is recognised, and of two
//! different interactions with one id both may be taken when there are several shards.
//!
//! **Windows.** A row holds the latest interactions as they are: 128 of an entity, 1,024 of a user. Older ones are in
//! buckets of an hour (a week for an entity, two days for a user) and then of a day. A window is exact among the latest,
//! and begins at a whole hour or day among the others; with [`crate::AggregateSpec::resolution`] it begins there in any
//! store, so that all agree to the bit. Distinct counts are exact up to 256 older actors and a sketch beyond
//! (`actors.rs`). An aggregate of a user with an entity sees the user's latest 1,024 interactions in the corpus.
//! Times after the query's are seen when a bucket holds them: replays of the past belong on the embedded engine.
//!
//! **Bounds.** A row cannot outgrow its shape, rows of interactions expire, ids of interactions are remembered for one to
//! two periods of [`RedisOptions::recognise`], and the local cache is bounded in bytes.
//!
//! **Trouble.** Every command has a time, a breaker keeps a process from asking a Redis that does not answer, and rows
//! that were read lately stand in: a read that had to use them says so ([`crate::StoreError::Partial`],
//! [`recommend_core::AttributeTable::degraded`]), and only what was never read fails. Loads of one row at a time are
//! shared by all who want it.
//!
//! **Durability** is that of Redis (`appendonly`, `appendfsync`): what `Writer::write` returns as done is in its memory. The
//! event log on the server's disk has every interaction before that, and a backfill brings them back.

mod actors;
mod aggregate;
mod event_row;
mod event_view;
mod facts;
mod folder;
mod held;
mod intern;
mod keys;
mod lasting;
mod link;
mod options;
mod read_catalog;
mod read_interactions;
mod row;
mod rows;
mod stats;
mod store;
mod tls;
mod together;
mod vocabulary;
mod write;

use std::sync::Arc;

use recommend_core::IdCodec;

use crate::Stores;
use crate::error::StoreError;
pub use options::RedisOptions;
pub use stats::{RedisSnapshot, RedisStats};
use store::RedisStore;

impl Stores {
    /// Stores over a Redis or a Redis cluster, with a runtime of their own for its connections.
    ///
    /// ```no_run
    /// use recommend_core::IdCodec;
    /// use recommend_stores::{RedisOptions, Stores};
    ///
    /// # async fn open() -> Result<(), recommend_stores::StoreError> {
    /// let stores = Stores::redis(IdCodec::new([7; 16]), RedisOptions::at("redis://127.0.0.1:6379")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When Redis does not answer, or holds data of other keys or another number of shards.
    pub async fn redis(codec: IdCodec, options: RedisOptions) -> Result<Self, StoreError> {
        Ok(Stores::over(RedisStore::open(codec, options, None).await?))
    }

    /// The same for a service: what requests read comes over connections of the runtime that they run on, without a hand-over
    /// from thread to thread. That runtime must outlive the stores.
    ///
    /// # Errors
    /// As [`Stores::redis`].
    pub async fn redis_serving(
        codec: IdCodec,
        options: RedisOptions,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self, StoreError> {
        Ok(Stores::over(RedisStore::open(codec, options, Some(runtime)).await?))
    }

    fn over(store: RedisStore) -> Self {
        let (codec, store) = (store.codec, Arc::new(store));
        Stores {
            catalog: Arc::clone(&store) as _,
            interactions: Arc::clone(&store) as _,
            features: Arc::clone(&store) as _,
            // Whoever has a folder puts durable ones in their place.
            vectors: Arc::new(crate::EmbeddedVectors::in_memory(crate::vectors::VectorOptions::default())),
            redis: Some(Arc::clone(&store.link.stats)),
            retention: None,
            writer: store,
            codec,
        }
    }
}
