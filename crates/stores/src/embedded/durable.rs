//! The writer with a disk: one thread, many callers, one fsync for all that wait.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use recommend_core::{InteractionId, TenantId};
use tokio::sync::{mpsc, oneshot};

use super::change::Changes;
use super::disk::{Committed, Disk};
use super::encode::encode;
use super::memory::Memory;
use super::retention::{Keeper, RetentionStats};
use super::staging::Staging;
use crate::error::StoreError;
use crate::write::{WriteBatch, WriteOutcome, Writer};

type Answer = Result<WriteOutcome, StoreError>;

enum Message {
    Write(Request),
    Recorded(TenantId, Vec<InteractionId>, oneshot::Sender<Vec<bool>>),
    Close(oneshot::Sender<()>),
}

struct Request {
    tenant: TenantId,
    batch: WriteBatch,
    answer: oneshot::Sender<Answer>,
}

/// Hands batches to the writing thread.
#[derive(Debug)]
pub(crate) struct DurableWriter {
    queue: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl DurableWriter {
    /// Starts the thread. As many batches wait at most, and about as many records share a transaction, as the options say.
    pub(crate) fn start(work: Work, folder: &Path, queue: usize) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| work.run(receiver));
        let thread = thread.map_err(|source| StoreError::Io {
            doing: "starting the writer of",
            path: folder.to_path_buf(),
            source,
        })?;
        Ok(DurableWriter { queue: Some(sender), thread: Some(thread) })
    }

    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let sent = match &self.queue {
            Some(queue) => queue.send(message).await.is_ok(),
            None => false,
        };
        if sent { Ok(()) } else { Err(closed()) }
    }
}

fn closed() -> StoreError {
    StoreError::Closed("it was closed".to_owned())
}

#[async_trait]
impl Writer for DurableWriter {
    async fn write(&self, tenant: TenantId, batch: WriteBatch) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Write(Request { tenant, batch, answer })).await?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    async fn recorded(&self, tenant: TenantId, ids: &[InteractionId]) -> Result<Vec<bool>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Recorded(tenant, ids.to_vec(), answer)).await?;
        answered.await.map_err(|_| closed())
    }

    async fn close(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.send(Message::Close(answer)).await.is_ok() {
            // Whoever closed it first has it closed.
            let _ = answered.await;
        }
        Ok(())
    }
}

impl Drop for DurableWriter {
    /// Waits for what is under way, one transaction, so that the folder is free afterwards.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the stores panicked");
        }
    }
}

/// What the writing thread has.
pub(crate) struct Work {
    pub(super) memory: Arc<Memory>,
    pub(super) staging: Staging,
    pub(super) disk: Disk,
    group: usize,
    pub(super) keeper: Keeper,
    pub(super) stats: Arc<RetentionStats>,
    /// Changes of a transaction that failed in a way that leaves open whether it is on disk.
    unknown: Vec<(TenantId, Changes, Range<u64>)>,
}

/// A batch that waits for its transaction.
struct Staged {
    tenant: TenantId,
    changes: Changes,
    /// The blocks that its interactions are in.
    blocks: Range<u64>,
    outcome: WriteOutcome,
    answer: oneshot::Sender<Answer>,
}

impl Work {
    pub(crate) fn new(
        memory: Arc<Memory>,
        staging: Staging,
        disk: Disk,
        group: usize,
        keeper: Keeper,
        stats: Arc<RetentionStats>,
    ) -> Self {
        Work { memory, staging, disk, group, keeper, stats, unknown: Vec::new() }
    }

    fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        // What grew old while nobody had the folder open.
        self.tidy(self.keeper.tenants());
        let (mut group, mut closing) = (Vec::new(), None);
        while let Some(message) = queue.blocking_recv() {
            let (mut next, mut size) = (Some(message), 0);
            while let Some(message) = next {
                match message {
                    Message::Write(request) => {
                        size += request.batch.len();
                        group.push(request);
                    }
                    Message::Recorded(tenant, ids, answer) => {
                        let _ = answer.send(self.staging.recorded(tenant, &ids));
                    }
                    Message::Close(answer) => {
                        closing = Some(answer);
                        break;
                    }
                }
                next = if size < self.group { queue.try_recv().ok() } else { None };
            }
            if !group.is_empty() {
                self.write(group.drain(..));
            }
            if closing.is_some() {
                break;
            }
        }
        // The folder is free before anybody hears that it is.
        drop(self.disk);
        if let Some(answer) = closing {
            let _ = answer.send(());
        }
    }

    fn write(&mut self, requests: impl Iterator<Item = Request>) {
        if let Err(error) = self.recover() {
            return requests.for_each(|request| drop(request.answer.send(Err(again(&error)))));
        }
        let (mut records, mut staged) = (Vec::new(), Vec::new());
        let mut next_block = self.disk.head().next_block;
        for Request { tenant, batch, answer } in requests {
            match self.staging.stage(tenant, batch, self.keeper.floor(tenant)) {
                Ok((changes, outcome)) => {
                    let first = next_block;
                    encode(tenant, &changes.list, &mut next_block, &mut records);
                    staged.push(Staged { tenant, changes, blocks: first..next_block, outcome, answer });
                }
                // Whoever no longer waits for an answer needs none, here and below.
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        let committed =
            if records.is_empty() { Committed::Yes } else { self.disk.commit(&records, next_block) };
        match committed {
            Committed::Yes => {
                let mut tenants = Vec::new();
                for Staged { tenant, changes, blocks, outcome, answer } in staged {
                    self.memory.apply(tenant, &changes);
                    self.took(tenant, &changes, blocks);
                    tenants.push(tenant);
                    drop(answer.send(Ok(outcome)));
                }
                self.staging.applied();
                tenants.sort_unstable();
                tenants.dedup();
                self.tidy(tenants);
            }
            Committed::No(error) => {
                self.staging.discard();
                staged.into_iter().for_each(|staged| drop(staged.answer.send(Err(again(&error)))));
            }
            Committed::Unknown(error) => {
                self.staging.discard();
                for Staged { tenant, changes, blocks, answer, .. } in staged {
                    drop(answer.send(Err(again(&error))));
                    self.unknown.push((tenant, changes, blocks));
                }
            }
        }
    }

    fn took(&mut self, tenant: TenantId, changes: &Changes, blocks: Range<u64>) {
        self.stats.late(changes.late);
        let (count, newest) = changes.interactions();
        self.keeper.took(tenant, count, newest, blocks);
    }

    /// After a failure, finds out what is on disk, and makes reads see the same.
    fn recover(&mut self) -> Result<(), StoreError> {
        let landed = self.disk.recover()?;
        for (tenant, changes, blocks) in std::mem::take(&mut self.unknown).into_iter().filter(|_| landed) {
            self.staging.recover_all(tenant, &changes);
            self.memory.apply(tenant, &changes);
            self.took(tenant, &changes, blocks);
        }
        Ok(())
    }
}

/// The same error for the next of those who wait.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Io { doing, path, source } => {
            let source = match source.raw_os_error() {
                Some(code) => std::io::Error::from_raw_os_error(code),
                None => std::io::Error::new(source.kind(), source.to_string()),
            };
            StoreError::Io { doing, path: path.clone(), source }
        }
        StoreError::Damaged { path, reason } => {
            StoreError::Damaged { path: path.clone(), reason: reason.clone() }
        }
        other => StoreError::Closed(other.to_string()),
    }
}
