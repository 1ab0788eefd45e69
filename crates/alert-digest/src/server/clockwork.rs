//! What happens by the clock: daily digests, and forgetting what has expired.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::app::{Active, App};
use crate::store::{Request, Schedule, StoreError, WorkspaceId};

/// What has expired is looked for this often.
const SWEEP: Duration = Duration::from_secs(600);
/// A digest that is later than this is left to the next day.
const TOO_LATE: Duration = Duration::from_secs(12 * 3600);
/// What a daily digest covers.
const DAY: Duration = Duration::from_secs(86_400);

/// Keeps the schedules, until it is dropped.
pub(super) async fn run(app: Arc<App>, active: Arc<Active>) {
    let mut ticks = tokio::time::interval(app.settings.limits.tick);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut swept: Option<tokio::time::Instant> = None;
    loop {
        ticks.tick().await;
        if let Err(error) = begin_due(&app, &active).await {
            tracing::error!(%error, "beginning what is due");
        }
        if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
            swept = Some(tokio::time::Instant::now());
            let now = app.now();
            match active.store(move |store| store.sweep(now)).await {
                Ok(forgotten) => tracing::debug!(?forgotten, "forgot what expired"),
                Err(error) => tracing::error!(%error, "forgetting what expired"),
            }
        }
    }
}

async fn begin_due(app: &App, active: &Active) -> Result<(), StoreError> {
    let now = app.now();
    for (workspace, schedule) in active.store(move |store| store.due(now)).await? {
        let (retention, limit) = (app.settings.limits.retention, app.settings.limits.waiting);
        let begun = active
            .rows(&workspace, move |rows| {
                let late = now.duration_since(schedule.next).unsigned_abs() > TOO_LATE;
                let job = if late {
                    None
                } else {
                    // Once, even if the process stops between this and the schedule's next time.
                    let once = format!("schedule:{}:{}", schedule.channel, schedule.next.as_second());
                    let expires = now.checked_add(retention).unwrap_or(Timestamp::MAX);
                    rows.create_job(request(&schedule), now, expires, limit, Some(&once))?
                };
                let next = schedule.after(now)?;
                rows.put_schedule(&Schedule { next, ..schedule })?;
                Ok(job.is_some())
            })
            .await;
        match begun {
            Ok(true) => active.bell.notify_one(),
            Ok(false) => {}
            Err(error) => refused(&workspace, &error),
        }
    }
    Ok(())
}

/// One workspace's trouble is not the others'.
fn refused(workspace: &WorkspaceId, error: &StoreError) {
    tracing::error!(%workspace, %error, "a daily digest could not begin");
}

fn request(schedule: &Schedule) -> Request {
    Request {
        channel: schedule.channel.clone(),
        from: schedule.next.checked_sub(DAY).unwrap_or(Timestamp::UNIX_EPOCH),
        to: schedule.next,
        sensitivity: schedule.sensitivity,
        compare: true,
        threads: schedule.threads,
        post_to: schedule.post_to.clone(),
        user: schedule.user.clone(),
        scheduled: true,
    }
}
