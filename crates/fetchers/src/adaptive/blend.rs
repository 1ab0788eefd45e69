//! A fitted blend over all of the past: what it says of every item, for one user.

use recommend_core::ComponentError;
use recommend_core::candidates::standardise;

use super::fit::{Fitted, Weights, touches};
use super::members::{Member, Popularities, Tables};
use crate::snapshot::{Snapshot, Step};

/// The blend of a tenant.
pub(crate) struct Blend {
    pub(super) snapshot: Snapshot,
    fitted: Fitted,
    /// For each item what the members say that know nothing of the user.
    to_strangers: Vec<f32>,
    to_known: Vec<f32>,
    tables: Tables,
}

impl Blend {
    /// Learns, for the members that have a weight, from all of the past.
    pub(super) fn learn(
        snapshot: Snapshot,
        fitted: Fitted,
        target: Option<&dyn Fn(&Step) -> bool>,
        most_dense: usize,
    ) -> Result<Self, ComponentError> {
        let members: Vec<Member> =
            fitted.known.iter().chain(&fitted.strangers).map(|(member, _)| *member).collect();
        let mut popular = Popularities::new(&members, snapshot.items.len());
        for (time, item, target) in touches(&snapshot, &|step| target.is_none_or(|target| target(step))) {
            popular.add(item, time, target);
        }
        let until = recommend_core::Timestamp(i64::MAX);
        let tables = Tables::learn(&snapshot, until, &members, most_dense)?;
        let base = |weights: &Weights| {
            let mut sum = vec![0.0; snapshot.items.len()];
            let mut scores = sum.clone();
            for (member, weight) in weights.iter().filter(|(member, _)| member.impersonal()) {
                let of_member = popular.iter().find(|(at, _)| members[*at] == *member);
                if let Some((_, decayed)) = of_member {
                    decayed.write(&mut scores);
                    standardise(&mut scores);
                    add(&mut sum, &scores, *weight);
                }
            }
            sum
        };
        let (to_known, to_strangers) = (base(&fitted.known), base(&fitted.strangers));
        Ok(Blend { snapshot: snapshot.without_steps(), fitted, to_strangers, to_known, tables })
    }

    /// The scores of all items, for a history, the latest first; a stranger's is empty.
    pub(super) fn score(&self, history: &[u32]) -> Vec<f32> {
        if history.is_empty() {
            return self.to_strangers.clone();
        }
        let mut sum = self.to_known.clone();
        let mut scores = vec![0.0; sum.len()];
        for (member, weight) in self.fitted.known.iter().filter(|(member, _)| !member.impersonal()) {
            self.tables.score(member, history, &mut scores);
            standardise(&mut scores);
            add(&mut sum, &scores, *weight);
        }
        sum
    }
}

fn add(sum: &mut [f32], scores: &[f32], weight: f32) {
    for (sum, score) in sum.iter_mut().zip(scores) {
        *sum += weight * score;
    }
}
