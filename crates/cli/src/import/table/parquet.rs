//! Parquet: only the selected columns are read and decoded.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMillisecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use recommend_core::Timestamp;

use super::{Cell, Progress, Table, TableError, positions};

const BATCH_ROWS: usize = 8_192;

/// A Parquet file.
pub(super) struct ParquetTable {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    columns: Vec<String>,
    selected: Vec<String>,
    reader: Option<ParquetRecordBatchReader>,
    batch: Vec<Column>,
    rows: usize,
    at: usize,
    line: u64,
    progress: Progress,
}

/// A column in one of the types that a cell can have.
enum Column {
    Text(ArrayRef),
    Integer(ArrayRef),
    Float(ArrayRef),
    Bool(ArrayRef),
    Time(ArrayRef),
}

impl ParquetTable {
    pub(super) fn open(path: &Path, file: File) -> Result<(Self, Progress), TableError> {
        let failed = |reason: String| TableError::File { path: path.to_owned(), reason };
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|error| failed(error.to_string()))?;
        let columns = metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
        let rows = metadata.metadata().file_metadata().num_rows();
        let progress = Progress::new(u64::try_from(rows).unwrap_or(0));
        let table = ParquetTable {
            path: path.to_owned(),
            file,
            metadata,
            columns,
            selected: Vec::new(),
            reader: None,
            batch: Vec::new(),
            rows: 0,
            at: 0,
            line: 0,
            progress: progress.clone(),
        };
        Ok((table, progress))
    }

    fn failed(&self, reason: impl ToString) -> TableError {
        TableError::File { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// Brings a column into one of the types of a cell.
fn column(array: &ArrayRef) -> Result<Column, String> {
    use DataType as T;
    let to = |to: &DataType| cast(array, to).map_err(|error| error.to_string());
    Ok(match array.data_type() {
        // A dictionary of text is how writers store words.
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Dictionary(_, _) => Column::Text(to(&T::Utf8)?),
        // Ids above 2^63 do not fit an Integer; as text they stay what they are.
        T::UInt64 => Column::Text(to(&T::Utf8)?),
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 => {
            Column::Integer(to(&T::Int64)?)
        }
        T::Float16 | T::Float32 | T::Float64 | T::Decimal128(_, _) | T::Decimal256(_, _) => {
            Column::Float(to(&T::Float64)?)
        }
        T::Boolean => Column::Bool(array.clone()),
        T::Timestamp(_, _) | T::Date32 | T::Date64 => {
            Column::Time(to(&T::Timestamp(TimeUnit::Millisecond, None))?)
        }
        other => return Err(format!("has the type {other}, which is no id, number, time or word")),
    })
}

impl Table for ParquetTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn select(&mut self, wanted: &[String]) -> Result<(), TableError> {
        positions(&self.path, &self.columns, wanted)?;
        let file = self.file.try_clone().map_err(|error| self.failed(error))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let roots = wanted.iter().filter_map(|name| self.columns.iter().position(|c| c == name));
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        // A projection keeps the order of the file; cells are asked for in the order of `wanted`.
        self.selected = wanted.to_vec();
        self.reader = Some(reader.map_err(|error| self.failed(error))?);
        Ok(())
    }

    fn advance(&mut self) -> Result<bool, TableError> {
        self.line += 1;
        self.at += 1;
        if self.at < self.rows {
            return Ok(true);
        }
        let Some(reader) = &mut self.reader else { return Ok(false) };
        loop {
            let batch = match reader.next() {
                None => return Ok(false),
                Some(batch) => batch.map_err(|error| TableError::File {
                    path: self.path.clone(),
                    reason: format!("after row {}: {error}", self.line - 1),
                })?,
            };
            self.progress.add(batch.num_rows() as u64);
            if batch.num_rows() == 0 {
                continue;
            }
            let mut columns = Vec::with_capacity(self.selected.len());
            for name in &self.selected {
                let array = batch.column_by_name(name).ok_or_else(|| TableError::NoColumn {
                    path: self.path.clone(),
                    wanted: name.clone(),
                    known: Vec::new(),
                })?;
                columns.push(column(array).map_err(|reason| TableError::File {
                    path: self.path.clone(),
                    reason: format!("column {name:?} {reason}"),
                })?);
            }
            self.batch = columns;
            (self.rows, self.at) = (batch.num_rows(), 0);
            return Ok(true);
        }
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn cell(&self, at: usize) -> Cell<'_> {
        let (row, column) = (self.at, &self.batch[at]);
        let (Column::Text(array)
        | Column::Integer(array)
        | Column::Float(array)
        | Column::Bool(array)
        | Column::Time(array)) = column;
        if array.is_null(row) {
            return Cell::Missing;
        }
        match column {
            Column::Text(array) => match array.as_string::<i32>().value(row).trim() {
                "" => Cell::Missing,
                text => Cell::Text(text),
            },
            Column::Integer(array) => Cell::Integer(array.as_primitive::<Int64Type>().value(row)),
            Column::Float(array) => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
            Column::Bool(array) => Cell::Bool(array.as_boolean().value(row)),
            Column::Time(array) => {
                Cell::Time(Timestamp(array.as_primitive::<TimestampMillisecondType>().value(row)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BooleanArray, Float32Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
        UInt64Array,
    };

    use super::super::{TableOptions, open};
    use super::*;

    #[test]
    fn typed_columns_become_cells_in_the_order_asked_for() {
        let batch = RecordBatch::try_from_iter([
            ("user", Arc::new(StringArray::from(vec![Some("u1"), None])) as ArrayRef),
            ("n", Arc::new(Int32Array::from(vec![3, 4]))),
            ("id", Arc::new(UInt64Array::from(vec![u64::MAX, 1]))),
            ("x", Arc::new(Float32Array::from(vec![0.5, 1.5]))),
            ("ok", Arc::new(BooleanArray::from(vec![true, false]))),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, 2_000_000]))),
        ])
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let properties = parquet::file::properties::WriterProperties::builder()
            .set_compression(parquet::basic::Compression::SNAPPY)
            .build();
        let file = File::create(&path).unwrap();
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();

        let (mut table, progress) = open(&path, &TableOptions::default()).unwrap();
        table.select(&["at", "user", "id", "n", "x", "ok"].map(String::from)).unwrap();
        assert!(table.advance().unwrap());
        assert_eq!(
            (0..6).map(|i| table.cell(i)).collect::<Vec<_>>(),
            [
                Cell::Time(Timestamp(1500)),
                Cell::Text("u1"),
                Cell::Text("18446744073709551615"),
                Cell::Integer(3),
                Cell::Float(0.5),
                Cell::Bool(true)
            ]
        );
        assert!(table.advance().unwrap());
        assert_eq!((table.cell(1), table.line()), (Cell::Missing, 2));
        assert!(!table.advance().unwrap());
        assert_eq!((progress.done(), progress.total), (2, 2));
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        std::fs::write(&path, b"PAR1 nothing else PAR1").unwrap();
        let error = open(&path, &TableOptions::default()).err().unwrap().to_string();
        assert!(error.contains("x.parquet"), "{error}");
    }
}
