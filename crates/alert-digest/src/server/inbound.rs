//! What Slack sends: verified, understood, and answered within three seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use slack_morphism::prelude::SlackView;

use super::app::{Active, App, Restarting};
use super::links;
use super::tasks::What;
use crate::slack::blocks::{ClusterRef, action, button, context, plain, section};
use crate::slack::inbound::{self, Command, Event, Happening, Interaction, Person};
use crate::slack::modal::{self, Daily, Form, Wanted};
use crate::slack::signature::Refusal;
use crate::store::{Job, Mute, Request, Schedule, StoreError, WorkspaceStore};

/// The store gets this long; an answer must be out within three seconds.
const STORE: Duration = Duration::from_millis(1500);

const HELP: &str = "*Alert Digest* turns a flooded channel into a short report.\n\
    • `/alert-digest` asks what you want\n\
    • `/alert-digest 24h` reads this channel's last 24 hours at once (1h, 4h, 12h, 24h, 3d, 7d, 30d)\n\
    • `/alert-digest schedules` lists the daily digests";
const NOT_INSTALLED: &str =
    "Alert Digest is not installed in this workspace any more. Please install it again.";
const BUSY: &str = "Alert Digest has a lot to do right now. Please try again in a minute.";

/// What a person is told.
enum Answer {
    /// Nothing.
    Empty,
    /// A message for their eyes only.
    Whisper(Value),
    /// A modal turns into this.
    View(Box<SlackView>),
    /// A modal's fields are wrong.
    Faults(BTreeMap<String, String>),
}

impl Answer {
    fn text(text: impl Into<String>) -> Self {
        Answer::Whisper(json!({ "response_type": "ephemeral", "text": text.into() }))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Answer::Empty => StatusCode::OK.into_response(),
            Answer::Whisper(message) => Json(message).into_response(),
            Answer::View(view) => Json(json!({ "response_action": "update", "view": view })).into_response(),
            Answer::Faults(errors) => {
                Json(json!({ "response_action": "errors", "errors": errors })).into_response()
            }
        }
    }
}

/// `POST /slack/commands`.
pub(super) async fn command(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    person(&app, "command", &headers, &body, inbound::command).await
}

/// `POST /slack/interactions`.
pub(super) async fn interaction(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    person(&app, "interaction", &headers, &body, inbound::interaction).await
}

async fn person(
    app: &Arc<App>,
    kind: &'static str,
    headers: &HeaderMap,
    body: &[u8],
    read: impl Fn(&str) -> Result<Interaction, inbound::InboundError>,
) -> Response {
    let _timer = app.metrics.answer_seconds.with_label_values(&[kind]).start_timer();
    let count = |outcome: &str| app.metrics.requests.with_label_values(&[kind, outcome]).inc();
    let text = match app.gate.admit(headers, body) {
        Ok(text) => text,
        Err(refusal) => {
            count(refusal.word());
            return refuse(refusal);
        }
    };
    let interaction = match read(text) {
        Ok(interaction) => interaction,
        Err(error) => {
            count("unreadable");
            tracing::warn!(%error, kind, "a request of Slack's can't be read");
            return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
        }
    };
    let is_modal = matches!(interaction, Interaction::Submitted { .. });
    let done = match app.active().await {
        Ok(active) => act(app, &active, interaction).await,
        Err(Restarting) => Ok(trouble(is_modal, &Restarting.to_string())),
    };
    match done {
        Ok(answer) => {
            count("ok");
            answer.into_response()
        }
        Err(error) => {
            count("failed");
            tracing::error!(%error, kind, "an answer failed");
            let words = if let StoreError::Full(_) = error { error.to_string() } else { BUSY.to_owned() };
            trouble(is_modal, &words).into_response()
        }
    }
}

/// Slack shows what is wrong with a modal beside a field, and everything else as a message.
fn trouble(is_modal: bool, words: &str) -> Answer {
    if is_modal {
        let field = |block: &str| (block.to_owned(), words.to_owned());
        Answer::Faults(BTreeMap::from([field("channel"), field("time")]))
    } else {
        Answer::text(words)
    }
}

fn refuse(refusal: Refusal) -> Response {
    tracing::warn!(reason = refusal.word(), "a request was refused");
    let status = match refusal {
        Refusal::Flooded => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNAUTHORIZED,
    };
    (status, refusal.to_string()).into_response()
}

