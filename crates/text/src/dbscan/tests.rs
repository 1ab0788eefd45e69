//! Against the naive one, label by label.

use proptest::prelude::*;

use super::search::REMEMBERED;
use super::*;

/// Rows of few columns, some equal, some empty; values that are no round numbers, so that no distance is a tie.
fn rows(columns: u32, most: usize) -> impl Strategy<Value = Rows> {
    let row = prop::collection::vec((0..columns, 0.05_f64..3.0), 0..6);
    (prop::collection::vec(row, 1..12), prop::collection::vec(0_usize..1000, 1..most)).prop_map(
        move |(shapes, which)| {
            let mut rows = Rows::new(columns as usize);
            for (at, which) in which.iter().enumerate() {
                let mut row = shapes[which % shapes.len()].clone();
                // Most rows repeat a shape, some are a little beside it.
                if which % 3 == 0 {
                    row.push((which.wrapping_mul(31) as u32 % columns, 0.01 * (at + 1) as f64));
                }
                rows.push(row).unwrap();
            }
            rows
        },
    )
}

/// Whether a distance is so close to the radius that rounding may decide.
fn is_tie(distances: &[Vec<f64>], eps: f64) -> bool {
    distances.iter().flatten().any(|distance| (distance - eps).abs() < 1e-9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn labels_are_those_of_the_naive_algorithm(
        rows in rows(9, 60),
        eps in 0.01_f64..1.6,
        min_samples in 1_usize..8,
        euclidean in any::<bool>(),
    ) {
        let metric = if euclidean { Metric::Euclidean } else { Metric::Cosine };
        let distances = naive::distances(&rows, metric);
        prop_assume!(!is_tie(&distances, eps));
        let dbscan = Dbscan::new(eps, min_samples).unwrap().metric(metric);
        let ones = vec![1.0; rows.len()];
        prop_assert_eq!(dbscan.labels(&rows), naive::labels(&distances, &ones, eps, min_samples));
    }

    /// Rows longer than a sketch is wide, and columns that share its places.
    #[test]
    fn long_rows_of_many_columns_have_the_labels_of_the_naive_algorithm(
        shapes in prop::collection::vec(prop::collection::vec((0_u32..5_000, 0.05_f64..3.0), 1..60), 1..6),
        noise in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..5_000, 0.0_f64..4.0), 1..25),
        eps in 0.01_f64..1.1,
        min_samples in 1_usize..8,
    ) {
        let mut rows = Rows::new(5_000);
        for (shape, column, value) in &noise {
            let shape = &shapes[shape.index(shapes.len())];
            rows.push(shape.iter().copied().chain([(*column, *value)])).unwrap();
        }
        let distances = naive::distances(&rows, Metric::Cosine);
        prop_assume!(!is_tie(&distances, eps));
        let labels = Dbscan::new(eps, min_samples).unwrap().labels(&rows);
        prop_assert_eq!(labels, naive::labels(&distances, &vec![1.0; rows.len()], eps, min_samples));
    }

    #[test]
    fn weighted_labels_are_those_of_the_naive_algorithm(
        rows in rows(6, 40),
        eps in 0.01_f64..1.2,
        min_samples in 1_usize..8,
        weights in prop::collection::vec(-2_i32..6, 40),
    ) {
        let distances = naive::distances(&rows, Metric::Cosine);
        prop_assume!(!is_tie(&distances, eps));
        let weights: Vec<f64> = weights.iter().take(rows.len()).copied().map(f64::from).collect();
        let labels = Dbscan::new(eps, min_samples).unwrap().labels_weighted(&rows, &weights).unwrap();
        prop_assert_eq!(labels, naive::labels(&distances, &weights, eps, min_samples));
    }

    #[test]
    fn repeated_rows_have_the_labels_of_rows_that_are_written_out(
        rows in rows(6, 20),
        which in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
        eps in 0.01_f64..1.2,
        min_samples in 1_usize..6,
    ) {
        let which: Vec<u32> = which.iter().map(|at| at.index(rows.len()) as u32).collect();
        let dbscan = Dbscan::new(eps, min_samples).unwrap();
        prop_assert_eq!(dbscan.labels_repeated(&rows, &which), dbscan.labels(&rows.repeat(&which)));
    }
}

