//! The table `interactions`.

use std::sync::Arc;

use arrow::array::{Float32Array, StringBuilder, UInt64Array};
use parquet::errors::ParquetError;

use super::file::TableFile;
use super::{BATCH_ROWS, Destination, Keys, take, times};
use crate::pace::Pace;
use crate::row::InteractionRow;
use crate::schema;

/// The rows of one file of `interactions`.
pub(crate) struct Interactions {
    file: TableFile,
    id: Keys,
    request: Keys,
    /// Tenant, user, entity.
    numbers: [Vec<u64>; 3],
    kind: StringBuilder,
    time: Vec<i64>,
    value: Vec<f32>,
}

impl Interactions {
    pub(crate) fn new(destination: &Destination) -> Result<Self, ParquetError> {
        Ok(Interactions {
            file: TableFile::new(destination, schema::interactions(), Vec::new(), &[])?,
            id: Keys::default(),
            request: Keys::default(),
            numbers: Default::default(),
            kind: StringBuilder::new(),
            time: Vec::new(),
            value: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, row: &InteractionRow, pace: &mut Pace) -> Result<(), ParquetError> {
        self.id.push(Some(row.id.0));
        self.request.push(row.request.map(|request| request.0));
        for (column, number) in self.numbers.iter_mut().zip([row.tenant, row.user, row.entity]) {
            column.push(number);
        }
        self.kind.append_value(&row.kind);
        self.time.push(row.time.millis());
        self.value.push(row.value);
        if self.time.len() >= BATCH_ROWS { self.flush(pace) } else { Ok(()) }
    }

    fn flush(&mut self, pace: &mut Pace) -> Result<(), ParquetError> {
        if self.time.is_empty() {
            return Ok(());
        }
        let [tenant, user, entity] =
            self.numbers.each_mut().map(|column| Arc::new(UInt64Array::from(take(column))));
        self.file.write(
            vec![
                self.id.take()?,
                self.request.take()?,
                tenant,
                user,
                entity,
                Arc::new(self.kind.finish()),
                times(&mut self.time),
                Arc::new(Float32Array::from(take(&mut self.value))),
            ],
            pace,
        )
    }

    /// Makes the file durable; how many bytes it has.
    pub(crate) fn finish(mut self, pace: &mut Pace) -> Result<u64, ParquetError> {
        self.flush(pace)?;
        self.file.finish(pace)
    }
}
