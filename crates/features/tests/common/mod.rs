//! A small world in memory, and feature sets filled over it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ndarray::Array2;
use recommend_core::*;
use recommend_features::{Declarations, FeatureSet};
use recommend_stores::{EntityPut, FeaturePut, RelationPut, Stores, WriteBatch};

pub const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
pub const TENANT: TenantId = TenantId(1);

/// A time so many days before now.
pub fn ago(days: f64) -> Timestamp {
    Timestamp(NOW.millis() - (days * 86_400_000.0) as i64)
}

pub fn stores() -> Stores {
    Stores::in_memory(IdCodec::new([3; 16]))
}

/// `(user, corpus, entity, kind, days ago, value)` as an interaction with an id of its own.
pub fn interactions(
    tenant: TenantId,
    list: &[(u64, &'static str, u64, &'static str, f64, f32)],
) -> WriteBatch {
    let interaction = |(at, (user, corpus, entity, kind, days, value)): (
        usize,
        &(u64, &'static str, u64, &'static str, f64, f32),
    )| {
        Interaction {
            id: InteractionId(u128::from(tenant.0) << 64 | at as u128),
            request: None,
            tenant,
            user: UserId(*user),
            corpus: Name::literal(corpus),
            entity: EntityId(*entity),
            kind: Name::literal(kind),
            time: ago(*days),
            value: *value,
        }
    };
    WriteBatch { interactions: list.iter().enumerate().map(interaction).collect(), ..WriteBatch::default() }
}

pub fn entity(corpus: &'static str, id: u64, attributes: &[(&'static str, Value)]) -> EntityPut {
    let attributes = attributes.iter().map(|(name, value)| (Name::literal(name), Some(*value))).collect();
    EntityPut { corpus: Name::literal(corpus), entity: EntityId(id), attributes, remove: false }
}

pub fn relation(user: u64, kind: &'static str, entity: u64, days: f64, weight: f32) -> RelationPut {
    let (user, kind, corpus) = (UserId(user), Name::literal(kind), Name::literal("channel"));
    RelationPut { user, kind, corpus, entity: EntityId(entity), since: ago(days), weight, remove: false }
}

pub fn stored(entity: u64, user: Option<u64>, name: &'static str, value: f32) -> FeaturePut {
    let values = vec![(Name::literal(name), value)];
    FeaturePut { corpus: Name::literal("channel"), entity: EntityId(entity), user: user.map(UserId), values }
}

pub async fn write(stores: &Stores, batch: WriteBatch) {
    stores.writer.write(TENANT, batch).await.unwrap();
}

pub fn query(corpus: &'static str) -> Query {
    Query {
        request: RequestId(1),
        tenant: TENANT,
        user: UserId(7),
        corpus: Name::literal(corpus),
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

pub fn declared(text: &str) -> Declarations {
    Declarations::from_table(toml::from_str(text).unwrap()).unwrap()
}

/// Fills `set` over these candidates, loading what it needs as the executor does.
pub async fn fill(
    set: &FeatureSet,
    stores: &Stores,
    query: &Query,
    ids: &[u64],
) -> (Array2<f32>, Result<(), ComponentError>) {
    let ids: Vec<EntityId> = ids.iter().copied().map(EntityId).collect();
    let candidates = Candidates::merge(&[Proposals::unscored(ids.clone())]);
    let (needs, catalog, tenant) = (set.needs(), &stores.catalog, query.tenant);
    let attributes = catalog.attributes(tenant, &query.corpus, &ids, &needs.attributes).await.unwrap();
    let (people, me) = (Name::literal("user"), [query.user.as_entity()]);
    let user = catalog.attributes(tenant, &people, &me, &needs.user_attributes).await.unwrap();
    let sets = catalog.relations(tenant, query.user, &query.corpus, &needs.relations).await.unwrap();
    let relations = Relations::new(needs.relations.iter().cloned().zip(sets).collect());
    let view = View {
        query,
        candidates: &candidates,
        attributes: Some(&attributes),
        user: Some(&user),
        relations: Some(&relations),
    };
    let mut matrix = Array2::from_elem((ids.len(), set.features().len()), f32::NAN);
    let result = set.fill(&view, matrix.view_mut()).await;
    (matrix, result)
}

/// One feature over these candidates; its declaration is `text`.
pub async fn feature(stores: &Stores, query: &Query, text: &str, ids: &[u64]) -> Vec<f32> {
    let declared = declared(&format!("it = {{ {text} }}"));
    let set = FeatureSet::new(stores, &declared, ["it"], &[]).unwrap();
    let (matrix, result) = fill(&set, stores, query, ids).await;
    result.unwrap();
    matrix.column(0).to_vec()
}

/// Equal, with NaN equal to NaN.
pub fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}
