//! What every vector store promises, as tests that take one.
//!
//! ```ignore
//! #[tokio::test]
//! async fn my_store_keeps_the_contract() {
//!     recommend_stores::vectors::contract::all(|| async { MyStore::new() }).await;
//! }
//! ```

#![expect(clippy::unwrap_used, reason = "tests")]

mod means;

use std::collections::HashSet;
use std::future::Future;

use recommend_core::{Name, TenantId};

use super::{Among, Comparison, Near, Place, Precision, Probe, Shape, VectorError, VectorStore};

pub use means::means;

const TENANT: TenantId = TenantId(1);

fn name() -> Name {
    Name::literal("user-channel")
}

fn shape(dimension: usize) -> Shape {
    Shape { dimension, comparison: Comparison::Cosine, precision: Precision::F32 }
}

fn entities() -> Place {
    Place::entities(TENANT, &name())
}

/// Numbers from -1 to 1 that look like chance.
fn vector(id: u64, dimension: usize) -> Vec<f32> {
    let number = |at: u64| {
        let mixed = (id * 1_000_003 + at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..dimension as u64).map(number).collect()
}

fn similarity(a: &[f32], b: &[f32], comparison: Comparison) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    match comparison {
        Comparison::Dot => dot(a, b),
        Comparison::Cosine => dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
    }
}

fn ids(near: &[Near]) -> Vec<u64> {
    near.iter().map(|near| near.id).collect()
}

/// All of them, each on a store of its own that holds nothing yet.
///
/// # Panics
/// When the store breaks a promise.
pub async fn all<S: VectorStore + 'static, F: Future<Output = S>>(make: impl Fn() -> F) {
    the_nearest_are_found_in_order(&make().await).await;
    filters_leave_what_they_hold(&make().await).await;
    what_is_written_is_found_and_what_is_deleted_is_not(&make().await).await;
    nothing_crosses_tenants_sides_or_embeddings(&make().await).await;
    stored_vectors_make_a_probe(&make().await).await;
    what_does_not_fit_is_refused_whole(&make().await).await;
    searches_go_on_while_others_write(std::sync::Arc::new(make().await)).await;
}

async fn the_nearest_are_found_in_order(store: &impl VectorStore) {
    for (comparison, precision, tolerance) in [
        (Comparison::Cosine, Precision::F32, 1e-5),
        (Comparison::Dot, Precision::F32, 1e-4),
        (Comparison::Cosine, Precision::F16, 2e-3),
        (Comparison::Cosine, Precision::I8, 2e-2),
    ] {
        let (n, dimension) = (300_u64, 24);
        let embedding = match (comparison, precision) {
            (Comparison::Dot, _) => Name::literal("dot"),
            (_, Precision::F32) => Name::literal("cosine"),
            (_, Precision::F16) => Name::literal("half"),
            (_, Precision::I8) => Name::literal("bytes"),
        };
        store.define(TENANT, &embedding, Shape { dimension, comparison, precision }).await.unwrap();
        let place = Place::entities(TENANT, &embedding);
        let all: Vec<(u64, Vec<f32>)> = (0..n).map(|id| (id, vector(id, dimension))).collect();
        store.upsert(&place, &all).await.unwrap();
        let probe = vector(9_999, dimension);
        let mut expected: Vec<f32> =
            all.iter().map(|(_, other)| similarity(&probe, other, comparison)).collect();
        let near = store.nearest(&place, &Probe::Vector(probe), 20, Among::All).await.unwrap();
        assert_eq!(near.len(), 20);
        assert!(near.is_sorted_by(|a, b| (a.similarity, b.id) >= (b.similarity, a.id)), "{near:?}");
        for found in &near {
            let difference = (found.similarity - expected[found.id as usize]).abs();
            assert!(difference < tolerance, "{embedding}: {found:?} is {}", expected[found.id as usize]);
        }
        expected.sort_by(|a, b| b.total_cmp(a));
        for (found, expected) in near.iter().zip(&expected) {
            assert!((found.similarity - expected).abs() < tolerance, "{embedding}: {found:?}, {expected}");
        }
    }
}