/// A chain of points, each near the next, in several threads' worth of points.
#[test]
fn a_long_chain_is_one_cluster_and_two_are_two() {
    let mut rows = Rows::new(6002);
    for at in 0..6000_u32 {
        let at = if at < 3000 { at } else { at + 1 };
        rows.push([(at, 1.0), (at + 1, 1.0)]).unwrap();
    }
    let labels = Dbscan::new(0.6, 2).unwrap().labels(&rows);
    assert!(labels[..3000].iter().all(|label| *label == 0));
    assert!(labels[3000..].iter().all(|label| *label == 1));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    assert_eq!(Dbscan::new(0.0, 3), Err(DbscanError::Eps(0.0)));
    assert_eq!(Dbscan::new(0.3, 0), Err(DbscanError::MinSamples));
    assert!(Dbscan::new(f64::NAN, 3).is_err());
    let mut rows = Rows::new(1);
    rows.push([(0, 1.0)]).unwrap();
    let refused = Dbscan::new(0.3, 1).unwrap().labels_weighted(&rows, &[f64::INFINITY]);
    assert_eq!(refused, Err(DbscanError::Weights { weights: 0, rows: 1 }));
}

#[test]
fn no_rows_have_no_labels() {
    assert!(Dbscan::new(0.3, 1).unwrap().labels(&Rows::new(0)).is_empty());
}

/// A point beside a cluster that met more neighbours than it remembers, none of which made it a core.
#[test]
fn a_border_with_more_neighbours_than_are_remembered_finds_its_cluster() {
    let mut rows = Rows::new(3);
    // Two fans of rows that all differ a little, and one row between them that reaches part of each.
    let fan = |rows: &mut Rows, column: u32| {
        for at in 0..60 {
            rows.push([(column, 1.0), (2, 0.01 * f64::from(at))]).unwrap();
        }
    };
    fan(&mut rows, 0);
    rows.push([(0, 0.9), (1, 0.4), (2, 0.9)]).unwrap();
    fan(&mut rows, 1);
    let distances = naive::distances(&rows, Metric::Cosine);
    let near = |eps: f64| distances[60].iter().filter(|distance| **distance <= eps).count();
    let eps = 0.2;
    assert!((REMEMBERED + 2..55).contains(&near(eps)), "{}", near(eps));
    let labels = Dbscan::new(eps, 55).unwrap().labels(&rows);
    assert_eq!(labels, naive::labels(&distances, &vec![1.0; rows.len()], eps, 55));
    assert_ne!(labels[60], NOISE);
}

/// Rows of a few templates with numbers in them: hundreds of neighbours in crowds, and strangers that share a word with them.
fn templates() -> impl Strategy<Value = Rows> {
    const WORDS: u32 = 24;
    const NUMBERS: u32 = 40;
    let template = prop::collection::btree_set(0..WORDS, 2..7);
    let numbers = prop::collection::vec(0..NUMBERS, 0..4);
    let weights = prop::collection::vec(0.5_f64..2.5, (WORDS + NUMBERS) as usize);
    let line = (any::<prop::sample::Index>(), numbers);
    (prop::collection::vec(template, 2..7), prop::collection::vec(line, 120..320), weights).prop_map(
        |(templates, lines, weights)| {
            let mut rows = Rows::new((WORDS + NUMBERS) as usize);
            for (template, numbers) in lines {
                let words = templates[template.index(templates.len())].iter().copied();
                let columns = words.chain(numbers.into_iter().map(|number| WORDS + number));
                rows.push(columns.map(|column| (column, weights[column as usize]))).unwrap();
            }
            rows
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn crowds_have_the_labels_of_the_naive_algorithm(
        rows in templates(),
        eps in 0.03_f64..0.7,
        min_samples in 1_usize..9,
    ) {
        let distances = naive::distances(&rows, Metric::Cosine);
        prop_assume!(!is_tie(&distances, eps));
        let labels = Dbscan::new(eps, min_samples).unwrap().labels(&rows);
        prop_assert_eq!(labels, naive::labels(&distances, &vec![1.0; rows.len()], eps, min_samples));
    }
}

/// Two templates with a word in common: nobody of one is compared with the other's thousand.
#[test]
fn a_stranger_asks_crowds_and_not_their_members() {
    let mut rows = Rows::new(1010);
    for at in 0..2000_u32 {
        let words: &[u32] = if at % 2 == 0 { &[1000, 1001, 1002, 1003] } else { &[1003, 1004, 1005, 1006] };
        rows.push(words.iter().map(|word| (*word, 1.0)).chain([(at / 2, 0.4)])).unwrap();
    }
    let points = Points::gathered(Samples::of(&rows), Metric::Cosine);
    let mut search = Search::new(&points, 0.3, 5.0, false);
    search.find_crowds();
    assert_eq!(search.crowds().len(), 2);
    assert!((0..points.len()).all(|point| search.asks_crowds_first(point)));
    let labels = Dbscan::new(0.3, 5).unwrap().labels(&rows);
    assert!(labels.iter().enumerate().all(|(at, label)| *label == at as i32 % 2));
}
