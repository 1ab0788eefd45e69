//! The cast: everybody and everything of a workspace before the first day.

use crate::channels::{Channel, found};
use crate::contacts::{Account, Contact, meet};
use crate::people::{Person, Team, hire};
use crate::rhythm::days_of;
use crate::settings::Settings;
use crate::taste::topics;

/// Who there is and what there is; nothing has happened yet.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) settings: Settings,
    pub(crate) teams: Vec<Team>,
    pub(crate) people: Vec<Person>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) contacts: Vec<Contact>,
    /// For each person, whom the person looks after outside, strongest first.
    pub(crate) accounts: Vec<Vec<Account>>,
}

impl Cast {
    pub(crate) fn assemble(settings: Settings) -> Self {
        let topics = topics(settings.seed);
        let (teams, people) = hire(&settings, &topics);
        let channels = found(&settings, &topics, &teams, &people);
        let (contacts, accounts) = meet(&settings, &teams, &people);
        Cast { settings, teams, people, channels, contacts, accounts }
    }

    /// How much a person likes a channel, 0 to 1.
    pub(crate) fn appeal(&self, person: usize, channel: usize) -> f64 {
        self.channels[channel].appeal(&self.people[person], self.settings.seed)
    }

    /// How close two people are, 0 to 1.
    pub(crate) fn closeness(&self, person: usize, other: usize) -> f64 {
        self.people[person].closeness(&self.people[other], self.settings.seed)
    }

    /// The days, since the epoch, that the history touches; one more at each end for the time zones.
    pub(crate) fn days(&self) -> std::ops::RangeInclusive<i64> {
        let (first, last) = days_of(self.settings.start(), self.settings.end);
        first - 1..=last + 1
    }
}
