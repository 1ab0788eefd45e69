//! Windowed aggregates for all candidates of a request, under one look at the state.
//!
//! What is asked of an entity is a few binary searches per kind, shared by the specs with the same window. What is
//! asked of the user who asks, or of pairs, is one pass over that user's timeline. What is asked of the tenant is
//! computed once and written to every row.

use recommend_core::{EntityId, Name, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use super::latest::{Latest, LatestIndex};
use super::names::KindSet;
use super::tenant::{Corpus, State};
use super::timeline::{BEGINNING, Entry, Timeline, held, upto};
use crate::interactions::{Aggregate, AggregateSpec, Scope, Subject};

/// A spec with everything looked up.
struct Plan<'a> {
    /// Its column of the output.
    at: usize,
    aggregate: Aggregate,
    corpus: &'a Corpus,
    kinds: KindSet,
    /// The window's open beginning; `None` is everything.
    after: Option<Timestamp>,
}

impl Plan<'_> {
    fn after_key(&self) -> i64 {
        self.after.map_or(BEGINNING, upto)
    }

    fn covers(&self, entry: &Entry) -> bool {
        entry.key() > self.after_key() && self.kinds.contains(entry.kind())
    }
}

/// What one spec has gathered for one row.
#[derive(Clone, Copy)]
struct Sum {
    total: f64,
    newest: Option<Timestamp>,
}

const NOTHING: Sum = Sum { total: 0.0, newest: None };

impl Sum {
    fn add(&mut self, aggregate: Aggregate, entry: &Entry) {
        match aggregate {
            Aggregate::Count => self.total += 1.0,
            Aggregate::Sum => self.total += f64::from(entry.value),
            Aggregate::Recency => self.newest = self.newest.max(Some(entry.time())),
            Aggregate::Distinct => self.total = 1.0,
        }
    }

    fn value(&self, aggregate: Aggregate, now: Timestamp) -> f32 {
        match (aggregate, self.newest) {
            (Aggregate::Recency, None) => f32::NAN,
            (Aggregate::Recency, Some(newest)) => (now.0.saturating_sub(newest.0) as f64 / 1000.0) as f32,
            _ => self.total as f32,
        }
    }
}

/// Fills `out[i * specs.len() + j]` with spec `j` of candidate `i`.
pub(crate) fn aggregate(state: &State, subject: &Subject<'_>, specs: &[AggregateSpec], out: &mut [f32]) {
    let width = specs.len();
    if width == 0 {
        return;
    }
    let subject = &Subject { now: held(subject.now), ..*subject };
    for row in out.chunks_exact_mut(width) {
        for (cell, spec) in row.iter_mut().zip(specs) {
            *cell = NOTHING.value(spec.aggregate, subject.now);
        }
    }
    for scope in [Scope::Entity, Scope::User, Scope::Pair, Scope::Tenant] {
        let mut plans: Vec<_> = (0..width).filter_map(|at| plan(state, subject, specs, at, scope)).collect();
        // Mostly there is one corpus; each has its own rows.
        while let Some(corpus) = plans.first().map(|plan| plan.corpus) {
            let (group, rest) = plans.into_iter().partition(|plan| std::ptr::eq(plan.corpus, corpus));
            plans = rest;
            match scope {
                Scope::Entity => entities(corpus, subject, &group, width, out),
                Scope::User => user(state, corpus, subject, &group, width, out),
                Scope::Pair => pairs(state, corpus, subject, &group, width, out),
                Scope::Tenant => tenant(corpus, subject, &group, width, out),
            }
        }
    }
}

fn plan<'a>(
    state: &'a State,
    subject: &Subject<'_>,
    specs: &[AggregateSpec],
    at: usize,
    scope: Scope,
) -> Option<Plan<'a>> {
    let spec = specs.get(at).filter(|spec| spec.scope == scope)?;
    let corpus = state.corpus(spec.corpus.as_ref().unwrap_or(subject.corpus))?;
    let kinds = KindSet::of(&corpus.interactions.kinds, &spec.kinds);
    let after = spec.after(subject.now).map(held);
    Some(Plan { at, aggregate: spec.aggregate, corpus, kinds, after })
}

/// A window of one kind, and the plans (by place in the group) that want it.
struct Cell {
    after: i64,
    uses: Vec<(usize, Aggregate)>,
}

