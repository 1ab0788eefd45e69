//! The queue between those who log and the thread that writes.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use recommend_core::Interaction;
use tokio::sync::oneshot;

use crate::error::LogError;
use crate::record::RequestLog;

/// The thread is woken before its time once this many records have come in, so that they stay in the cache and the
/// memory small; waking costs a system call, which a request would otherwise pay.
const WAKE_AFTER: usize = 8192;

pub(crate) type Answer = oneshot::Sender<Result<(), LogError>>;
pub(crate) type Answered = oneshot::Receiver<Result<(), LogError>>;

/// Interactions that wait to be durable.
pub(crate) struct Batch {
    pub(crate) interactions: Vec<Interaction>,
    pub(crate) answer: Answer,
}

/// Everything that the thread takes at once.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) batches: Vec<Batch>,
    pub(crate) flushes: Vec<Answer>,
    pub(crate) rolls: Vec<Answer>,
    pub(crate) closing: bool,
}

#[derive(Default)]
struct State {
    requests: Vec<RequestLog>,
    taken: Taken,
    /// Records of requests that are not on disk yet, whether here or with the thread.
    queued: usize,
    /// Records of interactions that are not answered yet.
    waiting: usize,
    /// Records since the thread came last.
    fresh: usize,
    accepted: u64,
    wake: bool,
}

/// A bounded queue of records. Requests never wait; interactions are awaited by those who brought them.
pub(crate) struct Queue {
    limit: usize,
    state: Mutex<State>,
    bell: Condvar,
}

/// How many records a request is: itself and its impressions.
pub(crate) fn weight(log: &RequestLog) -> usize {
    1 + log.items.len()
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Queue { limit, state: Mutex::default(), bell: Condvar::new() }
    }

    /// Takes a request in. When the queue is full or closed it is dropped, and the error is its weight. An empty queue
    /// takes any.
    pub(crate) fn request(&self, log: RequestLog) -> Result<(), usize> {
        let weight = weight(&log);
        let mut state = self.state.lock();
        if state.taken.closing || (state.queued > 0 && state.queued + weight > self.limit) {
            // Freed after the lock is, as a parameter outlives the locals.
            return Err(weight);
        }
        state.queued += weight;
        state.fresh += weight;
        state.accepted += weight as u64;
        state.requests.push(log);
        if state.fresh >= WAKE_AFTER.min(self.limit) {
            state.fresh = 0;
            self.ring(&mut state);
        }
        Ok(())
    }

    /// Takes interactions in; the answer comes once they are durable, or cannot be.
    pub(crate) fn interactions(&self, interactions: Vec<Interaction>) -> Result<Answered, LogError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state.lock();
        if state.taken.closing {
            return Err(LogError::Closed);
        }
        if state.waiting > 0 && state.waiting + interactions.len() > self.limit {
            return Err(LogError::Full { waiting: state.waiting, limit: self.limit });
        }
        state.waiting += interactions.len();
        state.taken.batches.push(Batch { interactions, answer });
        self.ring(&mut state);
        Ok(answered)
    }

    /// Asks for an answer once everything that is in the queue now is durable, and on `roll` also in Parquet.
    pub(crate) fn flush(&self, roll: bool) -> Result<Answered, LogError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state.lock();
        if state.taken.closing {
            return Err(LogError::Closed);
        }
        let list = if roll { &mut state.taken.rolls } else { &mut state.taken.flushes };
        list.push(answer);
        self.ring(&mut state);
        Ok(answered)
    }

    /// Takes no more in; the thread writes what is there and ends.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.taken.closing = true;
        self.ring(&mut state);
    }

    fn ring(&self, state: &mut State) {
        if !std::mem::replace(&mut state.wake, true) {
            self.bell.notify_one();
        }
    }

    /// Waits until it is time or something is urgent. Appends the requests to `pending`.
    pub(crate) fn take(&self, until: Instant, pending: &mut Vec<RequestLog>) -> Taken {
        let mut state = self.state.lock();
        while !state.wake && !self.bell.wait_until(&mut state, until).timed_out() {}
        state.wake = false;
        state.fresh = 0;
        if pending.is_empty() {
            // The two buffers change places, so that neither is allocated again.
            std::mem::swap(pending, &mut state.requests);
        } else {
            pending.append(&mut state.requests);
        }
        let closing = state.taken.closing;
        Taken { closing, ..std::mem::replace(&mut state.taken, Taken { closing, ..Taken::default() }) }
    }

    /// Notes that so many records of requests and of interactions left the queue.
    pub(crate) fn done(&self, requests: usize, interactions: usize) {
        let mut state = self.state.lock();
        state.queued = state.queued.saturating_sub(requests);
        state.waiting = state.waiting.saturating_sub(interactions);
    }

    /// Records that wait, and records of requests that were taken in.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state.lock();
        ((state.queued + state.waiting) as u64, state.accepted)
    }
}
