//! Folding rows that have grown long, beside the writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;
use redis::Value;
use rustc_hash::FxHashSet;
use tokio::sync::mpsc;

use super::intern::Names;
use super::keys::{RowKey, RowKind, Shards};
use super::link::{Link, Script};
use super::row::fold;
use crate::error::StoreError;

/// How many rows are folded at once.
const ABREAST: usize = 32;

/// What is folded with.
pub(crate) struct Folder {
    pub(crate) link: Arc<Link>,
    pub(crate) shards: Shards,
    pub(crate) script: Script,
    pub(crate) names: Arc<Names>,
    /// Seconds that rows of interactions live.
    pub(crate) retention: u64,
    pub(crate) next: AtomicU64,
}

impl Folder {
    /// Folds what comes in, until nobody sends any more.
    pub(crate) async fn run(self, mut rows: mpsc::Receiver<RowKey>) {
        let mut page = Vec::with_capacity(256);
        while rows.recv_many(&mut page, 256).await > 0 {
            // A row that grows fast was named by every write.
            let different: FxHashSet<RowKey> = page.drain(..).collect();
            let different: Vec<RowKey> = different.into_iter().collect();
            for some in different.chunks(ABREAST) {
                for result in join_all(some.iter().map(|key| self.fold(key))).await {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a row was not folded; the next write to it tries again");
                    }
                }
            }
        }
    }

    async fn fold(&self, key: &RowKey) -> Result<(), StoreError> {
        let name = self.shards.key(key.borrowed());
        let Value::BulkString(bytes) = self.link.write(redis::cmd("GET").arg(&name)).await? else {
            return Ok(());
        };
        let damaged =
            |reason| StoreError::Unavailable { reason: format!("the row {name} is damaged: {reason}") };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folded = fold(key.kind, &bytes, number, &self.names).map_err(damaged)?;
        let head = bytes[..bytes.len().min(64)].to_vec();
        let mortal = matches!(key.kind, RowKind::Entity | RowKind::User | RowKind::Corpus);
        let seconds = if mortal { self.retention.max(1) } else { 0 };
        let args = [head, bytes.len().to_string().into(), folded, seconds.to_string().into()];
        self.link.run(&self.script, &[name], &args).await?;
        self.link.stats.folds.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
