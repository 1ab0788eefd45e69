//! What Slack sends, as far as it matters here: commands, shortcuts, submissions, clicks, events.

use serde::Deserialize;
use serde_json::Value;
use slack_morphism::prelude::*;
use thiserror::Error;
use url::Url;

use super::modal;
use crate::store::{StoreError, WorkspaceId};

/// What a person did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Interaction {
    /// Typed the slash command.
    Command(Command),
    /// Chose the global shortcut.
    Shortcut {
        /// Who and where.
        from: Person,
        /// What opens a modal, for three seconds.
        trigger: String,
    },
    /// Sent a modal.
    Submitted {
        /// Who and where.
        from: Person,
        /// The modal's id, the same in a repeated delivery.
        view: String,
        /// Which modal, with what was filled in.
        form: modal::Form,
    },
    /// Clicked a button.
    Clicked {
        /// Who and where.
        from: Person,
        /// Which: [`super::blocks::action`].
        action: String,
        /// What the button carries.
        value: String,
        /// What opens a modal, for three seconds.
        trigger: String,
        /// Where an answer goes.
        response_url: Option<Url>,
    },
    /// Nothing to do.
    Nothing,
}

/// The slash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who and where.
    pub from: Person,
    /// In which channel.
    pub channel: String,
    /// What follows the command, trimmed.
    pub text: String,
    /// What opens a modal, for three seconds.
    pub trigger: String,
    /// Where an answer goes.
    pub response_url: Url,
}

/// Who did something, in which workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The person's id.
    pub user: String,
}

/// Why a request of Slack's can't be read. Says where, never what.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InboundError {
    /// It is not the form that Slack sends.
    #[error("the form lacks the field {0}")]
    Form(&'static str),
    /// It is not JSON, or not of a known shape.
    #[error("the payload can't be read: line {0}, column {1}")]
    Json(usize, usize),
    /// The workspace's name can't be one.
    #[error(transparent)]
    Workspace(#[from] StoreError),
}

impl From<serde_json::Error> for InboundError {
    fn from(error: serde_json::Error) -> Self {
        InboundError::Json(error.line(), error.column())
    }
}

/// Reads the form of a slash command.
///
/// # Errors
/// [`InboundError`].
pub fn command(body: &str) -> Result<Interaction, InboundError> {
    let fields = url::form_urlencoded::parse(body.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())));
    let command: SlackCommandEvent = serde_json::from_value(Value::Object(fields.collect()))?;
    Ok(Interaction::Command(Command {
        from: person(&command.team_id, &command.user_id)?,
        channel: command.channel_id.value().clone(),
        text: command.text.unwrap_or_default().trim().to_owned(),
        trigger: command.trigger_id.value().clone(),
        response_url: command.response_url.value().clone(),
    }))
}

/// Reads the form of an interaction: shortcut, submission or click.
///
/// # Errors
/// [`InboundError`].
pub fn interaction(body: &str) -> Result<Interaction, InboundError> {
    let payload = url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "payload");
    let (_, payload) = payload.ok_or(InboundError::Form("payload"))?;
    Ok(match serde_json::from_str::<SlackInteractionEvent>(&payload)? {
        SlackInteractionEvent::Shortcut(shortcut) if shortcut.callback_id.value() == modal::DIGEST => {
            Interaction::Shortcut {
                from: person(&shortcut.team.id, &shortcut.user.id)?,
                trigger: shortcut.trigger_id.value().clone(),
            }
        }
        SlackInteractionEvent::ViewSubmission(submission) => {
            let view = submission.view;
            match modal::form(&view) {
                Some(form) => Interaction::Submitted {
                    from: person(&submission.team.id, &submission.user.id)?,
                    view: view.state_params.id.value().clone(),
                    form,
                },
                None => Interaction::Nothing,
            }
        }
        SlackInteractionEvent::BlockActions(click) => {
            let (Some(user), Some(action)) = (click.user, click.actions.into_iter().flatten().next()) else {
                return Ok(Interaction::Nothing);
            };
            Interaction::Clicked {
                from: person(&click.team.id, &user.id)?,
                action: action.action_id.value().clone(),
                value: action.value.unwrap_or_default(),
                trigger: click.trigger_id.value().clone(),
                response_url: click.response_url.map(|url| url.value().clone()),
            }
        }
        _ => Interaction::Nothing,
    })
}

fn person(team: &SlackTeamId, user: &SlackUserId) -> Result<Person, InboundError> {
    Ok(Person { workspace: WorkspaceId::new(team.value().clone())?, user: user.value().clone() })
}

/// What happened in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Slack asks whether the address is ours: answer with this.
    Challenge(String),
    /// Something happened.
    Happened {
        /// Where.
        workspace: WorkspaceId,
        /// The delivery's id, the same in a repeated one.
        id: String,
        /// What.
        what: Happening,
    },
    /// Nothing to do.
    Nothing,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The app was removed, or its bot token taken away.
    Gone,
    /// A message was deleted (no text) or edited.
    Amended {
        /// Where.
        channel: String,
        /// Which.
        ts: String,
        /// What it says now.
        text: Option<String>,
    },
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    team_id: String,
    #[serde(default)]
    event_id: String,
    #[serde(default)]
    event: Value,
}

