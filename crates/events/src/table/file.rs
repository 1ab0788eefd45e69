//! One Parquet file: how its columns are encoded, and how it comes to be whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::disk::{Disk, Unfinished, make_dirs};
use crate::schema::{self, FEATURE_PREFIX, SEGMENT_KEY, VERSION_KEY};

/// Where a file is to be.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    /// The name of the segment that it is made from.
    pub(crate) segment: Arc<str>,
}

/// A file that is being written.
pub(super) struct TableFile {
    schema: SchemaRef,
    writer: ArrowWriter<Sink>,
}

impl TableFile {
    /// A file of these columns, with more metadata than all have.
    pub(super) fn new(
        destination: &Destination,
        schema: SchemaRef,
        more: Vec<KeyValue>,
    ) -> Result<Self, ParquetError> {
        let mut metadata = vec![
            KeyValue::new(VERSION_KEY.to_owned(), schema::VERSION.to_string()),
            KeyValue::new(SEGMENT_KEY.to_owned(), destination.segment.to_string()),
        ];
        metadata.extend(more);
        let properties = properties(&schema, metadata)?;
        let sink =
            Sink { disk: destination.disk.clone(), path: destination.path.clone(), file: None, bytes: 0 };
        let writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties))?;
        Ok(TableFile { schema, writer })
    }

    pub(super) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), ParquetError> {
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    /// Makes the file durable under its name; how many bytes it has.
    pub(super) fn finish(self) -> Result<u64, ParquetError> {
        let Sink { disk, path, file, bytes } = self.writer.into_inner()?;
        if let Some(file) = file {
            file.finish(&*disk, &path).map_err(|error| ParquetError::External(Box::new(error)))?;
        }
        Ok(bytes)
    }
}

/// How each column is encoded: by what its values are like, as this is most of what logging costs in CPU time.
fn properties(schema: &SchemaRef, metadata: Vec<KeyValue>) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by(concat!("recommend-events ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(metadata));
    for field in schema.fields() {
        let encoding = match (field.name().as_str(), field.data_type()) {
            // Impressions repeat the key of their request: each shares all of its bytes with the one before.
            (_, DataType::FixedSizeBinary(_)) => Encoding::DELTA_BYTE_ARRAY,
            ("time", _) | ("position" | "seed" | "latency_us", _) => Encoding::DELTA_BINARY_PACKED,
            // Few values repeat; split into the planes of their bytes they compress well.
            ("score", _) => Encoding::BYTE_STREAM_SPLIT,
            (name, _) if name.starts_with(FEATURE_PREFIX) => Encoding::BYTE_STREAM_SPLIT,
            // Through a dictionary: ids, names, counts.
            _ => continue,
        };
        let path = ColumnPath::new(vec![field.name().clone()]);
        properties =
            properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    // Queries look for times; the rest is looked for by partition, or not in order.
    let time = ColumnPath::new(vec!["time".to_owned()]);
    Ok(properties.set_column_statistics_enabled(time, EnabledStatistics::Chunk).build())
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
