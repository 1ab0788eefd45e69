//! Slack's own objects: only the fields that are used, each of them optional, because the Web API, the Events API and
//! exports of different years leave out different ones.
//!
//! Text is measured while it is read and exists nowhere after that: [`Measure`] holds a length and ids.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A user, as in `users.json` and `users.list`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) deleted: bool,
    pub(super) is_bot: bool,
    pub(super) is_workflow_bot: bool,
    pub(super) is_admin: bool,
    pub(super) is_owner: bool,
    pub(super) is_restricted: bool,
    pub(super) is_ultra_restricted: bool,
    pub(super) tz_offset: Option<f64>,
}

/// A channel, private channel, direct message or group of them, as in `channels.json`, `groups.json`, `dms.json`,
/// `mpims.json` and `conversations.list`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Conversation {
    pub(super) id: String,
    /// The name of its folder in an export; not imported.
    pub(super) name: String,
    pub(super) created: Option<f64>,
    pub(super) creator: Option<String>,
    pub(super) is_archived: bool,
    pub(super) is_private: bool,
    pub(super) is_general: bool,
    pub(super) is_im: bool,
    pub(super) is_mpim: bool,
    pub(super) is_group: bool,
    pub(super) user: Option<String>,
    pub(super) members: Vec<String>,
}

/// A message of a day's file, of `conversations.history`, or the `event` of an Events API payload.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Message {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) subtype: Option<String>,
    pub(super) user: Id,
    pub(super) bot_id: Option<String>,
    pub(super) channel: Id,
    pub(super) ts: Option<String>,
    pub(super) event_ts: Option<String>,
    pub(super) thread_ts: Option<String>,
    pub(super) parent_user_id: Option<String>,
    pub(super) text: Measure,
    pub(super) reactions: Vec<Reaction>,
    /// Of `reaction_added`: what was reacted to, and whose it was.
    pub(super) item: Item,
    pub(super) item_user: Option<String>,
    pub(super) reaction: Option<String>,
}

/// The reactions with one emoji.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Reaction {
    pub(super) name: String,
    pub(super) users: Vec<String>,
}

/// What a reaction event is about.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Item {
    pub(super) channel: Option<String>,
    pub(super) ts: Option<String>,
}

/// An Events API payload; a bare event is one too.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Envelope {
    pub(super) event: Option<Message>,
}

/// The id of a user or channel: most payloads carry it alone, `team_join` and `channel_created` carry the whole thing.
#[derive(Debug, Default)]
pub(super) struct Id(pub(super) Option<String>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Shape {
            Bare(String),
            Object { id: Option<String> },
            Other(IgnoredAny),
        }
        Ok(Id(match Shape::deserialize(deserializer)? {
            Shape::Bare(id) => Some(id),
            Shape::Object { id } => id,
            Shape::Other(_) => None,
        }))
    }
}

/// What is kept of a text: how long it is, and whom it mentions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Measure {
    /// In characters.
    pub(super) length: usize,
    /// Ids of mentioned users, each once, in order.
    pub(super) mentions: Vec<String>,
}

/// Mentions beyond these in one message are a list, not a conversation.
const MAX_MENTIONS: usize = 50;

impl Measure {
    fn of(text: &str) -> Self {
        let mut mentions: Vec<String> = Vec::new();
        for part in text.split("<@").skip(1) {
            let id: &str = part.split(['>', '|']).next().unwrap_or_default();
            let shaped = (9..=11).contains(&id.len())
                && id.starts_with(['U', 'W'])
                && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if shaped && mentions.len() < MAX_MENTIONS && !mentions.iter().any(|known| known == id) {
                mentions.push(id.to_owned());
            }
        }
        Measure { length: text.chars().count(), mentions }
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Measure;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Measure, E> {
                Ok(Measure::of(text))
            }
            fn visit_unit<E>(self) -> Result<Measure, E> {
                Ok(Measure::default())
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// The items of a file, unparsed, so that one bad item does not spoil the rest: an array, or an object that holds one
/// under `channels`, `members`, `messages` (as the Web API answers).
#[derive(Debug)]
pub(super) struct Items<'a>(pub(super) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Vec<&'de RawValue>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, or an object with `channels`, `members` or `messages`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(items)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut items = None;
                while let Some(key) = map.next_key::<String>()? {
                    if matches!(key.as_str(), "channels" | "members" | "messages") {
                        items = Some(map.next_value::<Vec<&'de RawValue>>()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                items.ok_or_else(|| serde::de::Error::custom("no `channels`, `members` or `messages` in it"))
            }
        }
        deserializer.deserialize_any(List).map(Items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_measured_and_its_mentions_are_found() {
        let text = r#""héllo <@U024BE7LH> and <@W012A3CDE|bob>, <@U024BE7LH> <@bad> <!here>""#;
        let measure: Measure = serde_json::from_str(text).unwrap();
        assert_eq!(measure.length, text.chars().count() - 2);
        assert_eq!(measure.mentions, ["U024BE7LH", "W012A3CDE"]);
        assert_eq!(serde_json::from_str::<Measure>("null").unwrap(), Measure::default());
    }

    #[test]
    fn a_list_is_found_bare_or_in_an_answer() {
        for text in ["[{},{}]", r#"{"ok":true,"messages":[{},{}],"has_more":false}"#] {
            assert_eq!(serde_json::from_str::<Items<'_>>(text).unwrap().0.len(), 2);
        }
        let error = serde_json::from_str::<Items<'_>>(r#"{"ok":false}"#).unwrap_err().to_string();
        assert!(error.contains("channels"), "{error}");
    }

    #[test]
    fn a_channel_is_an_id_or_an_object_with_one() {
        let channel = |text| serde_json::from_str::<Id>(text).unwrap().0;
        assert_eq!(channel(r#""C024BE91L""#).as_deref(), Some("C024BE91L"));
        assert_eq!(channel(r#"{"id":"C024BE91L","name":"x"}"#).as_deref(), Some("C024BE91L"));
        assert_eq!(channel("7"), None);
    }
}