/// Does what must be done before the answer, and queues the rest.
async fn act(app: &Arc<App>, active: &Active, interaction: Interaction) -> Result<Answer, StoreError> {
    match interaction {
        Interaction::Command(command) => typed(app, active, command).await,
        Interaction::Shortcut { from, trigger } => {
            let view = Box::new(modal::digest(None));
            Ok(queued(active.later(app, from, What::Open { trigger, view, otherwise: None })))
        }
        Interaction::Submitted { from, view, form } => submitted(app, active, from, view, form).await,
        Interaction::Clicked { from, action, value, trigger, response_url } => {
            let respond = |content| {
                if let Some(url) = response_url {
                    active.later(app, from.clone(), What::Respond { url, content: Box::new(content) });
                }
            };
            match action.as_str() {
                action::SCHEDULE => {
                    if let Some(daily) = Daily::parse(&value) {
                        active.later(app, from, What::OpenSchedule { trigger, daily });
                    }
                }
                action::MUTE | action::UNMUTE => {
                    if let Some(cluster) = ClusterRef::parse(&value) {
                        respond(mute(app, active, &from, cluster, action == action::MUTE).await?);
                    }
                }
                action::UNSCHEDULE => {
                    let channel = value.clone();
                    let was = rows(active, &from, move |rows| rows.remove_schedule(&channel)).await?;
                    let words = if was { "The daily digest of" } else { "There is no daily digest of" };
                    respond(plain(format!(
                        "{words} {}{}.",
                        modal::place(&value),
                        if was { " ends" } else { "" }
                    )));
                }
                _ => {}
            }
            Ok(Answer::Empty)
        }
        _ => Ok(Answer::Empty),
    }
}

async fn typed(app: &Arc<App>, active: &Active, command: Command) -> Result<Answer, StoreError> {
    let Command { from, channel, text, trigger, response_url } = command;
    if rows(active, &from, WorkspaceStore::installation).await?.is_none() {
        return Ok(Answer::text(NOT_INSTALLED));
    }
    match text.to_lowercase().as_str() {
        "" => {
            let view = Box::new(modal::digest(Some(&channel)));
            let what = What::Open { trigger, view, otherwise: Some(response_url) };
            Ok(queued(active.later(app, from, what)))
        }
        "schedules" | "schedule" => {
            let schedules = rows(active, &from, WorkspaceStore::schedules).await?;
            Ok(Answer::Whisper(listed(&schedules)))
        }
        range => {
            let Some(wanted) = Wanted::preset(&channel, range) else { return Ok(Answer::text(HELP)) };
            let request = wanted.request(&from.user, app.now());
            let Some(job) = begin(app, active, &from, request, &format!("trigger:{trigger}")).await? else {
                return Ok(Answer::Empty);
            };
            let link = links::report(&app.settings.keys, &app.settings.public_url, &job);
            Ok(Answer::text(format!(
                "Reading this channel. <{link}|The report> is open already and fills itself."
            )))
        }
    }
}

async fn submitted(
    app: &Arc<App>,
    active: &Active,
    from: Person,
    view: String,
    form: Form,
) -> Result<Answer, StoreError> {
    match form {
        Form::Digest(Ok(wanted)) => {
            let request = wanted.request(&from.user, app.now());
            let begun = begin(app, active, &from, request.clone(), &format!("view:{view}")).await?;
            Ok(begun.map_or(Answer::Empty, |job| {
                let link = links::report(&app.settings.keys, &app.settings.public_url, &job);
                Answer::View(Box::new(modal::started(&request, &link)))
            }))
        }
        Form::Daily(Ok((daily, minute))) => {
            let mut schedule = Schedule {
                channel: daily.channel,
                post_to: daily.post_to,
                user: from.user.clone(),
                minute,
                zone: daily.zone,
                sensitivity: daily.sensitivity,
                threads: daily.threads,
                next: app.now(),
            };
            schedule.next = schedule.after(app.now())?;
            let words = format!(
                "Every day at {:02}:{:02} ({}), a digest of {} goes to {}.",
                minute / 60,
                minute % 60,
                schedule.zone,
                modal::place(&schedule.channel),
                modal::place(&schedule.post_to),
            );
            rows(active, &from, move |rows| rows.put_schedule(&schedule)).await?;
            Ok(Answer::View(Box::new(modal::done("Daily digest", words))))
        }
        Form::Digest(Err(faults)) | Form::Daily(Err(faults)) => Ok(Answer::Faults(faults)),
    }
}

/// Makes a job, durably, before anything is answered; none if this delivery made one before.
async fn begin(
    app: &App,
    active: &Active,
    from: &Person,
    request: Request,
    once: &str,
) -> Result<Option<Job>, StoreError> {
    let (now, limits, once) = (app.now(), app.settings.limits.clone(), once.to_owned());
    let expires = now.checked_add(limits.retention).unwrap_or(jiff::Timestamp::MAX);
    let job =
        rows(active, from, move |rows| rows.create_job(request, now, expires, limits.waiting, Some(&once)));
    let job = job.await?;
    active.bell.notify_one();
    Ok(job)
}

