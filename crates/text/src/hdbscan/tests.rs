//! What holds for any rows, and clusters that anyone would see.

use proptest::prelude::*;

use super::*;
use crate::{NOISE, adjusted_rand_index};

/// Groups of rows around axes: `spread` says how far they lie from them.
fn groups(sizes: &[(usize, f64)]) -> (Rows, Vec<usize>) {
    let mut rows = Rows::new(200);
    let mut truth = Vec::new();
    for (group, (size, spread)) in sizes.iter().enumerate() {
        for at in 0..*size {
            let beside = 20 + ((group * 31 + at * 7) % 180) as u32;
            rows.push([(group as u32, 1.0), (beside, spread * (1.0 + (at % 5) as f64 / 10.0))]).unwrap();
            truth.push(group);
        }
    }
    (rows, truth)
}

#[test]
fn groups_of_different_density_are_found_without_a_radius() {
    let (rows, truth) = groups(&[(30, 0.05), (40, 0.4), (20, 0.2)]);
    let labels = Hdbscan::new(5, 3).unwrap().labels(&rows);
    assert!(adjusted_rand_index(&labels, &truth) > 0.99, "{labels:?}");
}

#[test]
fn what_is_alone_is_noise() {
    let (mut rows, _) = groups(&[(20, 0.05), (20, 0.05)]);
    rows.push([(199, 1.0), (198, 0.3)]).unwrap();
    let labels = Hdbscan::new(5, 3).unwrap().labels(&rows);
    assert_eq!(labels[40], NOISE);
    assert_eq!((labels[0], labels[39]), (0, 1));
}

#[test]
fn few_rows_have_labels_too() {
    assert!(Hdbscan::new(5, 5).unwrap().labels(&Rows::new(0)).is_empty());
    let (rows, _) = groups(&[(1, 0.1)]);
    assert_eq!(Hdbscan::new(2, 2).unwrap().labels(&rows), [NOISE]);
    assert_eq!(Hdbscan::new(1, 1), Err(DbscanError::MinClusterSize(1)));
}

proptest! {
    #[test]
    fn repeated_rows_are_as_if_they_were_written_out(
        which in prop::collection::vec(0_u32..12, 1..60),
        size in 2_usize..6,
        samples in 1_usize..6,
    ) {
        let (rows, _) = groups(&[(4, 0.1), (4, 0.3), (4, 0.6)]);
        let hdbscan = Hdbscan::new(size, samples).unwrap();
        prop_assert_eq!(hdbscan.labels_repeated(&rows, &which), hdbscan.labels(&rows.repeat(&which)));
    }

    #[test]
    fn every_cluster_is_large_enough(
        sizes in prop::collection::vec((1_usize..15, 0.01_f64..0.8), 1..6),
        size in 2_usize..8,
        samples in 1_usize..5,
    ) {
        let (rows, _) = groups(&sizes);
        let labels = Hdbscan::new(size, samples).unwrap().labels(&rows);
        for label in 0..labels.iter().max().copied().unwrap_or(NOISE) + 1 {
            prop_assert!(labels.iter().filter(|other| **other == label).count() >= size, "{:?}", labels);
        }
    }

    #[test]
    fn the_spanning_tree_weighs_as_little_as_kruskals(
        sizes in prop::collection::vec((1_usize..8, 0.01_f64..0.8), 1..5),
        samples in 1_usize..4,
    ) {
        let (rows, _) = groups(&sizes);
        let hdbscan = Hdbscan::new(2, samples).unwrap();
        let points = Points::new(Samples::of(&rows), Metric::Cosine);
        let mut lines = Lines::new(&points);
        let cores: Vec<f64> = (0..points.len()).map(|p| hdbscan.core_distance(&points, &mut lines, p)).collect();
        let mut all = Vec::new();
        for a in 0..points.len() {
            let line = lines.from(a).to_vec();
            all.extend((0..a).map(|b| (line[b].max(cores[a]).max(cores[b]).max(CLOSEST), a, b)));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let components = crate::components::Components::new(points.len());
        let mut weight = 0.0;
        for (distance, a, b) in all {
            if components.root(a) != components.root(b) && distance.is_finite() {
                components.join(a, b);
                weight += distance;
            }
        }
        let ours: f64 = hdbscan.spanning_tree(&points).iter().map(|e| e.distance).filter(|d| d.is_finite()).sum();
        prop_assert!((ours - weight).abs() < 1e-9, "{} {}", ours, weight);
    }
}
