//! The catalog's reads.

use std::sync::Arc;

use async_trait::async_trait;
use recommend_core::{
    AttributeTable, CatalogReader, ComponentError, EntityId, Name, RelationSet, TenantId, Timestamp, UserId,
    Value,
};
use redis::Value as Answer;
use rustc_hash::FxHashMap;

use super::facts::Sought;
use super::held::Held;
use super::keys::{self, Members, RowKey, RowKind, RowRef, TENANTS};
use super::store::{RedisStore, texts};
use crate::catalog::{Catalog, CorpusSummary};
use crate::error::StoreError;
use crate::feature_rows::FeatureRowStore;

fn row(kind: RowKind, tenant: TenantId, corpus: &Name, id: u64) -> RowRef<'_> {
    RowRef { kind, tenant, corpus, id }
}

#[async_trait]
impl CatalogReader for RedisStore {
    async fn attributes(
        &self,
        tenant: TenantId,
        corpus: &Name,
        ids: &[EntityId],
        names: &[Name],
    ) -> Result<AttributeTable, ComponentError> {
        let of = |kind| ids.iter().map(move |id| row(kind, tenant, corpus, id.0)).collect::<Vec<_>>();
        // Where the features of these entities are asked for next, one round trip brings both.
        let next = || match self.counted.read().contains(corpus) {
            true => of(RowKind::Entity),
            false => Vec::new(),
        };
        let loaded = self.rows.load_with(&of(RowKind::Facts), next).await;
        let facts = &loaded.rows;
        if facts.iter().all(Option::is_none)
            && let Some(error) = loaded.trouble.as_ref().filter(|_| !ids.is_empty())
        {
            return Err(StoreError::Unavailable { reason: error.to_string() }.into());
        }
        let mut table = AttributeTable::new(ids.len(), names);
        let facts: Vec<_> = facts.iter().map(|row| row.as_ref().and_then(|row| row.facts())).collect();
        let sought = Sought::new(names, &self.rows.names);
        for (at, facts) in facts.iter().enumerate() {
            let Some(facts) = facts else { continue };
            if facts.known {
                table.set_known(at);
            }
            sought.find(&facts.attributes, |column, value| table.column_mut(column)[at] = Some(value));
        }
        if let Some(reason) = loaded.trouble {
            table.set_degraded(&reason);
        }
        Ok(table)
    }

    async fn relations(
        &self,
        tenant: TenantId,
        user: UserId,
        corpus: &Name,
        kinds: &[Name],
    ) -> Result<Vec<Arc<RelationSet>>, ComponentError> {
        let next = || match self.personal.read().contains(corpus) {
            true => vec![row(RowKind::User, tenant, corpus, user.0)],
            false => Vec::new(),
        };
        let loaded = self.rows.load_with(&[row(RowKind::Ties, tenant, corpus, user.0)], next).await;
        let Some(ties) = loaded.rows[0].as_ref().and_then(|row| row.ties()) else {
            let reason = loaded.trouble.as_deref().unwrap_or("the row of relations is of another kind");
            return Err(StoreError::Unavailable { reason: reason.to_owned() }.into());
        };
        Ok(kinds.iter().map(|kind| ties.relation(kind)).collect())
    }
}

#[async_trait]
impl Catalog for RedisStore {
    async fn entities(&self, tenant: TenantId, corpus: &Name) -> Result<Arc<[EntityId]>, StoreError> {
        let ids = self.members(tenant, corpus, Members::Put).await?;
        Ok(ids.iter().copied().map(EntityId).collect())
    }

