//! What the tests of the log share: records, and the rows that they should come back as.
#![allow(dead_code, reason = "each test uses its share")]

pub(crate) mod faulty;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use recommend_core::{
    Cause, EntityId, FeatureMatrix, FeatureSchema, Interaction, InteractionId, Name, Recommended, RequestId,
    Stage, TenantId, Timestamp, UserId,
};
use recommend_events::{EventLog, LogOptions, Pseudonymizer, RequestLog};

pub(crate) const KEY: [u8; 16] = [42; 16];
/// 2024-02-29T23:59:50Z: ten seconds before a new day.
pub(crate) const START: i64 = 1_709_251_190_000;

pub(crate) fn names(list: &[&str]) -> Vec<Name> {
    list.iter().map(|text| Name::new(text).unwrap()).collect()
}

/// Request number `n` with so many items; every third is for a corpus of people, every fifth was degraded.
pub(crate) fn request(n: u64, items: usize) -> RequestLog {
    let people = n % 3 == 2;
    let features =
        if n.is_multiple_of(2) { names(&["messages_7d", "popular.score"]) } else { names(&["messages_7d"]) };
    let schema = Arc::new(FeatureSchema::new(features));
    let cell = |(row, column): (usize, usize)| match (row + column) % 4 {
        0 => f32::NAN,
        1 => -0.0,
        _ => n as f32 + row as f32 / 7.0 - column as f32,
    };
    RequestLog {
        request: RequestId(u128::from(n) << 64 | 0xABCD),
        time: Timestamp(START + n as i64 * 1000),
        tenant: TenantId(0x1122_3344_5566_7700 + n % 2),
        user: UserId(0x2233_4455_6677_8800 + n),
        corpus: Name::literal(if people { "user" } else { "channel" }),
        source: Name::literal(if people { "people-browser" } else { "channel-browser" }),
        experiment: (n.is_multiple_of(4) || n % 7 == 3).then(|| Name::literal("ranker")),
        variant: (n.is_multiple_of(4)).then(|| Name::literal("treatment")),
        shadow_of: (n % 8 == 1).then(|| RequestId(u128::from(n - 1) << 64 | 0xABCD)),
        drafted: match n % 7 {
            3 => (0..items).map(|at| Name::literal(["control", "treatment"][at % 2])).collect(),
            _ => Vec::new(),
        },
        model: "linear-v1".into(),
        features: FeatureMatrix::from_shape_fn((items, schema.len()), cell),
        schema,
        fetchers: names(&["popular", "related"]).into(),
        limit: 10,
        candidates: 100 + n as u32,
        scored: 50,
        latency: Duration::from_micros(100 + n),
        seed: n * 7,
        degraded: match n % 5 {
            0 => vec![(Stage::Fetch, Name::literal("related"), Cause::Timeout)],
            _ => Vec::new(),
        },
        items: (0..items)
            .map(|at| Recommended {
                entity: EntityId(0x3344_5566_7788_9900 + at as u64),
                score: 1.0 / (at + 1) as f32,
                propensity: 0.5,
                fetched_by: 1 + at as u64 % 3,
            })
            .collect(),
    }
}

/// Interaction number `n`.
pub(crate) fn interaction(n: u64) -> Interaction {
    Interaction {
        id: InteractionId(u128::from(n) + (1 << 100)),
        request: (n.is_multiple_of(2)).then_some(RequestId(u128::from(n) << 64 | 0xABCD)),
        tenant: TenantId(0x1122_3344_5566_7700),
        user: UserId(0x2233_4455_6677_8800 + n),
        corpus: Name::literal(if n % 3 == 2 { "user" } else { "channel" }),
        entity: EntityId(0x3344_5566_7788_9900 + n),
        kind: Name::literal(if n.is_multiple_of(2) { "click" } else { "join" }),
        time: Timestamp(START + n as i64 * 1000),
        value: n as f32 / 2.0,
    }
}

pub(crate) fn pseudonyms() -> Pseudonymizer {
    Pseudonymizer::new(KEY, &LogOptions::default().people)
}

/// The options of a test that decides itself when to flush and to roll.
pub(crate) fn patient() -> LogOptions {
    LogOptions { flush_interval: Duration::from_secs(60), ..LogOptions::default() }
}

pub(crate) fn open(folder: &Path) -> EventLog {
    EventLog::open(folder, patient(), KEY).unwrap().0
}

/// The files of a folder and those below it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The only segment of a log.
pub(crate) fn segment(log: &Path) -> PathBuf {
    let found = files(&log.join("segments"));
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

/// Equal floats, bit by bit.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
