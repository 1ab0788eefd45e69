//! Personas: who of the simulated people asks a recommender, so that the question makes sense.

use recommend_core::{EntityId, Timestamp, days};

use crate::audience::Visit;
use crate::channels::{Channel, ChannelKind};
use crate::history::Action;
use crate::people::Person;
use crate::workspace::Workspace;

/// The least that somebody must have done in the last month to be somebody with habits.
const HABITS: usize = 15;

/// One person's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Position in the workspace's people.
    pub person: usize,
    /// Entities already chosen.
    pub seeds: Vec<EntityId>,
}

/// What everybody did in the last month, counted once; it tells who would ask what.
///
/// ```
/// use recommend_simulator::{Personas, Settings, Workspace};
///
/// let workspace = Workspace::generate(Settings::small(7))?;
/// let asks = Personas::of(&workspace).asks("composer-dms", 3);
/// assert!(asks.iter().all(|ask| ask.seeds.len() == 2));
/// # Ok::<(), recommend_simulator::SimulatorError>(())
/// ```
#[derive(Debug)]
pub struct Personas<'a> {
    workspace: &'a Workspace,
    now: Timestamp,
    messages: Vec<usize>,
    meetings: Vec<usize>,
    /// For each person, whom they wrote to.
    wrote_to: Vec<Vec<usize>>,
}

impl<'a> Personas<'a> {
    /// Counts the last month of a workspace.
    pub fn of(workspace: &'a Workspace) -> Self {
        let people = workspace.people().len();
        let now = workspace.settings().end;
        let mut personas = Personas {
            workspace,
            now,
            messages: vec![0; people],
            meetings: vec![0; people],
            wrote_to: vec![Vec::new(); people],
        };
        let since = now.before(days(30));
        for event in workspace.events().iter().filter(|event| event.time > since) {
            match event.action {
                Action::Message => personas.messages[event.person] += 1,
                Action::Meeting => personas.meetings[event.person] += 1,
                Action::Dm => personas.wrote_to[event.person].push(event.target),
                _ => {}
            }
        }
        personas
    }

    /// The questions that a recommender gets asked, at most `limit`, from all over the workspace.
    pub fn asks(&self, source: &str, limit: usize) -> Vec<Ask> {
        let people = self.workspace.people();
        let fitting: Vec<usize> =
            (0..people.len()).filter(|at| people[*at].present(self.now) && self.fits(source, *at)).collect();
        // Spread over all, so that no team and no site is asked first.
        let step = fitting.len().div_ceil(limit.max(1)).max(1);
        let asks =
            fitting.into_iter().step_by(step).map(|person| Ask { person, seeds: self.seeds(source, person) });
        asks.take(limit).collect()
    }

    fn fits(&self, source: &str, person: usize) -> bool {
        match source {
            "creator-invite" => self.meetings[person] >= 3,
            "composer-dms" => self.favourites(person).len() >= 2,
            // Somebody with more than one, so that there is something to choose from.
            "slackbot-archive" => {
                self.owned(person).count() > 1
                    && self.owned(person).any(|at| {
                        let channel = &self.workspace.channels()[at];
                        channel.liveness(self.now) < 0.002 && self.now.since(channel.created) > days(31)
                    })
            }
            "invite-reminder" => self.workspace.people()[person].manager,
            _ => self.messages[person] >= HABITS,
        }
    }

    fn seeds(&self, source: &str, person: usize) -> Vec<EntityId> {
        let favourites = match source {
            "composer-dms" => self.favourites(person),
            _ => Vec::new(),
        };
        favourites.into_iter().map(|at| self.workspace.people()[at].entity).collect()
    }

    /// The two whom a person wrote to most.
    fn favourites(&self, person: usize) -> Vec<usize> {
        let mut all = self.wrote_to[person].clone();
        all.sort_unstable();
        let mut counted: Vec<(usize, usize)> =
            all.chunk_by(|a, b| a == b).map(|same| (same.len(), same[0])).collect();
        counted.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        counted.into_iter().take(2).map(|(_, other)| other).collect()
    }

