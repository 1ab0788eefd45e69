//! Pages of `conversations.history` and `conversations.replies`, read leniently: one odd message must not lose a page.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::text::text;
use crate::digest::{Author, Message};
use crate::store::Installation;

/// A page as Slack returns it. `messages` has no default: an answer without it is not an empty page but a broken one.
#[derive(Debug, Clone, Deserialize)]
pub struct Page {
    /// In history the newest first, in replies the parent first, then the oldest.
    pub messages: Vec<Value>,
    #[serde(default)]
    response_metadata: Option<Metadata>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    next_cursor: Option<String>,
}

impl Page {
    /// Where to go on; none at the end.
    pub fn next(&self) -> Option<String> {
        let cursor = self.response_metadata.as_ref()?.next_cursor.clone()?;
        (!cursor.is_empty()).then_some(cursor)
    }

    /// The timestamps of messages that have replies.
    pub fn parents(&self) -> Vec<String> {
        let has_replies = |message: &&Value| {
            let replies = message.get("reply_count").and_then(Value::as_u64).unwrap_or(0);
            replies > 0 && string(message, "thread_ts") == string(message, "ts")
        };
        self.messages.iter().filter(has_replies).filter_map(|message| string(message, "ts")).collect()
    }
}

/// What Slack posts about the channel itself, and what is left of deleted messages.
const SKIPPED: [&str; 22] = [
    "channel_join",
    "channel_leave",
    "channel_topic",
    "channel_purpose",
    "channel_name",
    "channel_archive",
    "channel_unarchive",
    "channel_posting_permissions",
    "channel_convert_to_private",
    "group_join",
    "group_leave",
    "group_topic",
    "group_purpose",
    "group_name",
    "bot_add",
    "bot_remove",
    "pinned_item",
    "unpinned_item",
    "reminder_add",
    "tombstone",
    "ekm_access_denied",
    "joiner_notification",
];

/// What a message of the API is to the digest; none if there is nothing to cluster: it was deleted, says nothing, is
/// about the channel itself, or is the app's own.
///
/// An edited message says what it says now; a broadcast reply is in the history and in its thread, and counts once
/// because both have the same [`Message::id`].
pub fn message(raw: &Value, channel: &str, installation: &Installation) -> Option<Message> {
    let ts = string(raw, "ts")?;
    let time = timestamp(&ts)?;
    let subtype = string(raw, "subtype");
    if subtype.is_some_and(|subtype| SKIPPED.contains(&subtype.as_str()))
        || raw.get("hidden").and_then(Value::as_bool) == Some(true)
        || is_own(raw, installation)
    {
        return None;
    }
    let text = text(raw);
    if text.trim().is_empty() {
        return None;
    }
    Some(Message {
        time: Some(time),
        text,
        channel: Some(channel.to_owned()),
        author: author(raw),
        permalink: permalink(installation.url.as_deref(), channel, &ts, string(raw, "thread_ts").as_deref()),
        id: ts,
    })
}

fn is_own(raw: &Value, installation: &Installation) -> bool {
    let app = string(raw, "app_id").or_else(|| raw.get("bot_profile").and_then(|bot| string(bot, "app_id")));
    let user = string(raw, "user");
    app.is_some_and(|app| app == installation.app) || (user.is_some() && user == installation.bot_user)
}

fn author(raw: &Value) -> Option<Author> {
    let bot_name = raw.get("bot_profile").and_then(|bot| string(bot, "name"));
    let is_bot = string(raw, "bot_id").is_some() || string(raw, "subtype").as_deref() == Some("bot_message");
    let name = if is_bot {
        bot_name.or_else(|| string(raw, "username")).or_else(|| string(raw, "bot_id"))
    } else {
        string(raw, "user").or_else(|| string(raw, "username"))
    };
    name.map(if is_bot { Author::Bot } else { Author::User })
}

/// `1700000000.000100` as an instant; none if it is no timestamp.
///
/// ```
/// use alert_digest::slack::history::timestamp;
///
/// assert_eq!(timestamp("1700000000.000100").map(|at| at.as_microsecond()), Some(1_700_000_000_000_100));
/// assert_eq!(timestamp("yesterday"), None);
/// ```
pub fn timestamp(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(micros) || micros.len() > 6 {
        return None;
    }
    let micros: i32 = format!("{micros:0<6}").parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, micros * 1000).ok()
}

