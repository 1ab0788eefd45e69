//! Messages, joins, leaves and reactions as interactions.

use std::hash::Hasher;

use recommend_core::{Name, Timestamp};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::conversations::Place;
use super::payload::{Measure, Message};
use super::{checked, moment};
use crate::import::pump::Output;
use crate::import::rejects::Fault;
use crate::import::ties::Ties;
use crate::records::{InteractionRow, RelationRow};

/// A message whose text is gone.
#[derive(Debug, Default)]
pub(super) struct Happening {
    pub(super) subtype: String,
    pub(super) user: Option<String>,
    pub(super) bot: bool,
    pub(super) ts: Option<String>,
    pub(super) thread: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) text: Measure,
    /// Who reacted, and with what; what it was is used to tell two reactions apart and then forgotten.
    pub(super) reactions: Vec<(String, String)>,
}

impl From<Message> for Happening {
    fn from(message: Message) -> Self {
        let Message { subtype, user, bot_id, ts, thread_ts, parent_user_id, text, reactions, .. } = message;
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        Happening {
            subtype: subtype.unwrap_or_default(),
            user: some(user.0),
            bot: some(bot_id).is_some(),
            ts: some(ts),
            thread: some(thread_ts),
            parent: some(parent_user_id),
            text,
            reactions: reactions
                .into_iter()
                .flat_map(|reaction| {
                    let name = reaction.name;
                    reaction.users.into_iter().map(move |user| (user, name.clone()))
                })
                .collect(),
        }
    }
}

/// Turns what happened into interactions and remembers who joined and left.
#[derive(Debug)]
pub(super) struct Recorder {
    ties: Ties,
    channel: Name,
    user: Name,
    kinds: Kinds,
}

#[derive(Debug)]
struct Kinds {
    message: Name,
    reply: Name,
    join: Name,
    leave: Name,
    reaction: Name,
    mention: Name,
    dm: Name,
}

impl Default for Recorder {
    fn default() -> Self {
        let kinds = Kinds {
            message: Name::literal("message"),
            reply: Name::literal("reply"),
            join: Name::literal("channel_join"),
            leave: Name::literal("channel_leave"),
            reaction: Name::literal("reaction"),
            mention: Name::literal("mention"),
            dm: Name::literal("dm"),
        };
        Recorder {
            ties: Ties::of("member", &kinds.join, &kinds.leave),
            channel: Name::literal("channel"),
            user: Name::literal("user"),
            kinds,
        }
    }
}

impl Recorder {
    /// Takes a message of a conversation.
    pub(super) fn message(
        &mut self,
        place: &Place,
        what: Happening,
        output: &mut Output,
    ) -> Result<(), Fault> {
        match what.subtype.as_str() {
            "" | "thread_broadcast" | "me_message" | "file_share" => self.said(place, what, output),
            "channel_join" | "group_join" => self.moved(place, &what, true, output),
            "channel_leave" | "group_leave" => self.moved(place, &what, false, output),
            "bot_message" => {
                output.tally.skip("messages of bots");
                Ok(())
            }
            _ => {
                output.tally.skip("notices of Slack (renamed, topic set, pinned…)");
                Ok(())
            }
        }
    }

