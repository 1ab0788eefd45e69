//! The members that a blend may have: retrieval models, each with a few settings to choose from.

use recommend_core::{ComponentError, Timestamp};
use recommend_embeddings::{Baskets, Ease, Gram, Neighbours, Similarity};
use rustc_hash::FxHashSet;

use super::popularity::Decayed;
use crate::history::places;
use crate::snapshot::{Snapshot, latest};

/// Of a user who used more entities than this, the latest count when a model is learned.
const MAX_BASKET: usize = 300;
/// How many entities of a history a model reads.
const MAX_HISTORY: usize = 200;
/// The most neighbours of an item; fewer of many items, so that a table stays within 80 MB.
const MAX_NEIGHBOURS: usize = 300;
const MAX_CELLS: usize = 10_000_000;
/// An item with fewer users says nothing that a matrix of all pairs could use.
const EASE_SUPPORT: u32 = 2;
/// At which distance in a history two items still go together.
const NEARNESS: f32 = 20.0;
/// The shrinkage of cosines.
const SHRINKAGE: f32 = 10.0;

/// What is tried for λ, in mean numbers of users of an item.
const STRENGTHS: [f32; 4] = [0.5, 2.0, 8.0, 24.0];
/// What a place of a history counts compared to the next newer one.
const DECAYS: [f32; 3] = [1.0, 0.9, 0.75];
/// Half-lives of popularity, as parts of the time that the data spans.
const HALF_LIVES: [f64; 6] = [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0];
/// Within a half-life so many users must have turned to something, or it would follow chance.
const TOUCHES_PER_HALF_LIFE: f64 = 32.0;

/// One model with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Member {
    /// How many users turned to an item, decayed; the same for everybody.
    Popular {
        /// In milliseconds; `None` is never.
        half_life: Option<f64>,
        /// Only what they did that is to be foretold counts.
        target: bool,
    },
    /// EASE^R.
    Ease { strength: f32, decay: f32 },
    /// Cosine, shrunk.
    Alike { decay: f32 },
    /// What is used about the same time.
    InOrder { decay: f32 },
}

impl Member {
    /// Whether it knows nothing of the user.
    pub(super) fn impersonal(&self) -> bool {
        matches!(self, Member::Popular { .. })
    }

    /// Which model it is, whatever its settings.
    pub(super) fn family(&self) -> u8 {
        match self {
            Member::Popular { .. } => 0,
            Member::Ease { .. } => 1,
            Member::Alike { .. } => 2,
            Member::InOrder { .. } => 3,
        }
    }

    fn decay(&self) -> f32 {
        match self {
            Member::Popular { .. } => 1.0,
            Member::Ease { decay, .. } | Member::Alike { decay } | Member::InOrder { decay } => *decay,
        }
    }
}

/// All members that are tried on some data.
pub(super) fn library(snapshot: &Snapshot, targeted: bool) -> Vec<Member> {
    let (mut first, mut last, mut touches) = (Timestamp(i64::MAX), Timestamp(i64::MIN), 0_usize);
    for step in snapshot.all().flatten().filter(|step| step.first) {
        (first, last, touches) = (first.min(step.time), last.max(step.time), touches + 1);
    }
    let span = last.since(first).as_millis() as f64;
    let fits = |part: &&f64| span / **part >= 1.0 && touches as f64 / **part >= TOUCHES_PER_HALF_LIFE;
    let half_lives: Vec<Option<f64>> =
        std::iter::once(None).chain(HALF_LIVES.iter().filter(fits).map(|part| Some(span / part))).collect();
    let targets: &[bool] = if targeted { &[true, false] } else { &[false] };
    let popular = targets.iter().flat_map(|target| {
        half_lives.iter().map(|half_life| Member::Popular { half_life: *half_life, target: *target })
    });
    let ease = STRENGTHS.iter().flat_map(|strength| DECAYS.map(|decay| (*strength, decay)));
    let ease = ease.map(|(strength, decay)| Member::Ease { strength, decay });
    let alike = DECAYS.iter().map(|decay| Member::Alike { decay: *decay });
    let in_order = DECAYS.iter().map(|decay| Member::InOrder { decay: *decay });
    popular.chain(ease).chain(alike).chain(in_order).collect()
}

/// What some members learned.
#[derive(Default)]
pub(super) struct Tables {
    ease: Vec<(f32, Ease)>,
    /// The items that EASE knows, and for each item its number there or `u32::MAX`.
    dense: Vec<u32>,
    numbers: Vec<u32>,
    alike: Option<Neighbours>,
    in_order: Option<Neighbours>,
}

