//! Channels: what they are about, whose they are, and for how long there is life in them.

use recommend_core::{EntityId, Timestamp, days};

use crate::chance::{Chance, sigmoid, whim};
use crate::people::{Person, Team, numbered};
use crate::rhythm::SITES;
use crate::settings::Settings;
use crate::taste::{Taste, Topic};
use crate::words;

/// What a channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// Everybody is in it.
    General,
    /// Everybody at one site is in it.
    Office,
    /// One team's own.
    Team,
    /// Something that a few teams do together until it is done.
    Project,
    /// A subject, from work or beside it, for whoever likes it.
    Interest,
}

impl ChannelKind {
    /// The word that the catalog holds as the attribute `purpose`.
    pub fn word(self) -> &'static str {
        match self {
            ChannelKind::General => "general",
            ChannelKind::Office => "office",
            ChannelKind::Team => "team",
            ChannelKind::Project => "project",
            ChannelKind::Interest => "interest",
        }
    }
}

/// One channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// The id as the API spells it: `C0…`.
    pub id: String,
    /// The id as a number.
    pub entity: EntityId,
    /// What people call it, without the `#`.
    pub name: String,
    /// What it is for.
    pub kind: ChannelKind,
    /// The word of its topic.
    pub topic: &'static str,
    /// Whether only members may know of it.
    pub private: bool,
    /// Whether it was put away.
    pub archived: bool,
    /// Position of the person who made it.
    pub owner: usize,
    /// When it was made.
    pub created: Timestamp,
    /// When people stopped using it, if they did.
    pub faded: Option<Timestamp>,
    /// The team whose it is, for those of a team or a project.
    pub team: Option<usize>,
    pub(crate) taste: Taste,
    /// How much it draws people, whatever they like: heavy-tailed, 1 in the middle.
    pub(crate) pull: f64,
}

impl Channel {
    /// How much life is in the channel at a moment, 0 to 1.
    pub fn liveness(&self, time: Timestamp) -> f64 {
        if time < self.created {
            return 0.0;
        }
        match self.faded {
            Some(faded) if time > faded => {
                libm::exp(-time.since(faded).as_secs_f64() / days(5).as_secs_f64())
            }
            _ => 1.0,
        }
    }

    /// How much a person likes what the channel is about, 0 to 1. The truth that no feature holds: taste, the team's
    /// own business, and a whim.
    pub(crate) fn appeal(&self, person: &Person, seed: u64) -> f64 {
        let own = if self.team == Some(person.team) { 2.5 } else { 0.0 };
        let whim = 0.9 * whim(seed, self.entity.0, person.entity.0);
        sigmoid(7.0 * (self.taste.likeness(&person.taste) - 0.42) + own + whim)
    }
}

/// Founds the channels of a workspace: general ones, one per team, projects, and interests, in this order.
pub(crate) fn found(
    settings: &Settings,
    topics: &[Topic],
    teams: &[Team],
    people: &[Person],
) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::with_capacity(settings.channels);
    let founder = Founder { settings, topics, teams, people };
    for name in ["general", "announcements", "random"] {
        channels.push(founder.general(channels.len(), name));
    }
    for (site, _) in SITES {
        if people.iter().any(|person| person.site() == site) {
            channels.push(founder.office(channels.len(), site.name));
        }
    }
    let left = settings.channels.saturating_sub(channels.len());
    for team in 0..teams.len().min(left * 2 / 5) {
        channels.push(founder.team(channels.len(), team));
    }
    let left = settings.channels.saturating_sub(channels.len());
    for n in 0..left * 2 / 5 {
        channels.push(founder.project(channels.len(), n));
    }
    let left = settings.channels.saturating_sub(channels.len());
    for n in 0..left {
        channels.push(founder.interest(channels.len(), n));
    }
    channels.truncate(settings.channels);
    channels
}

struct Founder<'a> {
    settings: &'a Settings,
    topics: &'a [Topic],
    teams: &'a [Team],
    people: &'a [Person],
}

