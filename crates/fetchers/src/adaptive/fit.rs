//! Fits a blend: which members, with which weights, foretell best what people turned to last.

use recommend_core::candidates::standardise;
use recommend_core::{ComponentError, Timestamp};

use super::cases::{Case, Holdout};
use super::members::{Member, Popularities, Tables, library};
use super::select::Columns;
use crate::snapshot::{Snapshot, Step};

/// With fewer cases than this a blend is not fitted.
const ENOUGH_CASES: usize = 20;
/// How many of its best each member puts up as candidates of a case.
const CANDIDATES: usize = 40;

/// Members and their weights, which sum to 1.
pub(super) type Weights = Vec<(Member, f32)>;

/// One blend for those who have a history, one for those who have none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fitted {
    pub(super) known: Weights,
    pub(super) strangers: Weights,
    /// How much work it was.
    pub(super) steps: usize,
}

/// What a blend is before there is anything to fit it to.
fn prior(targeted: bool) -> Fitted {
    let popular = Member::Popular { half_life: None, target: targeted };
    let alike = Member::Alike { decay: 0.9 };
    Fitted { known: vec![(popular, 0.5), (alike, 0.5)], strangers: vec![(popular, 1.0)], steps: 0 }
}

/// Fits to the latest part of the past.
pub(super) fn fit(
    snapshot: &Snapshot,
    target: Option<&dyn Fn(&Step) -> bool>,
    most_dense: usize,
) -> Result<Fitted, ComponentError> {
    let mut fitted = prior(target.is_some());
    let wanted = |step: &Step| target.is_none_or(|target| target(step));
    let Some(holdout) = Holdout::cut(snapshot, wanted) else { return Ok(fitted) };
    if holdout.cases.len() < ENOUGH_CASES {
        return Ok(fitted);
    }
    let members = library(snapshot, target.is_some());
    let impersonal: Vec<usize> = (0..members.len()).filter(|at| members[*at].impersonal()).collect();
    let all: Vec<usize> = (0..members.len()).collect();
    let tables = Tables::learn(snapshot, holdout.until, &members, most_dense)?;
    let (known, strangers) = columns(snapshot, &holdout, &members, &tables, &wanted);
    drop(tables);
    let weights = |weights: Vec<(usize, f32)>| -> Weights {
        weights.into_iter().map(|(at, weight)| (members[at], weight)).collect()
    };
    if known.ends.len() >= ENOUGH_CASES
        && let Some(chosen) = known.select(&all, |at| members[at].family())
    {
        fitted.known = weights(chosen);
    }
    // Where strangers are few, what is popular among those who are known is the best guess.
    let about_strangers = if strangers.ends.len() >= ENOUGH_CASES { &strangers } else { &known };
    if about_strangers.ends.len() >= ENOUGH_CASES
        && let Some(chosen) = about_strangers.select(&impersonal, |_| 0)
    {
        fitted.strangers = weights(chosen);
    }
    fitted.steps = holdout.cases.len() * members.len() * snapshot.items.len();
    Ok(fitted)
}

/// What all members say in the cases of users with a history, and of those without.
fn columns(
    snapshot: &Snapshot,
    holdout: &Holdout,
    members: &[Member],
    tables: &Tables,
    target: &dyn Fn(&Step) -> bool,
) -> (Columns, Columns) {
    let items = snapshot.items.len();
    let empty = || Columns { scores: vec![Vec::new(); members.len()], ..Columns::default() };
    let (mut known, mut strangers) = (empty(), empty());
    let touches = touches(snapshot, target);
    let (mut popular, mut next) = (Popularities::new(members, items), 0);
    let mut as_of = None;
    let mut scores: Vec<Vec<f32>> = members.iter().map(|_| vec![0.0; items]).collect();
    let mut scratch = Scratch { had: vec![false; items], ..Scratch::default() };
    for case in &holdout.cases {
        while next < touches.len() && touches[next].0 <= case.known {
            let (time, item, target) = touches[next];
            popular.add(item, time, target);
            next += 1;
        }
        if as_of != Some(next) {
            for (at, decayed) in popular.iter() {
                decayed.write(&mut scores[at]);
                standardise(&mut scores[at]);
            }
            as_of = Some(next);
        }
        let stranger = case.history.is_empty();
        for (member, scores) in members.iter().zip(&mut scores) {
            if !member.impersonal() && !stranger {
                tables.score(member, &case.history, scores);
                standardise(scores);
            } else if !member.impersonal() {
                scores.fill(0.0);
            }
        }
        let of = if stranger { &mut strangers } else { &mut known };
        scratch.candidates(case, &scores);
        of.relevant.extend(scratch.candidates.iter().map(|item| case.relevant.binary_search(item).is_ok()));
        of.ends.push(of.relevant.len());
        for (column, scores) in of.scores.iter_mut().zip(&scores) {
            column.extend(scratch.candidates.iter().map(|item| scores[*item as usize]));
        }
    }
    (known, strangers)
}

/// When somebody turned to which item, by time, and whether it was what is to be foretold.
pub(super) fn touches(snapshot: &Snapshot, target: &dyn Fn(&Step) -> bool) -> Vec<(Timestamp, u32, bool)> {
    let first = snapshot.all().flatten().filter(|step| step.first);
    let mut touches: Vec<_> = first.map(|step| (step.time, step.item, target(step))).collect();
    touches.sort_unstable();
    touches
}

/// Memory that one case leaves to the next.
#[derive(Default)]
struct Scratch {
    had: Vec<bool>,
    order: Vec<u32>,
    candidates: Vec<u32>,
}

impl Scratch {
    /// What the members rank highest and what the user turned to, by number; not what the user had.
    fn candidates(&mut self, case: &Case, scores: &[Vec<f32>]) {
        case.history.iter().for_each(|item| self.had[*item as usize] = true);
        self.candidates.clear();
        self.candidates.extend_from_slice(&case.relevant);
        for scores in scores {
            self.order.clear();
            self.order.extend((0..scores.len() as u32).filter(|item| !self.had[*item as usize]));
            let best = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
            if self.order.len() > CANDIDATES {
                self.order.select_nth_unstable_by(CANDIDATES - 1, best);
                self.order.truncate(CANDIDATES);
            }
            self.candidates.extend_from_slice(&self.order);
        }
        self.candidates.sort_unstable();
        self.candidates.dedup();
        case.history.iter().for_each(|item| self.had[*item as usize] = false);
    }
}
