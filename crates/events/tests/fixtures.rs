//! Every version of the formats that was ever released is still read: one folder of files per version.
//!
//! `WRITE_FIXTURES=1 cargo test -p recommend-events --test fixtures` writes those of this version anew, which is right
//! only before it is released.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::*;
use recommend_events::{LogReader, SegmentRecord, Table, read_segment, schema, segment};

const REQUESTS: u64 = 4;
const ITEMS: usize = 2;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// `v1`, `v2`…
fn versions() -> Vec<PathBuf> {
    fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect()
}

async fn write(folder: &Path) {
    let log = tempfile::tempdir().unwrap();
    let opened = open(log.path());
    for n in 0..REQUESTS {
        opened.log_request(request(n, ITEMS));
    }
    opened.log_interactions((0..REQUESTS).map(interaction).collect()).await.unwrap();
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder.join("segments")).unwrap();
    fs::copy(segment(log.path()), folder.join("segments/fixture.seg")).unwrap();
    opened.close().await.unwrap();
    for table in Table::ALL {
        for file in LogReader::open(log.path()).unwrap().files(table).unwrap() {
            let to = folder.join("parquet").join(file.strip_prefix(log.path()).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, to).unwrap();
        }
    }
}

#[tokio::test]
async fn every_version_is_still_read() {
    assert_eq!(segment::VERSION, schema::VERSION, "one number names a release of both formats");
    let current = fixtures().join(format!("v{}", schema::VERSION));
    if std::env::var_os("WRITE_FIXTURES").is_some() {
        write(&current).await;
    }
    assert!(current.is_dir(), "write the fixtures of version {} before it is released", schema::VERSION);
    for version in versions() {
        let records: Vec<_> = read_segment(&version.join("segments/fixture.seg")).unwrap().collect();
        let requests = records.iter().filter(|record| matches!(record, SegmentRecord::Request(_))).count();
        assert_eq!(requests as u64, REQUESTS, "{}", version.display());

        // The folder with the segment and the folder with the Parquet files are logs of the same records.
        let in_segment = LogReader::open(&version).unwrap();
        let in_parquet = LogReader::open(version.join("parquet")).unwrap();
        let text = |rows: Vec<String>| {
            let mut rows = rows;
            rows.sort();
            rows
        };
        let requests =
            |log: &LogReader| text(log.requests().unwrap().iter().map(|row| format!("{row:?}")).collect());
        let impressions =
            |log: &LogReader| text(log.impressions().unwrap().iter().map(|row| format!("{row:?}")).collect());
        let interactions = |log: &LogReader| {
            text(log.interactions().unwrap().iter().map(|row| format!("{row:?}")).collect())
        };
        assert_eq!(requests(&in_segment), requests(&in_parquet));
        assert_eq!(impressions(&in_segment), impressions(&in_parquet));
        assert_eq!(interactions(&in_segment), interactions(&in_parquet));
        assert_eq!(in_parquet.impressions().unwrap().len(), REQUESTS as usize * ITEMS);
        assert_eq!(in_parquet.interactions().unwrap().len() as u64, REQUESTS);
        let ctr = |row: &recommend_events::ImpressionRow| row.feature("messages_7d").map(f32::to_bits);
        assert_eq!(
            in_parquet.impressions().unwrap().iter().find(|row| row.position == 1).and_then(ctr),
            Some((-0.0_f32).to_bits()),
        );
    }
}

#[tokio::test]
async fn a_parquet_file_says_its_version_and_its_features() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    log.log_request(request(0, 2));
    log.close().await.unwrap();
    let reader = LogReader::open(folder.path()).unwrap();
    let path = &reader.files(Table::Impressions).unwrap()[0];
    let file = fs::File::open(path).unwrap();
    let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let pairs = builder.metadata().file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
    assert_eq!(value(schema::VERSION_KEY).as_deref(), Some("2"));
    assert_eq!(value(schema::SCHEMA_KEY), Some(format!("{:016x}", request(0, 2).schema.hash())));
    assert!(path.to_string_lossy().contains(&value(schema::SEGMENT_KEY).unwrap()));
    assert_eq!(builder.schema().fields(), schema::impressions(request(0, 2).schema.names()).fields());
}
