//! Direct messages: between two, and in the small groups that work together.

use super::{Action, Diary};
use crate::cast::Cast;
use crate::chance::Chance;

/// Conversations that somebody of ordinary talkativeness starts on a working day.
const STARTS_A_DAY: f64 = 0.4;
/// Share of the conversations that are in a group.
const GROUPS: f64 = 0.3;
/// People beside the team among whom friends are found.
const ACQUAINTANCES: usize = 60;
/// The closest of them that one keeps up with.
const FRIENDS: usize = 6;

/// Lets everybody write to those who are close, and answer.
pub(super) fn converse(diary: &mut Diary<'_>) {
    let cast = diary.cast;
    let groups = form_groups(cast);
    let mut groups_of: Vec<Vec<usize>> = vec![Vec::new(); cast.people.len()];
    for (at, group) in groups.iter().enumerate() {
        for person in group {
            groups_of[*person].push(at);
        }
    }
    for (person, me) in cast.people.iter().enumerate() {
        let mut chance = Chance::stream(cast.settings.seed, "direct", person as u64);
        let circle = circle(cast, person, &mut chance);
        for day in cast.days() {
            let starts = STARTS_A_DAY * me.talkative.sqrt() * me.rhythm.share_of_day(day);
            for _ in 0..chance.poisson(starts) {
                let time = me.rhythm.moment(day, &mut chance);
                let group = chance.pick(&groups_of[person]).copied();
                let others: Vec<usize> = match group.filter(|_| chance.happens(GROUPS)) {
                    Some(group) => groups[group].iter().copied().filter(|at| *at != person).collect(),
                    None => chance
                        .weighted(circle.iter().map(|(_, weight)| *weight))
                        .map(|at| circle[at].0)
                        .into_iter()
                        .collect(),
                };
                for other in others {
                    let there = cast.people[other].present(time);
                    if !there || !diary.note(time, person, Action::Dm, other) {
                        continue;
                    }
                    let rhythm = &cast.people[other].rhythm;
                    let answer = rhythm.moment(rhythm.day(time), &mut chance);
                    if answer > time && chance.happens(0.7) {
                        diary.note(answer, other, Action::Dm, person);
                    }
                }
            }
        }
    }
}

/// Whom somebody writes to: the team, heavily in favour of the closest, and a few friends elsewhere.
fn circle(cast: &Cast, person: usize, chance: &mut Chance) -> Vec<(usize, f64)> {
    let team = &cast.teams[cast.people[person].team].members;
    let mut friends: Vec<(usize, f64)> = (0..ACQUAINTANCES)
        .map(|_| chance.below(cast.people.len()))
        .filter(|other| *other != person && !team.contains(other))
        .map(|other| (other, cast.closeness(person, other)))
        .collect();
    friends.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    friends.dedup();
    friends.truncate(FRIENDS);
    let colleague = |other: usize| (other, cast.closeness(person, other).powi(2));
    friends.extend(team.iter().copied().filter(|other| *other != person).map(colleague));
    friends
}

/// Groups of three to five within a team, one for every three of its people.
fn form_groups(cast: &Cast) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    for (at, team) in cast.teams.iter().enumerate() {
        let mut chance = Chance::stream(cast.settings.seed, "groups", at as u64);
        for _ in 0..team.members.len() / 3 {
            let Some(first) = chance.pick(&team.members).copied() else { continue };
            let size = 2 + chance.below(3);
            let near = |other: &usize| match *other == first {
                true => 0.0,
                false => cast.closeness(first, *other),
            };
            let others = chance.sample(team.members.iter().map(near), size);
            let mut group = vec![first];
            group.extend(others.into_iter().map(|at| team.members[at]));
            groups.push(group);
        }
    }
    groups
}