impl Tables {
    /// Learns, for all members, from what happened until then.
    pub(super) fn learn(
        snapshot: &Snapshot,
        until: Timestamp,
        members: &[Member],
        most_dense: usize,
    ) -> Result<Self, ComponentError> {
        let items = snapshot.items.len();
        let (mut known, mut baskets) = (FxHashSet::default(), Baskets::default());
        for steps in snapshot.all() {
            let past = steps.partition_point(|step| step.time <= until);
            let items = latest(&steps[..past], MAX_BASKET, &mut known);
            baskets.push(items.into_iter().map(|item| (item, 1.0)));
        }
        let keep = (MAX_CELLS / items.max(1)).clamp(20, MAX_NEIGHBOURS);
        let neighbours =
            |shrinkage, nearness| Neighbours::of(&baskets, items, Similarity { shrinkage, keep, nearness });
        let wants = |is: fn(&Member) -> bool| members.iter().any(is);
        let mut tables = Tables::default();
        if wants(|member| matches!(member, Member::Alike { .. })) {
            tables.alike = Some(neighbours(SHRINKAGE, None));
        }
        if wants(|member| matches!(member, Member::InOrder { .. })) {
            tables.in_order = Some(neighbours(0.0, Some(NEARNESS)));
        }
        if wants(|member| matches!(member, Member::Ease { .. })) {
            tables.learn_ease(&baskets, items, members, most_dense)?;
        }
        Ok(tables)
    }

    fn learn_ease(
        &mut self,
        baskets: &Baskets,
        items: usize,
        members: &[Member],
        most: usize,
    ) -> Result<(), ComponentError> {
        let mut support = vec![0_u32; items];
        let users = || (0..baskets.len()).map(|user| baskets.user(user));
        users().flatten().for_each(|(item, _)| support[*item as usize] += 1);
        let mut dense: Vec<u32> =
            (0..items as u32).filter(|item| support[*item as usize] >= EASE_SUPPORT).collect();
        dense.sort_unstable_by_key(|item| (std::cmp::Reverse(support[*item as usize]), *item));
        dense.truncate(most);
        dense.sort_unstable();
        let mut numbers = vec![u32::MAX; items];
        for (number, item) in (0..).zip(&dense) {
            numbers[*item as usize] = number;
        }
        let sum: f64 = dense.iter().map(|item| f64::from(support[*item as usize])).sum();
        let mean = (sum / dense.len().max(1) as f64).max(1.0) as f32;
        let failed = |error: recommend_embeddings::EaseError| ComponentError::Failed(error.to_string());
        let number = |item: &u32| Some(numbers[*item as usize]).filter(|number| *number != u32::MAX);
        let histories =
            users().map(|basket| basket.iter().filter_map(|(item, _)| number(item)).collect::<Vec<_>>());
        let gram = Gram::of(histories, dense.len()).map_err(failed)?;
        for member in members {
            let Member::Ease { strength, .. } = member else { continue };
            if self.ease.iter().all(|(known, _)| known != strength) {
                self.ease.push((*strength, Ease::of(&gram, strength * mean).map_err(failed)?));
            }
        }
        (self.dense, self.numbers) = (dense, numbers);
        Ok(())
    }

    /// Writes what a member says of every item to `scores`, for a history, the latest first.
    pub(super) fn score(&self, member: &Member, history: &[u32], scores: &mut [f32]) {
        scores.fill(0.0);
        let history = history.iter().copied().zip(places(member.decay(), MAX_HISTORY));
        match member {
            Member::Popular { .. } => {}
            Member::Alike { .. } => {
                if let Some(table) = &self.alike {
                    table.score(&history.collect::<Vec<_>>(), scores);
                }
            }
            Member::InOrder { .. } => {
                if let Some(table) = &self.in_order {
                    table.score(&history.collect::<Vec<_>>(), scores);
                }
            }
            Member::Ease { strength, .. } => {
                let Some((_, ease)) = self.ease.iter().find(|(known, _)| known == strength) else { return };
                let history: Vec<(u32, f32)> =
                    history.map(|(item, weight)| (self.numbers[item as usize], weight)).collect();
                let mut dense = vec![0.0; self.dense.len()];
                ease.score(&history, &mut dense);
                for (item, score) in self.dense.iter().zip(dense) {
                    scores[*item as usize] = score;
                }
            }
        }
    }
}

/// The popularity of all items by the members that go by it.
pub(super) struct Popularities {
    /// Beside the place of its member in the library.
    decayed: Vec<(usize, bool, Decayed)>,
}

impl Popularities {
    /// Nothing has happened yet.
    pub(super) fn new(members: &[Member], items: usize) -> Self {
        let of = |(at, member): (usize, &Member)| match member {
            Member::Popular { half_life, target } => Some((at, *target, Decayed::new(items, *half_life))),
            _ => None,
        };
        Popularities { decayed: members.iter().enumerate().filter_map(of).collect() }
    }

    /// A user turns to an item.
    pub(super) fn add(&mut self, item: u32, time: Timestamp, target: bool) {
        for (_, only_target, decayed) in &mut self.decayed {
            if target || !*only_target {
                decayed.add(item, time);
            }
        }
    }

    /// The popularity by each member, with the member's place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Decayed)> {
        self.decayed.iter().map(|(at, _, decayed)| (*at, decayed))
    }
}
