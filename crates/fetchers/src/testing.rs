//! Worlds for the tests of fetchers: stores in memory with a few interactions, entities and relations.

use recommend_core::{
    Deadline, EntityId, IdCodec, Interaction, InteractionId, Name, Query, RequestId, TenantId, Timestamp,
    UserId, Value, days,
};
use recommend_stores::{EntityPut, RelationPut, Stores, WriteBatch};

pub(crate) const TENANT: TenantId = TenantId(1);
pub(crate) const USER: UserId = UserId(7);
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A query of [`USER`] in [`TENANT`] for channels at [`NOW`].
pub(crate) fn query() -> Query {
    query_of(TENANT)
}

pub(crate) fn query_of(tenant: TenantId) -> Query {
    Query {
        request: RequestId(1),
        tenant,
        user: USER,
        corpus: Name::literal("channel"),
        source: Name::literal("test"),
        limit: 10,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now: NOW,
        deadline: Deadline::after(days(1)),
        seed: 0,
    }
}

/// A query of [`USER`] in [`TENANT`] for people at [`NOW`].
pub(crate) fn query_of_people() -> Query {
    Query { corpus: Name::literal("user"), ..query() }
}

pub(crate) fn ids(numbers: &[u64]) -> Vec<EntityId> {
    numbers.iter().copied().map(EntityId).collect()
}

/// Stores, and how many interactions were written, so that each has an id of its own.
pub(crate) struct World {
    pub(crate) stores: Stores,
    written: u128,
    corpus: Name,
}

impl World {
    /// Empty stores; what is written belongs to the corpus `channel`.
    pub(crate) fn new() -> Self {
        World::of("channel")
    }

    pub(crate) fn of(corpus: &'static str) -> Self {
        let stores = Stores::in_memory(IdCodec::new([0; 16]));
        World { stores, written: 0, corpus: Name::literal(corpus) }
    }

    /// Writes (user, entity, kind, time) in [`TENANT`].
    pub(crate) async fn events(
        self,
        events: impl IntoIterator<Item = (u64, u64, &'static str, Timestamp)>,
    ) -> Self {
        self.events_of(TENANT, events).await
    }

    pub(crate) async fn events_of(
        mut self,
        tenant: TenantId,
        events: impl IntoIterator<Item = (u64, u64, &'static str, Timestamp)>,
    ) -> Self {
        let mut interactions = Vec::new();
        for (user, entity, kind, time) in events {
            self.written += 1;
            interactions.push(Interaction {
                id: InteractionId(self.written),
                request: None,
                tenant,
                user: UserId(user),
                corpus: self.corpus.clone(),
                entity: EntityId(entity),
                kind: Name::literal(kind),
                time,
                value: 1.0,
            });
        }
        self.write(tenant, WriteBatch { interactions, ..WriteBatch::default() }).await
    }

    /// Puts an entity with attributes.
    pub(crate) async fn entity(self, id: u64, attributes: &[(&'static str, Value)]) -> Self {
        let attributes = attributes.iter().map(|(name, value)| (Name::literal(name), Some(*value))).collect();
        let put = EntityPut { corpus: self.corpus.clone(), entity: EntityId(id), attributes, remove: false };
        self.write(TENANT, WriteBatch { entities: vec![put], ..WriteBatch::default() }).await
    }

    /// Ties [`USER`] to entities: (entity, since, weight).
    pub(crate) async fn relations(
        self,
        kind: &'static str,
        ties: impl IntoIterator<Item = (u64, Timestamp, f32)>,
    ) -> Self {
        let put = |(entity, since, weight)| RelationPut {
            user: USER,
            kind: Name::literal(kind),
            corpus: self.corpus.clone(),
            entity: EntityId(entity),
            since,
            weight,
            remove: false,
        };
        let relations = ties.into_iter().map(put).collect();
        self.write(TENANT, WriteBatch { relations, ..WriteBatch::default() }).await
    }

    async fn write(self, tenant: TenantId, batch: WriteBatch) -> Self {
        self.stores.writer.write(tenant, batch).await.expect("the batch is well formed");
        self
    }
}
