//! The audience: simulated people look at slates and click, for reasons of their own.
//!
//! Clicks follow the position-based model (Craswell, Zoeter, Taylor and Ramsey, *An experimental comparison of click
//! position-bias models*, 2008): a place is clicked when it is examined and what stands there is wanted. Examination
//! falls with the place as `place^-hurry`, with a hurry of the person's own; what is wanted comes from hidden tastes that
//! no store holds. So clicks are honest evidence, and biased as real ones are. Now and then what is not wanted is waved away.

use recommend_core::{EntityId, Timestamp};

use crate::chance::Chance;
use crate::workspace::{Workspace, slot_time};

/// Clicks by mistake.
const SLIPS: f64 = 0.01;
/// Of what was looked at and is not wanted at all, this much is waved away; of what is half wanted, a quarter of it.
const DISMISSALS: f64 = 0.08;

/// Somebody is shown something.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Position of the person in [`Workspace::people`].
    pub person: usize,
    /// The type of entity shown.
    pub corpus: &'a str,
    /// The part of the product that shows it.
    pub source: &'a str,
    /// Entities already chosen.
    pub seeds: &'a [EntityId],
    /// When.
    pub time: Timestamp,
    /// Which visit of this person it is: the same visit to the same slate ends the same.
    pub number: u64,
}

/// What one place of a slate met with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Response {
    /// What stood there.
    pub entity: EntityId,
    /// The place, from 0.
    pub place: usize,
    /// Whether the person looked at it at all; in life nobody is told.
    pub examined: bool,
    /// Whether the person clicked.
    pub clicked: bool,
    /// Whether the person went through with it: joined, invited, left…
    pub acted: bool,
    /// Whether the person waved it away: what was looked at and is not wanted at all.
    pub dismissed: bool,
}

impl Workspace {
    /// What the person does with a slate, place by place.
    ///
    /// ```
    /// # use recommend_simulator::{Settings, Visit, Workspace};
    /// # let workspace = Workspace::generate(Settings::small(7))?;
    /// let slate: Vec<_> = workspace.channels().iter().map(|channel| channel.entity).collect();
    /// let time = workspace.settings().end;
    /// let visit = Visit { person: 3, corpus: "channel", source: "channel-browser", seeds: &[], time, number: 1 };
    /// let responses = workspace.would_click(&visit, &slate);
    /// assert!(responses.iter().all(|response| response.examined || !response.clicked));
    /// # Ok::<(), recommend_simulator::SimulatorError>(())
    /// ```
    pub fn would_click(&self, visit: &Visit<'_>, slate: &[EntityId]) -> Vec<Response> {
        let person = &self.cast.people[visit.person];
        let seed = self.cast.settings.seed ^ person.entity.0;
        let mut chance = Chance::stream(seed, visit.source, visit.number);
        let respond = |(place, entity): (usize, &EntityId)| {
            let examined = chance.happens(person.examines(place));
            let wanted = self.want(visit, *entity);
            // Four draws per place whatever happens, so that one place does not change the luck of the next.
            let clicked = chance.happens(clicks(wanted)) && examined;
            let acted = chance.happens(wanted.sqrt()) && clicked;
            let dismissed = chance.happens(DISMISSALS * (1.0 - wanted).powi(2)) && examined && !clicked;
            Response { entity: *entity, place, examined, clicked, acted, dismissed }
        };
        slate.iter().enumerate().map(respond).collect()
    }

    /// How many clicks a slate gets from the person on average, over all moods: what [`Workspace::would_click`] draws from.
    /// For judging recommendations, never for making them.
    pub fn expected_clicks(&self, visit: &Visit<'_>, slate: &[EntityId]) -> f64 {
        let person = &self.cast.people[visit.person];
        let places = slate.iter().enumerate();
        places.map(|(place, entity)| person.examines(place) * clicks(self.want(visit, *entity))).sum()
    }

    /// How much the person wants what a recommender offers, 0 to 1: the truth that its model does not know.
    pub fn want(&self, visit: &Visit<'_>, entity: EntityId) -> f64 {
        let (cast, person) = (&self.cast, visit.person);
        match visit.corpus {
            "channel" => self.channel(entity).map_or(0.0, |at| {
                let (channel, appeal) = (&cast.channels[at], cast.appeal(person, at));
                let liveness = channel.liveness(visit.time);
                let member = self.is_member(person, at, visit.time);
                match visit.source {
                    // As in the history: one gets tired of what one does not care for, and bears with the rest.
                    "slackbot-leave" if member => (1.0 - appeal * liveness).powi(3) * 0.8,
                    "slackbot-archive" if channel.owner == person => 1.0 - liveness,
                    "slackbot-leave" | "slackbot-archive" => 0.0,
                    _ if member => 0.0,
                    _ => appeal * liveness,
                }
            }),
            "user" => self.person(entity).map_or(0.0, |other| {
                if other == person || !cast.people[other].present(visit.time) {
                    return 0.0;
                }
                let own = cast.closeness(person, other);
                let seeds: Vec<usize> = visit.seeds.iter().filter_map(|seed| self.person(*seed)).collect();
                match seeds.len() {
                    0 => own,
                    n => {
                        let theirs = seeds.iter().map(|seed| cast.closeness(*seed, other)).sum::<f64>();
                        0.4 * own + 0.6 * theirs / n as f64
                    }
                }
            }),
            "contact" => self.contact(entity).map_or(0.0, |at| {
                let account = cast.accounts[person].iter().find(|account| account.contact == at);
                account.map_or(0.0, |account| 0.2 + 0.8 * account.bond)
            }),
            "time-slot" => self.readiness(person, slot_time(entity)),
            _ => 0.0,
        }
    }

