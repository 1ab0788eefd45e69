//! Reads over what users did.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use recommend_core::{EntityId, Name, TenantId, Timestamp, UserId};
use rustc_hash::FxHashMap;

use super::event_row::Entry;
use super::event_view::{EventView, KindBits};
use super::held::Held;
use super::keys::{Members, RowKind, RowRef};
use super::store::RedisStore;
use crate::embedded::read_interactions::newest_first;
use crate::embedded::timeline::held;
use crate::error::StoreError;
use crate::interactions::{
    AggregateSpec, CoInteraction, Event, HourScope, InteractionStore, KindSummary, Subject,
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
        self.aggregates(subject, specs, out).await
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
            let keys = page.iter().map(|id| key(RowKind::Entity, tenant, corpus, *id).owned()).collect();
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
                        page.iter().map(|id| key(RowKind::User, tenant, &corpus, *id).owned()).collect();
                    let rows = rows.read(&link, &keys).await?;
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
        let keys = rows
            .clone()
            .map(|(corpus, shard)| key(RowKind::Corpus, tenant, corpus, shard.into()).owned())
            .collect();
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

fn key(kind: RowKind, tenant: TenantId, corpus: &Name, id: u64) -> RowRef<'_> {
    RowRef { kind, tenant, corpus, id }
}

impl RedisStore {
    async fn one(&self, key: RowRef<'_>) -> Result<Arc<Held>, StoreError> {
        let loaded = self.rows.load(std::slice::from_ref(&key)).await;
        if let Some(error) = loaded.failure() {
            return Err(error);
        }
        Ok(loaded.rows.into_iter().flatten().next().unwrap_or_else(|| Arc::new(Held::empty(key.kind))))
    }
}

pub(super) fn note(corpora: &parking_lot::RwLock<rustc_hash::FxHashSet<Name>>, corpus: &Name) {
    if !corpora.read().contains(corpus) {
        corpora.write().insert(corpus.clone());
    }
}

fn inside(
    view: &EventView,
    bits: KindBits,
    after: Option<i64>,
    now: i64,
) -> impl DoubleEndedIterator<Item = &Entry> {
    view.between(after, now).iter().filter(move |entry| bits.has(entry.kind))
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
