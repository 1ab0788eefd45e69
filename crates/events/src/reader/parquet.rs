//! From the columns of a Parquet file back to rows. The partition is in the file's path.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, AsArray, BooleanArray, FixedSizeBinaryArray, Float32Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt32Array, UInt64Array,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use recommend_core::{InteractionId, Name, RequestId, Timestamp};

use crate::error::LogError;
use crate::row::{ImpressionRow, InteractionRow, Placement, RequestRow};
use crate::schema::{FEATURE_PREFIX, VERSION, VERSION_KEY};

/// Opens a file of the log, of any version that this release knows; only these columns of it, if any are named.
fn open(path: &Path, columns: Option<&[&str]>) -> Result<ParquetRecordBatchReader, LogError> {
    let file = File::open(path).map_err(LogError::io("opening", path))?;
    let mut builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| LogError::parquet(path, error))?;
    let found = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == VERSION_KEY))
        .and_then(|pair| pair.value.clone())
        .ok_or_else(|| {
            LogError::parquet(path, format!("its metadata has no {VERSION_KEY}: it is not the log's"))
        })?;
    if !found.parse::<u32>().is_ok_and(|version| (1..=VERSION).contains(&version)) {
        return Err(LogError::Version { path: path.to_owned(), found, supported: VERSION });
    }
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    builder.build().map_err(|error| LogError::parquet(path, error))
}

/// A batch of rows, with the file that it is from for the messages.
struct Batch<'a> {
    path: &'a Path,
    rows: RecordBatch,
}

impl Batch<'_> {
    fn column<T: Array + 'static>(&self, name: &str) -> Result<&T, LogError> {
        self.rows.column_by_name(name).and_then(|column| column.as_any().downcast_ref()).ok_or_else(|| {
            LogError::parquet(self.path, format!("the column {name} is not there or of another type"))
        })
    }

    fn u64(&self, name: &str) -> Result<&UInt64Array, LogError> {
        self.column(name)
    }

    fn u32(&self, name: &str) -> Result<&UInt32Array, LogError> {
        self.column(name)
    }

    fn f32(&self, name: &str) -> Result<&Float32Array, LogError> {
        self.column(name)
    }

    fn key(&self, name: &str, row: usize) -> Result<Option<u128>, LogError> {
        let column: &FixedSizeBinaryArray = self.column(name)?;
        let bytes = (!column.is_null(row)).then(|| column.value(row));
        Ok(bytes.map(|bytes| bytes.iter().fold(0, |key, byte| key << 8 | u128::from(*byte))))
    }

    /// A name that may be null, in a column that files of earlier versions may not have.
    fn maybe(&self, name: &str, row: usize) -> Result<Option<Name>, LogError> {
        if !self.has(name) {
            return Ok(None);
        }
        let column: &StringArray = self.column(name)?;
        (!column.is_null(row)).then(|| self.name(column.value(row))).transpose()
    }

    fn has(&self, name: &str) -> bool {
        self.rows.schema_ref().column_with_name(name).is_some()
    }

    fn time(&self, row: usize) -> Result<Timestamp, LogError> {
        Ok(Timestamp(self.column::<TimestampMillisecondArray>("time")?.value(row)))
    }

    fn name(&self, text: &str) -> Result<Name, LogError> {
        Name::new(text).map_err(|error| LogError::parquet(self.path, error))
    }

    fn texts(&self, name: &str, row: usize) -> Result<Vec<String>, LogError> {
        let list = self.column::<ListArray>(name)?.value(row);
        let texts = list.as_string_opt::<i32>().ok_or_else(|| {
            LogError::parquet(self.path, format!("the column {name} does not list strings"))
        })?;
        Ok(texts.iter().flatten().map(str::to_owned).collect())
    }
}

/// The value of a level of the partition, such as `corpus`.
fn level(path: &Path, key: &str) -> Result<Name, LogError> {
    path.iter()
        .rev()
        .filter_map(|part| part.to_str()?.split_once('='))
        .find(|(k, _)| *k == key)
        .and_then(|(_, value)| Name::new(value).ok())
        .ok_or_else(|| LogError::parquet(path, format!("no folder above it is named {key}=…")))
}

fn batches<'a>(
    path: &'a Path,
    columns: Option<&[&str]>,
) -> Result<impl Iterator<Item = Result<Batch<'a>, LogError>> + use<'a>, LogError> {
    let reader = open(path, columns)?;
    Ok(reader.map(move |rows| match rows {
        Ok(rows) => Ok(Batch { path, rows }),
        Err(error) => Err(LogError::parquet(path, error)),
    }))
}

