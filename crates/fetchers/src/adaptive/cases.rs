//! Cases: whom a blend would have been asked by in the latest part of the past, and what they turned to.

use recommend_core::Timestamp;

use crate::snapshot::{Snapshot, Step, latest};

/// The part of the past, by what people turned to, that is learned from; the rest is foretold.
const LEARNED: f64 = 0.85;
/// How many users are asked about.
const USERS: usize = 600;
/// Of a user who did much, so many moments are tried, beside the first, when users are few.
const MOMENTS: usize = 4;

/// One user at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    /// Everything until then is known.
    pub(super) known: Timestamp,
    /// What the user had, the latest first.
    pub(super) history: Vec<u32>,
    /// What the user turned to afterwards, sorted: new to the user, and at least one.
    pub(super) relevant: Vec<u32>,
}

/// A time, and cases after it, by their moments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Holdout {
    /// Tables are learned from what happened until then.
    pub(super) until: Timestamp,
    /// In the order of their times.
    pub(super) cases: Vec<Case>,
}

impl Holdout {
    /// Cuts the latest part off the past. Each user that has a part in it is a case as of the cut, with everything after
    /// it to foretell, as if nothing were rebuilt in between; and at moments in the middle of what the user did, with
    /// fresh popularity and history but the tables of the cut.
    ///
    /// `target` says what is to be foretold. `None` when all happened at one time.
    pub(super) fn cut(snapshot: &Snapshot, target: impl Fn(&Step) -> bool) -> Option<Self> {
        let wanted = |step: &&Step| step.first && target(step);
        let mut times: Vec<Timestamp> =
            snapshot.all().flatten().filter(wanted).map(|step| step.time).collect();
        let place = (times.len() as f64 * LEARNED) as usize;
        if place >= times.len() {
            return None;
        }
        let until = Timestamp(times.select_nth_unstable(place).1.0.saturating_sub(1));
        let active = |user: &usize| snapshot.user(*user).iter().rev().any(|s| s.time > until && wanted(&s));
        let mut users: Vec<usize> = (0..snapshot.users()).filter(active).collect();
        let moments = (USERS / users.len().max(1)).clamp(1, MOMENTS);
        if users.len() > USERS {
            // By a number that has nothing to do with the user.
            users.select_nth_unstable_by_key(USERS, |user| (mix(*user as u64), *user));
            users.truncate(USERS);
            users.sort_unstable();
        }
        let (mut cases, mut seen) = (Vec::new(), rustc_hash::FxHashSet::default());
        for user in users {
            let steps = snapshot.user(user);
            let turns: Vec<Timestamp> =
                steps.iter().filter(|s| s.time > until).filter(wanted).map(|s| s.time).collect();
            let mut known = vec![until];
            if turns.len() > 1 {
                known.extend((0..moments as u64).map(|moment| {
                    let at = 1 + mix(mix(user as u64) ^ moment) as usize % (turns.len() - 1);
                    Timestamp(turns[at].0.saturating_sub(1))
                }));
            }
            known.sort_unstable();
            known.dedup();
            for known in known {
                let past = steps.partition_point(|step| step.time <= known);
                let mut relevant: Vec<u32> =
                    steps[past..].iter().filter(wanted).map(|step| step.item).collect();
                relevant.sort_unstable();
                if !relevant.is_empty() {
                    cases.push(Case {
                        known,
                        history: latest(&steps[..past], usize::MAX, &mut seen),
                        relevant,
                    });
                }
            }
        }
        cases.sort_by_key(|case| case.known);
        Some(Holdout { until, cases })
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use recommend_core::{Name, TenantId};

    use super::*;
    use crate::settings::KindWeights;
    use crate::testing::{NOW, TENANT, World};

    async fn snapshot(events: Vec<(u64, u64, &'static str, Timestamp)>) -> Snapshot {
        let world = World::new().events(events).await;
        let everything = (Timestamp(i64::MIN), NOW);
        let about: (TenantId, &Name) = (TENANT, &Name::literal("channel"));
        let kinds = KindWeights::default();
        Snapshot::read(&*world.stores.interactions, about, &kinds, everything, 1_000).unwrap()
    }

    #[tokio::test]
    async fn cases_foretell_what_is_new_to_the_user_from_what_was_known() {
        let hours = recommend_core::hours;
        let events = (0..50_u64).flat_map(|user| {
            (0..10_u64).map(move |turn| {
                // Each entity twice.
                (user, turn / 2 + user, "join", NOW.before(hours(200 - 20 * turn - user % 7)))
            })
        });
        let snapshot = snapshot(events.collect()).await;
        let holdout = Holdout::cut(&snapshot, |_| true).unwrap();
        assert!(holdout.cases.len() > 30, "{}", holdout.cases.len());
        assert!(holdout.cases.is_sorted_by_key(|case| case.known));
        for case in &holdout.cases {
            assert!(case.known >= holdout.until && !case.relevant.is_empty());
            assert!(case.relevant.iter().all(|item| !case.history.contains(item)), "{case:?}");
        }
        assert_eq!(Holdout::cut(&snapshot, |_| true), Some(holdout), "and again the same");
        assert!(Holdout::cut(&snapshot, |_| false).is_none());
    }

    #[tokio::test]
    async fn what_happened_at_one_time_can_be_foretold_by_nothing() {
        let snapshot = snapshot((0..50).map(|user| (user, user % 5, "join", NOW)).collect()).await;
        let holdout = Holdout::cut(&snapshot, |_| true).unwrap();
        assert!(holdout.cases.iter().all(|case| case.history.is_empty()));
    }
}
