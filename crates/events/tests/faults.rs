//! A disk that is full, lies, or stops; a queue that is full; a folder that is taken.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::faulty::FaultyDisk;
use common::*;
use recommend_core::{ManualClock, Timestamp};
use recommend_events::{Environment, EventLog, LogError, LogOptions, LogReader, Recovery};

fn open_on(disk: &FaultyDisk, folder: &Path, options: LogOptions) -> (EventLog, Recovery) {
    let clock = Arc::new(ManualClock::at(Timestamp(START)));
    let environment = Environment { disk: Arc::new(disk.clone()), clock };
    EventLog::open_in(folder, options, KEY, environment).unwrap()
}

fn ids(folder: &Path) -> (HashSet<u128>, HashSet<u128>) {
    let reader = LogReader::open(folder).unwrap();
    (
        reader.requests().unwrap().iter().map(|row| row.request.0 >> 64).collect(),
        reader.interactions().unwrap().iter().map(|row| row.id.0 - (1 << 100)).collect(),
    )
}

#[tokio::test]
async fn a_full_disk_refuses_interactions_keeps_requests_and_heals_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let options = LogOptions { queue: 50, ..patient() };
    let (log, _) = open_on(&disk, folder.path(), options);
    log.log_interactions(vec![interaction(0)]).await.unwrap();

    disk.full.store(true, Ordering::SeqCst);
    let error = log.log_interactions(vec![interaction(1)]).await.unwrap_err();
    assert!(error.is_full_disk());
    assert!(error.to_string().contains("free space on that disk"), "{error}");
    let kept = (0..20).filter(|n| log.log_request(request(*n, 4))).count();
    assert_eq!(kept, 10, "five records each, and room for fifty");
    assert!(log.flush().await.unwrap_err().is_full_disk());
    assert!(log.log_interactions(vec![interaction(2)]).await.unwrap_err().is_full_disk());
    let stats = log.stats();
    assert_eq!((stats.queued, stats.accepted, stats.shed, stats.written), (50, 50, 50, 1));
    assert!(stats.last_error.unwrap().contains("free space"));
    assert!(stats.errors >= 3);

    disk.full.store(false, Ordering::SeqCst);
    log.flush().await.unwrap();
    assert!(log.log_request(request(30, 4)), "there is room again");
    log.log_interactions(vec![interaction(3)]).await.unwrap();
    // The segment that the full disk ended could not be converted either; now it can.
    log.roll().await.unwrap();
    assert_eq!(log.stats().last_error, None);
    log.close().await.unwrap();
    let (requests, interactions) = ids(folder.path());
    assert_eq!(requests, (0..10).chain([30]).collect());
    assert_eq!(interactions, HashSet::from([0, 3]), "what was refused is not there");
    assert_eq!(log.stats().shed, 50);
}

#[tokio::test]
async fn rolling_onto_a_full_disk_says_so_and_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let (log, _) = open_on(&disk, folder.path(), patient());
    log.log_interactions(vec![interaction(0)]).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    let error = log.roll().await.unwrap_err();
    assert!(error.is_full_disk(), "{error}");
    assert_eq!((log.stats().waiting_segments, log.stats().parquet_files), (1, 0));
    disk.full.store(false, Ordering::SeqCst);
    log.roll().await.unwrap();
    assert_eq!((log.stats().waiting_segments, log.stats().parquet_files), (0, 1));
    log.close().await.unwrap();
    assert_eq!(ids(folder.path()).1, HashSet::from([0]));
}

#[tokio::test]
async fn a_sync_that_fails_acknowledges_nothing_and_its_segment_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let (log, _) = open_on(&disk, folder.path(), patient());
    log.log_interactions(vec![interaction(0)]).await.unwrap();
    disk.unsynced.store(true, Ordering::SeqCst);
    log.log_request(request(0, 2));
    let error = log.log_interactions(vec![interaction(1)]).await.unwrap_err();
    assert!(error.to_string().contains("the device lost the write"));
    disk.unsynced.store(false, Ordering::SeqCst);
    log.log_interactions(vec![interaction(2)]).await.unwrap();
    log.roll().await.unwrap();
    assert_eq!(log.stats().converted_segments, 2, "the one that failed, and the next");
    log.close().await.unwrap();
    assert_eq!(ids(folder.path()), (HashSet::from([0]), HashSet::from([0, 2])));
}

