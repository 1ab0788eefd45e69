//! People: their teams, their working day, and what they secretly like.

use recommend_core::{EntityId, IdCodec, Timestamp, days};

use crate::chance::{Chance, sigmoid, whim};
use crate::rhythm::{Rhythm, SITES, Site};
use crate::settings::Settings;
use crate::taste::{Taste, Topic};
use crate::words;

/// People in a team, on average.
const TEAM_SIZE: f64 = 13.0;

/// Some people who work on one thing at one site under one manager.
#[derive(Debug, Clone)]
pub struct Team {
    /// What it works on: `growth`.
    pub name: String,
    /// Where most of it sits.
    pub site: Site,
    /// The positions of its people in [`crate::Workspace::people`]; the first is the manager.
    pub members: Vec<usize>,
    /// Whether it talks to customers and partners.
    pub external: bool,
    pub(crate) topic: usize,
    pub(crate) taste: Taste,
}

/// One person. What is public is also what the catalog knows; what the person likes stays inside, and shows only in
/// what the person does.
#[derive(Debug, Clone)]
pub struct Person {
    /// The id as the API spells it: `U0…`.
    pub id: String,
    /// The id as a number.
    pub entity: EntityId,
    /// What colleagues call this person.
    pub name: String,
    /// Position of the team in [`crate::Workspace::teams`].
    pub team: usize,
    /// Whether this person leads the team.
    pub manager: bool,
    /// When the account was made.
    pub created: Timestamp,
    /// When the account was closed, if it was.
    pub gone: Option<Timestamp>,
    pub(crate) taste: Taste,
    pub(crate) rhythm: Rhythm,
    /// Channel messages on a working day.
    pub(crate) talkative: f64,
    /// How many channels this person likes to be in.
    pub(crate) roomy: f64,
    /// Exponent of the examination of a slate: the larger, the sooner the person stops reading.
    pub(crate) hurry: f64,
}

impl Person {
    /// Where the person works.
    pub fn site(&self) -> Site {
        self.rhythm.site
    }

    /// The local hour of a moment, 0 to 24.
    pub fn local_hour(&self, time: Timestamp) -> f64 {
        self.rhythm.hour(time)
    }

    /// Whether the account exists and is open.
    pub fn present(&self, time: Timestamp) -> bool {
        self.created <= time && self.gone.is_none_or(|gone| time < gone)
    }

    /// The chance of looking at a place of a slate, from 0: 1 at the top.
    pub(crate) fn examines(&self, place: usize) -> f64 {
        libm::pow(place as f64 + 1.0, -self.hurry)
    }

    /// How close two people are by their team and what they like, 0 to 1. The truth that no feature holds.
    pub(crate) fn closeness(&self, other: &Person, seed: u64) -> f64 {
        let team = if self.team == other.team { 2.6 } else { 0.0 };
        let line = if self.team == other.team && (self.manager || other.manager) { 0.5 } else { 0.0 };
        let site = if self.rhythm.site == other.rhythm.site { 0.5 } else { 0.0 };
        let (low, high) = (self.entity.0.min(other.entity.0), self.entity.0.max(other.entity.0));
        let spark = 0.8 * whim(seed, low, high);
        sigmoid(4.0 * self.taste.likeness(&other.taste) + team + line + site + spark - 4.5)
    }
}

/// Teams and their people, in an order that a seed fixes.
pub(crate) fn hire(settings: &Settings, topics: &[Topic]) -> (Vec<Team>, Vec<Person>) {
    let seed = settings.seed;
    let work: Vec<usize> = (0..topics.len()).filter(|at| topics[*at].work).collect();
    let fun: Vec<usize> = (0..topics.len()).filter(|at| !topics[*at].work).collect();
    let mut teams: Vec<Team> = Vec::new();
    let mut people: Vec<Person> = Vec::with_capacity(settings.people);
    while people.len() < settings.people {
        let n = teams.len();
        let mut chance = Chance::stream(seed, "team", n as u64);
        let size = (chance.log_normal(TEAM_SIZE * 0.9, 0.45).round().clamp(4.0, 40.0) as usize)
            .min(settings.people - people.len());
        let topic = work[chance.below(work.len())];
        let (site, _) = SITES[chance.weighted(SITES.iter().map(|(_, share)| *share)).unwrap_or(0)];
        let taste = Taste::blend(&[(1.0, topics[topic].taste), (0.35, Taste::anywhere(&mut chance))]);
        let external =
            matches!(topics[topic].word, "sales" | "support" | "marketing") || chance.happens(0.12);
        let members: Vec<usize> = (people.len()..people.len() + size).collect();
        for at in &members {
            people.push(person(settings, topics, &fun, *at, (n, *at == members[0]), taste, site));
        }
        teams.push(Team { name: words::area(n), site, members, external, topic, taste });
    }
    (teams, people)
}