fn cells(corpus: &Corpus, plans: &[Plan<'_>]) -> Vec<Vec<Cell>> {
    let kinds = corpus.interactions.kinds.len();
    let mut cells: Vec<Vec<Cell>> = (0..kinds).map(|_| Vec::new()).collect();
    for (kind, cells) in cells.iter_mut().enumerate() {
        let wanted = plans.iter().enumerate().filter(|(_, plan)| plan.kinds.contains(kind as u8));
        for (at, plan) in wanted.filter(|(_, plan)| plan.aggregate != Aggregate::Distinct) {
            let after = plan.after_key();
            match cells.iter_mut().find(|cell| cell.after == after) {
                Some(cell) => cell.uses.push((at, plan.aggregate)),
                None => cells.push(Cell { after, uses: vec![(at, plan.aggregate)] }),
            }
        }
    }
    cells
}

/// How many candidates are looked up together: their misses of the processor's caches overlap.
const ABREAST: usize = 32;

/// A candidate that has interactions.
struct Found<'a> {
    /// Which candidate.
    place: usize,
    row: u32,
    timelines: &'a [(u8, Timeline)],
}

fn entities(corpus: &Corpus, subject: &Subject<'_>, plans: &[Plan<'_>], width: usize, out: &mut [f32]) {
    let (cells, end) = (cells(corpus, plans), upto(subject.now));
    let cells_of = |kind: u8| cells.get(usize::from(kind)).map_or(&[][..], Vec::as_slice);
    let mut found = Vec::with_capacity(subject.entities.len());
    let mut sums = vec![NOTHING; plans.len()];
    for (first, entities) in subject.entities.chunks(ABREAST).enumerate() {
        let from = found.len();
        let row = |(at, entity): (usize, &EntityId)| {
            Some(Found { place: first * ABREAST + at, row: corpus.entities.get(entity.0)?, timelines: &[] })
        };
        found.extend(entities.iter().enumerate().filter_map(row));
        let found = &mut found[from..];
        for found in &mut *found {
            found.timelines = corpus.interactions.of_entity(found.row);
        }
        for deep in [false, true] {
            let wanted = found.iter().flat_map(|found| found.timelines);
            let wanted = wanted.filter(|(kind, _)| !cells_of(*kind).is_empty());
            std::hint::black_box(wanted.fold(0, |seen, (_, timeline)| seen ^ timeline.touch(deep)));
        }
        for found in &*found {
            sums.fill(NOTHING);
            for (kind, timeline) in found.timelines {
                gather(timeline, cells_of(*kind), end, &mut sums);
            }
            let out = &mut out[found.place * width..][..width];
            for (plan, sum) in plans.iter().zip(&sums) {
                out[plan.at] = sum.value(plan.aggregate, subject.now);
            }
        }
    }
    for plan in plans.iter().filter(|plan| plan.aggregate == Aggregate::Distinct) {
        distinct_users(corpus, &found, plan, subject.now, |found, count| {
            out[found.place * width + plan.at] = count as f32;
        });
    }
}

/// Adds what the plans want of one kind of one entity.
fn gather(timeline: &Timeline, cells: &[Cell], end: i64, sums: &mut [Sum]) {
    let held = timeline.rank(end);
    for cell in cells {
        let count = held.saturating_sub(timeline.rank(cell.after));
        if count == 0 {
            continue;
        }
        for (at, aggregate) in &cell.uses {
            let sum = &mut sums[*at];
            match aggregate {
                Aggregate::Count => sum.total += count as f64,
                Aggregate::Sum => sum.total += timeline.sum(cell.after, end, count),
                Aggregate::Recency | Aggregate::Distinct => {
                    sum.newest = sum.newest.max(timeline.newest_upto(end));
                }
            }
        }
    }
}