    fn owned(&self, person: usize) -> impl Iterator<Item = usize> + '_ {
        let channels = self.workspace.channels().iter().enumerate();
        channels.filter(move |(_, channel)| channel.owner == person && !channel.archived).map(|(at, _)| at)
    }

    /// The true optimum: the `length` entities that the person wants most of all that could be shown, best first. No feature
    /// knows it; it is the ceiling that recommenders are measured against.
    ///
    /// With examination that falls from place to place, no other slate of this length gets more clicks on average.
    pub fn ideal(&self, visit: &Visit<'_>, length: usize) -> Vec<EntityId> {
        let wanted = |entity: EntityId| (self.workspace.want(visit, entity), entity);
        let mut all: Vec<(f64, EntityId)> = self.eligible(visit).into_iter().map(wanted).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        all.into_iter().take(length).map(|(_, entity)| entity).collect()
    }

    /// What a recommendation drawn by chance from all that could be shown would be worth to the person: the mean of
    /// what the person wants, 0 to 1.
    pub fn chance(&self, visit: &Visit<'_>) -> f64 {
        let all = self.eligible(visit);
        let total: f64 = all.iter().map(|entity| self.workspace.want(visit, *entity)).sum();
        total / all.len().max(1) as f64
    }

    /// All that a recommender of this source could show to the person.
    fn eligible(&self, visit: &Visit<'_>) -> Vec<EntityId> {
        let workspace = self.workspace;
        match (visit.corpus, visit.source) {
            ("channel", source) => {
                let channels = workspace.channels().iter().enumerate();
                let could = |(at, channel): &(usize, &Channel)| {
                    let member = workspace.is_member(visit.person, *at, visit.time);
                    match source {
                        "slackbot-leave" => {
                            let free = matches!(channel.kind, ChannelKind::Interest | ChannelKind::Project);
                            member && free && !channel.archived && channel.owner != visit.person
                        }
                        "slackbot-archive" => channel.owner == visit.person && !channel.archived,
                        _ => !member && !channel.private && !channel.archived,
                    }
                };
                channels.filter(could).map(|(_, channel)| channel.entity).collect()
            }
            ("user", _) => {
                let people = workspace.people().iter().enumerate();
                let could = |(at, person): &(usize, &Person)| {
                    *at != visit.person && person.present(visit.time) && !visit.seeds.contains(&person.entity)
                };
                people.filter(could).map(|(_, person)| person.entity).collect()
            }
            ("contact", _) => workspace.contacts().iter().map(|contact| contact.entity).collect(),
            _ => {
                let first = u64::try_from(visit.time.millis() / 1000).unwrap_or(0).next_multiple_of(3600);
                (0..168).map(|hour| EntityId(first + hour * 3600)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn every_recommender_has_somebody_who_would_ask_it() {
        let workspace = Workspace::generate(Settings { people: 300, ..Settings::small(1) }).unwrap();
        let personas = Personas::of(&workspace);
        for source in [
            "channel-browser",
            "slackbot-leave",
            "slackbot-archive",
            "composer-dms",
            "people-browser",
            "creator-invite",
            "invite-reminder",
        ] {
            let asks = personas.asks(source, 5);
            assert!(!asks.is_empty() && asks.len() <= 5, "{source}");
            assert_eq!(source == "composer-dms", asks.iter().all(|ask| ask.seeds.len() == 2), "{source}");
        }
    }

    #[test]
    fn no_slate_is_expected_to_get_more_clicks_than_the_ideal_one() {
        let workspace = Workspace::generate(Settings::small(3)).unwrap();
        let personas = Personas::of(&workspace);
        let time = workspace.settings().end;
        for (corpus, source) in
            [("channel", "channel-browser"), ("channel", "slackbot-leave"), ("user", "composer-dms")]
        {
            for ask in personas.asks(source, 10) {
                let visit = Visit { person: ask.person, corpus, source, seeds: &ask.seeds, time, number: 0 };
                let ideal = personas.ideal(&visit, 3);
                let best = workspace.expected_clicks(&visit, &ideal);
                let all = personas.eligible(&visit);
                assert_eq!(ideal.len(), all.len().min(3));
                for other in all.windows(3) {
                    assert!(workspace.expected_clicks(&visit, other) <= best + 1e-12, "{source}");
                }
                let reversed: Vec<_> = ideal.iter().rev().copied().collect();
                assert!(workspace.expected_clicks(&visit, &reversed) <= best + 1e-12, "{source}");
            }
        }
    }
}
