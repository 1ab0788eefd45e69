//! Reads over what users did.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{EntityId, Name, TenantId, Timestamp, UserId};

use super::aggregate::{aggregate, wanted};
use super::hours::{Week, hours};
use super::memory::Memory;
use super::names::{KindSet, Names};
use super::tenant::{Corpus, State};
use super::timeline::{BEGINNING, Entry, Timeline, held, upto};
use super::together::co_interactions;
use crate::error::StoreError;
use crate::interactions::{
    AggregateSpec, CoInteraction, Event, HourScope, InteractionStore, KindSummary, Subject,
};

/// How many interactions a long read visits before it lets the writer in.
const BREATH: usize = 20_000;

#[async_trait]
impl InteractionStore for Memory {
    async fn aggregate(
        &self,
        subject: &Subject<'_>,
        specs: &[AggregateSpec],
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        match self.tenant(subject.tenant) {
            Some(tenant) => aggregate(&tenant.state.read(), subject, specs, out),
            None => aggregate(&State::default(), subject, specs, out),
        }
        Ok(())
    }

    async fn co_interactions(
        &self,
        subject: &Subject<'_>,
        partners: &[EntityId],
        wanted: &CoInteraction,
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        match self.tenant(subject.tenant) {
            Some(tenant) => co_interactions(&tenant.state.read(), subject, partners, wanted, out),
            None => out.fill(0.0),
        }
        Ok(())
    }

    async fn user_timeline(
        &self,
        tenant: TenantId,
        user: UserId,
        corpus: &Name,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(Vec::new()) };
        let state = tenant.state.read();
        let events = wanted(&state, corpus, kinds).and_then(|(corpus, set)| {
            let timeline = corpus.interactions.by_user.get(&state.users.get(user.0)?)?;
            let number = numbering(&corpus.interactions.kinds, kinds);
            let entry = newest(timeline, &set, since, until);
            Some(first(limit, entry, |entry| event(entry, user, corpus, &number)))
        });
        Ok(events.unwrap_or_default())
    }

    async fn entity_timeline(
        &self,
        tenant: TenantId,
        corpus: &Name,
        entity: EntityId,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(Vec::new()) };
        let state = tenant.state.read();
        let events = wanted(&state, corpus, kinds).and_then(|(corpus, set)| {
            let row = corpus.entities.get(entity.0)?;
            let number = numbering(&corpus.interactions.kinds, kinds);
            let mut events = Vec::new();
            for (_, timeline) in corpus.interactions.of_entity(row) {
                let entries = newest(timeline, &set, since, until);
                events.append(&mut first(limit, entries, |entry| Event {
                    entity,
                    user: UserId(state.users.id(entry.other)),
                    time: entry.time(),
                    value: entry.value,
                    kind: number[usize::from(entry.kind())],
                }));
            }
            events.sort_unstable_by(newest_first);
            events.truncate(limit);
            Some(events)
        });
        Ok(events.unwrap_or_default())
    }

    async fn popularity(
        &self,
        tenant: TenantId,
        corpus: &Name,
        kinds: &[Name],
        window: Option<Duration>,
        half_life: Option<Duration>,
        until: Timestamp,
    ) -> Result<Vec<(EntityId, f32)>, StoreError> {
        let (until, mut popular, mut next) = (held(until), Vec::new(), 0);
        let Some(tenant) = self.tenant(tenant) else { return Ok(popular) };
        let (after, end) = (window.map_or(BEGINNING, |window| upto(until.before(window))), upto(until));
        let per_half_life = half_life.map(|half_life| 1.0 / (half_life.as_millis() as f64).max(1.0));
        loop {
            let (state, mut visited) = (tenant.state.read(), 0);
            let Some((corpus, kinds)) = wanted(&state, corpus, kinds) else { return Ok(popular) };
            let timelines = &corpus.interactions.by_entity;
            while next < timelines.len() && visited < BREATH {
                let (mut total, mut any) = (0.0, false);
                let of_entity = timelines[next].iter().filter(|(kind, _)| kinds.contains(*kind));
                for (_, timeline) in of_entity {
                    let count = timeline.rank(end).saturating_sub(timeline.rank(after));
                    any |= count > 0;
                    total += match per_half_life {
                        None => count as f64,
                        Some(rate) => {
                            visited += count;
                            let entries = timeline.runs(after, end).flatten();
                            entries.map(|entry| (-(until.0 - entry.time().0) as f64 * rate).exp2()).sum()
                        }
                    };
                }
                if any {
                    popular.push((EntityId(corpus.entities.id(next as u32)), total as f32));
                }
                visited += 8;
                next += 1;
            }
            if next >= timelines.len() {
                return Ok(popular);
            }
        }
    }

    async fn hours(
        &self,
        tenant: TenantId,
        corpus: &Name,
        whose: HourScope,
        kinds: &[Name],
        window: Option<Duration>,
        until: Timestamp,
    ) -> Result<Arc<Week>, StoreError> {
        Ok(match self.tenant(tenant) {
            Some(tenant) => hours(&tenant, corpus, whose, kinds, window, until),
            None => Arc::new([0.0; 168]),
        })
    }

    fn scan_users(
        &self,
        tenant: TenantId,
        corpus: &Name,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        each: &mut dyn FnMut(UserId, &[Event]),
    ) -> Result<(), StoreError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(()) };
        let mut users: Vec<UserId> = {
            let state = tenant.state.read();
            let Some(corpus) = state.corpus(corpus) else { return Ok(()) };
            corpus.interactions.by_user.keys().map(|row| UserId(state.users.id(*row))).collect()
        };
        users.sort_unstable();
        let mut events = Vec::new();
        for user in users {
            events.clear();
            {
                let state = tenant.state.read();
                let Some((corpus, set)) = wanted(&state, corpus, kinds) else { return Ok(()) };
                let row = state.users.get(user.0);
                let Some(timeline) = row.and_then(|row| corpus.interactions.by_user.get(&row)) else {
                    continue;
                };
                let number = numbering(&corpus.interactions.kinds, kinds);
                let entries = timeline.runs(upto(since), upto(until)).flatten();
                let entries = entries.filter(|entry| set.contains(entry.kind()));
                events.extend(entries.map(|entry| event(entry, user, corpus, &number)));
            }
            if !events.is_empty() {
                events.sort_by(|a, b| newest_first(b, a));
                each(user, &events);
            }
        }
        Ok(())
    }

    async fn entities(&self, tenant: TenantId, corpus: &Name) -> Result<Arc<[EntityId]>, StoreError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(Arc::default()) };
        let state = tenant.state.read();
        Ok(state.corpus(corpus).map(|corpus| corpus.interactions.active.snapshot()).unwrap_or_default())
    }

    fn version(&self, tenant: TenantId, corpus: &Name) -> u64 {
        let Some(tenant) = self.tenant(tenant) else { return 0 };
        let state = tenant.state.read();
        state.corpus(corpus).map_or(0, |corpus| corpus.interactions.version)
    }

    async fn describe(&self, tenant: TenantId) -> Result<Vec<KindSummary>, StoreError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(Vec::new()) };
        let state = tenant.state.read();
        let mut summaries = Vec::new();
        for (corpus, held) in state.corpus_names.iter().zip(&state.corpora) {
            for (kind, buckets) in held.interactions.kinds.iter().zip(&held.interactions.by_hour) {
                if let Some((first, last)) = buckets.span() {
                    let (corpus, kind) = (corpus.clone(), kind.clone());
                    summaries.push(KindSummary { corpus, kind, count: buckets.len(), first, last });
                }
            }
        }
        summaries.sort_unstable_by(|a, b| (&a.corpus, &a.kind).cmp(&(&b.corpus, &b.kind)));
        Ok(summaries)
    }
}

