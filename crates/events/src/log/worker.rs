//! The thread that writes: one append and one sync for everything that has come in since the last.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use recommend_core::Clock;

use super::converter::Job;
use super::queue::{Queue, Taken, weight};
use super::recovery::SEGMENTS;
use super::running::Running;
use super::stats::Counters;
use crate::convert::SEGMENT;
use crate::disk::Disk;
use crate::error::LogError;
use crate::options::LogOptions;
use crate::pace::Hurry;
use crate::pseudonym::Pseudonymizer;
use crate::record::RequestLog;
use crate::segment::{Header, Mark, SegmentWriter};

/// Longer batches of interactions become several frames.
const FRAME_INTERACTIONS: usize = 65_536;

pub(crate) struct Worker {
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: PathBuf,
    pub(crate) options: LogOptions,
    pub(crate) pseudonyms: Pseudonymizer,
    pub(crate) running: Running,
    pub(crate) jobs: Sender<Job>,
    /// Random; names this run.
    pub(crate) run: u64,
    /// When the last segment of this folder was created.
    pub(crate) last_created: i64,
    pub(crate) segment: Option<SegmentWriter>,
    /// Records that this run has made durable.
    pub(crate) written: u64,
    /// Tells the converter to come to an end.
    pub(crate) closing: Arc<AtomicBool>,
    /// How many wait for what is converted.
    pub(crate) hurry: Arc<Hurry>,
}

impl Worker {
    /// Works until the queue is closed and what was in it is written, or cannot be. Says how the run ended.
    pub(crate) fn run(mut self) -> Result<(), LogError> {
        let mut pending: Vec<RequestLog> = Vec::new();
        // A record that just missed a flush is durable by the end of the next, within the interval as long as the
        // disk takes no more than half of it.
        let tick = self.options.flush_interval / 2;
        let mut next = Instant::now() + tick;
        loop {
            let mut taken = self.queue.take(next, &mut pending);
            if taken.closing && !self.closing.swap(true, Ordering::Relaxed) {
                self.hurry.begin();
            }
            let result = self.commit(&mut pending, &mut taken);
            next = Instant::now() + tick.max(Duration::from_millis(1));
            for flush in taken.flushes {
                // Whoever asked may have gone.
                let _ = flush.send(result.clone());
            }
            let full = self.segment.as_ref().is_some_and(|segment| {
                segment.bytes() >= self.options.roll_bytes
                    || segment.opened().elapsed() >= self.options.roll_after
            });
            if full || !taken.rolls.is_empty() || taken.closing {
                self.seal();
            }
            for roll in taken.rolls {
                match &result {
                    Ok(()) => {
                        self.hurry.begin();
                        self.convert(Job::Answer(roll));
                    }
                    Err(_) => drop(roll.send(result.clone())),
                }
            }
            if taken.closing {
                return self.close(&pending, result);
            }
        }
    }

    /// Writes requests and interactions, and answers the interactions. On success nothing is pending; after a failure
    /// the requests still are.
    fn commit(&mut self, pending: &mut Vec<RequestLog>, taken: &mut Taken) -> Result<(), LogError> {
        let batches = std::mem::take(&mut taken.batches);
        if pending.is_empty() && batches.is_empty() {
            return Ok(());
        }
        let interactions = batches.iter().map(|batch| batch.interactions.len()).sum();
        let result =
            self.write(pending, &batches.iter().map(|b| b.interactions.as_slice()).collect::<Vec<_>>());
        match &result {
            Ok(()) => {
                self.queue.done(pending.iter().map(weight).sum(), interactions);
                pending.clear();
                *self.counters.write_error.lock() = None;
            }
            Err(error) => {
                self.queue.done(0, interactions);
                self.counters.failed(&self.counters.write_error, error);
            }
        }
        for batch in batches {
            let _ = batch.answer.send(result.clone());
        }
        result
    }