async fn mute(
    app: &App,
    active: &Active,
    from: &Person,
    cluster: ClusterRef,
    on: bool,
) -> Result<slack_morphism::prelude::SlackMessageContent, StoreError> {
    use slack_morphism::prelude::{SlackActionsBlock, SlackMessageContent};
    use slack_morphism::slack_blocks;
    let until = app.now().checked_add(app.settings.limits.mute).unwrap_or(jiff::Timestamp::MAX);
    let undo = button(action::UNMUTE, "Show it again", cluster.to_value());
    let mute = Mute { channel: cluster.channel, key: cluster.key, user: from.user.clone(), until };
    if !on {
        rows(active, from, move |rows| rows.unmute(&mute.channel, &mute.key)).await?;
        return Ok(plain("It is shown again from the next digest on."));
    }
    rows(active, from, move |rows| rows.mute(&mute)).await?;
    let words = format!("Muted in this channel's digests until {}.", until.strftime("%-d %B %Y"));
    let blocks = slack_blocks![section(words.clone()), SlackActionsBlock::new(slack_blocks![undo])];
    Ok(SlackMessageContent::new().with_text(words).with_blocks(blocks))
}

fn listed(schedules: &[Schedule]) -> Value {
    if schedules.is_empty() {
        let text = "No daily digests yet. The button under a digest makes one.";
        return json!({ "response_type": "ephemeral", "text": text });
    }
    // Slack takes fifty blocks.
    let mut blocks: Vec<slack_morphism::prelude::SlackBlock> = Vec::new();
    for schedule in schedules.iter().take(45) {
        let words = format!(
            "{} daily at {:02}:{:02} ({}) to {}, by <@{}>",
            modal::place(&schedule.channel),
            schedule.minute / 60,
            schedule.minute % 60,
            schedule.zone,
            modal::place(&schedule.post_to),
            schedule.user,
        );
        let end = button(action::UNSCHEDULE, "End", schedule.channel.clone());
        blocks.push(section(words).with_accessory(end.into()).into());
    }
    if schedules.len() > blocks.len() {
        blocks.push(context(format!("… and {} more", schedules.len() - blocks.len())).into());
    }
    json!({ "response_type": "ephemeral", "text": "Daily digests", "blocks": blocks })
}

fn queued(queued: bool) -> Answer {
    if queued { Answer::Empty } else { Answer::text(BUSY) }
}

/// A workspace's rows, within the time that an answer has.
async fn rows<T: Send + 'static>(
    active: &Active,
    from: &Person,
    work: impl FnOnce(&WorkspaceStore) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::time::timeout(STORE, active.rows(&from.workspace, work)).await;
    done.unwrap_or(Err(StoreError::Interrupted))
}

/// `POST /slack/events`. A repeated delivery, by the event's id or by its signature, is done once.
pub(super) async fn event(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let _timer = app.metrics.answer_seconds.with_label_values(&["event"]).start_timer();
    let count = |outcome: &str| app.metrics.requests.with_label_values(&["event", outcome]).inc();
    let text = match app.gate.admit(&headers, &body) {
        Ok(text) => text,
        Err(Refusal::Replayed) => {
            count("repeated");
            return StatusCode::OK.into_response();
        }
        Err(refusal) => {
            count(refusal.word());
            return refuse(refusal);
        }
    };
    let event = match inbound::event(text) {
        Ok(event) => event,
        Err(error) => {
            count("unreadable");
            return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
        }
    };
    let done = match event {
        Event::Challenge(challenge) => return challenge.into_response(),
        Event::Happened { workspace, id, what } => match app.active().await {
            Ok(active) => happened(&app, &active, workspace, id, what).await,
            // Slack delivers it again.
            Err(Restarting) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
        Event::Nothing => Ok("ok"),
    };
    match done {
        Ok(outcome) => {
            count(outcome);
            StatusCode::OK.into_response()
        }
        Err(error) => {
            count("failed");
            tracing::error!(%error, "an event failed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn happened(
    app: &App,
    active: &Active,
    workspace: crate::store::WorkspaceId,
    id: String,
    what: Happening,
) -> Result<&'static str, StoreError> {
    let now = app.now();
    active
        .rows(&workspace, move |rows| {
            let once = format!("event:{id}");
            let first = match what {
                Happening::Gone => rows.uninstall(Some((&once, now)))?,
                Happening::Amended { channel, ts, text } => {
                    rows.amend(&channel, &ts, text.as_deref(), Some((&once, now)))?.is_some()
                }
            };
            Ok(if first { "ok" } else { "repeated" })
        })
        .await
}
