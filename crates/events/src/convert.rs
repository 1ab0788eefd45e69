//! Rolling: a closed segment becomes Parquet files, and then goes.
//!
//! The files of a segment depend on the segment alone, name and content. So a crash at any moment is mended by doing it
//! again: files that were finished are replaced by the same ones, and the segment is removed only after all of them
//! are durable.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parquet::errors::ParquetError;

use crate::disk::Disk;
use crate::error::LogError;
use crate::pace::Pace;
use crate::schema::{Partition, Table, day};
use crate::segment::{Damage, DamageKind, SegmentReader, SegmentRecord, read_segment};
use crate::table::{Destination, Impressions, Interactions, Requests};

/// How the names of segments end, and of those that are kept because their bytes are not what was written.
pub(crate) const SEGMENT: &str = "seg";
pub(crate) const DAMAGED: &str = "damaged";

/// What a conversion wrote.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Converted {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Converts a segment and removes it. One whose bytes are damaged is kept beside the others under another name, after
/// what is whole in it was converted.
///
/// # Errors
/// When it cannot be read or a file cannot be written; nothing is lost then, and it can be tried again.
pub(crate) fn convert(
    disk: &Arc<dyn Disk>,
    log: &Path,
    segment: &Path,
    pace: &mut Pace,
) -> Result<Converted, LogError> {
    let keep = |damage: &str| {
        tracing::error!(segment = %segment.display(), damage, "a damaged segment of the event log is kept");
        disk.rename(segment, &segment.with_extension(DAMAGED)).map_err(LogError::io("renaming", segment))
    };
    let mut reader = match read_segment(segment) {
        Err(error @ LogError::NotASegment { .. }) => {
            keep(&error.to_string())?;
            return Ok(Converted::default());
        }
        // An earlier try came as far as removing it.
        Err(LogError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Converted::default());
        }
        other => other?,
    };
    let converted = tables(disk, &mut reader, log, segment, pace)?;
    match reader.damage() {
        Some(damage @ Damage { kind: DamageKind::Corrupt, .. }) => keep(&damage.to_string())?,
        _ => disk.remove(segment).map_err(LogError::io("removing", segment))?,
    }
    disk.sync_dir(segment.parent().unwrap_or(log)).map_err(LogError::io("syncing", log))?;
    Ok(converted)
}

/// Writes the Parquet files of a segment, in the order of their partitions.
fn tables(
    disk: &Arc<dyn Disk>,
    reader: &mut SegmentReader,
    log: &Path,
    segment: &Path,
    pace: &mut Pace,
) -> Result<Converted, LogError> {
    let stem: Arc<str> = segment.file_stem().unwrap_or_default().to_string_lossy().into();
    let destination = |partition: &Partition, table: Table, name: String| Destination {
        disk: disk.clone(),
        path: partition.folder(log, table).join(name + ".parquet"),
        segment: stem.clone(),
    };
    let bad = |error| match error {
        // The disk's own failure, which the writer passed on.
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => LogError::io("writing the Parquet files of", segment)(*source),
            Err(source) => LogError::parquet(segment, source),
        },
        error => LogError::parquet(segment, error),
    };
    let mut requests: BTreeMap<Partition, Requests> = BTreeMap::new();
    let mut impressions: BTreeMap<(Partition, u64), Impressions> = BTreeMap::new();
    let mut interactions: BTreeMap<Partition, Interactions> = BTreeMap::new();
    while let Some(record) = reader.next() {
        pace.step();
        match record {
            SegmentRecord::Request(request) => {
                let pipeline = &request.pipeline;
                let partition = Partition {
                    corpus: pipeline.corpus.clone(),
                    source: Some(pipeline.source.clone()),
                    day: day(request.time.millis()),
                };
                if !request.entities.is_empty() {
                    entry(&mut impressions, (partition.clone(), pipeline.schema), || {
                        let name = format!("{stem}-{:016x}", pipeline.schema);
                        Ok(Impressions::new(
                            destination(&partition, Table::Impressions, name),
                            pipeline.clone(),
                        ))
                    })
                    .and_then(|table| table.push(&request, pace))
                    .map_err(bad)?;
                }
                entry(&mut requests, partition.clone(), || {
                    Requests::new(&destination(&partition, Table::Requests, stem.to_string()))
                })
                .and_then(|table| table.push(&request, pace))
                .map_err(bad)?;
                reader.recycle(request);
            }
            SegmentRecord::Interactions(rows) => {
                for row in rows {
                    let partition =
                        Partition { corpus: row.corpus.clone(), source: None, day: day(row.time.millis()) };
                    entry(&mut interactions, partition.clone(), || {
                        Interactions::new(&destination(&partition, Table::Interactions, stem.to_string()))
                    })
                    .and_then(|table| table.push(&row, pace))
                    .map_err(bad)?;
                }
            }
            SegmentRecord::Mark(_) => {}
        }
    }
    if let Some(damage @ Damage { kind: DamageKind::Unreadable, .. }) = reader.damage() {
        let source = std::io::Error::other(damage.reason.clone());
        return Err(LogError::io("reading", segment)(source));
    }
    let mut converted = Converted::default();
    let mut add = |size: Result<u64, ParquetError>| {
        converted.files += 1;
        converted.bytes += size.map_err(bad)?;
        Ok::<_, LogError>(())
    };
    requests.into_values().try_for_each(|table| add(table.finish(pace)))?;
    impressions.into_values().try_for_each(|table| add(table.finish(pace)))?;
    interactions.into_values().try_for_each(|table| add(table.finish(pace)))?;
    Ok(converted)
}

/// The table of a key, made at its first use.
fn entry<K: Ord, T, E>(
    tables: &mut BTreeMap<K, T>,
    key: K,
    new: impl FnOnce() -> Result<T, E>,
) -> Result<&mut T, E> {
    use std::collections::btree_map::Entry;
    Ok(match tables.entry(key) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(new()?),
    })
}
