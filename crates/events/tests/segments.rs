//! Damaged segments: everything before the damage is read, nothing that was not written, and nothing panics.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use common::*;
use proptest::prelude::*;
use recommend_events::segment::DamageKind;
use recommend_events::{EventLog, LogError, LogOptions, LogReader, SegmentRecord, read_segment};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A small segment with all kinds of frames, and the records in it.
fn sample() -> (Vec<u8>, Vec<SegmentRecord>) {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path());
        for n in 0..3 {
            log.log_request(request(n, 2));
            log.log_interactions(vec![interaction(n), interaction(n + 10)]).await.unwrap();
        }
        log.flush().await.unwrap();
        let path = segment(folder.path());
        let mut reader = read_segment(&path).unwrap();
        let records: Vec<_> = reader.by_ref().collect();
        assert_eq!(reader.damage(), None);
        assert_eq!(records.len(), 9, "three requests, three batches, three marks");
        (fs::read(&path).unwrap(), records)
    })
}

/// Records as comparable text: NaN features are equal when they print the same.
fn text(records: &[SegmentRecord]) -> Vec<String> {
    records.iter().map(|record| format!("{record:?}")).collect()
}

fn write(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join("test.seg");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_segment_cut_at_any_byte_gives_everything_before() {
    let (bytes, records) = sample();
    let folder = tempfile::tempdir().unwrap();
    let mut most = 0;
    for length in 0..bytes.len() {
        let mut reader = read_segment(&write(folder.path(), &bytes[..length])).unwrap();
        let found: Vec<_> = reader.by_ref().collect();
        assert!(found.len() >= most, "a longer file gives no fewer records");
        most = found.len();
        assert_eq!(text(&found), text(&records[..found.len()]));
        if let Some(damage) = reader.damage() {
            assert_eq!(damage.kind, DamageKind::Torn, "at {length}: {damage}");
            assert_eq!(damage.at + damage.dropped, length as u64);
        }
    }
    assert_eq!(most, records.len() - 1, "the last record lacked its last byte only");
}

#[test]
fn zeros_after_the_last_frame_are_a_torn_tail() {
    let (mut bytes, records) = sample();
    let whole = bytes.len() as u64;
    bytes.extend([0; 5000]);
    let folder = tempfile::tempdir().unwrap();
    let mut reader = read_segment(&write(folder.path(), &bytes)).unwrap();
    assert_eq!(reader.by_ref().count(), records.len());
    let damage = reader.damage().unwrap();
    assert_eq!((damage.kind, damage.at, damage.dropped), (DamageKind::Torn, whole, 5000));
}

#[test]
fn a_frame_counts_only_where_it_was_written() {
    let (bytes, _) = sample();
    let folder = tempfile::tempdir().unwrap();
    // The frames again, behind themselves: every checksum would be right without the place in it.
    let doubled = [&bytes[..], &bytes[40..]].concat();
    let mut reader = read_segment(&write(folder.path(), &doubled)).unwrap();
    assert_eq!(reader.by_ref().count(), 9);
    assert_eq!(reader.damage().unwrap().kind, DamageKind::Corrupt);
}

#[test]
fn a_newer_version_is_refused_with_advice() {
    let (mut bytes, _) = sample();
    bytes[8] = 9;
    let folder = tempfile::tempdir().unwrap();
    let flipped = read_segment(&write(folder.path(), &bytes)).unwrap_err();
    assert!(
        matches!(flipped, LogError::NotASegment { .. }),
        "a flipped bit does not ask for a newer release"
    );
    let crc = crc32fast::hash(&bytes[..36]);
    bytes[36..40].copy_from_slice(&crc.to_le_bytes());
    let newer = read_segment(&write(folder.path(), &bytes)).unwrap_err();
    assert!(
        newer.to_string().contains("has format version 9, this release reads up to 2; use a newer release")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bits_never_give_what_was_not_written(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4)
    ) {
        thread_local!(static SAMPLE: (Vec<u8>, Vec<SegmentRecord>) = sample());
        SAMPLE.with(|(bytes, records)| {
            let mut damaged = bytes.clone();
            for (at, bit) in flips {
                damaged[at.index(bytes.len())] ^= 1 << bit;
            }
            let first = bytes.iter().zip(&damaged).position(|(a, b)| a != b).unwrap_or(bytes.len());
            let folder = tempfile::tempdir().unwrap();
            match read_segment(&write(folder.path(), &damaged)) {
                Ok(mut reader) => {
                    let found: Vec<_> = reader.by_ref().collect();
                    prop_assert_eq!(text(&found), text(&records[..found.len()]));
                    if first < bytes.len() {
                        let damage = reader.damage().unwrap();
                        prop_assert!(damage.at <= first as u64, "nothing behind the damage counts");
                    }
                }
                Err(error) => prop_assert!(first < 40, "{}", error),
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        if let Ok(reader) = read_segment(&write(folder.path(), &bytes)) {
            prop_assert_eq!(reader.count(), 0);
        }
    }

    #[test]
    fn no_body_with_a_right_checksum_makes_reading_panic(mut body: Vec<u8>, kind in 0..7_u8) {
        body.insert(0, kind);
        thread_local!(static SAMPLE: (Vec<u8>, Vec<SegmentRecord>) = sample());
        SAMPLE.with(|(bytes, records)| {
            // As a bug or a forger would write it: run, creation, place, length, body.
            let mut sum = bytes[12..28].to_vec();
            sum.extend((bytes.len() as u64).to_le_bytes());
            sum.extend((body.len() as u32).to_le_bytes());
            sum.extend(&body);
            let mut forged = bytes.clone();
            forged.extend((body.len() as u32).to_le_bytes());
            forged.extend(crc32fast::hash(&sum).to_le_bytes());
            forged.extend(&body);
            let folder = tempfile::tempdir().unwrap();
            let found = read_segment(&write(folder.path(), &forged)).unwrap().count();
            prop_assert!(found == records.len() || found == records.len() + 1);
            Ok(())
        })?;
    }
}

#[test]
fn opening_reports_damage_and_keeps_what_is_whole() {
    let (bytes, _) = sample();
    let folder = tempfile::tempdir().unwrap();
    let segments = folder.path().join("segments");
    fs::create_dir_all(&segments).unwrap();
    fs::write(segments.join("0000000000000001-00000001.seg"), &bytes[..bytes.len() - 5]).unwrap();
    let mut flipped = bytes.clone();
    let middle = bytes.len() / 2;
    flipped[middle] ^= 4;
    fs::write(segments.join("0000000000000002-00000001.seg"), &flipped).unwrap();
    fs::write(
        segments.join("0000000000000003-00000001.seg"),
        b"something else entirely, and long enough for a header",
    )
    .unwrap();
    fs::write(segments.join("0000000000000004-00000001.seg"), b"").unwrap();

    let (log, recovery) = EventLog::open(folder.path(), LogOptions::default(), KEY).unwrap();
    assert!(!recovery.is_clean());
    assert_eq!(recovery.segments, 3);
    assert_eq!(recovery.damage.len(), 3, "torn, flipped, empty");
    assert_eq!(recovery.unread.len(), 1);
    assert!(recovery.dropped_bytes() > 0);
    let message = recovery.to_string();
    assert!(message.contains("the file ends within a frame at byte"), "{message}");
    assert!(message.contains("the checksum of a frame is wrong at byte"), "{message}");
    assert!(message.contains("it does not start with RECOLOG"), "{message}");

    block_on(log.roll()).unwrap();
    block_on(log.close()).unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(reader.requests().unwrap().len(), 3);
    assert_eq!(reader.interactions().unwrap().len(), 6);
    let kept: Vec<_> = files(&segments).iter().map(|path| path.extension().unwrap().to_owned()).collect();
    assert_eq!(kept, ["damaged", "damaged"], "torn tails go, bytes that are wrong are kept");
}