    async fn newest(
        &self,
        tenant: TenantId,
        corpus: &Name,
        by: &Name,
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<(EntityId, Timestamp)>, StoreError> {
        let range = |shard: u32, from: f64, to: f64, limit: i64| {
            let mut command = redis::cmd("ZRANGE");
            command.arg(keys::by_time(tenant, shard, corpus, by)).arg(to).arg(from);
            command.arg(&["BYSCORE", "REV", "LIMIT", "0"]).arg(limit).arg("WITHSCORES");
            command
        };
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let (from, to) = (since.0 as f64, until.0 as f64);
        if limit == 0 || from > to {
            return Ok(Vec::new());
        }
        let mut found: Vec<_> = self
            .ask_shards(|shard| range(shard, from, to, most))
            .await?
            .into_iter()
            .flat_map(scored)
            .collect();
        let order = |a: &(EntityId, Timestamp), b: &(EntityId, Timestamp)| b.1.cmp(&a.1).then(a.0.cmp(&b.0));
        found.sort_unstable_by(order);
        if let Some((_, last)) = found.get(limit - 1).copied() {
            // Redis orders those of one moment the other way round: which of them are in is known when all are there.
            let at = last.0 as f64;
            let ties = self.ask_shards(|shard| range(shard, at, at, -1)).await?;
            found.retain(|(_, time)| *time > last);
            found.extend(ties.into_iter().flat_map(scored));
            found.sort_unstable_by(order);
            found.truncate(limit);
        }
        Ok(found)
    }

    async fn names(&self, tenant: TenantId, ids: &[u64]) -> Result<Vec<Option<String>>, StoreError> {
        let mut names: Vec<_> = ids
            .iter()
            .map(|id| {
                let held = || self.dictionary.get(&(tenant, *id)).map(|text| text.to_string());
                self.codec.decode(*id).or_else(held)
            })
            .collect();
        let missing: Vec<usize> = (0..ids.len()).filter(|at| names[*at].is_none()).collect();
        if missing.is_empty() {
            return Ok(names);
        }
        let mut command = redis::cmd("HMGET");
        command.arg(keys::dictionary(tenant));
        missing.iter().for_each(|at| {
            command.arg(&ids[*at].to_be_bytes()[..]);
        });
        let link = Arc::clone(&self.link);
        let answer = self.runtime.run(async move { link.read(&command).await }).await?;
        let Answer::Array(answers) = answer else { return Ok(names) };
        for (at, answer) in missing.into_iter().zip(answers) {
            if let Answer::BulkString(bytes) = answer
                && let Ok(text) = String::from_utf8(bytes)
            {
                self.dictionary.insert((tenant, ids[at]), text.as_str().into());
                names[at] = Some(text);
            }
        }
        Ok(names)
    }

    async fn tenants(&self) -> Result<Vec<(TenantId, String)>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(TENANTS);
        let answer = self.ask(command).await?;
        let pairs: Vec<String> = match answer {
            Answer::Map(pairs) => {
                pairs.into_iter().flat_map(|(key, value)| texts(Answer::Array(vec![key, value]))).collect()
            }
            list => texts(list).collect(),
        };
        let mut tenants: Vec<_> = pairs
            .chunks_exact(2)
            .filter_map(|pair| {
                let id = u64::from_str_radix(&pair[0], 16).ok()?;
                let held = (!pair[1].is_empty()).then(|| pair[1].clone());
                let name = self.codec.decode(id).or(held).unwrap_or_else(|| format!("{id:#x}"));
                Some((TenantId(id), name))
            })
            .collect();
        tenants.sort_unstable();
        Ok(tenants)
    }