fn person(
    settings: &Settings,
    topics: &[Topic],
    fun: &[usize],
    at: usize,
    (team, manager): (usize, bool),
    work: Taste,
    site: Site,
) -> Person {
    let mut chance = Chance::stream(settings.seed, "person", at as u64);
    let id = words::slack_id('U', settings.seed, at);
    let mut likes = vec![(1.0, work), (0.45, Taste::anywhere(&mut chance))];
    for _ in 0..1 + chance.below(3) {
        likes.push((chance.between(0.4, 1.1), topics[fun[chance.below(fun.len())]].taste));
    }
    if chance.happens(0.35) {
        likes.push((chance.between(0.3, 0.8), topics[chance.below(topics.len())].taste));
    }
    // One in eight sits elsewhere than the team.
    let site = match chance.happens(0.125) {
        true => SITES[chance.weighted(SITES.iter().map(|(_, share)| *share)).unwrap_or(0)].0,
        false => site,
    };
    let span = settings.days as u64;
    let hired_late = !manager && chance.happens(0.08);
    let created = match hired_late {
        true => settings.start().after(days(span).mul_f64(chance.between(0.05, 0.95))),
        false => settings.start().before(days(30).mul_f64(chance.between(0.1, 40.0))),
    };
    let gone = (!manager && !hired_late && chance.happens(0.03))
        .then(|| settings.start().after(days(span).mul_f64(chance.between(0.1, 0.98))));
    Person {
        entity: numbered(&id),
        id,
        name: words::person(at),
        team,
        manager,
        created,
        gone,
        taste: Taste::blend(&likes),
        rhythm: Rhythm::at(site, &mut chance),
        talkative: chance.log_normal(if manager { 1.6 } else { 1.0 }, 0.95).min(40.0),
        roomy: chance.log_normal(9.0, 0.6).clamp(2.0, 80.0),
        hurry: chance.between(0.5, 1.5),
    }
}

/// The number of an id shaped like Slack's; it does not depend on the key of the codec.
pub(crate) fn numbered(id: &str) -> EntityId {
    EntityId(IdCodec::new([0; 16]).encode(id).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::taste::topics;

    #[test]
    fn everybody_has_a_team_and_every_team_a_manager() {
        let settings = Settings::small(3);
        let (teams, people) = hire(&settings, &topics(settings.seed));
        assert_eq!(people.len(), settings.people);
        assert_eq!(teams.iter().map(|team| team.members.len()).sum::<usize>(), people.len());
        for (at, team) in teams.iter().enumerate() {
            assert!(team.members.iter().all(|member| people[*member].team == at));
            assert_eq!(team.members.iter().filter(|member| people[**member].manager).count(), 1);
        }
    }

    #[test]
    fn colleagues_are_closer_than_strangers() {
        let settings = Settings::small(3);
        let (teams, people) = hire(&settings, &topics(settings.seed));
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for person in &people[..60] {
            for other in &people[60..] {
                outside.push(person.closeness(other, 3));
                assert_eq!(person.closeness(other, 3), other.closeness(person, 3), "closeness is mutual");
            }
        }
        for team in &teams {
            let [first, rest @ ..] = &team.members[..] else { continue };
            inside.extend(rest.iter().map(|other| people[*first].closeness(&people[*other], 3)));
        }
        let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
        assert!(mean(&inside) > 2.0 * mean(&outside), "{} {}", mean(&inside), mean(&outside));
    }
}
