//! Talk: what people write into and read in their channels, day by day.

use super::{Action, Diary, Membership};
use crate::chance::{Chance, whim};
use crate::channels::{Channel, ChannelKind};

/// Chance of looking into a live channel that the person loves, on a working day.
const READS_A_DAY: f64 = 0.45;

/// Lets everybody write and read.
pub(super) fn talk(diary: &mut Diary<'_>, memberships: &[Vec<Membership>]) {
    let (cast, seed) = (diary.cast, diary.cast.settings.seed);
    for (person, stays) in memberships.iter().enumerate() {
        let me = &cast.people[person];
        let mut chance = Chance::stream(seed, "talk", person as u64);
        let mut weights = vec![0.0; stays.len()];
        for day in cast.days() {
            let share = me.rhythm.share_of_day(day);
            let noon = me.rhythm.local(day, 12.0);
            for (weight, stay) in weights.iter_mut().zip(stays) {
                let channel = &cast.channels[stay.channel];
                *weight = match stay.holds(noon) {
                    true => {
                        stay.appeal * channel.liveness(noon) * bustle(channel.kind) * heat(seed, channel, day)
                    }
                    false => 0.0,
                };
            }
            for _ in 0..chance.poisson(me.talkative * share) {
                if let Some(at) = chance.weighted(weights.iter().copied()) {
                    let time = me.rhythm.moment(day, &mut chance);
                    if stays[at].holds(time) {
                        diary.note(time, person, Action::Message, stays[at].channel);
                    }
                }
            }
            for stay in stays {
                let channel = &cast.channels[stay.channel];
                let pull = attention(channel.kind, stay.appeal) * channel.liveness(noon) * share.min(1.0);
                if stay.holds(noon) && chance.happens(READS_A_DAY * pull) {
                    let time = me.rhythm.moment(day, &mut chance);
                    if stay.holds(time) {
                        diary.note(time, person, Action::Read, stay.channel);
                    }
                }
            }
        }
    }
}

/// How much is written into a channel of a kind, next to one of interest.
fn bustle(kind: ChannelKind) -> f64 {
    match kind {
        ChannelKind::General => 0.15,
        ChannelKind::Office => 0.3,
        ChannelKind::Team => 3.0,
        ChannelKind::Project => 1.6,
        ChannelKind::Interest => 1.0,
    }
}

/// How readily a channel is looked into: what everybody is in out of duty, the rest out of interest.
fn attention(kind: ChannelKind, appeal: f64) -> f64 {
    match kind {
        ChannelKind::General => 0.25,
        ChannelKind::Office => 0.2,
        _ => 0.02 + 0.98 * appeal * appeal,
    }
}

/// Some weeks a channel is on fire, others it sleeps: log-normal by channel and week.
fn heat(seed: u64, channel: &Channel, day: i64) -> f64 {
    libm::exp(0.6 * whim(seed, channel.entity.0, day.div_euclid(7).cast_unsigned()))
}
