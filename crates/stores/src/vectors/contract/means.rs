//! What stores promise that keep running means.

use std::future::Future;
use std::time::Duration;

use recommend_core::Timestamp;

use super::{TENANT, entities, name, shape};
use crate::vectors::{Comparison, Fold, Mean, Place, Precision, Probe, Shape, VectorError, VectorStore};

const HOUR: Duration = Duration::from_secs(3_600);
const ONTO: Fold = Fold::Onto { half_life: Some(HOUR) };

/// A message at an hour.
fn message(vector: [f32; 2], hour: u64) -> Mean {
    Mean::of(vector.to_vec(), Timestamp(1_700_000_000_000).after(HOUR * hour as u32))
}

/// The two numbers of the vector of an id, as cosines with the axes.
async fn direction(store: &impl VectorStore, place: &Place, id: u64) -> [f32; 2] {
    let mut numbers = [0.0; 2];
    for (at, number) in numbers.iter_mut().enumerate() {
        let axis = Probe::Vector((0..2).map(|axis| if axis == at { 1.0 } else { 0.0 }).collect());
        *number = store.similarities(place, &axis, &[id]).await.unwrap()[0];
    }
    numbers
}

#[track_caller]
fn assert_along(found: [f32; 2], expected: [f32; 2]) {
    let length = (expected[0] * expected[0] + expected[1] * expected[1]).sqrt();
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected / length).abs() < 1e-5, "{found} is not {}", expected / length);
    }
}

/// All that concerns running means, each on a store of its own that holds nothing yet.
///
/// # Panics
/// When the store breaks a promise.
pub async fn means<S: VectorStore + 'static, F: Future<Output = S>>(make: impl Fn() -> F) {
    means_move_with_what_is_folded_onto_them(&make().await).await;
    a_vector_that_was_written_as_it_is_is_no_mean(&make().await).await;
    dot_products_are_with_the_mean_itself(&make().await).await;
    means_that_do_not_fit_are_refused_whole(&make().await).await;
    messages_that_come_at_once_are_all_counted(std::sync::Arc::new(make().await)).await;
}

async fn means_move_with_what_is_folded_onto_them(store: &impl VectorStore) {
    store.define(TENANT, &name(), shape(2)).await.unwrap();
    let users = Place::users(TENANT, &name());
    store
        .fold(&entities(), ONTO, vec![(1, message([1.0, 0.0], 0)), (2, message([1.0, 0.0], 0))])
        .await
        .unwrap();
    store.fold(&users, ONTO, vec![(1, message([0.0, 1.0], 0))]).await.unwrap();
    assert_along(direction(store, &entities(), 1).await, [1.0, 0.0]);
    // Twice in one call, and the older one last.
    store
        .fold(&entities(), ONTO, vec![(1, message([0.0, 1.0], 2)), (1, message([0.0, 1.0], 1))])
        .await
        .unwrap();
    assert_along(direction(store, &entities(), 1).await, [0.25, 1.5]);
    assert_along(direction(store, &entities(), 2).await, [1.0, 0.0]);
    assert_along(direction(store, &users, 1).await, [0.0, 1.0]);
    // Where nothing decays, two hours ago weighs as much as now.
    store.fold(&entities(), Fold::Onto { half_life: None }, vec![(2, message([0.0, 3.0], 2))]).await.unwrap();
    assert_along(direction(store, &entities(), 2).await, [1.0, 3.0]);
    store
        .fold(&entities(), Fold::Anew, vec![(1, message([1.0, 1.0], 0)), (1, message([1.0, 0.0], 0))])
        .await
        .unwrap();
    assert_along(direction(store, &entities(), 1).await, [1.0, 0.0]);
    store.fold(&entities(), ONTO, vec![(1, message([0.0, 1.0], 0))]).await.unwrap();
    assert_along(direction(store, &entities(), 1).await, [1.0, 1.0]);
}

