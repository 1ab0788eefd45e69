//! Aggregates over windows, from the rows of a request.

use recommend_core::Name;
use rustc_hash::FxHashMap;

use super::event_view::{EventView, Tally, Window};
use super::intern::List;
use super::keys::{RowKind, RowRef};
use super::read_interactions::note;
use super::rows::Loaded;
use super::store::RedisStore;
use crate::embedded::timeline::held;
use crate::error::StoreError;
use crate::interactions::{Aggregate, AggregateSpec, Scope, Subject};

/// Which rows a request's aggregates are made of, each once, and which of them each aggregate reads.
struct Plan<'a> {
    wanted: Vec<RowRef<'a>>,
    groups: Vec<Group<'a>>,
    /// The different lists of kinds.
    kinds: Vec<List>,
    now: i64,
}

/// The aggregates over the same rows.
struct Group<'a> {
    kind: RowKind,
    corpus: &'a Name,
    /// Where its rows begin among those that are wanted, and how many they are.
    from: usize,
    count: usize,
    columns: Vec<Column<'a>>,
}

struct Column<'a> {
    /// Which of the features it is.
    at: usize,
    spec: &'a AggregateSpec,
    /// The position of its kinds in the plan.
    kinds: usize,
    after: Option<i64>,
}

impl RedisStore {
    /// Fills `out`, entities × specs, from the rows of the entities, of the user and of the corpora.
    pub(super) async fn aggregates(
        &self,
        subject: &Subject<'_>,
        specs: &[AggregateSpec],
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        if specs.is_empty() {
            return Ok(());
        }
        let plan = self.plan_of(subject, specs);
        let loaded = self.rows.load(&plan.wanted).await;
        if let Some(error) = loaded.failure() {
            return Err(error);
        }
        for group in &plan.groups {
            match group.kind {
                RowKind::Entity => plan.entities(group, &loaded, out, specs.len()),
                RowKind::Corpus => plan.corpus(group, &loaded, out, specs.len()),
                _ => plan.user(group, &loaded, subject, out, specs.len()),
            }
        }
        match loaded.trouble {
            Some(reason) => Err(StoreError::Partial { reason: reason.to_string() }),
            None => Ok(()),
        }
    }

    fn plan_of<'a>(&self, subject: &'a Subject<'_>, specs: &'a [AggregateSpec]) -> Plan<'a> {
        let mut lists: Vec<&[Name]> = Vec::new();
        let now = held(subject.now).0;
        let mut plan = Plan { wanted: Vec::new(), groups: Vec::new(), kinds: Vec::new(), now };
        for (at, spec) in specs.iter().enumerate() {
            let corpus = spec.corpus.as_ref().unwrap_or(subject.corpus);
            let kind = match spec.scope {
                Scope::Entity => RowKind::Entity,
                Scope::User | Scope::Pair => RowKind::User,
                Scope::Tenant => RowKind::Corpus,
            };
            let kinds = lists.iter().position(|list| *list == &spec.kinds[..]).unwrap_or_else(|| {
                lists.push(&spec.kinds);
                lists.len() - 1
            });
            let after = spec.after(subject.now).map(|after| held(after).0);
            let column = Column { at, spec, kinds, after };
            let known = plan.groups.iter_mut().find(|group| group.kind == kind && group.corpus == corpus);
            if let Some(group) = known {
                group.columns.push(column);
                continue;
            }
            let from = plan.wanted.len();
            let row = |id| RowRef { kind, tenant: subject.tenant, corpus, id };
            match kind {
                RowKind::Entity => {
                    note(&self.counted, corpus);
                    plan.wanted.extend(subject.entities.iter().map(|entity| row(entity.0)));
                }
                RowKind::Corpus => plan.wanted.extend(self.shards.all().map(|shard| row(shard.into()))),
                _ => {
                    note(&self.personal, corpus);
                    plan.wanted.push(row(subject.user.0));
                }
            }
            let count = plan.wanted.len() - from;
            plan.groups.push(Group { kind, corpus, from, count, columns: vec![column] });
        }
        plan.kinds = lists.into_iter().map(|list| self.rows.names.list(list)).collect();
        plan
    }
}