    /// How good an hour is for an invitation into the person's team: the mean openness of the team, 0 to 1.
    pub fn readiness(&self, person: usize, time: Timestamp) -> f64 {
        let team = &self.cast.teams[self.cast.people[person].team].members;
        let open = |member: &usize| self.cast.people[*member].rhythm.openness(time);
        team.iter().map(open).sum::<f64>() / team.len().max(1) as f64
    }
}

/// The chance of a click on what is looked at.
fn clicks(wanted: f64) -> f64 {
    SLIPS + (1.0 - SLIPS) * wanted
}

/// What going through with a recommendation of a source is called as an interaction.
pub fn action_of(source: &str) -> &'static str {
    match source {
        "channel-browser" => "channel_join",
        "slackbot-leave" => "channel_leave",
        "slackbot-archive" => "archive",
        "creator-invite" => "invite",
        "invite-reminder" => "schedule",
        _ => "dm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn visit(person: usize, number: u64, time: Timestamp) -> Visit<'static> {
        Visit { person, corpus: "channel", source: "channel-browser", seeds: &[], time, number }
    }

    #[test]
    fn what_is_liked_is_clicked_more_and_what_stands_below_less() {
        let workspace = Workspace::generate(Settings::small(4)).unwrap();
        let end = workspace.settings().end;
        let (mut liked, mut disliked, mut above, mut below) = (0, 0, 0, 0);
        for person in 0..workspace.people().len() {
            let mut slate: Vec<EntityId> = workspace.channels().iter().map(|c| c.entity).collect();
            slate.sort_by(|a, b| {
                let want = |entity| workspace.want(&visit(person, 0, end), entity);
                want(*b).total_cmp(&want(*a))
            });
            let (best, worst) = (slate[0], slate[slate.len() - 1]);
            for number in 0..30 {
                let clicks = |slate: &[EntityId], place: usize| {
                    usize::from(workspace.would_click(&visit(person, number, end), slate)[place].clicked)
                };
                liked += clicks(&[best], 0);
                disliked += clicks(&[worst], 0);
                above += clicks(&[best, worst, worst, worst], 0);
                below += clicks(&[worst, worst, worst, best], 3);
            }
        }
        assert!(liked > 5 * disliked, "{liked} {disliked}");
        assert!(above > 2 * below && below > 0, "{above} {below}");
    }

    #[test]
    fn the_same_visit_ends_the_same_and_another_may_not() {
        let workspace = Workspace::generate(Settings::small(4)).unwrap();
        let slate: Vec<EntityId> = workspace.channels().iter().map(|c| c.entity).collect();
        let end = workspace.settings().end;
        let respond = |number| workspace.would_click(&visit(9, number, end), &slate);
        assert_eq!(respond(1), respond(1));
        assert!((2..20).any(|number| respond(number) != respond(1)));
    }

    #[test]
    fn expected_clicks_are_what_clicks_come_to_in_the_end() {
        let workspace = Workspace::generate(Settings::small(4)).unwrap();
        let slate: Vec<EntityId> = workspace.channels().iter().skip(20).take(5).map(|c| c.entity).collect();
        let end = workspace.settings().end;
        let (mut expected, mut clicks, mut dismissed) = (0.0, 0, 0);
        for person in 0..workspace.people().len() {
            expected += 40.0 * workspace.expected_clicks(&visit(person, 0, end), &slate);
            for number in 0..40 {
                let responses = workspace.would_click(&visit(person, number, end), &slate);
                clicks += responses.iter().filter(|response| response.clicked).count();
                dismissed += responses.iter().filter(|response| response.dismissed).count();
                assert!(responses.iter().all(|r| !r.dismissed || (r.examined && !r.clicked)));
            }
        }
        let ratio = clicks as f64 / expected;
        assert!((0.9..1.1).contains(&ratio), "{clicks} clicks where {expected} were expected");
        assert!(dismissed > 0, "nobody waved anything away");
    }

    #[test]
    fn nobody_joins_where_they_are_or_archives_what_is_not_theirs() {
        let workspace = Workspace::generate(Settings::small(4)).unwrap();
        let end = workspace.settings().end;
        let general = workspace.channels()[0].entity;
        assert_eq!(workspace.want(&visit(5, 0, end), general), 0.0);
        let owner = workspace.channels()[0].owner;
        let stranger = (owner + 1) % workspace.people().len();
        let archive = Visit { source: "slackbot-archive", ..visit(stranger, 0, end) };
        assert_eq!(workspace.want(&archive, general), 0.0);
    }
}
