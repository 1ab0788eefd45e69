//! Reads over what users did.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{EntityId, Name, TenantId, Timestamp, UserId};
use rustc_hash::FxHashMap;

use super::event_row::Entry;
use super::event_view::{EventView, KindBits, Tally};
use super::keys::{Members, RowKey, RowKind};
use super::row::Row;
use super::store::RedisStore;
use crate::embedded::read_interactions::newest_first;
use crate::embedded::timeline::held;
use crate::error::StoreError;
use crate::interactions::{
    Aggregate, AggregateSpec, CoInteraction, Event, HourScope, InteractionStore, KindSummary, Scope, Subject,
};

/// How many users a scan reads at once.
const PAGE: usize = 512;

#[async_trait]
impl InteractionStore for RedisStore {
    async fn aggregate(
        &self,
        subject: &Subject<'_>,
        specs: &[AggregateSpec],
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        let width = specs.len();
        if width == 0 {
            return Ok(());
        }
        let wanted = self.wanted(subject, specs);
        let loaded = self.rows.load(&wanted).await;
        if let Some(error) = loaded.failure() {
            return Err(error);
        }
        let rows: FxHashMap<&RowKey, &Arc<Row>> =
            wanted.iter().zip(&loaded.rows).filter_map(|(key, row)| Some((key, row.as_ref()?))).collect();
        let now = held(subject.now).0;
        for (column, spec) in specs.iter().enumerate() {
            let corpus = spec.corpus.as_ref().unwrap_or(subject.corpus);
            let after = spec.after(subject.now).map(|after| held(after).0);
            let row =
                |kind, id| rows.get(&key(kind, subject.tenant, corpus, id)).and_then(|row| row.events());
            match spec.scope {
                Scope::Entity => {
                    for (at, entity) in subject.entities.iter().enumerate() {
                        out[at * width + column] = match row(RowKind::Entity, entity.0) {
                            Some(view) => view_of(view, spec, after, now),
                            None => f32::NAN,
                        };
                    }
                }
                Scope::User => {
                    let value = row(RowKind::User, subject.user.0)
                        .map_or(f32::NAN, |view| view_of(view, spec, after, now));
                    out.chunks_exact_mut(width).for_each(|row| row[column] = value);
                }
                Scope::Tenant => {
                    let mut tally = Tally::default();
                    let (mut distinct, mut whole) = (0.0, true);
                    for shard in self.shards.all() {
                        let Some(view) = row(RowKind::Corpus, shard.into()) else {
                            whole = false;
                            continue;
                        };
                        let bits = view.kinds(&spec.kinds);
                        let part = view.tally(bits, after, now);
                        tally.count += part.count;
                        tally.sum += part.sum;
                        tally.newest = tally.newest.max(part.newest);
                        if spec.aggregate == Aggregate::Distinct && self.shards.0 == 1 {
                            distinct = view.distinct(bits, after, now);
                        }
                    }
                    if spec.aggregate == Aggregate::Distinct && self.shards.0 > 1 {
                        let views = self.shards.all().filter_map(|shard| row(RowKind::Corpus, shard.into()));
                        distinct = EventView::distinct_over(views, &spec.kinds, after, now);
                    }
                    let value = match whole {
                        true => value(spec.aggregate, &tally, distinct, now),
                        false => f32::NAN,
                    };
                    out.chunks_exact_mut(width).for_each(|row| row[column] = value);
                }
                Scope::Pair => {
                    let view = row(RowKind::User, subject.user.0);
                    for (at, value) in pairs(view, subject.entities, spec, after, now).into_iter().enumerate()
                    {
                        out[at * width + column] = value;
                    }
                }
            }
        }
        match loaded.trouble {
            Some(reason) => Err(StoreError::Partial { reason: reason.to_string() }),
            None => Ok(()),
        }
    }

    async fn co_interactions(
        &self,
        subject: &Subject<'_>,
        partners: &[EntityId],
        wanted: &CoInteraction,
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        self.shared_users(subject, partners, wanted, out).await
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
        let row = self.one(key(RowKind::User, tenant, corpus, user.0)).await?;
        Ok(row.events().map_or_else(Vec::new, |view| {
            newest(view, kinds, since, until, limit, |other| (EntityId(other), user))
        }))
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
        let row = self.one(key(RowKind::Entity, tenant, corpus, entity.0)).await?;
        Ok(row.events().map_or_else(Vec::new, |view| {
            newest(view, kinds, since, until, limit, |other| (entity, UserId(other)))
        }))
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
        let until = held(until);
        let after = window.map(|window| held(until.before(window)).0);
        let rate = half_life.map(|half_life| 1.0 / (half_life.as_millis() as f64).max(1.0));
        let ids = self.members(tenant, corpus, Members::Acted).await?;
        let mut popular = Vec::new();
        for page in ids.chunks(PAGE) {
            let keys = page.iter().map(|id| key(RowKind::Entity, tenant, corpus, *id)).collect();
            for (id, row) in page.iter().zip(self.all(keys).await?) {
                let Some(view) = row.events() else { continue };
                let bits = view.kinds(kinds);
                let (count, total) = match rate {
                    None => {
                        let count = view.tally(bits, after, until.0).count;
                        (count, count as f64)
                    }
                    Some(rate) => {
                        view.weighed(bits, after, until.0, |time| (-(until.0 - time) as f64 * rate).exp2())
                    }
                };
                if count > 0 {
                    popular.push((EntityId(*id), total as f32));
                }
            }
        }
        Ok(popular)
    }

