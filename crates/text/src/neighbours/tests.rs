//! The index against a full scan.

use proptest::prelude::*;

use super::*;
use crate::{Metric, Rows};

/// Rows of few columns and few values, so that terms are shared and some rows are empty, equal or opposite.
fn rows() -> impl Strategy<Value = Rows> {
    let value = prop::sample::select(vec![0.5, 1.0, 2.0, -1.0, 3.0, 0.1]);
    prop::collection::vec(prop::collection::vec((0_u32..8, value), 0..5), 1..24).prop_map(|dense| {
        let mut rows = Rows::new(8);
        for row in dense {
            rows.push(row).unwrap();
        }
        rows
    })
}

proptest! {
    #[test]
    fn the_index_finds_what_a_full_scan_finds(
        rows in rows(),
        eps in 0.01_f64..2.5,
        euclidean in any::<bool>(),
    ) {
        let metric = if euclidean { Metric::Euclidean } else { Metric::Cosine };
        let points = Points::new(Samples::of(&rows), metric);
        let index = Index::new(&points, eps);
        let mut scratch = index.scratch();
        for point in 0..points.len() {
            let mut found = Vec::new();
            index.neighbours(point, &mut scratch, |_| true, |other| {
                found.push(other);
                Next::On
            });
            found.sort_unstable();
            let spread = points.rows().dense(point);
            let scan = |other: &usize| *other != point && points.near(point, &spread, *other, eps);
            prop_assert_eq!(found, (0..points.len()).filter(scan).collect::<Vec<_>>());
        }
    }
}

#[test]
fn only_what_a_neighbour_must_share_is_indexed() {
    let mut rows = Rows::new(101);
    for at in 0..100 {
        rows.push([(0, 1.0), (at + 1, 1.0)]).unwrap();
    }
    let points = Points::new(Samples::of(&rows), Metric::Cosine);
    // The common column is half of each row's square: within 0.2 of one another rows must share the other one.
    let index = Index::new(&points, 0.2);
    assert!(index.list(0).is_empty());
    assert_eq!(index.list(7), [6]);
}
