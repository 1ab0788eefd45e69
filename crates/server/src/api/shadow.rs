//! Shadow variants: run after the answer has gone, logged, and never in the way of one.
//!
//! They have a thread of their own that runs when its core is idle, so that they take what processor time is left over. What
//! waits is bounded, and a run whose request has passed its deadline is dropped: under load shadows see fewer requests,
//! and people notice nothing.

use std::sync::{Arc, OnceLock};

use futures::StreamExt;
use recommend_core::{Query, RequestId, RunOptions};
use recommend_events::{EventLog, RequestLog};
use recommend_monitoring::ShadowResult;
use tokio::sync::mpsc;

use super::recommend::log;
use crate::serving::Trial;

/// Runs that may wait. At 100 µs each they are done in some milliseconds; a longer queue would only grow old.
const WAITING: usize = 64;
/// Runs that may wait for stores at the same time.
const AT_ONCE: usize = 8;

/// A run of all shadows of an experiment.
struct Job {
    trial: Arc<Trial>,
    query: Query,
}

/// Where shadows run. The thread starts with the first of them and ends with the server.
pub(crate) struct Shadows {
    log: EventLog,
    queue: OnceLock<mpsc::Sender<Job>>,
}

impl Shadows {
    pub(crate) fn new(log: EventLog) -> Self {
        Shadows { log, queue: OnceLock::new() }
    }

    /// Lets the shadows of an experiment answer a query too. Never waits.
    pub(crate) fn send(&self, trial: &Arc<Trial>, query: &Query) {
        let queue = self.queue.get_or_init(|| start(self.log.clone()));
        if queue.try_send(Job { trial: trial.clone(), query: query.clone() }).is_err() {
            trial.shadows.iter().for_each(|shadow| shadow.metrics.shadowed(ShadowResult::Busy));
        }
    }
}

fn start(events: EventLog) -> mpsc::Sender<Job> {
    let (queue, mut jobs) = mpsc::channel::<Job>(WAITING);
    let work = move || {
        step_back();
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "shadow variants do not run"),
        };
        let jobs = futures::stream::poll_fn(move |context| jobs.poll_recv(context));
        runtime.block_on(jobs.for_each_concurrent(AT_ONCE, |job| run(&events, job)));
    };
    if let Err(error) = std::thread::Builder::new().name("shadows".into()).spawn(work) {
        // The receiver is gone with the closure, so that every run counts as dropped.
        tracing::error!(%error, "shadow variants do not run");
    }
    queue
}

async fn run(events: &EventLog, job: Job) {
    let Job { trial, query } = job;
    for shadow in &trial.shadows {
        if query.deadline.expired() {
            shadow.metrics.shadowed(ShadowResult::Late);
            continue;
        }
        let served = &shadow.served;
        match served.recommender.run(&query, RunOptions::default()).await {
            Ok(outcome) => {
                shadow.metrics.shadowed(ShadowResult::Ok);
                events.log_request(RequestLog {
                    // A key of its own. The lower half decides whether the log's sample takes it: with its request.
                    request: RequestId(
                        u128::from(rand::random::<u64>()) << 64 | u128::from(query.request.0 as u64),
                    ),
                    experiment: Some(trial.name.clone()),
                    variant: Some(shadow.name.clone()),
                    shadow_of: Some(query.request),
                    ..log(served, &query, outcome)
                });
            }
            Err(error) => {
                shadow.metrics.shadowed(ShadowResult::Failed);
                tracing::debug!(%error, experiment = %trial.name, variant = %shadow.name, "a shadow gave no answer");
            }
        }
    }
}

/// Lets this thread run when nobody else wants its core: a request that wakes up takes it at once, where a low priority alone
/// would let the shadow have the rest of its time slice, some milliseconds.
#[cfg(target_os = "linux")]
fn step_back() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
        tracing::warn!(?error, "shadow variants run with the priority of requests");
    }
}

/// Gives this thread the lowest priority.
#[cfg(not(target_os = "linux"))]
fn step_back() {
    use thread_priority::{ThreadPriority, set_current_thread_priority};
    if let Err(error) = set_current_thread_priority(ThreadPriority::Min) {
        tracing::warn!(?error, "shadow variants run with the priority of requests");
    }
}
