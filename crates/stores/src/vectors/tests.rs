//! The contract over the embedded store in all its forms, and what is left on disk.

use std::time::Duration;

use recommend_core::{Name, TenantId, Timestamp};

use super::embedded::GraphOptions;
use super::*;
use crate::StoreError;

/// A graph from the first vector on.
fn with_a_graph() -> VectorOptions {
    VectorOptions { scan_up_to: 0, graph: GraphOptions { links: 8, build_width: 64, search_width: 64 } }
}

#[tokio::test(flavor = "multi_thread")]
async fn scanning_keeps_the_contract() {
    contract::all(|| async { EmbeddedVectors::in_memory(VectorOptions::default()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_keeps_the_contract() {
    // As wide as the data of the contract, so that what is nearly always found is always found.
    let graph = GraphOptions { links: 16, build_width: 400, search_width: 500 };
    let options = VectorOptions { scan_up_to: 0, graph };
    contract::all(|| async move { EmbeddedVectors::in_memory(options) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_disk_it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    contract::all(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        EmbeddedVectors::open(&folder.path().join(number.to_string()), VectorOptions::default()).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_means_keep_the_contract() {
    contract::means(|| async { EmbeddedVectors::in_memory(VectorOptions::default()) }).await;
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    contract::means(|| async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        EmbeddedVectors::open(&folder.path().join(number.to_string()), with_a_graph()).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mean_goes_on_after_opening_again() {
    let (folder, tenant) = (tempfile::tempdir().unwrap(), TenantId(1));
    let all = Fold::Onto { half_life: None };
    for comparison in [Comparison::Cosine, Comparison::Dot] {
        let embedding = Name::literal(if comparison == Comparison::Dot { "dot" } else { "cosine" });
        let place = Place::entities(tenant, &embedding);
        let shape = Shape { dimension: 2, comparison, precision: Precision::F32 };
        let mut weighed = 0.0;
        for opened in 0..5 {
            let store = EmbeddedVectors::open(folder.path(), VectorOptions::default()).unwrap();
            store.define(tenant, &embedding, shape).await.unwrap();
            for (vector, times) in [([2.0, 0.0], 3), ([0.0, 2.0], 1)] {
                for time in 0..times {
                    let mean = Mean::of(vector.to_vec(), Timestamp(opened * 100 + time));
                    store.fold(&place, all, vec![(1, mean)]).await.unwrap();
                }
            }
            weighed += 4.0;
            let axis = Probe::Vector(vec![1.0, 0.0]);
            let found = store.similarities(&place, &axis, &[1]).await.unwrap()[0];
            let expected = if comparison == Comparison::Dot { 1.5 } else { 0.948_683_3 };
            assert!((found - expected).abs() < 1e-5, "{comparison:?} after {weighed}: {found}");
            store.close().await.unwrap();
        }
    }
}

fn place() -> Place {
    Place::entities(TenantId(1), &Name::literal("films"))
}

fn vector(id: u64) -> Vec<f32> {
    (0..12).map(|at| ((id * 7 + at * 13) % 29) as f32 - 14.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_opening_again() {
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape { dimension: 12, comparison: Comparison::Dot, precision };
        let probe = Probe::Vector(vector(3));
        let before = {
            let store = EmbeddedVectors::open(folder.path(), with_a_graph()).unwrap();
            store.define(TenantId(1), &place().embedding, shape).await.unwrap();
            let all: Vec<(u64, Vec<f32>)> = (0..500).map(|id| (id, vector(id))).collect();
            store.upsert(&place(), &all).await.unwrap();
            store.delete(&place(), &[5, 6, 7]).await.unwrap();
            let again = EmbeddedVectors::open(folder.path(), with_a_graph());
            assert!(matches!(again, Err(StoreError::InUse(_))), "{again:?}");
            store.similarities(&place(), &probe, &(0..500).collect::<Vec<_>>()).await.unwrap()
        };
        let store = EmbeddedVectors::open(folder.path(), with_a_graph()).unwrap();
        let after = store.similarities(&place(), &probe, &(0..500).collect::<Vec<_>>()).await.unwrap();
        for (id, (before, after)) in before.iter().zip(&after).enumerate() {
            let same =
                (before - after).abs() <= 1e-3 * before.abs().max(1.0) || (before.is_nan() && after.is_nan());
            assert!(same, "{precision:?} {id}: {before} {after}");
        }
        assert!(after[5].is_nan());
        assert_eq!(store.describe(TenantId(1)).await.unwrap()[0].entities, 497);
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(EmbeddedVectors::open(folder.path(), VectorOptions::default()).unwrap());
    let path = folder.path().join("vectors.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    bytes[..64].fill(7);
    std::fs::write(&path, bytes).unwrap();
    let error = EmbeddedVectors::open(folder.path(), VectorOptions::default()).unwrap_err();
    assert!(error.to_string().contains("vectors.redb"), "{error}");
}

/// Waits for the thread that links.
async fn settled(store: &EmbeddedVectors) {
    while !store.settled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_makes_room_while_searches_go_on() {
    let store = EmbeddedVectors::in_memory(with_a_graph());
    let shape = Shape { dimension: 12, comparison: Comparison::Cosine, precision: Precision::I8 };
    store.define(TenantId(1), &place().embedding, shape).await.unwrap();
    let all: Vec<(u64, Vec<f32>)> = (0..300).map(|id| (id, vector(id))).collect();
    for _ in 0..12 {
        store.upsert(&place(), &all).await.unwrap();
        let found = store.nearest(&place(), &Probe::Vector(vector(3)), 3, Among::All).await.unwrap();
        assert!(found[0].similarity > 0.99, "{found:?}");
    }
    settled(&store).await;
    let found = store.nearest(&place(), &Probe::Vector(vector(3)), 300, Among::All).await.unwrap();
    assert_eq!(found.len(), 300, "each once");
}