async fn filters_leave_what_they_hold(store: &impl VectorStore) {
    store.define(TENANT, &name(), shape(8)).await.unwrap();
    let all: Vec<(u64, Vec<f32>)> = (0..400).map(|id| (id, vector(id, 8))).collect();
    store.upsert(&entities(), &all).await.unwrap();
    let few: HashSet<u64> = (0..400).filter(|id| id % 97 == 3).collect();
    let many: HashSet<u64> = (0..400).filter(|id| id % 97 != 3).collect();
    let probe = Probe::Vector(vector(7, 8));
    let whole = ids(&store.nearest(&entities(), &probe, 400, Among::All).await.unwrap());
    assert_eq!(whole[0], 7);
    let third = |id: u64| id.is_multiple_of(3);
    for among in [
        Among::Only(&few),
        Among::Only(&many),
        Among::Except(&few),
        Among::Except(&many),
        Among::Where(&third),
    ] {
        let found = ids(&store.nearest(&entities(), &probe, 10, among).await.unwrap());
        let expected: Vec<u64> = whole.iter().copied().filter(|id| among.holds(*id)).take(10).collect();
        assert_eq!(found, expected, "{among:?}");
    }
    let none = HashSet::new();
    assert!(store.nearest(&entities(), &probe, 10, Among::Only(&none)).await.unwrap().is_empty());
    assert!(store.nearest(&entities(), &probe, 0, Among::All).await.unwrap().is_empty());
}

async fn what_is_written_is_found_and_what_is_deleted_is_not(store: &impl VectorStore) {
    store.define(TENANT, &name(), shape(3)).await.unwrap();
    let probe = Probe::Vector(vec![1.0, 0.0, 0.0]);
    store.upsert(&entities(), &[(1, vec![0.9, 0.1, 0.0]), (2, vec![0.5, 0.5, 0.0])]).await.unwrap();
    assert_eq!(ids(&store.nearest(&entities(), &probe, 5, Among::All).await.unwrap()), [1, 2]);
    store.upsert(&entities(), &[(1, vec![0.0, 0.0, 1.0]), (3, vec![2.0, 0.1, 0.0])]).await.unwrap();
    assert_eq!(ids(&store.nearest(&entities(), &probe, 5, Among::All).await.unwrap()), [3, 2, 1]);
    store.delete(&entities(), &[2, 77]).await.unwrap();
    assert_eq!(ids(&store.nearest(&entities(), &probe, 5, Among::All).await.unwrap()), [3, 1]);
    let similarities = store.similarities(&entities(), &probe, &[2, 3, 1]).await.unwrap();
    assert!(
        similarities[0].is_nan() && similarities[1] > 0.99 && similarities[2].abs() < 1e-5,
        "{similarities:?}"
    );
    store.upsert(&entities(), &[(2, vec![1.0, 0.0, 0.0])]).await.unwrap();
    assert_eq!(ids(&store.nearest(&entities(), &probe, 1, Among::All).await.unwrap()), [2], "and back again");
    let summary = &store.describe(TENANT).await.unwrap()[0];
    assert_eq!(
        (summary.embedding.clone(), summary.shape, summary.users, summary.entities),
        (name(), shape(3), 0, 3)
    );
}

async fn nothing_crosses_tenants_sides_or_embeddings(store: &impl VectorStore) {
    let (other, second) = (TenantId(2), Name::literal("other"));
    for (tenant, embedding) in [(TENANT, name()), (other, name()), (TENANT, second.clone())] {
        store.define(tenant, &embedding, shape(2)).await.unwrap();
    }
    let places = [
        entities(),
        Place::users(TENANT, &name()),
        Place::entities(other, &name()),
        Place::entities(TENANT, &second),
    ];
    for (at, place) in places.iter().enumerate() {
        let mine: Vec<(u64, Vec<f32>)> =
            (0..5).map(|id| (at as u64 * 10 + id, vec![1.0, id as f32])).collect();
        store.upsert(place, &mine).await.unwrap();
    }
    store.delete(&places[2], &[0, 1, 2]).await.unwrap();
    for (at, place) in places.iter().enumerate() {
        let found = store.nearest(place, &Probe::Vector(vec![1.0, 0.0]), 100, Among::All).await.unwrap();
        assert_eq!(ids(&found), (0..5).map(|id| at as u64 * 10 + id).collect::<Vec<_>>(), "{place:?}");
    }
    assert!(store.describe(TenantId(3)).await.unwrap().is_empty());
}

