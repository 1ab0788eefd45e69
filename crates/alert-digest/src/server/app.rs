//! What all handlers share, and the phases of a process.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use super::metrics::Metrics;
use super::settings::Settings;
use super::tasks::Task;
use crate::slack::SlackApi;
use crate::slack::signature::Gate;
use crate::store::{Store, StoreError, WorkspaceId, WorkspaceStore};

/// How long a request waits for the store in standby: Slack gives three seconds in all.
const PATIENCE: Duration = Duration::from_secs(2);

/// What all handlers share.
pub(super) struct App {
    pub(super) settings: Settings,
    pub(super) slack: SlackApi,
    pub(super) gate: Gate,
    pub(super) metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
}

/// Where a process is in its life.
#[derive(Clone)]
pub(super) enum Phase {
    /// Another process holds the store.
    Standby,
    /// This one does.
    Active(Arc<Active>),
    /// It has given the store back.
    Moving,
}

/// Why a request can't be served now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the app is being restarted: try again in a few seconds")]
pub(super) struct Restarting;

impl App {
    pub(super) fn new(settings: Settings, slack: SlackApi, metrics: Arc<Metrics>) -> Self {
        let gate = Gate::new(&settings.signing_secret);
        App { settings, slack, gate, metrics, phase: watch::Sender::new(Phase::Standby) }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.metrics.phase.set(match phase {
            Phase::Standby => 0,
            Phase::Active(_) => 1,
            Phase::Moving => 2,
        });
        self.phase.send_replace(phase);
    }

    /// Whether requests should be sent here: a process in standby answers as soon as the other one stops.
    pub(super) fn is_ready(&self) -> bool {
        !matches!(*self.phase.borrow(), Phase::Moving)
    }

    /// What is there while the store is held; waits for it for a moment.
    pub(super) async fn active(&self) -> Result<Arc<Active>, Restarting> {
        let mut phases = self.phase.subscribe();
        let settled = phases.wait_for(|phase| !matches!(phase, Phase::Standby));
        match tokio::time::timeout(PATIENCE, settled).await {
            Ok(Ok(phase)) => match &*phase {
                Phase::Active(active) => Ok(Arc::clone(active)),
                Phase::Standby | Phase::Moving => Err(Restarting),
            },
            _ => Err(Restarting),
        }
    }

    pub(super) fn now(&self) -> jiff::Timestamp {
        self.settings.clock.now()
    }
}

/// What is there while the process holds the store.
pub(super) struct Active {
    store: Store,
    /// Calls that an answer does not wait for.
    pub(super) tasks: mpsc::Sender<Task>,
    /// Rung when a job was made.
    pub(super) bell: Notify,
    /// One digest is clustered at a time: it takes all cores.
    pub(super) clustering: Semaphore,
}

impl Active {
    pub(super) fn new(store: Store, tasks: mpsc::Sender<Task>) -> Self {
        Active { store, tasks, bell: Notify::new(), clustering: Semaphore::new(1) }
    }

    /// Reads or writes a workspace's rows on a thread that may block.
    pub(super) async fn rows<T: Send + 'static>(
        &self,
        workspace: &WorkspaceId,
        work: impl FnOnce(&WorkspaceStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let workspace = workspace.clone();
        self.store(move |store| work(&store.workspace(&workspace)?)).await
    }

    /// The few questions that span workspaces.
    pub(super) async fn store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| StoreError::Interrupted)?
    }
}