    async fn describe(&self, tenant: TenantId) -> Result<Vec<CorpusSummary>, StoreError> {
        let mut summaries = Vec::new();
        for corpus in self.vocabulary(tenant, "corpora").await? {
            let put = self.members(tenant, &corpus, Members::Put).await?;
            let keys = put.iter().map(|id| row(RowKind::Facts, tenant, &corpus, *id).owned()).collect();
            let mut attributes: FxHashMap<Name, usize> = FxHashMap::default();
            for row in self.all(keys).await? {
                for (name, _) in row.facts().map_or(&[][..], |facts| &facts.attributes) {
                    *attributes.entry(name.clone()).or_default() += 1;
                }
            }
            let tied = self.members(tenant, &corpus, Members::Ties).await?;
            let keys = tied.iter().map(|id| row(RowKind::Ties, tenant, &corpus, *id).owned()).collect();
            let mut relations: FxHashMap<Name, usize> = FxHashMap::default();
            for row in self.all(keys).await? {
                for (kind, set) in row.ties().map_or(&[][..], |ties| &ties.relations) {
                    *relations.entry(kind.clone()).or_default() += set.len();
                }
            }
            relations.retain(|_, ties| *ties > 0);
            let sorted = |counts: FxHashMap<Name, usize>| {
                let mut counts: Vec<_> = counts.into_iter().collect();
                counts.sort_unstable();
                counts
            };
            let (attributes, relations) = (sorted(attributes), sorted(relations));
            summaries.push(CorpusSummary { corpus, entities: put.len(), attributes, relations });
        }
        Ok(summaries)
    }
}

impl RedisStore {
    /// Rows past the cache.
    pub(super) async fn all(&self, keys: Vec<RowKey>) -> Result<Vec<Arc<Held>>, StoreError> {
        let (rows, link) = (Arc::clone(&self.rows), Arc::clone(&self.link));
        self.runtime.run(async move { rows.read(&link, &keys).await }).await
    }
}

/// Members with their times.
fn scored(answer: Answer) -> Vec<(EntityId, Timestamp)> {
    let Answer::Array(list) = answer else { return Vec::new() };
    let mut flat = Vec::with_capacity(list.len() * 2);
    for item in list {
        match item {
            Answer::Array(pair) => flat.extend(pair),
            single => flat.push(single),
        }
    }
    let time = |score: &Answer| match score {
        Answer::Double(score) => Some(*score as i64),
        Answer::BulkString(text) => {
            std::str::from_utf8(text).ok()?.parse::<f64>().ok().map(|score| score as i64)
        }
        _ => None,
    };
    flat.chunks_exact(2)
        .filter_map(|pair| match pair {
            [Answer::BulkString(id), score] => {
                Some((EntityId(u64::from_be_bytes(*id.first_chunk()?)), Timestamp(time(score)?)))
            }
            _ => None,
        })
        .collect()
}

#[async_trait]
impl FeatureRowStore for RedisStore {
    async fn rows(
        &self,
        tenant: TenantId,
        corpus: &Name,
        user: Option<UserId>,
        entities: &[EntityId],
        names: &[Name],
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        out.fill(f32::NAN);
        if names.is_empty() || entities.is_empty() {
            return Ok(());
        }
        let wanted: Vec<RowRef<'_>> = match user {
            None => entities.iter().map(|id| row(RowKind::Facts, tenant, corpus, id.0)).collect(),
            Some(user) => vec![row(RowKind::Ties, tenant, corpus, user.0)],
        };
        let loaded = self.rows.load(&wanted).await;
        if let Some(error) = loaded.failure() {
            return Err(error);
        }
        let sought = Sought::new(names, &self.rows.names);
        for (at, (entity, out)) in entities.iter().zip(out.chunks_exact_mut(names.len())).enumerate() {
            let held = loaded.rows.get(if user.is_some() { 0 } else { at }).and_then(Option::as_ref);
            let Some(held) = held else { continue };
            let values = match user {
                None => held.facts().map_or(&[][..], |facts| &facts.features),
                Some(_) => held.ties().map_or(&[][..], |ties| ties.pair(entity.0)),
            };
            sought.find(values, |place, value| out[place] = value);
        }
        match loaded.trouble {
            Some(reason) => Err(StoreError::Partial { reason: reason.to_string() }),
            None => Ok(()),
        }
    }
}

/// Whether a value belongs into an index by time.
pub(super) fn time_of(value: Option<Value>) -> Option<i64> {
    value.and_then(Value::as_time).map(|time| time.0)
}
