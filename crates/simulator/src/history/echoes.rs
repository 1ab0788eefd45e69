//! Echoes: what messages set off, reactions and mentions.

use recommend_core::days;

use super::{Action, Diary, Membership};
use crate::chance::Chance;

/// Reactions to a message by those who like the channel.
const REACTIONS: f64 = 0.8;
/// Share of the messages that mention somebody.
const MENTIONS: f64 = 0.06;

/// Lets the members of each channel react to what was written there, each in their own waking hours.
pub(super) fn echo(diary: &mut Diary<'_>, memberships: &[Vec<Membership>]) {
    let cast = diary.cast;
    let mut members: Vec<Vec<(usize, Membership)>> = vec![Vec::new(); cast.channels.len()];
    for (person, stays) in memberships.iter().enumerate() {
        for stay in stays {
            members[stay.channel].push((person, *stay));
        }
    }
    let messages = diary.events.len();
    let mut chance = Chance::stream(cast.settings.seed, "echoes", 0);
    for at in 0..messages {
        let message = diary.events[at];
        let audience = &members[message.target];
        if message.action != Action::Message || audience.len() < 2 {
            continue;
        }
        let listener = |chance: &mut Chance| {
            chance
                .pick(audience)
                .copied()
                .filter(|(person, stay)| *person != message.person && stay.holds(message.time))
        };
        if chance.happens(MENTIONS) {
            // Of five who could be meant, the closest is.
            let meant = (0..5)
                .filter_map(|_| listener(&mut chance))
                .map(|(person, _)| (cast.closeness(message.person, person), person))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            if let Some((_, person)) = meant {
                diary.note(message.time, message.person, Action::Mention, person);
            }
        }
        for _ in 0..chance.poisson(REACTIONS) {
            let Some((person, stay)) = listener(&mut chance) else { continue };
            let near = cast.closeness(person, message.person);
            if !chance.happens((0.8 * stay.appeal * stay.appeal + 0.6 * near).min(1.0)) {
                continue;
            }
            let rhythm = &cast.people[person].rhythm;
            let time = rhythm.moment(rhythm.day(message.time), &mut chance);
            if time > message.time
                && time < message.time.after(days(1))
                && diary.note(time, person, Action::Reaction, message.target)
            {
                diary.note(time, person, Action::Applause, message.person);
            }
        }
    }
}
