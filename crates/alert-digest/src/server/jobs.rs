//! Digests on their way: which runs when, and its steps. Every step is on disk before the next begins.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::task::{Id, JoinSet};

use super::app::{Active, App};
use super::{download, finish};
use crate::slack::SlackError;
use crate::store::{Installation, Job, Stage, StoreError, WorkspaceId, WorkspaceStore};

/// Jobs are looked for this often even when no bell rings.
const ROUND: Duration = Duration::from_secs(30);

/// Why a job stops.
#[derive(Debug, Error)]
pub(super) enum Stop {
    /// For good, with what the person who asked is told.
    #[error("{0}")]
    Failed(String),
    /// Slack refuses for good.
    #[error(transparent)]
    Slack(#[from] SlackError),
    /// The store failed: the job stays as it is on disk, and is tried again in a later round.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a job's steps need.
pub(super) struct Work {
    pub(super) app: Arc<App>,
    pub(super) active: Arc<Active>,
    pub(super) installation: Installation,
    pub(super) job: Job,
}

impl Work {
    /// Reads or writes the workspace's rows.
    pub(super) async fn rows<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WorkspaceStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.active.rows(&self.job.workspace, work).await
    }

    /// Writes how far the job is.
    pub(super) async fn save(&mut self) -> Result<(), StoreError> {
        self.job.updated = self.app.now();
        let job = self.job.clone();
        self.rows(move |rows| rows.update_job(&job)).await
    }

    /// Moves on to a stage.
    pub(super) async fn enter(&mut self, stage: Stage) -> Result<(), StoreError> {
        self.job.stage = stage;
        self.save().await
    }
}

/// Runs jobs until it is dropped; what is dropped in the middle of a job goes on after the next start.
///
/// A workspace has one job running at a time, because Slack's limits are per workspace; the others wait in the order in
/// which they were asked for, and no workspace waits for another's.
pub(super) async fn run(app: Arc<App>, active: Arc<Active>) {
    let mut running: JoinSet<()> = JoinSet::new();
    let mut busy: HashMap<Id, WorkspaceId> = HashMap::new();
    loop {
        match active.store(crate::store::Store::unfinished).await {
            Ok(jobs) => start(&app, &active, jobs, &mut running, &mut busy),
            Err(error) => tracing::error!(%error, "looking for jobs"),
        }
        tokio::select! {
            () = active.bell.notified() => {}
            () = tokio::time::sleep(ROUND) => {}
            Some(ended) = running.join_next_with_id(), if !running.is_empty() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "a job broke off");
                        error.id()
                    }
                };
                busy.remove(&id);
            }
        }
        app.metrics.jobs_running.set(running.len() as i64);
    }
}

fn start(
    app: &Arc<App>,
    active: &Arc<Active>,
    jobs: Vec<Job>,
    running: &mut JoinSet<()>,
    busy: &mut HashMap<Id, WorkspaceId>,
) {
    let unfinished = jobs.len();
    for job in jobs {
        let has_turn = !busy.values().any(|workspace| *workspace == job.workspace);
        if has_turn && running.len() < app.settings.limits.jobs {
            let workspace = job.workspace.clone();
            let task = running.spawn(one(Arc::clone(app), Arc::clone(active), job));
            busy.insert(task.id(), workspace);
        }
    }
    app.metrics.jobs_waiting.set(unfinished.saturating_sub(running.len()) as i64);
    app.metrics.jobs_running.set(running.len() as i64);
}

/// Takes one job to its end.
async fn one(app: Arc<App>, active: Arc<Active>, mut job: Job) {
    let installation = match active.rows(&job.workspace, WorkspaceStore::installation).await {
        Ok(Some(installation)) => installation,
        Ok(None) => {
            let reason = String::from("The app is not installed in this workspace any more.");
            job.stage = Stage::Failed { reason };
            job.updated = app.now();
            app.metrics.jobs.with_label_values(&["failed"]).inc();
            if let Err(error) =
                active.rows(&job.workspace.clone(), move |rows| rows.finish_job(&job, None)).await
            {
                tracing::error!(%error, "ending a job");
            }
            return;
        }
        Err(error) => {
            tracing::error!(%error, "reading an installation");
            return tokio::time::sleep(ROUND).await;
        }
    };
    tracing::info!(job = %job.id, stage = job.stage.word(), messages = job.messages, "a job begins");
    let mut work = Work { app, active, installation, job };
    let outcome = match steps(&mut work).await {
        Ok(()) => {
            tracing::info!(job = %work.job.id, messages = work.job.messages, "a job is done");
            Ok("done")
        }
        Err(Stop::Store(error)) => Err(error),
        Err(stop) => finish::fail(&mut work, stop).await.map(|()| "failed"),
    };
    match outcome {
        Ok(word) => work.app.metrics.jobs.with_label_values(&[word]).inc(),
        Err(StoreError::Forgotten) => tracing::info!(job = %work.job.id, "a job was forgotten while it ran"),
        Err(error) => {
            tracing::error!(job = %work.job.id, %error, "a job waits for the store");
            tokio::time::sleep(ROUND).await;
        }
    }
}

async fn steps(work: &mut Work) -> Result<(), Stop> {
    if work.job.stage == Stage::Queued {
        finish::announce(work).await?;
        work.enter(Stage::Downloading).await?;
    }
    if work.job.stage == Stage::Downloading {
        download::history(work).await?;
        download::replies(work).await?;
        work.enter(Stage::Clustering).await?;
    }
    if work.job.stage == Stage::Clustering {
        finish::cluster(work).await?;
    }
    finish::tell(work).await
}