/// Reads an event. Only four kinds matter, so the envelope is read and the rest is left alone.
///
/// # Errors
/// [`InboundError`].
pub fn event(body: &str) -> Result<Event, InboundError> {
    let envelope: Envelope = serde_json::from_str(body)?;
    match envelope.kind.as_str() {
        "url_verification" => return Ok(Event::Challenge(envelope.challenge)),
        "event_callback" => {}
        _ => return Ok(Event::Nothing),
    }
    let Some(what) = happening(&envelope.event) else { return Ok(Event::Nothing) };
    let workspace = WorkspaceId::new(envelope.team_id)?;
    Ok(Event::Happened { workspace, id: envelope.event_id, what })
}

fn happening(event: &Value) -> Option<Happening> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match (text(event, "type")?.as_str(), text(event, "subtype").as_deref()) {
        ("app_uninstalled", _) => Some(Happening::Gone),
        ("tokens_revoked", _) => {
            let bots = event.pointer("/tokens/bot").and_then(Value::as_array);
            bots.is_some_and(|bots| !bots.is_empty()).then_some(Happening::Gone)
        }
        ("message", Some("message_deleted")) => Some(Happening::Amended {
            channel: text(event, "channel")?,
            ts: text(event, "deleted_ts")?,
            text: None,
        }),
        ("message", Some("message_changed")) => {
            let message = event.get("message")?;
            let gone = text(message, "subtype").as_deref() == Some("tombstone");
            Some(Happening::Amended {
                channel: text(event, "channel")?,
                ts: text(message, "ts")?,
                text: (!gone).then(|| super::text::text(message)),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_is_read_from_its_form() {
        let body = "token=x&team_id=T1&team_domain=acme&channel_id=C1&channel_name=alerts&user_id=U1&user_name=ada&\
                    command=%2Falert-digest&text=+24h+&api_app_id=A1&is_enterprise_install=false&\
                    response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1&trigger_id=1.2.3";
        let Interaction::Command(command) = command(body).unwrap() else { panic!("no command") };
        assert_eq!((command.channel.as_str(), command.text.as_str()), ("C1", "24h"));
        assert_eq!(command.from.workspace.as_str(), "T1");
    }

    #[test]
    fn a_click_carries_its_value_and_where_to_answer() {
        let payload = json!({
            "type": "block_actions", "team": {"id": "T1", "domain": "acme"}, "user": {"id": "U1", "team_id": "T1"},
            "api_app_id": "A1", "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1"},
            "trigger_id": "1.2.3", "channel": {"id": "C1", "name": "alerts"}, "response_url": "https://hooks.slack.com/actions/1",
            "actions": [{"type": "button", "action_id": "mute", "block_id": "b", "value": "v", "action_ts": "1.2",
                "text": {"type": "plain_text", "text": "Mute"}}],
        });
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload.to_string())
            .finish();
        let Interaction::Clicked { action, value, response_url, .. } = interaction(&body).unwrap() else {
            panic!("no click")
        };
        assert_eq!((action.as_str(), value.as_str()), ("mute", "v"));
        assert_eq!(response_url.unwrap().host_str(), Some("hooks.slack.com"));
    }

    #[test]
    fn the_four_events_that_matter_are_read_and_others_are_nothing() {
        let read = |event: Value| {
            let body = json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event});
            match self::event(&body.to_string()).unwrap() {
                Event::Happened { what, .. } => Some(what),
                _ => None,
            }
        };
        assert_eq!(read(json!({"type": "app_uninstalled"})), Some(Happening::Gone));
        assert_eq!(
            read(json!({"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}})),
            Some(Happening::Gone)
        );
        assert_eq!(read(json!({"type": "tokens_revoked", "tokens": {"oauth": ["U2"]}})), None);
        let amended = |text: Option<&str>| {
            Some(Happening::Amended { channel: "C1".into(), ts: "1.2".into(), text: text.map(str::to_owned) })
        };
        assert_eq!(
            read(
                json!({"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": "1.2"})
            ),
            amended(None)
        );
        let changed = |message: Value| {
            read(
                json!({"type": "message", "subtype": "message_changed", "channel": "C1", "message": message}),
            )
        };
        assert_eq!(changed(json!({"ts": "1.2", "text": "now"})), amended(Some("now")));
        assert_eq!(changed(json!({"ts": "1.2", "text": "gone", "subtype": "tombstone"})), amended(None));
        assert_eq!(read(json!({"type": "message", "channel": "C1", "text": "hi"})), None);
    }

    #[test]
    fn slacks_challenge_is_answered() {
        let read = event(r#"{"type": "url_verification", "challenge": "3eZb"}"#).unwrap();
        assert_eq!(read, Event::Challenge("3eZb".into()));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in ".{0,120}") {
            let _ = (command(&body), interaction(&body), event(&body), interaction(&format!("payload={body}")));
        }
    }
}
