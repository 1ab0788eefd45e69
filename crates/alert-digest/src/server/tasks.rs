//! Calls that an answer to Slack does not wait for: opening modals and answering clicks. The queue is bounded, and what
//! comes too late to be of use is dropped and counted.

use std::sync::Arc;
use std::time::Duration;

use slack_morphism::prelude::{SlackMessageContent, SlackView};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

use super::app::{Active, App};
use crate::slack::blocks::plain;
use crate::slack::inbound::Person;
use crate::slack::modal::{self, Daily};
use crate::store::WorkspaceStore;

/// How many are under way at once.
const AT_ONCE: usize = 32;
/// A trigger opens a modal for three seconds.
const TRIGGER: Duration = Duration::from_millis(2800);

/// A call behind an answer.
pub(super) struct Task {
    pub(super) what: What,
    /// Who caused it; its workspace's token is used.
    pub(super) from: Person,
    pub(super) since: Instant,
}

pub(super) enum What {
    /// Opens a modal by its trigger. When it fails, `otherwise` hears of it.
    Open { trigger: String, view: Box<SlackView>, otherwise: Option<Url> },
    /// Opens the modal that asks for a time, in the person's time zone.
    OpenSchedule { trigger: String, daily: Daily },
    /// Answers where a command was typed or a button clicked.
    Respond { url: Url, content: Box<SlackMessageContent> },
}

impl Active {
    /// Queues a call; false if the queue is full.
    pub(super) fn later(&self, app: &App, from: Person, what: What) -> bool {
        let queued = self.tasks.try_send(Task { what, from, since: Instant::now() }).is_ok();
        if !queued {
            app.metrics.tasks_lost.with_label_values(&["full"]).inc();
        }
        queued
    }
}

/// Works through the queue until all senders are gone.
pub(super) async fn work(app: Arc<App>, active: std::sync::Weak<Active>, mut queue: mpsc::Receiver<Task>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    while let Some(task) = queue.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let Some(active) = active.upgrade() else { break };
        let app = Arc::clone(&app);
        running.spawn(async move {
            run(&app, &active, task).await;
            drop(place);
        });
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
}

async fn run(app: &App, active: &Active, task: Task) {
    let lost = |reason: &str| app.metrics.tasks_lost.with_label_values(&[reason]).inc();
    let late = task.since.elapsed() > TRIGGER;
    let token = match active.rows(&task.from.workspace, WorkspaceStore::installation).await {
        Ok(Some(installation)) => installation.token,
        Ok(None) => return lost("failed"),
        Err(error) => {
            tracing::error!(%error, "reading an installation");
            return lost("failed");
        }
    };
    let done = match task.what {
        What::Open { trigger, view, otherwise } => {
            if !late && app.slack.open_view(&token, &trigger, &view).await.is_ok() {
                return;
            }
            lost(if late { "late" } else { "failed" });
            let Some(url) = otherwise else { return };
            app.slack.respond(&url, &plain("Slack did not open the window in time. Please try again.")).await
        }
        What::OpenSchedule { trigger, mut daily } => {
            if late {
                return lost("late");
            }
            // A person without a time zone is not worth missing the trigger for.
            let zone = tokio::time::timeout(TRIGGER / 2, app.slack.zone(&token, &task.from.user)).await;
            let zone = zone.ok().and_then(Result::ok).flatten();
            daily.zone = zone
                .filter(|zone| jiff::tz::TimeZone::get(zone).is_ok())
                .unwrap_or_else(|| String::from("UTC"));
            app.slack.open_view(&token, &trigger, &modal::schedule(&daily)).await
        }
        What::Respond { url, content } => app.slack.respond(&url, &content).await,
    };
    if let Err(error) = done {
        tracing::warn!(%error, "a call behind an answer failed");
        lost("failed");
    }
}