impl Founder<'_> {
    fn channel(&self, at: usize, name: String, kind: ChannelKind) -> (Channel, Chance) {
        let mut chance = Chance::stream(self.settings.seed, "channel", at as u64);
        let id = words::slack_id('C', self.settings.seed, at);
        let long_ago = days(30).mul_f64(chance.between(0.2, 36.0));
        let channel = Channel {
            entity: numbered(&id),
            id,
            name,
            kind,
            topic: "company",
            private: false,
            archived: false,
            owner: 0,
            created: self.settings.start().before(long_ago),
            faded: None,
            team: None,
            taste: Taste::anywhere(&mut chance),
            pull: 1.0,
        };
        (channel, chance)
    }

    fn general(&self, at: usize, name: &str) -> Channel {
        let (mut channel, mut chance) = self.channel(at, name.to_owned(), ChannelKind::General);
        channel.owner = self.anyone(&mut chance, |_| true);
        channel
    }

    fn office(&self, at: usize, site: &str) -> Channel {
        let name = format!("office-{}", slug(site));
        let (mut channel, mut chance) = self.channel(at, name, ChannelKind::Office);
        channel.topic = "office";
        channel.owner = self.anyone(&mut chance, |person| person.site().name == site);
        channel
    }

    fn team(&self, at: usize, team: usize) -> Channel {
        let home = &self.teams[team];
        let (mut channel, mut chance) = self.channel(at, format!("team-{}", home.name), ChannelKind::Team);
        channel.topic = self.topics[home.topic].word;
        channel.private = chance.happens(0.3);
        channel.owner = home.members[0];
        channel.team = Some(team);
        channel.taste = home.taste;
        channel
    }

    fn project(&self, at: usize, n: usize) -> Channel {
        let name = format!("proj-{}", words::project(n));
        let (mut channel, mut chance) = self.channel(at, name, ChannelKind::Project);
        let team = chance.below(self.teams.len());
        let home = &self.teams[team];
        channel.topic = self.topics[home.topic].word;
        channel.private = chance.happens(0.25);
        channel.owner = *chance.pick(&home.members).unwrap_or(&home.members[0]);
        channel.team = Some(team);
        channel.taste = Taste::blend(&[(1.0, home.taste), (0.5, channel.taste)]);
        channel.pull = chance.log_normal(1.0, 0.5);
        self.lifespan(&mut channel, &mut chance, 0.75, 75.0);
        channel
    }

    fn interest(&self, at: usize, n: usize) -> Channel {
        let topic = &self.topics[n % self.topics.len()];
        let round = n / self.topics.len();
        let site = SITES[(round + n) % SITES.len()].0.name;
        let name = match (round, topic.work) {
            (0, _) => topic.word.to_owned(),
            (1, true) => format!("help-{}", topic.word),
            (1, false) => format!("{}-beginners", topic.word),
            (2, _) => format!("{}-news", topic.word),
            (3..=9, _) => format!("{}-{}", topic.word, slug(site)),
            _ => format!("{}-{}", topic.word, round - 8),
        };
        let (mut channel, mut chance) = self.channel(at, name, ChannelKind::Interest);
        channel.topic = topic.word;
        channel.private = round > 0 && chance.happens(0.1);
        channel.taste = Taste::blend(&[(1.0, topic.taste), (0.4, channel.taste)]);
        // The first channel of a topic is the one that everybody knows.
        channel.pull = chance.log_normal(if round == 0 { 3.0 } else { 1.0 }, 0.9);
        let founders: Vec<usize> = (0..12).map(|_| self.anyone(&mut chance, |_| true)).collect();
        let likes = |at: &usize| channel.taste.likeness(&self.people[*at].taste);
        channel.owner =
            founders.iter().copied().max_by(|a, b| likes(a).total_cmp(&likes(b)).then(b.cmp(a))).unwrap_or(0);
        if round > 0 {
            self.lifespan(&mut channel, &mut chance, 0.25, 150.0);
        }
        channel
    }

    /// A share of the channels is young, and a share fades after a while; some of the faded are archived.
    fn lifespan(&self, channel: &mut Channel, chance: &mut Chance, fades: f64, mean_days: f64) {
        let (start, end) = (self.settings.start(), self.settings.end);
        channel.created = match chance.happens(0.35) {
            true => start.after(end.since(start).mul_f64(chance.between(0.0, 0.97))),
            false => start.before(days(1).mul_f64(chance.exponential(mean_days))),
        };
        if chance.happens(fades) {
            let faded = channel.created.after(days(1).mul_f64(10.0 + chance.exponential(mean_days)));
            if faded < end {
                channel.faded = Some(faded);
                channel.archived = end.since(faded) > days(21) && chance.happens(0.4);
            }
        }
    }

    fn anyone(&self, chance: &mut Chance, fits: impl Fn(&Person) -> bool) -> usize {
        let fitting: Vec<usize> = (0..self.people.len())
            .filter(|at| fits(&self.people[*at]) && self.people[*at].gone.is_none())
            .collect();
        chance.pick(&fitting).copied().unwrap_or(0)
    }
}

fn slug(text: &str) -> String {
    text.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::people::hire;
    use crate::taste::topics;

    fn founded(settings: &Settings) -> (Vec<Channel>, Vec<Person>) {
        let topics = topics(settings.seed);
        let (teams, people) = hire(settings, &topics);
        (found(settings, &topics, &teams, &people), people)
    }

    #[test]
    fn channels_are_of_every_kind_and_every_name_is_taken_once() {
        let settings = Settings { days: 30, ..Settings::default() };
        let (channels, _) = founded(&settings);
        assert_eq!(channels.len(), settings.channels);
        let names: BTreeSet<_> = channels.iter().map(|channel| &channel.name).collect();
        assert_eq!(names.len(), channels.len());
        let share = |test: &dyn Fn(&Channel) -> bool| channels.iter().filter(|c| test(c)).count();
        assert!(share(&|c| c.kind == ChannelKind::Team) > 50);
        assert!(share(&|c| c.kind == ChannelKind::Project) > 50);
        assert!(share(&|c| c.kind == ChannelKind::Interest) > 100);
        assert!(share(&|c| c.private) > 30 && share(&|c| c.archived) > 10);
        assert!(share(&|c| c.faded.is_some() && !c.archived) > 20, "some are dead and still there");
        assert!(channels.iter().all(|c| c.created < settings.end));
    }

    #[test]
    fn a_channel_comes_to_life_and_fades() {
        let (channels, _) = founded(&Settings::default());
        let faded = channels.iter().find(|channel| channel.faded.is_some()).unwrap();
        let end = faded.faded.unwrap();
        assert_eq!(faded.liveness(faded.created.before(days(1))), 0.0);
        assert_eq!(faded.liveness(end), 1.0);
        assert!(faded.liveness(end.after(days(20))) < 0.05);
    }

    #[test]
    fn owners_like_their_own_channels_more_than_others_do() {
        let (channels, people) = founded(&Settings::default());
        let (mut own, mut others) = (0.0, 0.0);
        for channel in channels.iter().filter(|channel| channel.kind == ChannelKind::Interest) {
            own += channel.appeal(&people[channel.owner], 1);
            others += people.iter().take(50).map(|person| channel.appeal(person, 1)).sum::<f64>() / 50.0;
        }
        assert!(own > 1.5 * others, "{own} {others}");
    }
}
