//! From records to the tables' columns, and from columns to a Parquet file in memory.

mod impressions;
mod interactions;
mod requests;

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, ListBuilder, StringBuilder, TimestampMillisecondArray};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::schema::{self, SEGMENT_KEY, VERSION_KEY};

pub(crate) use impressions::Impressions;
pub(crate) use interactions::Interactions;
pub(crate) use requests::Requests;

/// Rows are encoded in batches of this many.
const BATCH_ROWS: usize = 8192;

/// A Parquet file that is being made in memory. A partition of a segment is small, and a file that only ever exists
/// whole needs no open handle while others are made.
pub(crate) struct ParquetFile {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl ParquetFile {
    /// A file of these columns with a segment's name and more metadata.
    fn new(
        schema: SchemaRef,
        segment: &str,
        more: Vec<KeyValue>,
        features: usize,
    ) -> Result<Self, ParquetError> {
        let mut metadata = vec![
            KeyValue::new(VERSION_KEY.to_owned(), schema::VERSION.to_string()),
            KeyValue::new(SEGMENT_KEY.to_owned(), segment.to_owned()),
        ];
        metadata.extend(more);
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_created_by(concat!("recommend-events ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_key_value_metadata(Some(metadata));
        for field in &schema.fields()[schema.fields().len() - features..] {
            // Feature values repeat little; split into byte planes they compress better and encode faster than through
            // a dictionary. Nobody looks for a row by its feature.
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::BYTE_STREAM_SPLIT)
                .set_column_statistics_enabled(path, EnabledStatistics::None);
        }
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties.build()))?;
        Ok(ParquetFile { schema, writer })
    }

    fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), ParquetError> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        self.writer.write(&batch)
    }

    fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.writer.into_inner()
    }
}

/// 128-bit ids as 16 bytes, the highest first, so that their hexadecimal digits are the id's.
#[derive(Default)]
struct Keys {
    bytes: Vec<u8>,
    present: Vec<bool>,
}

impl Keys {
    fn push(&mut self, key: Option<u128>) {
        self.bytes.extend_from_slice(&key.unwrap_or(0).to_be_bytes());
        self.present.push(key.is_some());
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let (bytes, present) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.present));
        let nulls = present.contains(&false).then(|| NullBuffer::from(present));
        Ok(Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(bytes), nulls)?))
    }
}

fn times(millis: &mut Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(std::mem::take(millis)).with_timezone("UTC"))
}

fn texts() -> ListBuilder<StringBuilder> {
    ListBuilder::new(StringBuilder::new()).with_field(schema::element())
}
