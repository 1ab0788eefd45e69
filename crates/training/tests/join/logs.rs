//! Small logs, written as a server writes them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use recommend_core::{
    EntityId, FeatureMatrix, FeatureSchema, Interaction, InteractionId, Name, Recommended, RequestId,
    TenantId, Timestamp, UserId,
};
use recommend_events::{EventLog, LogOptions, RequestLog};

/// 2026-03-01T00:00:00Z.
pub(crate) const MIDNIGHT: i64 = 1_772_323_200_000;

/// A request of user `number % 7`, at so many milliseconds after midnight, that was shown entities 0 to `items`. Its
/// features are its number and the position, in one of two schemas.
pub(crate) fn request(number: u128, at: i64, items: usize) -> RequestLog {
    let schema = match number % 3 {
        0 => &["number", "place"][..],
        _ => &["number", "place", "late"],
    };
    let schema: Vec<Name> = schema.iter().map(|name| Name::literal(name)).collect();
    let cells = |(row, column): (usize, usize)| match column {
        0 => number as f32,
        1 => row as f32,
        _ => f32::NAN,
    };
    RequestLog {
        request: RequestId(number << 64 | 0xfeed),
        time: Timestamp(MIDNIGHT + at),
        tenant: TenantId(1 + (number % 2) as u64),
        user: UserId((number % 7) as u64),
        corpus: Name::literal("channel"),
        source: Name::literal("browser"),
        experiment: None,
        shadow_of: None,
        drafted: Vec::new(),
        variant: number.is_multiple_of(4).then(|| Name::literal("treatment")),
        model: if number.is_multiple_of(2) { "linear-v1".into() } else { "forest-v2".into() },
        features: FeatureMatrix::from_shape_fn((items, schema.len()), cells),
        schema: Arc::new(FeatureSchema::new(schema)),
        fetchers: Arc::from([Name::literal("popular")]),
        limit: 10,
        candidates: 100,
        scored: 50,
        latency: Duration::from_micros(100),
        seed: 0,
        degraded: Vec::new(),
        items: (0..items)
            .map(|at| Recommended {
                entity: EntityId(at as u64),
                score: 1.0 / (1 + at) as f32,
                propensity: 0.5,
                fetched_by: 1,
            })
            .collect(),
    }
}

/// An interaction of that id that answers a request, at so many milliseconds after midnight.
pub(crate) fn interaction(id: u128, request: u128, at: i64, entity: u64, kind: &'static str) -> Interaction {
    Interaction {
        id: InteractionId(id),
        request: Some(RequestId(request << 64 | 0xfeed)),
        tenant: TenantId(1 + (request % 2) as u64),
        user: UserId((request % 7) as u64),
        corpus: Name::literal("channel"),
        entity: EntityId(entity),
        kind: Name::literal(kind),
        time: Timestamp(MIDNIGHT + at),
        value: 1.0,
    }
}

/// Adds to a log; each part of the input becomes a segment, and Parquet files of its own.
pub(crate) async fn write(folder: &Path, parts: Vec<(Vec<RequestLog>, Vec<Interaction>)>) {
    let options = LogOptions { flush_interval: Duration::from_secs(60), ..LogOptions::default() };
    let (log, _) = EventLog::open(folder, options, [7; 16]).unwrap();
    for (requests, interactions) in parts {
        for request in requests {
            assert!(log.log_request(request));
        }
        log.log_interactions(interactions).await.unwrap();
        log.roll().await.unwrap();
    }
    log.close().await.unwrap();
}