async fn stored_vectors_make_a_probe(store: &impl VectorStore) {
    store.define(TENANT, &name(), shape(2)).await.unwrap();
    let vectors = [(1, vec![1.0, 0.0]), (2, vec![0.0, 1.0]), (3, vec![0.7, 0.7])];
    store.upsert(&entities(), &vectors).await.unwrap();
    store.upsert(&Place::users(TENANT, &name()), &[(5, vec![0.1, 1.0])]).await.unwrap();
    let nearest = async |probe: &Probe| ids(&store.nearest(&entities(), probe, 3, Among::All).await.unwrap());
    assert_eq!(nearest(&Probe::Sum(super::Side::User, vec![(5, 1.0)])).await, [2, 3, 1]);
    let both = Probe::Sum(super::Side::Entity, vec![(1, 1.0), (2, 0.9), (99, 5.0)]);
    assert_eq!(nearest(&both).await, [3, 1, 2]);
    let nobody = Probe::Sum(super::Side::User, vec![(6, 1.0)]);
    assert!(nearest(&nobody).await.is_empty());
    assert!(store.similarities(&entities(), &nobody, &[1, 2]).await.unwrap().iter().all(|x| x.is_nan()));
}

async fn what_does_not_fit_is_refused_whole(store: &impl VectorStore) {
    let unknown = store.upsert(&entities(), &[(1, vec![1.0])]).await;
    assert!(matches!(unknown, Err(VectorError::Unknown(_))), "{unknown:?}");
    store.define(TENANT, &name(), shape(2)).await.unwrap();
    store.define(TENANT, &name(), shape(2)).await.unwrap();
    let differs = store.define(TENANT, &name(), shape(3)).await;
    assert!(matches!(differs, Err(VectorError::Differs { .. })), "{differs:?}");
    let none = store.define(TENANT, &Name::literal("none"), shape(0)).await;
    assert!(matches!(none, Err(VectorError::Shape(0))), "{none:?}");
    let fine = (1, vec![1.0, 1.0]);
    let longer = store.upsert(&entities(), &[fine.clone(), (2, vec![1.0, 1.0, 1.0])]).await;
    assert!(matches!(longer, Err(VectorError::Dimension { dimension: 2, found: 3, .. })), "{longer:?}");
    for bad in [vec![f32::NAN, 1.0], vec![0.0, 0.0]] {
        let refused = store.upsert(&entities(), &[fine.clone(), (2, bad)]).await;
        assert!(matches!(refused, Err(VectorError::NotComparable(2))), "{refused:?}");
    }
    let probe = Probe::Vector(vec![1.0, 0.0]);
    assert!(
        store.nearest(&entities(), &probe, 3, Among::All).await.unwrap().is_empty(),
        "none of it was written"
    );
    let short = store.nearest(&entities(), &Probe::Vector(vec![1.0]), 3, Among::All).await;
    assert!(matches!(short, Err(VectorError::Dimension { .. })), "{short:?}");
}

async fn searches_go_on_while_others_write(store: std::sync::Arc<impl VectorStore + 'static>) {
    store.define(TENANT, &name(), shape(16)).await.unwrap();
    // One that stays, and is what the probe wants.
    store.upsert(&entities(), &[(5_000, vector(99_999, 16))]).await.unwrap();
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for round in 0..30_u64 {
            let some: Vec<(u64, Vec<f32>)> = (0..40).map(|id| (id, vector(id + round * 50, 16))).collect();
            writer.upsert(&entities(), &some).await.unwrap();
            writer.delete(&entities(), &[round % 40, (round + 7) % 40]).await.unwrap();
        }
    });
    let probe = Probe::Vector(vector(99_999, 16));
    let mut searches = 0;
    while !writing.is_finished() || searches == 0 {
        let found = store.nearest(&entities(), &probe, 5, Among::All).await.unwrap();
        assert_eq!(found[0].id, 5_000);
        let distinct: HashSet<u64> = found.iter().map(|near| near.id).collect();
        assert_eq!(distinct.len(), found.len(), "no id twice");
        searches += 1;
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
    let last = store.nearest(&entities(), &probe, 100, Among::All).await.unwrap();
    assert_eq!(last.len(), 39, "forty less the last two, and the one that stays");
}
