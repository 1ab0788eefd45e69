//! Memberships: who is in which channel from when to when; joins, leaves, and dismissals.

use recommend_core::{Timestamp, days};

use super::{Action, Diary};
use crate::cast::Cast;
use crate::chance::Chance;
use crate::channels::{Channel, ChannelKind};

/// Chance of joining a channel on a working day, for somebody who likes few.
const JOINS_A_DAY: f64 = 0.05;
/// Chance of leaving one on a working day.
const LEAVES_A_DAY: f64 = 0.015;
/// Dismissals per person over the history.
const DISMISSALS: f64 = 1.0;
/// What draws people into a channel that they do not care for: invitations, politeness, accidents.
const ACCIDENT: f64 = 0.004;

/// One stay in one channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Membership {
    pub(crate) channel: usize,
    pub(crate) since: Timestamp,
    pub(crate) until: Option<Timestamp>,
    /// How much the person likes the channel, 0 to 1.
    pub(crate) appeal: f64,
}

impl Membership {
    pub(crate) fn holds(&self, time: Timestamp) -> bool {
        self.since <= time && self.until.is_none_or(|until| time < until)
    }
}

/// Lets everybody join, leave and dismiss channels.
pub(super) fn settle(diary: &mut Diary<'_>) -> Vec<Vec<Membership>> {
    (0..diary.cast.people.len())
        .map(|person| {
            let cast = diary.cast;
            let appeals: Vec<f64> = (0..cast.channels.len()).map(|at| cast.appeal(person, at)).collect();
            let mut chance = Chance::stream(cast.settings.seed, "memberships", person as u64);
            let mut stays = given(cast, person, &appeals, &mut chance);
            chosen(cast, person, &appeals, &mut stays, &mut chance);
            for stay in &stays {
                diary.note(stay.since, person, Action::Join, stay.channel);
            }
            wander(diary, person, &appeals, &mut stays, &mut chance);
            dismiss(diary, person, &appeals, &stays, &mut chance);
            stays
        })
        .collect()
}

/// The channels that come with the job.
fn given(cast: &Cast, person: usize, appeals: &[f64], chance: &mut Chance) -> Vec<Membership> {
    let me = &cast.people[person];
    let mine = |at: usize, channel: &Channel, chance: &mut Chance| match channel.kind {
        ChannelKind::General => true,
        ChannelKind::Office => cast.people[channel.owner].site() == me.site(),
        ChannelKind::Team => channel.team == Some(me.team) || chance.happens(0.02 * appeals[at]),
        ChannelKind::Project => match channel.team == Some(me.team) {
            true => chance.happens(0.65),
            // The others of a private project were asked to help.
            false => channel.private && chance.happens(0.15 * appeals[at] * appeals[at]),
        },
        ChannelKind::Interest => channel.private && chance.happens(0.3 * appeals[at] * appeals[at]),
    };
    let mut stays = Vec::new();
    for (at, channel) in cast.channels.iter().enumerate() {
        if channel.owner == person || mine(at, channel, chance) {
            let later = match channel.owner == person {
                true => days(0),
                false => days(1).mul_f64(chance.exponential(2.0)),
            };
            let since = channel.created.max(me.created).after(later);
            if since < cast.settings.end {
                stays.push(Membership { channel: at, since, until: None, appeal: appeals[at] });
            }
        }
    }
    stays
}

/// The public channels that the person had found before the history begins.
fn chosen(cast: &Cast, person: usize, appeals: &[f64], stays: &mut Vec<Membership>, chance: &mut Chance) {
    let (me, start) = (&cast.people[person], cast.settings.start());
    if me.created >= start {
        return;
    }
    let weight = |at: usize| draw_of(&cast.channels[at], appeals[at], start);
    let open =
        (0..appeals.len()).map(|at| if stays.iter().any(|s| s.channel == at) { 0.0 } else { weight(at) });
    let found = chance.sample(open, me.roomy.round() as usize);
    for channel in found {
        let from = cast.channels[channel].created.max(me.created);
        let since = from.after(start.since(from).mul_f64(chance.unit()));
        stays.push(Membership { channel, since, until: None, appeal: appeals[channel] });
    }
}

/// Day by day: the person finds channels, and gets tired of others.
fn wander(
    diary: &mut Diary<'_>,
    person: usize,
    appeals: &[f64],
    stays: &mut Vec<Membership>,
    chance: &mut Chance,
) {
    let cast = diary.cast;
    let me = &cast.people[person];
    for day in cast.days() {
        let share = me.rhythm.share_of_day(day);
        for _ in 0..chance.poisson(JOINS_A_DAY * share * me.roomy / 9.0) {
            let time = me.rhythm.moment(day, chance);
            let weights: Vec<f64> = (0..appeals.len())
                .map(|at| draw_of(&cast.channels[at], appeals[at], time))
                .enumerate()
                .map(|(at, weight)| if stays.iter().any(|s| s.channel == at) { 0.0 } else { weight })
                .collect();
            if let Some(channel) = chance.weighted(weights.iter().copied())
                && diary.note(time, person, Action::Join, channel)
            {
                stays.push(Membership { channel, since: time, until: None, appeal: appeals[channel] });
            }
        }
        if chance.happens(LEAVES_A_DAY * share) {
            let time = me.rhythm.moment(day, chance);
            let tired = |stay: &Membership| match cast.channels[stay.channel].kind {
                ChannelKind::Project | ChannelKind::Interest
                    if stay.holds(time) && cast.channels[stay.channel].owner != person =>
                {
                    (1.0 - stay.appeal).powi(3)
                }
                _ => 0.0,
            };
            if let Some(at) = chance.weighted(stays.iter().map(tired))
                && diary.note(time, person, Action::Leave, stays[at].channel)
            {
                stays[at].until = Some(time);
            }
        }
    }
}

/// Of a few channels that were shown to the person, the least liked is waved away.
fn dismiss(diary: &mut Diary<'_>, person: usize, appeals: &[f64], stays: &[Membership], chance: &mut Chance) {
    let cast = diary.cast;
    let days: Vec<i64> = cast.days().collect();
    for _ in 0..chance.poisson(DISMISSALS) {
        let day = chance.pick(&days).copied().unwrap_or_default();
        let time = cast.people[person].rhythm.moment(day, chance);
        let shown: Vec<usize> = (0..6).map(|_| chance.below(appeals.len())).collect();
        let worst = shown
            .into_iter()
            .filter(|at| draw_of(&cast.channels[*at], 1.0, time) > 0.0)
            .filter(|at| !stays.iter().any(|stay| stay.channel == *at))
            .min_by(|a, b| appeals[*a].total_cmp(&appeals[*b]).then(a.cmp(b)));
        if let Some(channel) = worst {
            diary.note(time, person, Action::Dismiss, channel);
        }
    }
}

/// How strongly a public channel draws somebody who likes it this much; what is new draws more.
fn draw_of(channel: &Channel, appeal: f64, time: Timestamp) -> f64 {
    let open = !channel.private && matches!(channel.kind, ChannelKind::Project | ChannelKind::Interest);
    if !open || channel.liveness(time) < 0.5 {
        return 0.0;
    }
    let news = if time.since(channel.created) < days(14) { 2.5 } else { 1.0 };
    channel.pull * news * (appeal * appeal + ACCIDENT)
}