    async fn hours(
        &self,
        tenant: TenantId,
        corpus: &Name,
        whose: HourScope,
        kinds: &[Name],
        window: Option<Duration>,
        until: Timestamp,
    ) -> Result<Arc<[f32; 168]>, StoreError> {
        let wanted: Vec<_> = match whose {
            HourScope::User(user) => vec![key(RowKind::User, tenant, corpus, user.0)],
            HourScope::Entity(entity) => vec![key(RowKind::Entity, tenant, corpus, entity.0)],
            HourScope::Tenant => {
                self.shards.all().map(|shard| key(RowKind::Corpus, tenant, corpus, shard.into())).collect()
            }
        };
        let until = held(until);
        let after = window.map(|window| held(until.before(window)).0);
        let loaded = self.rows.load(&wanted).await;
        if let Some(error) = loaded.failure() {
            return Err(error);
        }
        let mut week = [0.0; 168];
        for view in loaded.rows.iter().flatten().filter_map(|row| row.events()) {
            view.week(view.kinds(kinds), after, until.0, &mut week);
        }
        Ok(Arc::new(week))
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
        // Whoever calls may block; what answers runs elsewhere.
        let (send, pages) = std::sync::mpsc::sync_channel(2);
        let (rows, link, shards) = (Arc::clone(&self.rows), Arc::clone(&self.link), self.shards);
        let wanted = corpus.clone();
        self.runtime.handle()?.spawn(async move {
            let corpus = wanted;
            let scan = async {
                let mut users = Vec::new();
                for shard in shards.all() {
                    let set = super::keys::members(tenant, shard, Members::Users, &corpus);
                    users.extend(super::store::ids(link.write(redis::cmd("SMEMBERS").arg(set)).await?));
                }
                users.sort_unstable();
                for page in users.chunks(PAGE) {
                    let keys: Vec<_> =
                        page.iter().map(|id| key(RowKind::User, tenant, &corpus, *id)).collect();
                    let rows = rows.read(&keys).await?;
                    let page: Vec<_> = page.iter().copied().zip(rows).collect();
                    if tokio::task::block_in_place(|| send.send(Ok(page))).is_err() {
                        break;
                    }
                }
                Ok::<_, StoreError>(())
            };
            if let Err(error) = scan.await {
                let _ = tokio::task::block_in_place(|| send.send(Err(error)));
            }
        });
        for page in pages {
            for (user, row) in page? {
                let user = UserId(user);
                let Some(view) = row.events() else { continue };
                let mut events =
                    newest(view, kinds, since, until, usize::MAX, |other| (EntityId(other), user));
                if !events.is_empty() {
                    events.reverse();
                    each(user, &events);
                }
            }
        }
        Ok(())
    }

    async fn entities(&self, tenant: TenantId, corpus: &Name) -> Result<Arc<[EntityId]>, StoreError> {
        let ids = self.members(tenant, corpus, Members::Acted).await?;
        Ok(ids.iter().copied().map(EntityId).collect())
    }

    fn version(&self, tenant: TenantId, corpus: &Name) -> u64 {
        self.version_of(tenant, corpus)
    }

    async fn describe(&self, tenant: TenantId) -> Result<Vec<KindSummary>, StoreError> {
        let corpora = self.vocabulary(tenant, "corpora").await?;
        let rows = corpora.iter().flat_map(|corpus| self.shards.all().map(move |shard| (corpus, shard)));
        let keys =
            rows.clone().map(|(corpus, shard)| key(RowKind::Corpus, tenant, corpus, shard.into())).collect();
        let mut found: FxHashMap<(&Name, Name), (u64, i64, i64)> = FxHashMap::default();
        for ((corpus, _), row) in rows.zip(self.all(keys).await?) {
            for (kind, count, first, last) in row.events().into_iter().flat_map(EventView::summary) {
                let held = found.entry((corpus, kind.clone())).or_insert((0, first, last));
                *held = (held.0 + count, held.1.min(first), held.2.max(last));
            }
        }
        let summary =
            |((corpus, kind), (count, first, last)): ((&Name, Name), (u64, i64, i64))| KindSummary {
                corpus: corpus.clone(),
                kind,
                count: count as usize,
                first: Timestamp(first),
                last: Timestamp(last),
            };
        let mut summaries: Vec<_> = found.into_iter().map(summary).collect();
        summaries.sort_unstable_by(|a, b| (&a.corpus, &a.kind).cmp(&(&b.corpus, &b.kind)));
        Ok(summaries)
    }
}

