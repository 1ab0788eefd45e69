//! Opening: reads everything back from the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use recommend_core::{IdCodec, TenantId, Timestamp};

use super::change::Change;
use super::decode::decode;
use super::disk::{Disk, OpenFile};
use super::durable::{DurableWriter, Work};
use super::encode::block_number;
use super::memory::Memory;
use super::retention::{Keeper, Retention, RetentionStats};
use super::staging::Staging;
use super::tenant::Tenant;
use super::timeline::held;
use crate::Stores;
use crate::error::StoreError;
use crate::vectors::{EmbeddedVectors, VectorOptions};

/// How the durable stores are run.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// How many batches wait for the disk at most; whoever comes then waits with its own.
    pub queue: usize,
    /// About how many records share one transaction.
    pub group: usize,
    /// How much of the file the engine keeps in memory, in bytes; only writes need it.
    pub cache_bytes: usize,
    /// For how long, and how many of a tenant, interactions are kept; without bounds by default.
    pub retention: Retention,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { queue: 1024, group: 20_000, cache_bytes: 32 << 20, retention: Retention::default() }
    }
}

/// What was found on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Strings of hashed ids.
    pub names: usize,
    /// Entities.
    pub entities: usize,
    /// Ties.
    pub relations: usize,
    /// Interactions.
    pub interactions: usize,
    /// Rows of feature values.
    pub features: usize,
    /// How long reading took.
    pub took: Duration,
}

impl Stores {
    /// Opens the stores in the folder `dir`, or makes them. One process has them open at a time.
    ///
    /// What [`crate::Writer::write`] acknowledged is there, also after the process was killed or the power failed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process (or this one) has the folder open; [`StoreError::Damaged`] when the
    /// file is not as it was written; [`StoreError::Io`] when the folder cannot be read or made.
    ///
    /// ```
    /// use recommend_core::{EntityId, IdCodec, InteractionId, Interaction, Name, TenantId, Timestamp, UserId};
    /// use recommend_stores::{OpenOptions, Stores, WriteBatch};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let folder = tempfile::tempdir().unwrap();
    /// let join = Interaction {
    ///     id: InteractionId(1),
    ///     request: None,
    ///     tenant: TenantId(1),
    ///     user: UserId(7),
    ///     corpus: Name::literal("channel"),
    ///     entity: EntityId(42),
    ///     kind: Name::literal("join"),
    ///     time: Timestamp(0),
    ///     value: 1.0,
    /// };
    /// let batch = WriteBatch { interactions: vec![join], ..WriteBatch::default() };
    /// let codec = IdCodec::new([7; 16]);
    /// for (accepted, found) in [(1, 0), (0, 1)] {
    ///     let (stores, recovered) = Stores::open(folder.path(), codec, OpenOptions::default()).unwrap();
    ///     assert_eq!(recovered.interactions, found);
    ///     let outcome = stores.writer.write(TenantId(1), batch.clone()).await.unwrap();
    ///     assert_eq!(outcome.accepted, accepted, "the second time it is there already");
    ///     stores.close().await.unwrap();
    /// }
    /// # });
    /// ```
    pub fn open(dir: &Path, codec: IdCodec, options: OpenOptions) -> Result<(Self, Recovered), StoreError> {
        Stores::open_with(dir, codec, options, Box::new(|builder, path| builder.create(path)))
    }

    pub(crate) fn open_with(
        dir: &Path,
        codec: IdCodec,
        options: OpenOptions,
        open_file: OpenFile,
    ) -> Result<(Self, Recovered), StoreError> {
        let started = Instant::now();
        let disk = Disk::open(dir, options.cache_bytes, open_file)?;
        let memory = Arc::new(Memory::new(codec));
        let mut loading = Loading {
            staging: Staging::new(Arc::clone(&memory)),
            memory,
            tenant: None,
            found: Recovered::default(),
            keeper: Keeper::new(options.retention),
        };
        disk.scan(|key, value| {
            let (mut count, mut newest, mut of) = (0, Timestamp(i64::MIN), None);
            decode(key, value, &mut |tenant, change| {
                if let Change::Interaction(interaction) = &change {
                    (count, newest, of) = (count + 1, newest.max(held(interaction.time)), Some(tenant));
                }
                loading.take(tenant, &change);
            })?;
            if let Some(tenant) = of {
                loading.keeper.took(tenant, count, newest, block_number(key).into_iter());
            }
            Ok(())
        })?;
        let Loading { memory, mut staging, mut found, keeper, .. } = loading;
        staging.recovered();
        found.took = started.elapsed();
        let stats = Arc::new(RetentionStats::default());
        let work = Work::new(Arc::clone(&memory), staging, disk, options.group, keeper, Arc::clone(&stats));
        let writer = DurableWriter::start(work, dir, options.queue)?;
        let vectors = EmbeddedVectors::open(dir, VectorOptions::default())?;
        let stores = Stores::of(memory, Arc::new(writer), Arc::new(vectors), codec);
        Ok((Stores { retention: Some(stats), ..stores }, found))
    }
}

/// Puts what is read where it belongs.
struct Loading {
    memory: Arc<Memory>,
    staging: Staging,
    /// Records of one tenant come together.
    tenant: Option<(TenantId, Arc<Tenant>)>,
    found: Recovered,
    keeper: Keeper,
}

impl Loading {
    fn take(&mut self, id: TenantId, change: &Change) {
        match change {
            Change::Tenant(_) => {}
            Change::Name(..) => self.found.names += 1,
            Change::Entity { .. } => self.found.entities += 1,
            Change::Relation { .. } => self.found.relations += 1,
            Change::Features { .. } => self.found.features += 1,
            Change::Interaction(interaction) => {
                self.staging.recover(id, interaction.id);
                self.found.interactions += 1;
            }
        }
        let tenant = match &self.tenant {
            Some((known, tenant)) if *known == id => tenant,
            _ => &self.tenant.insert((id, self.memory.tenant_or_new(id))).1,
        };
        tenant.state.write().apply(change);
    }
}