    fn write(
        &mut self,
        requests: &[RequestLog],
        batches: &[&[recommend_core::Interaction]],
    ) -> Result<(), LogError> {
        // After any failure the segment is left behind: which of its bytes are on disk is no longer known, not even
        // after a later sync that succeeds (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
        let mut segment = match self.segment.take() {
            Some(segment) => segment,
            None => self.create()?,
        };
        match self.fill(&mut segment, requests, batches) {
            Ok(()) => {
                self.segment = Some(segment);
                Ok(())
            }
            Err(error) => {
                segment.give_up();
                self.retire(segment);
                Err(error)
            }
        }
    }

    fn fill(
        &mut self,
        segment: &mut SegmentWriter,
        requests: &[RequestLog],
        batches: &[&[recommend_core::Interaction]],
    ) -> Result<(), LogError> {
        let (mut fresh, mut shed) = (0, 0);
        for interactions in batches.iter().flat_map(|batch| batch.chunks(FRAME_INTERACTIONS)) {
            // Frames of that length always fit.
            if segment.encoder().interactions(interactions, &self.pseudonyms).is_ok() {
                fresh += interactions.len() as u64;
                segment.added(interactions.len() as u64)?;
            }
        }
        for request in requests {
            let records = weight(request) as u64;
            match segment.encoder().request(request, &self.pseudonyms) {
                Ok(()) => {
                    fresh += records;
                    segment.added(records)?;
                }
                Err(error) => {
                    shed += records;
                    tracing::error!(request = %request.request, %error, "a request cannot be logged");
                }
            }
        }
        let now = self.clock.now();
        let busiest = self.running.busiest.max(fresh);
        let mark = Mark {
            time: now,
            written: self.written + fresh,
            shed: self.counters.shed.load(Ordering::Relaxed) + shed,
            busiest,
        };
        segment.encoder().mark(&mark);
        let bytes = segment.sync()?;
        self.written += fresh;
        self.running.busiest = busiest;
        self.running.durable = now;
        Counters::add(&self.counters.shed, shed);
        Counters::add(&self.counters.written, fresh);
        Counters::add(&self.counters.bytes, bytes);
        Counters::add(&self.counters.fsyncs, 1);
        Ok(())
    }

    fn create(&mut self) -> Result<SegmentWriter, LogError> {
        // Names must not repeat, and sort by age, whatever the clock does.
        let created = self.clock.now().millis().max(self.last_created + 1).max(0);
        self.last_created = created;
        let name = format!("{created:016}-{:08x}.{SEGMENT}", self.run as u32);
        let header = Header { run: self.run, created, before: self.written };
        SegmentWriter::create(&*self.disk, self.log.join(SEGMENTS).join(name), header)
    }

    /// Ends the segment, if there is one, and has it converted.
    fn seal(&mut self) {
        if let Some(segment) = self.segment.take() {
            // Only a better message after a crash depends on it.
            let _ = self.running.write(&*self.disk, &self.log);
            self.retire(segment);
        }
    }

    fn retire(&mut self, segment: SegmentWriter) {
        if segment.records() > 0 {
            Counters::add(&self.counters.waiting_segments, 1);
            self.convert(Job::Segment(segment.path().to_owned()));
        } else {
            // What stays in spite of this is read as an empty segment.
            let _ = self.disk.remove(segment.path());
        }
    }

    fn convert(&self, job: Job) {
        // Without a converter the segment waits for the next start, and whoever asked gets `Closed`.
        let _ = self.jobs.send(job);
    }

    fn close(self, pending: &[RequestLog], result: Result<(), LogError>) -> Result<(), LogError> {
        if let (Err(error), false) = (result, pending.is_empty()) {
            let records = pending.iter().map(weight).sum::<usize>() as u64;
            Counters::add(&self.counters.shed, records);
            return Err(LogError::Unwritten { records, reason: error.to_string() });
        }
        Running::remove(&*self.disk, &self.log)
    }
}
