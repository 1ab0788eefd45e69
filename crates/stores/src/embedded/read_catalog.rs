//! The catalog's reads.

use std::sync::Arc;

use async_trait::async_trait;
use recommend_core::{
    AttributeTable, CatalogReader, ComponentError, EntityId, Name, RelationSet, TenantId, Timestamp, UserId,
};

use super::memory::Memory;
use super::tenant::RelationKey;
use crate::catalog::{Catalog, CorpusSummary};
use crate::error::StoreError;

#[async_trait]
impl CatalogReader for Memory {
    async fn attributes(
        &self,
        tenant: TenantId,
        corpus: &Name,
        ids: &[EntityId],
        names: &[Name],
    ) -> Result<AttributeTable, ComponentError> {
        let mut table = AttributeTable::new(ids.len(), names);
        let Some(tenant) = self.tenant(tenant) else { return Ok(table) };
        let state = tenant.state.read();
        let Some(corpus) = state.corpus(corpus) else { return Ok(table) };
        let row = |id: &EntityId| corpus.entities.get(id.0).filter(|row| corpus.columns.known(*row));
        let rows: Vec<_> = ids.iter().map(row).collect();
        for (at, row) in rows.iter().enumerate() {
            if row.is_some() {
                table.set_known(at);
            }
        }
        for (at, name) in names.iter().enumerate() {
            let Some(column) = corpus.columns.names.get(name) else { continue };
            for (cell, row) in table.column_mut(at).iter_mut().zip(&rows) {
                *cell = row.and_then(|row| corpus.columns.value(row, column));
            }
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
        let Some(tenant) = self.tenant(tenant) else { return Ok(vec![Arc::default(); kinds.len()]) };
        let state = tenant.state.read();
        let set = |kind: &Name| {
            let key: RelationKey = state.relation_key(user, kind, corpus)?;
            state.relations.get(&key).cloned()
        };
        Ok(kinds.iter().map(|kind| set(kind).unwrap_or_default()).collect())
    }
}

#[async_trait]
impl Catalog for Memory {
    async fn entities(&self, tenant: TenantId, corpus: &Name) -> Result<Arc<[EntityId]>, StoreError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(Arc::default()) };
        let state = tenant.state.read();
        Ok(state.corpus(corpus).map(|corpus| corpus.columns.members.snapshot()).unwrap_or_default())
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
        let Some(tenant) = self.tenant(tenant) else { return Ok(Vec::new()) };
        let state = tenant.state.read();
        let Some(corpus) = state.corpus(corpus) else { return Ok(Vec::new()) };
        let Some(column) = corpus.columns.names.get(by) else { return Ok(Vec::new()) };
        Ok(corpus.columns.newest(column, since, until).take(limit).collect())
    }

    async fn names(&self, tenant: TenantId, ids: &[u64]) -> Result<Vec<Option<String>>, StoreError> {
        let tenant = self.tenant(tenant);
        let state = tenant.as_ref().map(|tenant| tenant.state.read());
        let name = |id: &u64| {
            let known = || state.as_ref()?.dictionary.get(id).map(ToString::to_string);
            self.codec.decode(*id).or_else(known)
        };
        Ok(ids.iter().map(name).collect())
    }

    async fn tenants(&self) -> Result<Vec<(TenantId, String)>, StoreError> {
        let name = |(id, tenant): (TenantId, Arc<super::tenant::Tenant>)| {
            let held = || tenant.state.read().name.as_ref().map(ToString::to_string);
            (id, self.codec.decode(id.0).or_else(held).unwrap_or_else(|| format!("{:#x}", id.0)))
        };
        let any =
            |(_, tenant): &(TenantId, Arc<super::tenant::Tenant>)| !tenant.state.read().corpora.is_empty();
        Ok(self.tenants_by_id().into_iter().filter(any).map(name).collect())
    }

    async fn describe(&self, tenant: TenantId) -> Result<Vec<CorpusSummary>, StoreError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(Vec::new()) };
        let state = tenant.state.read();
        let summary = |(name, corpus): (&Name, &super::tenant::Corpus)| {
            let ties = state.relation_kinds.iter().zip(&corpus.ties).filter(|(_, ties)| **ties > 0);
            let mut relations: Vec<_> = ties.map(|(kind, ties)| (kind.clone(), *ties)).collect();
            relations.sort_unstable();
            CorpusSummary {
                corpus: name.clone(),
                entities: corpus.columns.len(),
                attributes: corpus.columns.filled(),
                relations,
            }
        };
        let mut summaries: Vec<_> = state.corpus_names.iter().zip(&state.corpora).map(summary).collect();
        summaries.sort_unstable_by(|a, b| a.corpus.cmp(&b.corpus));
        Ok(summaries)
    }
}
