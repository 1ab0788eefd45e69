//! The join says what a plain loop over all rows says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use proptest::prelude::*;
use recommend_events::LogReader;
use recommend_training::Dataset;
use recommend_training::dataset::Combine;
use recommend_training::join::{EARLY, JoinOptions, JoinSpec};

use crate::logs::{interaction, request, write};
use crate::{run, spec};

/// Labels by request and position, of all impressions that should be there.
type Labels = BTreeMap<(u128, u32), f32>;

/// By definition, row by row; the reader gives every row once.
fn by_loop(log: &Path, spec: &JoinSpec) -> Labels {
    let reader = LogReader::open(log).unwrap();
    let tenants: HashMap<_, _> =
        reader.requests().unwrap().into_iter().map(|row| (row.request, row.tenant)).collect();
    let interactions = reader.interactions().unwrap();
    let impressions = reader.impressions().unwrap();
    let mut labels = Labels::new();
    let mut last: HashMap<u128, u32> = HashMap::new();
    for shown in &impressions {
        let mut answers: Vec<_> = interactions
            .iter()
            .filter(|done| {
                let after = done.time.0 - shown.time.0;
                done.request == Some(shown.request)
                    && done.entity == shown.entity
                    && done.tenant == tenants[&shown.request]
                    && (-(EARLY.as_millis() as i64)..=spec.window.as_millis() as i64).contains(&after)
            })
            .filter_map(|done| Some((done.time, done.id, *spec.objective.get(&done.kind)?)))
            .collect();
        answers.sort_by_key(|(time, id, _)| (*time, *id));
        let weights: Vec<f32> = answers.into_iter().map(|(_, _, weight)| weight).collect();
        let label = match spec.combine {
            Combine::Max => weights.iter().copied().reduce(f32::max),
            Combine::Sum => weights.iter().copied().reduce(|a, b| a + b),
            Combine::First => weights.first().copied(),
            Combine::Last => weights.last().copied(),
        };
        let label = label.unwrap_or(0.0);
        labels.insert((shown.request.0, shown.position), label);
        if label > 0.0 {
            let place = last.entry(shown.request.0).or_default();
            *place = shown.position.max(*place);
        }
    }
    if spec.above_last_positive {
        labels.retain(|(request, position), _| last.get(request).is_none_or(|last| position <= last));
    }
    labels
}

/// The same of a dataset, which must have each row once and requests in one piece.
fn of_dataset(dataset: &Dataset) -> Labels {
    let mut labels = Labels::new();
    let mut seen = HashSet::new();
    for group in dataset.groups() {
        assert!(seen.insert(group.request), "a request is one group");
        for row in group.rows.clone() {
            let number = (group.request.0 >> 64) as f32;
            let position = dataset.positions()[row];
            assert_eq!(dataset.matrix()[[row, 0]], number, "the features that were scored");
            assert_eq!(dataset.matrix()[[row, 1]], position as f32);
            assert_eq!(dataset.propensities()[row], 0.5);
            let before = labels.insert((group.request.0, position), dataset.labels()[row]);
            assert_eq!(before, None, "a row is there once");
        }
    }
    labels
}

/// A request number, milliseconds, an entity or a number of items, and a kind.
type Event = (u128, i64, u64, usize);

fn kinds() -> [&'static str; 4] {
    ["click", "message", "dismiss", "open"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_join_equals_the_definition(
        asked in prop::collection::vec((0..400_i64, 0..6_usize, 0..3_usize), 1..40),
        done in prop::collection::vec((0..40_u128, -5..300_i64, 0..6_u64, 0..4_usize), 0..80),
        twice in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        combine in prop::sample::select(vec![Combine::Max, Combine::Sum, Combine::First, Combine::Last]),
        above_last_positive: bool,
        little: bool,
    ) {
        // Requests in three segments, over two days; some of them are written again into another.
        let minutes = |n: i64| n * 60_000 + n % 7;
        let mut parts = vec![(Vec::new(), Vec::new()); 3];
        let mut times = Vec::new();
        for (number, (at, items, part)) in asked.iter().enumerate() {
            times.push(minutes(at * 7 - 600));
            parts[*part].0.push(request(number as u128, times[number], *items));
        }
        for again in &twice {
            let number = again.index(asked.len());
            let (_, items, part) = asked[number];
            parts[(part + 1) % 3].0.push(request(number as u128, times[number], items));
        }
        for (n, (number, after, entity, kind)) in done.iter().copied().map(|event: Event| event).enumerate() {
            let number = number % asked.len() as u128;
            let at = times[number as usize] + minutes(after);
            let answer = interaction(n as u128, number, at, entity, kinds()[kind]);
            parts[n % 3].1.push(answer.clone());
            if n % 5 == 0 {
                parts[(n + 1) % 3].1.push(answer);
            }
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (log, output) = (folder.path().join("log"), folder.path().join("dataset"));
            write(&log, parts).await;
            let spec = JoinSpec { combine, above_last_positive, ..spec() };
            let expected = by_loop(&log, &spec);
            if expected.is_empty() {
                return;
            }
            // With little memory, bunches are as small as they get.
            let memory = if little { 1 << 20 } else { 64 << 20 };
            let outcome = run(&log, &output, &spec, &JoinOptions { memory, ..JoinOptions::default() }).await.total();
            let dataset = Dataset::read(&output).unwrap();
            assert_eq!(of_dataset(&dataset), expected);
            assert_eq!(outcome.rows as usize, expected.len());
            assert_eq!(outcome.requests as usize, dataset.groups().len());
            assert_eq!(outcome.positives as usize, expected.values().filter(|label| **label > 0.0).count());
        });
    }
}
