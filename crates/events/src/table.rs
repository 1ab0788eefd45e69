//! From records to the tables' columns, and from columns to Parquet files.

mod file;
mod impressions;
mod interactions;
mod requests;

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, ListBuilder, StringBuilder, TimestampMillisecondArray};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::error::ArrowError;

use crate::schema;

pub use file::Texture;

pub(crate) use file::Destination;
pub(crate) use impressions::Impressions;
pub(crate) use interactions::Interactions;
pub(crate) use requests::Requests;

/// Rows are encoded in batches of this many.
const BATCH_ROWS: usize = 8192;

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
        let (bytes, present) = (take(&mut self.bytes), take(&mut self.present));
        let nulls = present.contains(&false).then(|| NullBuffer::from(present));
        Ok(Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(bytes), nulls)?))
    }
}

/// Takes a column and leaves an empty one that will not have to grow to the same length again.
fn take<T>(column: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(column.len());
    std::mem::replace(column, next)
}

fn times(millis: &mut Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(take(millis)).with_timezone("UTC"))
}

fn texts() -> ListBuilder<StringBuilder> {
    ListBuilder::new(StringBuilder::new()).with_field(schema::element())
}