fn distinct_users(
    corpus: &Corpus,
    candidates: &[Found<'_>],
    plan: &Plan<'_>,
    now: Timestamp,
    mut write: impl FnMut(&Found<'_>, usize),
) {
    let rows = corpus.interactions.by_entity.len();
    let counted = |index: Option<&LatestIndex>| {
        if let Some(index) = index {
            index.touch(candidates.iter().map(|found| found.row));
        }
        for found in candidates.iter().filter(|found| !found.timelines.is_empty()) {
            let wanted = || {
                let kinds = found.timelines.iter().filter(|(kind, _)| plan.kinds.contains(*kind));
                kinds.map(|(_, timeline)| timeline)
            };
            let latest = index.and_then(|index| index.entity(found.row, || Latest::of_timelines(wanted())));
            let count = latest.and_then(|latest| latest.count(plan.after, now)).unwrap_or_else(|| {
                let entries = wanted().flat_map(|t| t.runs(plan.after_key(), upto(now))).flatten();
                entries.map(|entry| entry.other).collect::<FxHashSet<_>>().len()
            });
            write(found, count);
        }
    };
    corpus.interactions.latest.with(plan.kinds, rows, counted);
}

fn user(
    state: &State,
    corpus: &Corpus,
    subject: &Subject<'_>,
    plans: &[Plan<'_>],
    width: usize,
    out: &mut [f32],
) {
    let Some(timeline) = timeline_of(state, corpus, subject) else { return };
    let end = upto(subject.now);
    for plan in plans {
        let mut sum = NOTHING;
        let entries = timeline.runs(plan.after_key(), end).flatten();
        let mut entries = entries.filter(|entry| plan.kinds.contains(entry.kind()));
        match plan.aggregate {
            Aggregate::Count if plan.kinds == KindSet::ALL => {
                sum.total = timeline.rank(end).saturating_sub(timeline.rank(plan.after_key())) as f64;
            }
            Aggregate::Distinct => {
                sum.total = entries.map(|entry| entry.other).collect::<FxHashSet<_>>().len() as f64;
            }
            Aggregate::Recency => {
                let newest_first =
                    timeline.runs(plan.after_key(), end).rev().flat_map(|run| run.iter().rev());
                let mut wanted = newest_first.filter(|entry| plan.kinds.contains(entry.kind()));
                sum.newest = wanted.next().map(Entry::time);
            }
            aggregate => entries.by_ref().for_each(|entry| sum.add(aggregate, entry)),
        }
        broadcast(plan, sum, subject.now, width, out);
    }
}

fn pairs(
    state: &State,
    corpus: &Corpus,
    subject: &Subject<'_>,
    plans: &[Plan<'_>],
    width: usize,
    out: &mut [f32],
) {
    let Some(timeline) = timeline_of(state, corpus, subject) else { return };
    let Some(after) = plans.iter().map(Plan::after_key).min() else { return };
    let mut places: FxHashMap<u32, usize> = FxHashMap::default();
    places.reserve(subject.entities.len());
    let mut place_of = Vec::with_capacity(subject.entities.len());
    for entity in subject.entities {
        let next = places.len();
        let row = corpus.entities.get(entity.0);
        place_of.push(row.map(|row| *places.entry(row).or_insert(next)));
    }
    let mut sums = vec![NOTHING; places.len() * plans.len()];
    for entry in timeline.runs(after, upto(subject.now)).flatten() {
        let Some(place) = places.get(&entry.other) else { continue };
        for (plan, sum) in plans.iter().zip(&mut sums[place * plans.len()..]) {
            if plan.covers(entry) {
                sum.add(plan.aggregate, entry);
            }
        }
    }
    for (place, out) in place_of.into_iter().zip(out.chunks_exact_mut(width)) {
        let Some(place) = place else { continue };
        for (plan, sum) in plans.iter().zip(&sums[place * plans.len()..]) {
            out[plan.at] = sum.value(plan.aggregate, subject.now);
        }
    }
}

fn tenant(corpus: &Corpus, subject: &Subject<'_>, plans: &[Plan<'_>], width: usize, out: &mut [f32]) {
    let interactions = &corpus.interactions;
    for plan in plans {
        let mut sum = NOTHING;
        if plan.aggregate == Aggregate::Distinct {
            let users = || interactions.by_user.iter().map(|(user, timeline)| (*user, timeline));
            let build = || Latest::of_users(users(), &plan.kinds);
            let indexed = interactions.latest.with(plan.kinds, 0, |index| {
                index.and_then(|index| index.tenant(build).count(plan.after, subject.now))
            });
            let active = |timeline: &Timeline| {
                let mut entries = timeline.runs(plan.after_key(), upto(subject.now)).flatten();
                entries.any(|entry| plan.kinds.contains(entry.kind()))
            };
            let count = indexed.unwrap_or_else(|| users().filter(|(_, t)| active(t)).count());
            sum.total = count as f64;
        }
        let buckets = interactions.by_hour.iter().enumerate();
        for (_, buckets) in buckets.filter(|(kind, _)| plan.kinds.contains(*kind as u8)) {
            match plan.aggregate {
                Aggregate::Count => {
                    buckets.visit(plan.after, subject.now, |_, count, _| sum.total += f64::from(count));
                }
                Aggregate::Sum => buckets.visit(plan.after, subject.now, |_, _, part| sum.total += part),
                Aggregate::Recency => sum.newest = sum.newest.max(buckets.newest(plan.after, subject.now)),
                Aggregate::Distinct => {}
            }
        }
        broadcast(plan, sum, subject.now, width, out);
    }
}

fn timeline_of<'a>(state: &State, corpus: &'a Corpus, subject: &Subject<'_>) -> Option<&'a Timeline> {
    corpus.interactions.by_user.get(&state.users.get(subject.user.0)?)
}

fn broadcast(plan: &Plan<'_>, sum: Sum, now: Timestamp, width: usize, out: &mut [f32]) {
    let value = sum.value(plan.aggregate, now);
    out.chunks_exact_mut(width).for_each(|row| row[plan.at] = value);
}

/// The corpus that a read names, and the kinds it wants there.
pub(crate) fn wanted<'a>(state: &'a State, corpus: &Name, kinds: &[Name]) -> Option<(&'a Corpus, KindSet)> {
    let corpus = state.corpus(corpus)?;
    Some((corpus, KindSet::of(&corpus.interactions.kinds, kinds)))
}
