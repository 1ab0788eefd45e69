//! The shapes of a workspace: what everybody who has looked at chat data expects to see in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use recommend_simulator::{Action, ChannelKind, Event, Settings, Workspace};

#[expect(clippy::expect_used, reason = "outside of a test function only by its place")]
static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let settings = Settings { people: 600, channels: 240, days: 60, seed: 11, ..Settings::default() };
    Workspace::generate(settings).expect("the settings are within their ranges")
});

fn all(action: Action) -> impl Iterator<Item = &'static Event> {
    WORKSPACE.events().iter().filter(move |event| event.action == action)
}

fn mean(list: impl IntoIterator<Item = f64>) -> f64 {
    let list: Vec<f64> = list.into_iter().collect();
    list.iter().sum::<f64>() / list.len().max(1) as f64
}

/// The share of the whole that the largest tenth holds.
fn top_tenth(counts: &BTreeMap<usize, usize>, population: usize) -> f64 {
    let mut sizes: Vec<usize> = counts.values().copied().collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let total: usize = sizes.iter().sum();
    sizes.iter().take(population / 10).sum::<usize>() as f64 / total as f64
}

fn count_by(
    events: impl Iterator<Item = &'static Event>,
    key: fn(&Event) -> usize,
) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(key(event)).or_default() += 1;
    }
    counts
}

#[test]
fn every_kind_of_thing_happens_often_enough_to_learn_from() {
    let counts = Action::ALL.map(|action| (action, all(action).count()));
    println!("{counts:?}");
    for (action, count) in counts {
        assert!(count >= 100, "{action:?}: {count}");
    }
}

#[test]
fn a_few_people_write_most_and_a_few_channels_hold_most() {
    let by_person = top_tenth(&count_by(all(Action::Message), |event| event.person), 600);
    let by_channel = top_tenth(&count_by(all(Action::Message), |event| event.target), 240);
    assert!((0.25..0.7).contains(&by_person), "{by_person}");
    assert!((0.3..0.9).contains(&by_channel), "{by_channel}");
}

#[test]
fn night_is_quiet_in_the_persons_own_time_zone() {
    let mut sites = BTreeSet::new();
    let mut hours = [0_usize; 24];
    for event in all(Action::Message) {
        let person = &WORKSPACE.people()[event.person];
        sites.insert(person.site().name);
        hours[person.local_hour(event.time) as usize] += 1;
    }
    assert!(sites.len() >= 4, "people are spread over the world: {sites:?}");
    let total: usize = hours.iter().sum();
    let night: usize = hours[..6].iter().sum();
    let work: usize = hours[9..18].iter().sum();
    assert!((night as f64) < 0.01 * total as f64, "{hours:?}");
    assert!(work as f64 > 0.75 * total as f64, "{hours:?}");
    assert!(hours[12] < hours[10] && hours[12] <= hours[14], "there is a lunch break: {hours:?}");
}

#[test]
fn weekends_are_quiet() {
    let weekend = |event: &&Event| {
        let person = &WORKSPACE.people()[event.person];
        let local = event.time.millis() + i64::from(person.site().utc_offset_minutes) * 60_000;
        (local.div_euclid(86_400_000) + 3).rem_euclid(7) >= 5
    };
    let share = all(Action::Message).filter(weekend).count() as f64 / all(Action::Message).count() as f64;
    assert!((0.001..0.08).contains(&share), "{share}");
}

#[test]
fn people_are_in_the_channels_that_they_like() {
    let end = WORKSPACE.settings().end;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for (at, channel) in WORKSPACE.channels().iter().enumerate() {
        if channel.kind == ChannelKind::Interest && !channel.private {
            for person in 0..WORKSPACE.people().len() {
                let appeal = WORKSPACE.appeal(person, at);
                if WORKSPACE.is_member(person, at, end) { inside.push(appeal) } else { outside.push(appeal) }
            }
        }
    }
    let (inside, outside) = (mean(inside), mean(outside));
    assert!(inside > 2.0 * outside, "{inside} {outside}");
    assert!(inside < 0.8, "and in some that they do not: {inside}");
}