impl Plan<'_> {
    /// The rows of a group; `None` for what could not be loaded.
    fn views<'l>(
        &self,
        group: &Group<'_>,
        loaded: &'l Loaded,
    ) -> impl Iterator<Item = Option<&'l EventView>> + Clone {
        let rows = &loaded.rows[group.from..group.from + group.count];
        rows.iter().map(|row| row.as_ref().and_then(|row| row.events()))
    }

    fn window(&self, column: &Column<'_>) -> Window<'_> {
        let Column { at, spec, kinds, after } = *column;
        Window { at, kinds: &self.kinds[kinds], aggregate: spec.aggregate, after }
    }

    /// Row by row: what is read of one is at hand for all aggregates.
    fn entities(&self, group: &Group<'_>, loaded: &Loaded, out: &mut [f32], width: usize) {
        let mut missing = Vec::new();
        for (view, out) in self.views(group, loaded).zip(out.chunks_exact_mut(width)) {
            let Some(view) = view else {
                group.columns.iter().for_each(|column| out[column.at] = f32::NAN);
                continue;
            };
            let windows = group.columns.iter().map(|column| self.window(column));
            view.recall(windows, self.now, &mut missing, |at, value| out[at] = value);
            missing.iter().for_each(|window| out[window.at] = view.find(window, self.now));
        }
    }

    fn user(&self, group: &Group<'_>, loaded: &Loaded, subject: &Subject<'_>, out: &mut [f32], width: usize) {
        let view = self.views(group, loaded).next().flatten();
        let Some(view) = view else {
            group.columns.iter().for_each(|column| column.fill(out, width, f32::NAN));
            return;
        };
        let (pairs, alone): (Vec<&Column<'_>>, Vec<_>) =
            group.columns.iter().partition(|column| column.spec.scope == Scope::Pair);
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        let windows = alone.into_iter().map(|column| self.window(column));
        view.recall(windows, self.now, &mut missing, |at, value| found.push((at, value)));
        found.extend(missing.iter().map(|window| (window.at, view.find(window, self.now))));
        for (at, value) in found {
            out.chunks_exact_mut(width).for_each(|row| row[at] = value);
        }
        if pairs.is_empty() {
            return;
        }
        // One pass over what is held of the user as it is, for all aggregates with all entities.
        let mut places: FxHashMap<u64, usize> = FxHashMap::default();
        for entity in subject.entities {
            let next = places.len();
            places.entry(entity.0).or_insert(next);
        }
        let mut tallies = vec![Tally::default(); places.len() * pairs.len()];
        let bits: Vec<_> = pairs.iter().map(|column| view.kinds(&self.kinds[column.kinds].names)).collect();
        // `None`, for all there ever was, is the smallest.
        let first = pairs.iter().map(|column| column.after).min().flatten();
        for entry in view.between(first, self.now) {
            let Some(place) = places.get(&entry.other) else { continue };
            let tallies = &mut tallies[place * pairs.len()..];
            for ((column, bits), tally) in pairs.iter().zip(&bits).zip(tallies) {
                if bits.has(entry.kind) && column.after.is_none_or(|after| entry.time > after) {
                    tally.count += 1;
                    tally.sum += f64::from(entry.value);
                    tally.newest = Some(entry.time);
                }
            }
        }
        for (entity, out) in subject.entities.iter().zip(out.chunks_exact_mut(width)) {
            let tallies = &tallies[places[&entity.0] * pairs.len()..];
            for (column, tally) in pairs.iter().zip(tallies) {
                let distinct = f64::from(u8::from(tally.count > 0));
                out[column.at] = value(column.spec.aggregate, tally, distinct, self.now);
            }
        }
    }

    fn corpus(&self, group: &Group<'_>, loaded: &Loaded, out: &mut [f32], width: usize) {
        let views = self.views(group, loaded);
        let whole = views.clone().all(|view| view.is_some());
        for column in &group.columns {
            let (spec, kinds) = (column.spec, &self.kinds[column.kinds].names);
            let mut tally = Tally::default();
            for view in views.clone().flatten() {
                let part = view.tally(view.kinds(kinds), column.after, self.now);
                tally.count += part.count;
                tally.sum += part.sum;
                tally.newest = tally.newest.max(part.newest);
            }
            let distinct = match (spec.aggregate, views.clone().flatten().next()) {
                (Aggregate::Distinct, Some(view)) if group.count == 1 => {
                    view.distinct(view.kinds(kinds), column.after, self.now)
                }
                (Aggregate::Distinct, _) => {
                    EventView::distinct_over(views.clone().flatten(), kinds, column.after, self.now)
                }
                _ => 0.0,
            };
            let value = match whole {
                true => value(spec.aggregate, &tally, distinct, self.now),
                false => f32::NAN,
            };
            column.fill(out, width, value);
        }
    }
}

impl Column<'_> {
    /// The same for all entities.
    fn fill(&self, out: &mut [f32], width: usize, value: f32) {
        out.chunks_exact_mut(width).for_each(|row| row[self.at] = value);
    }
}

fn value(aggregate: Aggregate, tally: &Tally, distinct: f64, now: i64) -> f32 {
    match aggregate {
        Aggregate::Count => tally.count as f32,
        Aggregate::Sum => tally.sum as f32,
        Aggregate::Recency => match tally.newest {
            Some(newest) => (now.saturating_sub(newest) as f64 / 1000.0) as f32,
            None => f32::NAN,
        },
        Aggregate::Distinct => distinct as f32,
    }
}
