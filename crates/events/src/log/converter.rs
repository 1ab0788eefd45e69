//! The thread that turns closed segments into Parquet, off everybody's way.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::queue::Answer;
use super::stats::Counters;
use crate::convert::convert;
use crate::disk::Disk;
use crate::error::LogError;
use crate::pace::{Hurry, Pace};

/// After a failure the next try waits this long, and at each further one twice as long, up to a bound.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// When the log closes, segments that are not begun by then stay for the next start.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// What the converter is asked to do.
pub(crate) enum Job {
    /// Convert this segment.
    Segment(PathBuf),
    /// Answer once everything asked for before is done, or has failed once more.
    Answer(Answer),
}

pub(crate) struct Converter {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) log: PathBuf,
    pub(crate) counters: Arc<Counters>,
    pub(crate) waiting: VecDeque<PathBuf>,
    /// Set when the log closes.
    pub(crate) closing: Arc<AtomicBool>,
    /// When that was noticed.
    pub(crate) since: Option<Instant>,
    /// How many wait for what is converted.
    pub(crate) hurry: Arc<Hurry>,
}

impl Converter {
    /// Works until the other end of `jobs` is gone.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut wait = FIRST_WAIT;
        let mut answers = Vec::new();
        loop {
            let result = self.pass();
            wait = if result.is_ok() { FIRST_WAIT } else { (wait * 2).min(LONGEST_WAIT) };
            for answer in answers.drain(..) {
                self.hurry.end();
                // Whoever asked may have gone.
                let _ = Answer::send(answer, result.clone());
            }
            let job = match self.waiting.is_empty() {
                true => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => jobs.recv_timeout(wait),
            };
            match job {
                Ok(job) => {
                    self.note(job, &mut answers);
                    jobs.try_iter().for_each(|job| self.note(job, &mut answers));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // What fails now is tried again at the next start.
        let _ = self.pass();
    }

    fn note(&mut self, job: Job, answers: &mut Vec<Answer>) {
        match job {
            Job::Segment(path) => self.waiting.push_back(path),
            Job::Answer(answer) => answers.push(answer),
        }
    }

    /// Whether the log is closing and has waited long enough.
    fn overdue(&mut self) -> bool {
        if self.closing.load(Ordering::Relaxed) {
            return self.since.get_or_insert_with(Instant::now).elapsed() >= CLOSING_LIMIT;
        }
        false
    }

    /// Tries every waiting segment once; the first error.
    fn pass(&mut self) -> Result<(), LogError> {
        let mut result = Ok(());
        for _ in 0..self.waiting.len() {
            if self.overdue() {
                break;
            }
            let Some(segment) = self.waiting.pop_front() else { break };
            // With others waiting behind it a segment is in a hurry too.
            let hurry = if self.waiting.is_empty() { self.hurry.clone() } else { Hurry::always() };
            match convert(&self.disk, &self.log, &segment, &mut Pace::new(hurry)) {
                Ok(converted) => {
                    self.counters.waiting_segments.fetch_sub(1, Ordering::Relaxed);
                    Counters::add(&self.counters.converted_segments, 1);
                    Counters::add(&self.counters.parquet_files, converted.files);
                    Counters::add(&self.counters.parquet_bytes, converted.bytes);
                }
                Err(error) => {
                    self.counters.failed(&self.counters.convert_error, &error);
                    self.waiting.push_back(segment);
                    result = result.and(Err(error));
                }
            }
        }
        if result.is_ok() {
            *self.counters.convert_error.lock() = None;
        }
        result
    }
}
