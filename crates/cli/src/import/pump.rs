//! Moves batches from the thread that reads to the sink that writes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::sync::mpsc;

use super::rejects::Rejects;
use super::tally::Tally;
use crate::records::{Batch, RelationRow, Written};
use crate::sink::Sink;

/// Records per durable write: large enough that an fsync is cheap for each, small enough for a gRPC message.
const BATCH: usize = 5_000;

/// Batches between reader and writer: enough for both to be busy, little enough to be nothing in memory.
const QUEUE: usize = 4;

/// What an import did.
#[derive(Debug)]
pub(crate) struct Report {
    /// Rows (or payloads) read.
    pub(crate) rows: u64,
    /// By kind.
    pub(crate) tally: Tally,
    /// What the sink did.
    pub(crate) written: Written,
    /// What could not be imported.
    pub(crate) rejects: Rejects,
    /// What else to know.
    pub(crate) notes: Vec<String>,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Nothing was written on purpose.
    pub(crate) dry: bool,
}

/// Where readers put records.
#[derive(Debug)]
pub(crate) struct Output {
    /// The batch being filled; [`Output::settle`] sends it when it is full.
    pub(crate) batch: Batch,
    /// Counts by kind.
    pub(crate) tally: Tally,
    /// Rows (or payloads) read.
    pub(crate) rows: u64,
    /// What else to know.
    pub(crate) notes: Vec<String>,
    sender: mpsc::Sender<Batch>,
}

#[cfg(test)]
impl Output {
    /// An output whose batches a test can look at.
    pub(crate) fn for_test() -> (Self, mpsc::Receiver<Batch>) {
        let (sender, receiver) = mpsc::channel(1000);
        let tally = Tally::default();
        (Output { batch: Batch::default(), tally, rows: 0, notes: Vec::new(), sender }, receiver)
    }
}

impl Output {
    /// Sends the batch when it is full. To be called after each row.
    ///
    /// # Errors
    /// When the writer has stopped; its own error says why.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if self.batch.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Adds relations, however many.
    ///
    /// # Errors
    /// When the writer has stopped.
    pub(crate) fn relations(&mut self, rows: Vec<RelationRow>) -> Result<()> {
        for row in rows {
            self.batch.relations.push(row);
            self.settle()?;
        }
        Ok(())
    }

    /// Sends what there is. A new sort of records starts a new batch, so that entities are there before what needs
    /// them.
    ///
    /// # Errors
    /// When the writer has stopped.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(batch).map_err(|_| anyhow!("the writer stopped"))
    }
}

/// Runs `read` on a thread of its own and writes what it puts out.
///
/// # Errors
/// What the sink said first, or else what the reader said.
pub(crate) async fn run<R>(sink: &mut Sink, mut rejects: Rejects, read: R) -> Result<Report>
where
    R: FnOnce(&mut Output, &mut Rejects) -> Result<()> + Send + 'static,
{
    let start = Instant::now();
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let reader = tokio::task::spawn_blocking(move || {
        let mut output =
            Output { batch: Batch::default(), tally: Tally::default(), rows: 0, notes: Vec::new(), sender };
        let read = read(&mut output, &mut rejects).and_then(|()| output.flush());
        let flushed = rejects.flush();
        let Output { tally, rows, notes, .. } = output;
        read.and(flushed).map(|()| (tally, rows, notes, rejects))
    });
    let mut written = Written::default();
    while let Some(batch) = receiver.recv().await {
        // Dropping the receiver on an error stops the reader at its next batch.
        written += sink.write(batch).await?;
    }
    let (tally, rows, notes, rejects) = reader.await.context("the reader stopped")??;
    let (elapsed, dry) = (start.elapsed(), sink.is_nowhere());
    Ok(Report { rows, tally, written, rejects, notes, elapsed, dry })
}
