//! History: what the people of a workspace did, one small file for each part of their life.

mod direct;
mod echoes;
mod meetings;
mod memberships;
mod talk;

use recommend_core::Timestamp;

use crate::cast::Cast;

pub(crate) use memberships::Membership;

/// What somebody did with something; one corpus and one kind of interaction each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Wrote into a channel.
    Message,
    /// Read a channel; at most once a day.
    Read,
    /// Reacted to a message in a channel.
    Reaction,
    /// Joined a channel.
    Join,
    /// Left a channel.
    Leave,
    /// Did not want to be shown a channel.
    Dismiss,
    /// Wrote to a person.
    Dm,
    /// Mentioned a person in a channel.
    Mention,
    /// Reacted to a message of a person.
    Applause,
    /// Met a colleague; the value is minutes.
    OneOnOne,
    /// Met a contact; the value is minutes.
    Meeting,
    /// Invited a contact.
    Invite,
    /// The contact opened the inviter's invitation.
    Open,
    /// The contact accepted the inviter's invitation.
    Accept,
}

impl Action {
    /// All of them, in the order of their numbers.
    pub const ALL: [Action; 14] = [
        Action::Message,
        Action::Read,
        Action::Reaction,
        Action::Join,
        Action::Leave,
        Action::Dismiss,
        Action::Dm,
        Action::Mention,
        Action::Applause,
        Action::OneOnOne,
        Action::Meeting,
        Action::Invite,
        Action::Open,
        Action::Accept,
    ];

    /// The corpus of the target, and the kind of the interaction.
    pub fn corpus_and_kind(self) -> (&'static str, &'static str) {
        match self {
            Action::Message => ("channel", "message"),
            Action::Read => ("channel", "read"),
            Action::Reaction => ("channel", "reaction"),
            Action::Join => ("channel", "channel_join"),
            Action::Leave => ("channel", "channel_leave"),
            Action::Dismiss => ("channel", "dismiss"),
            Action::Dm => ("user", "dm"),
            Action::Mention => ("user", "mention"),
            Action::Applause => ("user", "reaction"),
            Action::OneOnOne => ("user", "meeting"),
            Action::Meeting => ("contact", "meeting"),
            Action::Invite => ("contact", "invite"),
            Action::Open => ("contact", "invite_open"),
            Action::Accept => ("contact", "invite_accept"),
        }
    }
}

/// One thing that one person did. Positions are those of the workspace's lists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// Who: a position in the people.
    pub person: usize,
    /// What.
    pub action: Action,
    /// With what: a position in the channels, people or contacts, as the action says.
    pub target: usize,
    /// How much: minutes for meetings, 1 for all else.
    pub value: f32,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// By time; ties by person, action, target and value.
    pub(crate) events: Vec<Event>,
    /// For each person, all memberships there ever were, in the order of joining the list.
    pub(crate) memberships: Vec<Vec<Membership>>,
}

/// Lives through the days of the workspace.
pub(crate) fn live(cast: &Cast) -> History {
    let mut diary = Diary { cast, events: Vec::new() };
    let memberships = memberships::settle(&mut diary);
    talk::talk(&mut diary, &memberships);
    echoes::echo(&mut diary, &memberships);
    direct::converse(&mut diary);
    meetings::meet(&mut diary);
    let mut events = diary.events;
    events.sort_unstable_by_key(|event| {
        (event.time, event.person, event.action, event.target, event.value.to_bits())
    });
    History { events, memberships }
}

/// Notes what happens, and drops what cannot have: outside of the history, or by somebody who is not there.
pub(crate) struct Diary<'a> {
    pub(crate) cast: &'a Cast,
    events: Vec<Event>,
}

impl Diary<'_> {
    /// Notes that somebody did something; whether it counts.
    pub(crate) fn note(&mut self, time: Timestamp, person: usize, action: Action, target: usize) -> bool {
        self.note_value(time, person, action, target, 1.0)
    }

    pub(crate) fn note_value(
        &mut self,
        time: Timestamp,
        person: usize,
        action: Action,
        target: usize,
        value: f32,
    ) -> bool {
        let happens = self.within(time) && self.cast.people[person].present(time);
        if happens {
            self.events.push(Event { time, person, action, target, value });
        }
        happens
    }

    /// Whether a moment belongs to the history.
    pub(crate) fn within(&self, time: Timestamp) -> bool {
        self.cast.settings.start() <= time && time < self.cast.settings.end
    }
}
