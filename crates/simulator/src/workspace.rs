//! The workspace: who there is, what they did, and what everything is called.

use std::collections::BTreeMap;

use recommend_core::{EntityId, Timestamp};

use crate::cast::Cast;
use crate::channels::Channel;
use crate::contacts::Contact;
use crate::history::{Event, History, live};
use crate::people::{Person, Team};
use crate::settings::{Settings, SimulatorError};

/// A generated workspace. Lists are in a fixed order, and positions in them are how its parts refer to each other.
///
/// ```
/// use recommend_simulator::{Settings, Workspace};
///
/// let workspace = Workspace::generate(Settings::small(7))?;
/// assert_eq!(workspace.people().len(), 120);
/// assert!(workspace.events().windows(2).all(|pair| pair[0].time <= pair[1].time));
/// assert_eq!(workspace.label("channel", workspace.channels()[0].entity), "#general");
/// # Ok::<(), recommend_simulator::SimulatorError>(())
/// ```
#[derive(Debug)]
pub struct Workspace {
    pub(crate) cast: Cast,
    pub(crate) history: History,
    people: BTreeMap<EntityId, usize>,
    channels: BTreeMap<EntityId, usize>,
    contacts: BTreeMap<EntityId, usize>,
}

impl Workspace {
    /// Generates the workspace of these settings; the same settings give the same workspace everywhere.
    ///
    /// # Errors
    /// [`SimulatorError::OutOfRange`] when a setting lies outside of its range.
    pub fn generate(settings: Settings) -> Result<Self, SimulatorError> {
        settings.check()?;
        let cast = Cast::assemble(settings);
        let history = live(&cast);
        let people = cast.people.iter().enumerate().map(|(at, person)| (person.entity, at)).collect();
        let channels = cast.channels.iter().enumerate().map(|(at, channel)| (channel.entity, at)).collect();
        let contacts = cast.contacts.iter().enumerate().map(|(at, contact)| (contact.entity, at)).collect();
        Ok(Workspace { cast, history, people, channels, contacts })
    }

    /// What it was generated from.
    pub fn settings(&self) -> &Settings {
        &self.cast.settings
    }

    /// The teams.
    pub fn teams(&self) -> &[Team] {
        &self.cast.teams
    }

    /// The people.
    pub fn people(&self) -> &[Person] {
        &self.cast.people
    }

    /// The channels.
    pub fn channels(&self) -> &[Channel] {
        &self.cast.channels
    }

    /// The people outside.
    pub fn contacts(&self) -> &[Contact] {
        &self.cast.contacts
    }

    /// Everything that happened, by time.
    pub fn events(&self) -> &[Event] {
        &self.history.events
    }

    /// The position of a person.
    pub fn person(&self, entity: EntityId) -> Option<usize> {
        self.people.get(&entity).copied()
    }

    /// The position of a channel.
    pub fn channel(&self, entity: EntityId) -> Option<usize> {
        self.channels.get(&entity).copied()
    }

    /// The position of a contact.
    pub fn contact(&self, entity: EntityId) -> Option<usize> {
        self.contacts.get(&entity).copied()
    }

    /// Whether a person is in a channel at a moment.
    pub fn is_member(&self, person: usize, channel: usize, time: Timestamp) -> bool {
        self.history.memberships[person].iter().any(|stay| stay.channel == channel && stay.holds(time))
    }

    /// How much a person likes what a channel is about, 0 to 1: the truth, which no store and no feature holds. For
    /// judging recommendations, never for making them.
    pub fn appeal(&self, person: usize, channel: usize) -> f64 {
        self.cast.appeal(person, channel)
    }

    /// How close two people are, 0 to 1: the truth, as [`Workspace::appeal`].
    pub fn closeness(&self, person: usize, other: usize) -> f64 {
        self.cast.closeness(person, other)
    }

    /// What people call an entity of a corpus: `#team-growth`, `Ada Rossi (growth, Berlin)`, `Tue 10:00 UTC`.
    pub fn label(&self, corpus: &str, entity: EntityId) -> String {
        let known = match corpus {
            "channel" => self.channel(entity).map(|at| format!("#{}", self.cast.channels[at].name)),
            "user" => self.person(entity).map(|at| {
                let person = &self.cast.people[at];
                format!("{} ({}, {})", person.name, self.cast.teams[person.team].name, person.site().name)
            }),
            "contact" => self.contact(entity).map(|at| {
                let contact = &self.cast.contacts[at];
                format!("{}, {}", contact.name, contact.company)
            }),
            "time-slot" => Some(slot_label(entity)),
            _ => None,
        };
        known.unwrap_or_else(|| entity.0.to_string())
    }
}

/// A time slot's id is the second at which it begins.
pub(crate) fn slot_time(entity: EntityId) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(entity.0).unwrap_or(i64::MAX))
}

fn slot_label(entity: EntityId) -> String {
    let hour = slot_time(entity).hour_of_week();
    let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][hour / 24];
    format!("{day} {:02}:00 UTC", hour % 24)
}
