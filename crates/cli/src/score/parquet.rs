//! Rows of Parquet: numbers and booleans, nulls missing.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, Float32Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use recommend_models::xgboost::Booster;

use super::input::{Source, match_columns};

/// A Parquet file, and where in it the model's features are.
pub(super) struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    columns: Vec<usize>,
    batch: Vec<Float32Array>,
    at: usize,
    len: usize,
}

impl ParquetRows {
    pub(super) fn open(path: &Path, booster: &Booster) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| {
                let names =
                    builder.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
                builder.build().map(|reader| (reader, names))
            })
            .with_context(|| format!("{}", path.display()))?;
        let (reader, names) = reader;
        let columns = match_columns(path, booster, &names)?;
        Ok(ParquetRows { path: path.to_owned(), reader, columns, batch: Vec::new(), at: 0, len: 0 })
    }

    fn load(&mut self, batch: &RecordBatch) -> Result<()> {
        self.batch.clear();
        for column in &self.columns {
            let field = batch.schema_ref().field(*column).clone();
            let values = cast(batch.column(*column), &DataType::Float32).with_context(|| {
                format!(
                    "{}: column {} is {}, not numbers",
                    self.path.display(),
                    field.name(),
                    field.data_type()
                )
            })?;
            self.batch.push(values.as_primitive::<Float32Type>().clone());
        }
        (self.at, self.len) = (0, batch.num_rows());
        Ok(())
    }
}

impl Source for ParquetRows {
    fn read(&mut self, into: &mut Vec<f32>) -> Result<bool> {
        while self.at == self.len {
            match self.reader.next() {
                None => return Ok(false),
                Some(batch) => {
                    let batch = batch.with_context(|| format!("{}", self.path.display()))?;
                    self.load(&batch)?;
                }
            }
        }
        let at = self.at;
        into.extend(self.batch.iter().map(
            |column| {
                if column.is_null(at) { f32::NAN } else { column.value(at) }
            },
        ));
        self.at += 1;
        Ok(true)
    }
}