#[tokio::test]
async fn a_crash_at_any_step_loses_and_doubles_nothing_that_was_durable() {
    let mut steps = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let (log, _) = open_on(&disk, folder.path(), patient());
        for n in 0..6 {
            log.log_request(request(n, 2));
        }
        log.log_interactions((0..6).map(interaction).collect()).await.unwrap();
        disk.left.store(steps, Ordering::SeqCst);
        let whole = log.roll().await.is_ok();
        // From here on the disk refuses everything, and what this run still tries has no effect.
        let _ = log.close().await;
        let left = disk.left.load(Ordering::SeqCst);
        drop(log);

        assert_eq!(ids(folder.path()), ((0..6).collect(), (0..6).collect()), "before mending, at {steps}");
        let (log, recovery) = EventLog::open(folder.path(), patient(), KEY).unwrap();
        assert!(recovery.damage.is_empty(), "at {steps}: {recovery}");
        log.close().await.unwrap();
        assert_eq!(ids(folder.path()), ((0..6).collect(), (0..6).collect()), "after mending, at {steps}");
        let rows: usize = files(folder.path())
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
            .map(|path| rows(path))
            .sum();
        assert_eq!(
            rows,
            6 + 12 + 6,
            "mending replaces files, so that not even a reader without keys sees doubles"
        );
        let stray: Vec<_> = files(folder.path())
            .into_iter()
            .filter(|path| !matches!(path.extension().and_then(|e| e.to_str()), Some("parquet") | None))
            .collect();
        assert!(stray.is_empty(), "at {steps}: {stray:?}");
        if whole && left > 0 {
            break;
        }
        steps += 1;
    }
    assert!(steps > 40, "{steps} steps were tried one by one");
}

fn rows(path: &Path) -> usize {
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    reader.metadata().file_metadata().num_rows() as usize
}

#[tokio::test]
async fn a_full_queue_sheds_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let (log, _) = open_on(&disk, folder.path(), LogOptions { queue: 7, ..patient() });
    disk.full.store(true, Ordering::SeqCst);
    assert!(log.log_request(request(0, 100)), "an empty queue takes any");
    assert!(!log.log_request(request(1, 0)));
    assert_eq!((log.stats().queued, log.stats().shed), (101, 1));
    let error = log.close().await.unwrap_err();
    assert!(matches!(error, LogError::Unwritten { records: 101, .. }), "{error}");
    assert_eq!(log.stats().shed, 102);
    assert!(!log.log_request(request(2, 0)), "closed");
    assert_eq!(log.stats().shed, 103);
    assert!(matches!(log.log_interactions(vec![interaction(0)]).await, Err(LogError::Closed)));
    assert!(matches!(log.flush().await, Err(LogError::Closed)));
}

#[tokio::test]
async fn a_malformed_request_is_shed_and_the_rest_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let mut crooked = request(0, 3);
    crooked.items.pop();
    assert!(log.log_request(crooked), "its shape is looked at off the request path");
    assert!(log.log_request(request(1, 3)));
    log.flush().await.unwrap();
    assert_eq!((log.stats().shed, log.stats().written, log.stats().queued), (3, 4, 0));
    log.close().await.unwrap();
    assert_eq!(ids(folder.path()).0, HashSet::from([1]));
}

#[tokio::test]
async fn a_folder_belongs_to_one_log_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let error = EventLog::open(folder.path(), patient(), KEY).unwrap_err();
    assert!(error.to_string().contains("is in use by another process"), "{error}");
    log.close().await.unwrap();
    log.close().await.unwrap();
    open(folder.path()).close().await.unwrap();
}

#[tokio::test]
async fn a_run_that_was_not_closed_is_reported_with_what_it_may_have_lost() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let (log, recovery) = open_on(&disk, folder.path(), patient());
    assert!(recovery.is_clean(), "{recovery}");
    for n in 0..5 {
        log.log_request(request(n, 1));
    }
    log.flush().await.unwrap();
    log.log_request(request(5, 1));
    disk.left.store(0, Ordering::SeqCst);
    let error = log.close().await.unwrap_err();
    assert!(matches!(error, LogError::Unwritten { records: 2, .. }), "{error}");

    let (log, recovery) = EventLog::open(folder.path(), patient(), KEY).unwrap();
    let loss = recovery.loss.unwrap();
    assert_eq!((loss.after, loss.about, loss.at_most), (Timestamp(START), 10, 200_000));
    assert_eq!((recovery.requests, recovery.impressions), (5, 5));
    let message = recovery.to_string();
    assert!(message.contains("after 2024-02-29T23:59:50Z may be missing, about 10 records"), "{message}");
    log.close().await.unwrap();
    let (log, recovery) = EventLog::open(folder.path(), patient(), KEY).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    log.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_who_come_together_share_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    let callers: Vec<_> = (0..64)
        .map(|caller| {
            let log = log.clone();
            tokio::spawn(async move {
                for n in 0..10 {
                    log.log_interactions(vec![interaction(caller * 100 + n)]).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(log.stats().fsyncs < 640, "{} syncs for 640 calls", log.stats().fsyncs);
    log.close().await.unwrap();
    assert_eq!(ids(folder.path()).1.len(), 640);
}