#[test]
fn people_join_what_they_like_more_than_what_they_leave() {
    let appeal = |event: &Event| WORKSPACE.appeal(event.person, event.target);
    let interest = |event: &&Event| WORKSPACE.channels()[event.target].kind == ChannelKind::Interest;
    let joined = mean(all(Action::Join).filter(interest).map(appeal));
    let left = mean(all(Action::Leave).filter(interest).map(appeal));
    let dismissed = mean(all(Action::Dismiss).filter(interest).map(appeal));
    assert!(joined > 1.5 * left && left > dismissed, "{joined} {left} {dismissed}");
}

#[test]
fn those_who_write_to_each_other_are_alike() {
    let close = mean(all(Action::Dm).map(|event| WORKSPACE.closeness(event.person, event.target)));
    let random = mean((0..2000).map(|n| WORKSPACE.closeness(n * 7 % 600, n * 13 % 599)));
    assert!(close > 2.0 * random, "{close} {random}");
    let same_team =
        all(Action::Dm).filter(|e| WORKSPACE.people()[e.person].team == WORKSPACE.people()[e.target].team);
    let share = same_team.count() as f64 / all(Action::Dm).count() as f64;
    assert!((0.5..0.97).contains(&share), "homophily by team, but not only: {share}");
}

#[test]
fn there_are_channels_to_find_to_leave_and_to_archive_for_many() {
    let end = WORKSPACE.settings().end;
    let (mut to_find, mut to_leave) = (0, 0);
    for person in 0..WORKSPACE.people().len() {
        let channels = || WORKSPACE.channels().iter().enumerate().filter(|(_, c)| !c.private && !c.archived);
        to_find += usize::from(channels().any(|(at, channel)| {
            channel.liveness(end) > 0.5
                && WORKSPACE.appeal(person, at) > 0.5
                && !WORKSPACE.is_member(person, at, end)
        }));
        to_leave += usize::from(
            channels()
                .any(|(at, _)| WORKSPACE.appeal(person, at) < 0.1 && WORKSPACE.is_member(person, at, end)),
        );
    }
    let dead = WORKSPACE.channels().iter().filter(|c| !c.archived && c.liveness(end) < 0.05).count();
    assert!(to_find > 300 && to_leave > 300 && dead >= 10, "{to_find} {to_leave} {dead}");
}

#[test]
fn invitations_are_opened_at_work_and_accepted_more_at_good_hours() {
    assert!(all(Action::Open).count() <= all(Action::Invite).count());
    assert!(all(Action::Accept).count() <= all(Action::Open).count());
    assert!(all(Action::Open).count() * 2 > all(Action::Invite).count(), "most are opened");
}

#[test]
fn nothing_happens_outside_of_the_history_or_by_those_who_are_not_there() {
    let settings = WORKSPACE.settings();
    for event in WORKSPACE.events() {
        assert!(settings.start() <= event.time && event.time < settings.end);
        assert!(WORKSPACE.people()[event.person].present(event.time));
        if event.action == Action::Message {
            assert!(WORKSPACE.is_member(event.person, event.target, event.time), "only members write");
        }
    }
}

#[test]
fn the_same_settings_give_the_same_workspace_and_another_seed_another() {
    let generate = |seed| Workspace::generate(Settings::small(seed)).unwrap();
    assert_eq!(generate(5).events(), generate(5).events());
    assert_ne!(generate(5).events(), generate(6).events());
}

#[test]
fn the_workspace_of_seed_1_is_the_same_on_every_machine() {
    let workspace = Workspace::generate(Settings::small(1)).unwrap();
    let hash = workspace.events().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, event| {
        let words = [
            event.time.millis().cast_unsigned(),
            event.person as u64,
            event.action as u64,
            event.target as u64,
            u64::from(event.value.to_bits()),
        ];
        words.into_iter().fold(hash, |hash, word| (hash ^ word).wrapping_mul(0x100_0000_01b3))
    });
    assert_eq!(
        (workspace.events().len(), hash),
        (14_170, 16_001_037_287_364_609_406),
        "written down once, and true everywhere since"
    );
}