pub(super) fn requests(path: &Path, rows: &mut Vec<RequestRow>) -> Result<(), LogError> {
    let (corpus, source) = (level(path, "corpus")?, level(path, "source")?);
    for batch in batches(path, None)? {
        let batch = batch?;
        let model: &StringArray = batch.column("model")?;
        for row in 0..batch.rows.num_rows() {
            rows.push(RequestRow {
                request: RequestId(batch.key("request", row)?.unwrap_or_default()),
                time: batch.time(row)?,
                tenant: batch.u64("tenant")?.value(row),
                user: batch.u64("user")?.value(row),
                corpus: corpus.clone(),
                source: source.clone(),
                experiment: batch.maybe("experiment", row)?,
                variant: batch.maybe("variant", row)?,
                shadow_of: match batch.has("shadow_of") {
                    true => batch.key("shadow_of", row)?.map(RequestId),
                    false => None,
                },
                model: model.value(row).to_owned(),
                schema: batch.u64("schema")?.value(row),
                limit: batch.u32("limit")?.value(row),
                candidates: batch.u32("candidates")?.value(row),
                scored: batch.u32("scored")?.value(row),
                returned: batch.u32("returned")?.value(row),
                latency_us: batch.u64("latency_us")?.value(row),
                seed: batch.u64("seed")?.value(row),
                degraded: batch.texts("degraded", row)?,
            });
        }
    }
    Ok(())
}

pub(super) fn impressions(path: &Path, rows: &mut Vec<ImpressionRow>) -> Result<(), LogError> {
    for batch in batches(path, None)? {
        let batch = batch?;
        let mut names = Vec::new();
        let mut columns: Vec<&Float32Array> = Vec::new();
        for field in batch.rows.schema_ref().fields() {
            if let Some(feature) = field.name().strip_prefix(FEATURE_PREFIX) {
                names.push(batch.name(feature)?);
                columns.push(batch.column(field.name())?);
            }
        }
        let names: Arc<[Name]> = names.into();
        let shown: &BooleanArray = batch.column("shown")?;
        for row in 0..batch.rows.num_rows() {
            let fetchers = batch.texts("fetchers", row)?;
            rows.push(ImpressionRow {
                request: RequestId(batch.key("request", row)?.unwrap_or_default()),
                time: batch.time(row)?,
                position: batch.u32("position")?.value(row),
                entity: batch.u64("entity")?.value(row),
                score: batch.f32("score")?.value(row),
                propensity: batch.f32("propensity")?.value(row),
                fetchers: fetchers.iter().map(|name| batch.name(name)).collect::<Result<_, _>>()?,
                shown: shown.value(row),
                variant: batch.maybe("variant", row)?,
                names: names.clone(),
                features: columns.iter().map(|column| column.value(row)).collect(),
            });
        }
    }
    Ok(())
}

pub(super) fn placements(path: &Path, each: &mut impl FnMut(Placement)) -> Result<(), LogError> {
    for batch in batches(path, Some(&["request", "position", "entity", "shown", "variant"]))? {
        let batch = batch?;
        let shown: &BooleanArray = batch.column("shown")?;
        for row in 0..batch.rows.num_rows() {
            each(Placement {
                request: RequestId(batch.key("request", row)?.unwrap_or_default()),
                position: batch.u32("position")?.value(row),
                entity: batch.u64("entity")?.value(row),
                shown: shown.value(row),
                variant: batch.maybe("variant", row)?,
            });
        }
    }
    Ok(())
}

pub(super) fn interactions(path: &Path, rows: &mut Vec<InteractionRow>) -> Result<(), LogError> {
    let corpus = level(path, "corpus")?;
    for batch in batches(path, None)? {
        let batch = batch?;
        let kind: &StringArray = batch.column("kind")?;
        for row in 0..batch.rows.num_rows() {
            rows.push(InteractionRow {
                id: InteractionId(batch.key("id", row)?.unwrap_or_default()),
                request: batch.key("request", row)?.map(RequestId),
                tenant: batch.u64("tenant")?.value(row),
                user: batch.u64("user")?.value(row),
                corpus: corpus.clone(),
                entity: batch.u64("entity")?.value(row),
                kind: batch.name(kind.value(row))?,
                time: batch.time(row)?,
                value: batch.f32("value")?.value(row),
            });
        }
    }
    Ok(())
}