/// For each kind of the corpus its position in `wanted`; 0 when all were asked for.
fn numbering(kinds: &Names, wanted: &[Name]) -> Vec<u16> {
    kinds.iter().map(|kind| wanted.iter().position(|name| name == kind).unwrap_or(0) as u16).collect()
}

fn event(entry: &Entry, user: UserId, corpus: &Corpus, number: &[u16]) -> Event {
    Event {
        entity: EntityId(corpus.entities.id(entry.other)),
        user,
        time: entry.time(),
        value: entry.value,
        kind: number[usize::from(entry.kind())],
    }
}

/// The entries of a timeline in `(since, until]`, newest first.
fn newest<'a>(
    timeline: &'a Timeline,
    kinds: &'a KindSet,
    since: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = &'a Entry> {
    let entries = timeline.runs(upto(since), upto(until)).rev().flat_map(|run| run.iter().rev());
    entries.filter(|entry| kinds.contains(entry.kind()))
}

/// The first `limit` events, in an order that does not depend on how the store numbers things: entries of one moment
/// are all gathered before the cut.
fn first<'a>(
    limit: usize,
    entries: impl Iterator<Item = &'a Entry>,
    event: impl Fn(&Entry) -> Event,
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for entry in entries {
        if events.len() >= limit && events.last().is_none_or(|last| last.time != entry.time()) {
            break;
        }
        events.push(event(entry));
    }
    events.sort_unstable_by(newest_first);
    events.truncate(limit);
    events
}

pub(crate) fn newest_first(a: &Event, b: &Event) -> std::cmp::Ordering {
    let ties = |event: &Event| (event.entity, event.user, event.kind);
    b.time.cmp(&a.time).then(ties(a).cmp(&ties(b))).then(a.value.total_cmp(&b.value))
}
