//! What is logged comes back: every field, from segments and from Parquet.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::*;
use recommend_core::Timestamp;
use recommend_events::{InteractionRow, LogReader, RequestLog, RequestRow, Table};

fn row(log: &RequestLog) -> RequestRow {
    RequestRow {
        request: log.request,
        time: log.time,
        tenant: pseudonyms().tenant(log.tenant),
        user: pseudonyms().user(log.tenant, log.user),
        corpus: log.corpus.clone(),
        source: log.source.clone(),
        experiment: log.experiment.clone(),
        variant: log.variant.clone(),
        shadow_of: log.shadow_of,
        model: log.model.to_string(),
        schema: log.schema.hash(),
        limit: log.limit,
        candidates: log.candidates,
        scored: log.scored,
        returned: if log.shadow_of.is_some() { 0 } else { log.items.len() as u32 },
        latency_us: log.latency.as_micros() as u64,
        seed: log.seed,
        degraded: log.degraded.iter().map(|_| "fetch/related/timeout".to_owned()).collect(),
    }
}

/// Compares all that a reader finds with what was logged.
fn check(reader: &LogReader, logged: u64) {
    let mut requests = reader.requests().unwrap();
    requests.sort_by_key(|row| row.request);
    let mut impressions = reader.impressions().unwrap();
    impressions.sort_by_key(|row| (row.request, row.position));
    let mut impressions = impressions.into_iter();
    assert_eq!(requests.len() as u64, logged);
    for (n, found) in requests.iter().enumerate() {
        let log = request(n as u64, n % 5);
        assert_eq!(*found, row(&log));
        for (at, item) in log.items.iter().enumerate() {
            let found = impressions.next().unwrap();
            assert_eq!((found.request, found.position as usize, found.time), (log.request, at, log.time));
            assert_eq!(found.entity, pseudonyms().entity(log.tenant, &log.corpus, item.entity));
            let shown = log.shadow_of.is_none();
            assert_eq!((found.score, found.propensity, found.shown), (item.score, item.propensity, shown));
            assert_eq!(found.variant, log.drafted.get(at).cloned());
            let fetchers = match at % 3 {
                0 => ["popular"].as_slice(),
                1 => &["related"],
                _ => &["popular", "related"],
            };
            assert_eq!(found.fetchers, names(fetchers));
            assert_eq!(*found.names, *log.schema.names());
            assert_eq!(bits(&found.features), bits(&log.features.row(at).to_vec()), "features as scored");
        }
    }
    assert_eq!(impressions.next(), None);

    let mut interactions = reader.interactions().unwrap();
    interactions.sort_by_key(|row| row.id);
    assert_eq!(interactions.len() as u64, logged);
    for (n, found) in interactions.into_iter().enumerate() {
        let log = interaction(n as u64);
        let expected = InteractionRow {
            id: log.id,
            request: log.request,
            tenant: pseudonyms().tenant(log.tenant),
            user: pseudonyms().user(log.tenant, log.user),
            entity: pseudonyms().entity(log.tenant, &log.corpus, log.entity),
            corpus: log.corpus,
            kind: log.kind,
            time: log.time,
            value: log.value,
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn rows_come_back_whether_in_segments_or_in_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let reader = LogReader::open(folder.path()).unwrap();
    for n in 0..20 {
        assert!(log.log_request(request(n, n as usize % 5)));
    }
    log.log_interactions((0..10).map(interaction).collect()).await.unwrap();
    log.log_interactions((10..20).map(interaction).collect()).await.unwrap();
    assert!(reader.files(Table::Requests).unwrap().is_empty());
    check(&reader, 20);

    log.roll().await.unwrap();
    assert!(files(&folder.path().join("segments")).is_empty());
    check(&reader, 20);
    let stats = log.stats();
    assert_eq!((stats.queued, stats.shed, stats.last_error), (0, 0, None));
    assert_eq!(stats.written, 20 + 40 + 20, "requests, impressions, interactions");
    assert_eq!((stats.converted_segments, stats.waiting_segments), (1, 0));

    // Half in Parquet, half in a segment.
    for n in 20..30 {
        assert!(log.log_request(request(n, n as usize % 5)));
    }
    log.log_interactions((20..30).map(interaction).collect()).await.unwrap();
    check(&reader, 30);
    log.close().await.unwrap();
    check(&reader, 30);
}

#[tokio::test]
async fn files_lie_in_partitions_by_corpus_source_and_day() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    // Request 8 is before midnight, 14 after it; both are for people.
    for n in [0, 8, 14] {
        assert!(log.log_request(request(n, 3)));
    }
    let far = recommend_core::Interaction { time: Timestamp(i64::MAX), ..interaction(0) };
    let farther = recommend_core::Interaction { time: Timestamp(i64::MAX - (1 << 40)), ..interaction(1) };
    log.log_interactions(vec![far, farther]).await.unwrap();
    log.close().await.unwrap();
    let mut folders: Vec<String> = files(folder.path())
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "parquet"))
        .map(|file| file.parent().unwrap().strip_prefix(folder.path()).unwrap().display().to_string())
        .collect();
    folders.dedup();
    assert_eq!(
        folders,
        [
            "impressions/corpus=channel/source=channel-browser/date=2024-02-29",
            "impressions/corpus=user/source=people-browser/date=2024-02-29",
            "impressions/corpus=user/source=people-browser/date=2024-03-01",
            "interactions/corpus=channel/date=9999-12-31",
            "requests/corpus=channel/source=channel-browser/date=2024-02-29",
            "requests/corpus=user/source=people-browser/date=2024-02-29",
            "requests/corpus=user/source=people-browser/date=2024-03-01",
        ]
    );
    assert_eq!(LogReader::open(folder.path()).unwrap().interactions().unwrap().len(), 2);
}

#[tokio::test]
async fn a_record_that_was_delivered_twice_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    for _ in 0..2 {
        log.log_request(request(1, 4));
        log.log_interactions(vec![interaction(1), interaction(1)]).await.unwrap();
        log.roll().await.unwrap();
    }
    log.log_request(request(1, 4));
    log.flush().await.unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(reader.requests().unwrap().len(), 1);
    assert_eq!(reader.impressions().unwrap().len(), 4);
    assert_eq!(reader.interactions().unwrap().len(), 1);
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_full_segment_rolls_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let options = recommend_events::LogOptions { roll_bytes: 4096, ..patient() };
    let log = recommend_events::EventLog::open(folder.path(), options, KEY).unwrap().0;
    for round in 0..10 {
        for n in 0..20 {
            log.log_request(request(round * 20 + n, 5));
        }
        log.flush().await.unwrap();
    }
    log.roll().await.unwrap();
    assert!(log.stats().converted_segments >= 5, "{:?}", log.stats());
    assert_eq!(LogReader::open(folder.path()).unwrap().requests().unwrap().len(), 200);
    log.close().await.unwrap();
}

#[tokio::test]
async fn requests_become_durable_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = recommend_events::EventLog::open(folder.path(), Default::default(), KEY).unwrap().0;
    log.log_request(request(1, 2));
    while log.stats().queued > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(LogReader::open(folder.path()).unwrap().requests().unwrap().len(), 1);
}