    fn said(&mut self, place: &Place, what: Happening, output: &mut Output) -> Result<(), Fault> {
        if what.bot {
            output.tally.skip("messages of bots");
            return Ok(());
        }
        let ts = what.ts.clone().unwrap_or_default();
        let time = moment("ts", what.ts.as_deref())?;
        let author = checked("user", what.user)?;
        let length = what.text.length as f32;
        let thread = what.thread.filter(|thread| *thread != ts);
        match place {
            Place::Channel(channel) => {
                let kind = if thread.is_some() { &self.kinds.reply } else { &self.kinds.message };
                let key = [channel, &ts, &author];
                self.put(output, key, &author, &self.channel, channel, kind, time, length);
            }
            Place::People(conversation, people) => {
                for other in people.iter().filter(|other| **other != author) {
                    let key = [conversation, &ts, &author];
                    self.put(output, key, &author, &self.user, other, &self.kinds.dm, time, length);
                }
            }
        }
        let conversation = place.id();
        if let Some(parent) = what.parent.filter(|parent| thread.is_some() && *parent != author) {
            let key = [conversation, &ts, &author];
            self.put(output, key, &author, &self.user, &parent, &self.kinds.reply, time, 1.0);
        }
        for mentioned in what.text.mentions.iter().filter(|mentioned| **mentioned != author) {
            let key = [conversation, &ts, &author];
            self.put(output, key, &author, &self.user, mentioned, &self.kinds.mention, time, 1.0);
        }
        for (reactor, emoji) in &what.reactions {
            // A reaction has no time of its own in an export; that of its message is the nearest.
            self.reacted(place, reactor, emoji, Some(&author), &ts, time, output);
        }
        Ok(())
    }

    /// Takes a reaction to the message of `author` at `ts`.
    #[expect(clippy::too_many_arguments, reason = "a reaction has that many sides")]
    pub(super) fn reacted(
        &mut self,
        place: &Place,
        reactor: &str,
        emoji: &str,
        author: Option<&str>,
        ts: &str,
        time: Timestamp,
        output: &mut Output,
    ) {
        if reactor.is_empty() || reactor.len() > recommend_core::ids::MAX_ID_BYTES {
            return;
        }
        let key = [ts, reactor, emoji];
        if let Place::Channel(channel) = place {
            self.put(output, key, reactor, &self.channel, channel, &self.kinds.reaction, time, 1.0);
        }
        if let Some(author) = author.filter(|author| *author != reactor && !author.is_empty()) {
            self.put(output, key, reactor, &self.user, author, &self.kinds.reaction, time, 1.0);
        }
    }

    /// Takes a join or a leave.
    pub(super) fn moved(
        &mut self,
        place: &Place,
        what: &Happening,
        joined: bool,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let Place::Channel(channel) = place else { return Ok(()) };
        let time = moment("ts", what.ts.as_deref())?;
        let user = checked("user", what.user.clone())?;
        let kind = if joined { &self.kinds.join } else { &self.kinds.leave };
        // Slack tells a join twice, as a message and as an event, with times that differ in the fraction.
        let second = (time.millis() / 1000).to_string();
        let key = [channel.as_str(), &second, &user];
        self.put(output, key, &user, &self.channel, channel, kind, time, 1.0);
        if let Some(row) = output.batch.interactions.last() {
            self.ties.observe(row);
        }
        Ok(())
    }

    /// Memberships after all joins and leaves.
    pub(super) fn finish(&mut self) -> Vec<RelationRow> {
        self.ties.finish()
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an interaction")]
    fn put<K: AsRef<str>>(
        &self,
        output: &mut Output,
        key: [K; 3],
        user: &str,
        corpus: &Name,
        entity: &str,
        kind: &Name,
        time: Timestamp,
        value: f32,
    ) {
        let mut hasher = SipHasher13::new();
        let parts = key.iter().map(AsRef::as_ref).chain(["slack", corpus.as_str(), entity, kind.as_str()]);
        for part in parts {
            hasher.write(part.as_bytes());
            hasher.write_u8(0xff);
        }
        let row = InteractionRow {
            id: format!("{:032x}", hasher.finish128().as_u128()),
            request: None,
            user: user.to_owned(),
            corpus: corpus.clone(),
            entity: entity.to_owned(),
            kind: kind.clone(),
            time,
            value,
        };
        output.tally.interaction(&row);
        output.batch.interactions.push(row);
    }
}

impl Place {
    fn id(&self) -> &str {
        match self {
            Place::Channel(id) | Place::People(id, _) => id,
        }
    }
}
