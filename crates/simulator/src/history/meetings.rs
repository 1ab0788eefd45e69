//! Meetings: with the manager, with contacts outside, and the invitations that follow from them.

use recommend_core::{Timestamp, hours};

use super::{Action, Diary};
use crate::chance::Chance;
use crate::rhythm::weekday;

/// Meetings a week with a contact of bond 1.
const MEETINGS_A_WEEK: f64 = 0.7;
/// Chance that a meeting with a contact who was not invited yet ends with an invitation.
const INVITES: f64 = 0.12;
/// For how long an invitation may be opened.
const INVITATION_HOURS: u64 = 120;

/// Lets everybody meet.
pub(super) fn meet(diary: &mut Diary<'_>) {
    let cast = diary.cast;
    for person in 0..cast.people.len() {
        let mut chance = Chance::stream(cast.settings.seed, "meetings", person as u64);
        one_on_ones(diary, person, &mut chance);
        outside(diary, person, &mut chance);
    }
}

/// Once a week with the manager, on the same day at the same hour.
fn one_on_ones(diary: &mut Diary<'_>, person: usize, chance: &mut Chance) {
    let cast = diary.cast;
    let manager = cast.teams[cast.people[person].team].members[0];
    let (day_of_week, hour) = (chance.below(5), chance.between(9.0, 17.0).floor());
    for day in cast.days().filter(|day| weekday(*day) == day_of_week) {
        let time = cast.people[manager].rhythm.local(day, hour);
        if manager != person
            && chance.happens(0.85)
            && diary.note_value(time, person, Action::OneOnOne, manager, 30.0)
        {
            diary.note_value(time, manager, Action::OneOnOne, person, 30.0);
        }
    }
}

/// With contacts, the more the stronger the bond; some of them get invited.
fn outside(diary: &mut Diary<'_>, person: usize, chance: &mut Chance) {
    let cast = diary.cast;
    let me = &cast.people[person];
    for account in &cast.accounts[person] {
        let mut invited = false;
        for day in cast.days() {
            let rate = MEETINGS_A_WEEK / 5.0 * account.bond * me.rhythm.share_of_day(day);
            for _ in 0..chance.poisson(rate) {
                let time = half_hour(me.rhythm.moment(day, chance));
                let minutes = if chance.happens(0.4) { 60.0 } else { 30.0 };
                let met = time >= cast.contacts[account.contact].created
                    && diary.note_value(time, person, Action::Meeting, account.contact, minutes);
                if met && !invited && chance.happens(INVITES) {
                    let sent = me.rhythm.moment(day + 1, chance);
                    invited = diary.note(sent, person, Action::Invite, account.contact);
                    if invited {
                        answer(diary, person, account.contact, account.bond, sent, chance);
                    }
                }
            }
        }
    }
}

/// Hour by hour the contact may open the invitation; whoever opens it at a good hour rather accepts.
fn answer(
    diary: &mut Diary<'_>,
    person: usize,
    contact: usize,
    bond: f64,
    sent: Timestamp,
    chance: &mut Chance,
) {
    let rhythm = diary.cast.contacts[contact].rhythm;
    for hour in 0..INVITATION_HOURS {
        let time = sent.after(hours(hour).mul_f64(1.0) + hours(1).mul_f64(chance.unit()));
        let open = rhythm.openness(time);
        if chance.happens(0.3 * open) {
            diary.note(time, person, Action::Open, contact);
            if chance.happens(0.15 + 0.4 * open + 0.4 * bond) {
                diary.note(
                    time.after(hours(1).mul_f64(0.2 * chance.unit())),
                    person,
                    Action::Accept,
                    contact,
                );
            }
            return;
        }
    }
}

/// Meetings begin at the full or the half hour.
fn half_hour(time: Timestamp) -> Timestamp {
    const STEP: i64 = 1_800_000;
    Timestamp(time.millis().div_euclid(STEP) * STEP)
}