async fn a_vector_that_was_written_as_it_is_is_no_mean(store: &impl VectorStore) {
    store.define(TENANT, &name(), shape(2)).await.unwrap();
    store
        .fold(&entities(), ONTO, vec![(1, message([1.0, 0.0], 0)), (2, message([1.0, 0.0], 0))])
        .await
        .unwrap();
    store.upsert(&entities(), &[(1, vec![1.0, 1.0])]).await.unwrap();
    store.delete(&entities(), &[2]).await.unwrap();
    assert!(direction(store, &entities(), 2).await[0].is_nan());
    store
        .fold(&entities(), ONTO, vec![(1, message([0.0, 1.0], 0)), (2, message([0.0, 1.0], 0))])
        .await
        .unwrap();
    assert_along(direction(store, &entities(), 1).await, [0.0, 1.0]);
    assert_along(direction(store, &entities(), 2).await, [0.0, 1.0]);
}

async fn dot_products_are_with_the_mean_itself(store: &impl VectorStore) {
    let dot = Shape { comparison: Comparison::Dot, ..shape(2) };
    store.define(TENANT, &name(), dot).await.unwrap();
    for (number, expected) in [(2.0, 2.0), (4.0, 3.0), (9.0, 5.0)] {
        let all = Fold::Onto { half_life: None };
        store.fold(&entities(), all, vec![(1, message([number, -number], 7))]).await.unwrap();
        let found = direction(store, &entities(), 1).await;
        assert!((found[0] - expected).abs() < 1e-5 && (found[1] + expected).abs() < 1e-5, "{found:?}");
    }
}

async fn means_that_do_not_fit_are_refused_whole(store: &impl VectorStore) {
    let unknown = store.fold(&entities(), ONTO, vec![(1, message([1.0, 0.0], 0))]).await;
    assert!(matches!(unknown, Err(VectorError::Unknown(_))), "{unknown:?}");
    store.define(TENANT, &name(), shape(2)).await.unwrap();
    let fine = (1, message([1.0, 0.0], 0));
    let longer =
        store.fold(&entities(), ONTO, vec![fine.clone(), (2, Mean::of(vec![1.0; 3], Timestamp(0)))]).await;
    assert!(matches!(longer, Err(VectorError::Dimension { dimension: 2, found: 3, .. })), "{longer:?}");
    // Two that leave nothing of each other.
    let opposite = vec![fine.clone(), (2, message([1.0, 0.0], 0)), (2, message([-1.0, 0.0], 0))];
    let nothing = store.fold(&entities(), ONTO, opposite).await;
    assert!(matches!(nothing, Err(VectorError::NotComparable(2))), "{nothing:?}");
    let numbers = store.fold(&entities(), ONTO, vec![fine.clone(), (3, message([f32::NAN, 0.0], 0))]).await;
    assert!(matches!(numbers, Err(VectorError::NotComparable(3))), "{numbers:?}");
    assert!(direction(store, &entities(), 1).await[0].is_nan(), "none of it was written");
    let coarse = super::Name::literal("coarse");
    store.define(TENANT, &coarse, Shape { precision: Precision::I8, ..shape(2) }).await.unwrap();
    let refused = store.fold(&Place::entities(TENANT, &coarse), ONTO, vec![fine]).await;
    assert!(matches!(refused, Err(VectorError::Imprecise(_))), "{refused:?}");
}

async fn messages_that_come_at_once_are_all_counted(store: std::sync::Arc<impl VectorStore + 'static>) {
    store.define(TENANT, &name(), shape(2)).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let vector = if writer == 0 { [0.0, 1.0] } else { [1.0, 0.0] };
                for _ in 0..25 {
                    let all = Fold::Onto { half_life: None };
                    store.fold(&entities(), all, vec![(1, message(vector, 0))]).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_along(direction(&*store, &entities(), 1).await, [3.0, 1.0]);
}