fn key(kind: RowKind, tenant: TenantId, corpus: &Name, id: u64) -> RowKey {
    RowKey { kind, tenant, corpus: corpus.clone(), id }
}

impl RedisStore {
    /// The rows that some aggregates are made of, each once.
    fn wanted(&self, subject: &Subject<'_>, specs: &[AggregateSpec]) -> Vec<RowKey> {
        let (mut wanted, mut seen) = (Vec::new(), Vec::new());
        for spec in specs {
            let corpus = spec.corpus.as_ref().unwrap_or(subject.corpus);
            let kind = match spec.scope {
                Scope::Entity => RowKind::Entity,
                Scope::User | Scope::Pair => RowKind::User,
                Scope::Tenant => RowKind::Corpus,
            };
            if seen.contains(&(kind, corpus)) {
                continue;
            }
            seen.push((kind, corpus));
            let row = |id| key(kind, subject.tenant, corpus, id);
            match kind {
                RowKind::Entity => {
                    note(&self.counted, corpus);
                    wanted.extend(subject.entities.iter().map(|entity| row(entity.0)));
                }
                RowKind::Corpus => wanted.extend(self.shards.all().map(|shard| row(shard.into()))),
                _ => {
                    note(&self.personal, corpus);
                    wanted.push(row(subject.user.0));
                }
            }
        }
        wanted
    }

    async fn one(&self, key: RowKey) -> Result<Arc<Row>, StoreError> {
        let loaded = self.rows.load(std::slice::from_ref(&key)).await;
        if let Some(error) = loaded.failure() {
            return Err(error);
        }
        Ok(loaded.rows.into_iter().flatten().next().unwrap_or_else(|| Arc::new(Row::empty(key.kind))))
    }
}

pub(super) fn note(corpora: &parking_lot::RwLock<rustc_hash::FxHashSet<Name>>, corpus: &Name) {
    if !corpora.read().contains(corpus) {
        corpora.write().insert(corpus.clone());
    }
}

fn view_of(view: &EventView, spec: &AggregateSpec, after: Option<i64>, now: i64) -> f32 {
    let bits = view.kinds(&spec.kinds);
    match spec.aggregate {
        Aggregate::Distinct => view.distinct(bits, after, now) as f32,
        aggregate => value(aggregate, &view.tally(bits, after, now), 0.0, now),
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

/// An aggregate of the user with each of the entities, from what is held of the user as it is.
fn pairs(
    view: Option<&EventView>,
    entities: &[EntityId],
    spec: &AggregateSpec,
    after: Option<i64>,
    now: i64,
) -> Vec<f32> {
    let Some(view) = view else { return vec![f32::NAN; entities.len()] };
    let mut tallies: FxHashMap<u64, Tally> = entities.iter().map(|id| (id.0, Tally::default())).collect();
    let bits = view.kinds(&spec.kinds);
    for entry in inside(view, bits, after, now) {
        if let Some(tally) = tallies.get_mut(&entry.other) {
            tally.count += 1;
            tally.sum += f64::from(entry.value);
            tally.newest = Some(entry.time);
        }
    }
    let of = |id: &EntityId| {
        let tally = tallies.get(&id.0).copied().unwrap_or_default();
        value(spec.aggregate, &tally, f64::from(u8::from(tally.count > 0)), now)
    };
    entities.iter().map(of).collect()
}

fn inside(
    view: &EventView,
    bits: KindBits,
    after: Option<i64>,
    now: i64,
) -> impl DoubleEndedIterator<Item = &Entry> {
    let all = view.recent();
    let from = after.map_or(0, |after| all.partition_point(|entry| entry.time <= after));
    let to = all.partition_point(|entry| entry.time <= now).max(from);
    all[from..to].iter().filter(move |entry| bits.has(entry.kind))
}

/// The newest of a row in `(since, until]`, at most `limit`.
fn newest(
    view: &EventView,
    kinds: &[Name],
    since: Timestamp,
    until: Timestamp,
    limit: usize,
    sides: impl Fn(u64) -> (EntityId, UserId),
) -> Vec<Event> {
    let (since, until) = (held(since).0, held(until).0);
    let mut events: Vec<Event> = Vec::new();
    for entry in inside(view, view.kinds(kinds), Some(since), until).rev() {
        if events.len() >= limit && events.last().is_none_or(|last| last.time.0 != entry.time) {
            break;
        }
        let (entity, user) = sides(entry.other);
        let kind = kinds.iter().position(|kind| kind == view.kind(entry)).unwrap_or(0) as u16;
        events.push(Event { entity, user, time: Timestamp(entry.time), value: entry.value, kind });
    }
    events.sort_unstable_by(newest_first);
    events.truncate(limit);
    events
}
