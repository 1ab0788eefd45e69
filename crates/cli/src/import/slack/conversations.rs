//! Channels, private channels, direct messages and groups of them: which folder is which, and who is in it.

use recommend_core::{Name, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::checked;
use super::payload::Conversation;
use crate::import::pump::Output;
use crate::import::rejects::Fault;
use crate::records::{Attribute, EntityRow, RelationRow};

/// Where messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A channel.
    Channel(String),
    /// A conversation between these people: its id, and theirs.
    People(String, Vec<String>),
}

/// All conversations of an export.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    places: FxHashMap<String, Place>,
    /// Members as the export lists them: channel, since when at the latest, users.
    members: Vec<(String, Timestamp, Vec<String>)>,
}

impl Conversations {
    /// Takes a conversation of one of the four files; channels become entities.
    pub(super) fn add(
        &mut self,
        file: &str,
        conversation: Conversation,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let Conversation { name, created, creator, members, user, .. } = &conversation;
        let id = checked("id", Some(conversation.id.clone()))?;
        let folder = if name.is_empty() { id.clone() } else { name.clone() };
        let between = conversation.is_im || conversation.is_mpim || matches!(file, "dms.json" | "mpims.json");
        if between {
            let people = members.iter().chain(user).cloned().collect();
            self.places.insert(folder, Place::People(id, people));
            return Ok(());
        }
        let private = conversation.is_private || conversation.is_group || file == "groups.json";
        let mut attributes = vec![
            (Name::literal("private"), Attribute::Flag(private)),
            (Name::literal("archived"), Attribute::Flag(conversation.is_archived)),
            (Name::literal("general"), Attribute::Flag(conversation.is_general)),
        ];
        let created =
            created.filter(|seconds| *seconds > 0.0).map(|seconds| Timestamp((seconds * 1e3) as i64));
        attributes.extend(created.map(|time| (Name::literal("created"), Attribute::Time(time))));
        let owner = creator.as_ref().filter(|id| !id.is_empty() && id.len() <= 64);
        attributes.extend(owner.map(|id| (Name::literal("owner"), Attribute::Word(id.clone()))));
        let corpus = Name::literal("channel");
        output.tally.entity(&corpus);
        output.batch.entities.push(EntityRow { corpus, id: id.clone(), attributes });
        if !members.is_empty() {
            self.members.push((id.clone(), created.unwrap_or_default(), members.clone()));
        }
        self.places.insert(folder, Place::Channel(id));
        Ok(())
    }

    /// The conversation of a folder.
    pub(super) fn folder(&self, name: &str) -> Option<&Place> {
        self.places.get(name)
    }

    /// Memberships: those that the export lists, since the join that was seen or else since the channel exists; where
    /// it lists none, those that follow from joins and leaves.
    pub(super) fn relations(&self, from_events: Vec<RelationRow>) -> Vec<RelationRow> {
        let listed: FxHashSet<&str> = self.members.iter().map(|(channel, _, _)| channel.as_str()).collect();
        let joined: FxHashMap<(&str, &str), Timestamp> = from_events
            .iter()
            .filter(|row| !row.remove)
            .map(|row| ((row.entity.as_str(), row.user.as_str()), row.since))
            .collect();
        let mut rows = Vec::new();
        for (channel, created, members) in &self.members {
            for user in members.iter().filter(|user| !user.is_empty() && user.len() <= 64) {
                let since = joined.get(&(channel.as_str(), user.as_str())).copied().unwrap_or(*created);
                rows.push(member(user, channel, since));
            }
        }
        let is_member: FxHashSet<(&str, &str)> = self
            .members
            .iter()
            .flat_map(|(channel, _, users)| users.iter().map(move |user| (channel.as_str(), user.as_str())))
            .collect();
        // A list is of the time of the export, so it is right about who is a member; a leave still ends what an
        // earlier import may have written.
        let followed: Vec<RelationRow> = from_events
            .iter()
            .filter(|row| match listed.contains(row.entity.as_str()) {
                true => row.remove && !is_member.contains(&(row.entity.as_str(), row.user.as_str())),
                false => true,
            })
            .cloned()
            .collect();
        rows.extend(followed);
        rows
    }
}

fn member(user: &str, channel: &str, since: Timestamp) -> RelationRow {
    RelationRow {
        user: user.to_owned(),
        kind: Name::literal("member"),
        corpus: Name::literal("channel"),
        entity: channel.to_owned(),
        since,
        weight: 1.0,
        remove: false,
    }
}
