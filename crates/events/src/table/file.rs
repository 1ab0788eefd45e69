//! One Parquet file: how its columns are encoded, and how it comes to be whole or not at all.

use std::io::{self, Write};
use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rustc_hash::FxHashSet;

use super::BATCH_ROWS;
use crate::disk::{Disk, Unfinished, make_dirs};
use crate::pace::Pace;
use crate::schema::{self, SEGMENT_KEY, VERSION_KEY};

/// Where a file is to be.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    /// The name of the segment that it is made from.
    pub(crate) segment: Arc<str>,
}

/// A file that is being written, column by column, so that whoever writes can rest between two of them.
pub(super) struct TableFile {
    schema: SchemaRef,
    writer: SerializedFileWriter<Sink>,
    groups: ArrowRowGroupWriterFactory,
    /// Those of the row group that is being written, one for each leaf.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 20;

impl TableFile {
    /// A file of these columns, with more metadata than all have. `features` says what those columns are like.
    pub(super) fn new(
        destination: &Destination,
        schema: SchemaRef,
        more: Vec<KeyValue>,
        features: &[Texture],
    ) -> Result<Self, ParquetError> {
        let mut metadata = vec![
            KeyValue::new(VERSION_KEY.to_owned(), schema::VERSION.to_string()),
            KeyValue::new(SEGMENT_KEY.to_owned(), destination.segment.to_string()),
        ];
        metadata.extend(more);
        let properties = properties(&schema, metadata, features);
        let sink =
            Sink { disk: destination.disk.clone(), path: destination.path.clone(), file: None, bytes: 0 };
        let writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties))?;
        let (writer, groups) = writer.into_serialized_writer()?;
        Ok(TableFile { schema, writer, groups, columns: Vec::new(), rows: 0 })
    }

    /// Adds rows, of which all columns are given.
    pub(super) fn write(&mut self, columns: Vec<ArrayRef>, pace: &mut Pace) -> Result<(), ParquetError> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        if self.columns.is_empty() {
            self.columns = self.groups.create_column_writers(self.writer.flushed_row_groups().len())?;
        }
        let mut writers = self.columns.iter_mut();
        for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
            for (leaf, writer) in compute_leaves(field, column)?.iter().zip(&mut writers) {
                writer.write(leaf)?;
                pace.step();
            }
        }
        self.rows += batch.num_rows();
        if self.rows >= GROUP_ROWS { self.end_group(pace) } else { Ok(()) }
    }

    fn end_group(&mut self, pace: &mut Pace) -> Result<(), ParquetError> {
        self.rows = 0;
        if self.columns.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in take(&mut self.columns) {
            column.close()?.append_to_row_group(&mut group)?;
            pace.step();
        }
        group.close()?;
        Ok(())
    }

    /// Makes the file durable under its name; how many bytes it has.
    pub(super) fn finish(mut self, pace: &mut Pace) -> Result<u64, ParquetError> {
        self.end_group(pace)?;
        // Not `into_inner`, which turns a failure of the disk into a text.
        self.writer.finish()?;
        let sink = self.writer.inner_mut();
        if let Some(file) = sink.file.take() {
            file.finish(&*sink.disk, &sink.path)?;
        }
        Ok(sink.bytes)
    }
}

/// What the values of a feature are like. Feature columns are most of a file, and encoding them most of what logging
/// costs in CPU time; so a few of the first values decide how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texture {
    /// Flags, counts, mostly missing: a dictionary would make some bits of each.
    Repeating,
    /// Between the two: the planes of their bytes are worth compressing.
    Mixed,
    /// Hardly one like another: compressing takes longer than everything else together and saves a tenth.
    Distinct,
}

impl Texture {
    const SAMPLE: usize = 512;

    /// Looks at some of the values, evenly spread.
    pub fn of(values: &[f32]) -> Texture {
        let step = values.len().div_ceil(Texture::SAMPLE).max(1);
        let mut seen = FxHashSet::default();
        let mut looked = 0;
        for value in values.iter().step_by(step) {
            seen.insert(value.to_bits());
            looked += 1;
        }
        match seen.len() * 100 {
            distinct if distinct > looked * 90 => Texture::Distinct,
            distinct if distinct > looked * 25 => Texture::Mixed,
            _ => Texture::Repeating,
        }
    }
}

/// How each column is encoded. Queries look for times; the rest is looked for by partition, or not in order, so that
/// only times have statistics.
fn properties(schema: &SchemaRef, metadata: Vec<KeyValue>, features: &[Texture]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        // Zstandard would make a file an eighth smaller and its conversion take a third longer.
        .set_compression(Compression::LZ4_RAW)
        .set_write_batch_size(BATCH_ROWS)
        .set_created_by(concat!("recommend-events ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(metadata));
    let column = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let (fixed, of_features) = schema.fields().split_at(schema.fields().len() - features.len());
    for field in fixed {
        let encoding = match (field.name().as_str(), field.data_type()) {
            // Impressions repeat the key of their request, which compression sees. As deltas they would be smaller by
            // little, and Polars does not read those.
            (_, DataType::FixedSizeBinary(_)) => Encoding::PLAIN,
            ("time" | "position" | "seed" | "latency_us", _) => Encoding::DELTA_BINARY_PACKED,
            ("score", _) => Encoding::BYTE_STREAM_SPLIT,
            // Through a dictionary: ids, names, counts.
            _ => continue,
        };
        let path = column(field.name());
        properties =
            properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    for (field, texture) in of_features.iter().zip(features) {
        let path = column(field.name());
        // No dictionaries: looking every value up takes a fifth of a conversion, and saves 2 % of a file whose planes of bytes
        // are compressed.
        properties = properties.set_column_dictionary_enabled(path.clone(), false);
        properties = match texture {
            Texture::Repeating | Texture::Mixed => {
                properties.set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT)
            }
            Texture::Distinct => properties
                .set_column_encoding(path.clone(), Encoding::PLAIN)
                .set_column_compression(path, Compression::UNCOMPRESSED),
        };
    }
    properties.set_column_statistics_enabled(column("time"), EnabledStatistics::Chunk).build()
}

/// The bytes on their way to the disk. The file is created with the first of them, which is when a row group is
/// complete: a segment with many partitions has one file open at a time.
struct Sink {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Option<Unfinished>,
    bytes: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                make_dirs(&*self.disk, self.path.parent().unwrap_or(Path::new("")))?;
                self.file.insert(Unfinished::create(&*self.disk, &self.path)?)
            }
        };
        file.append(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_tells_flags_from_counts_from_scores() {
        let column = |value: fn(u32) -> f32| (0..10_000).map(value).collect::<Vec<_>>();
        assert_eq!(Texture::of(&column(|n| (n % 2) as f32)), Texture::Repeating);
        assert_eq!(Texture::of(&column(|_| f32::NAN)), Texture::Repeating);
        assert_eq!(Texture::of(&column(|n| (n as f32).sin())), Texture::Distinct);
        let half = column(|n| if n % 40 < 20 { f32::NAN } else { (n as f32).sin() });
        assert_eq!(Texture::of(&half), Texture::Mixed);
        assert_eq!(Texture::of(&[]), Texture::Repeating);
        assert_eq!(Texture::of(&[1.0]), Texture::Distinct);
    }
}