/// An instant as Slack writes it.
pub fn ts(at: Timestamp) -> String {
    format!("{}.{:06}", at.as_second(), at.subsec_microsecond())
}

/// Where a message can be opened, as `chat.getPermalink` would say, without a call per message.
fn permalink(url: Option<&str>, channel: &str, ts: &str, thread: Option<&str>) -> Option<String> {
    let url = url?.trim_end_matches('/');
    let link = format!("{url}/archives/{channel}/p{}", ts.replace('.', ""));
    Some(match thread.filter(|thread| *thread != ts) {
        Some(thread) => format!("{link}?thread_ts={thread}&cid={channel}"),
        None => link,
    })
}

fn string(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::store::{Secret, WorkspaceId};

    fn installation() -> Installation {
        Installation {
            workspace: WorkspaceId::new("T1").unwrap(),
            name: "Acme".into(),
            url: Some("https://acme.slack.com/".into()),
            bot_user: Some("UBOT".into()),
            app: "A1".into(),
            token: Secret::new("xoxb-1"),
            scopes: String::new(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn read(raw: Value) -> Option<Message> {
        message(&raw, "C1", &installation())
    }

    #[test]
    fn a_bots_message_is_the_bots_and_links_to_where_it_stands() {
        let found = read(json!({
            "type": "message", "subtype": "bot_message", "ts": "1700000000.000100", "text": "disk full",
            "bot_id": "B1", "bot_profile": {"name": "Grafana", "app_id": "A9"},
        }))
        .unwrap();
        assert_eq!(found.author, Some(Author::Bot("Grafana".into())));
        assert_eq!(found.permalink.as_deref(), Some("https://acme.slack.com/archives/C1/p1700000000000100"));
    }

    #[test]
    fn a_reply_links_into_its_thread() {
        let found = read(
            json!({"ts": "1700000009.000100", "thread_ts": "1700000000.000100", "text": "on it", "user": "U1"}),
        );
        let link = found.unwrap().permalink.unwrap();
        assert!(link.ends_with("/p1700000009000100?thread_ts=1700000000.000100&cid=C1"), "{link}");
    }

    #[test]
    fn what_is_deleted_or_silent_or_about_the_channel_or_our_own_is_left_out() {
        let ts = "1700000000.000100";
        for raw in [
            json!({"ts": ts, "text": "This message was deleted.", "subtype": "tombstone"}),
            json!({"ts": ts, "text": "hi", "hidden": true}),
            json!({"ts": ts, "text": "<@U1> has joined the channel", "subtype": "channel_join"}),
            json!({"ts": ts, "text": "  "}),
            json!({"ts": ts, "text": "digest", "app_id": "A1"}),
            json!({"ts": ts, "text": "digest", "user": "UBOT"}),
            json!({"ts": "never", "text": "hi"}),
            json!({"text": "hi"}),
            json!([]),
        ] {
            assert_eq!(read(raw.clone()), None, "{raw}");
        }
    }

    #[test]
    fn only_messages_with_replies_are_parents() {
        let page: Page = serde_json::from_value(json!({"ok": true, "messages": [
            {"ts": "3.0", "thread_ts": "3.0", "reply_count": 2},
            {"ts": "2.0", "thread_ts": "1.0", "reply_count": 2},
            {"ts": "1.0"},
        ], "response_metadata": {"next_cursor": ""}}))
        .unwrap();
        assert_eq!(page.parents(), ["3.0"]);
        assert_eq!(page.next(), None);
    }

    #[test]
    fn an_answer_without_messages_is_no_page() {
        assert!(serde_json::from_value::<Page>(json!({"ok": true})).is_err());
    }

    proptest! {
        #[test]
        fn a_timestamp_survives_the_way_there_and_back(micros in 0_i64..4_000_000_000_000_000) {
            let at = Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(timestamp(&ts(at)), Some(at));
        }

        #[test]
        fn no_text_makes_a_timestamp_panic(text in ".{0,24}") {
            let _ = timestamp(&text);
        }
    }
}
