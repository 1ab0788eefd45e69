//! Writing a dataset: one file a day, each whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, FixedSizeBinaryBuilder, Float32Array, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Float32Type, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use recommend_core::{Name, Timestamp};
use recommend_events::Texture;

use super::schema::{self, FEATURE_PREFIX, INPUTS_KEY, VERSION, VERSION_KEY};
use super::{Dataset, DatasetError, Group};

/// Rows of one batch.
const BATCH_ROWS: usize = 8192;

impl Dataset {
    /// Writes the dataset into a folder: `dataset.json`, and a file for each UTC day that it has rows of. Files of these
    /// days are replaced, those of others stay.
    ///
    /// # Errors
    /// [`DatasetError::Io`] and [`DatasetError::Parquet`].
    pub fn write(&self, folder: &Path) -> Result<(), DatasetError> {
        self.about().write(folder)?;
        let mut days: BTreeMap<String, Vec<&Group>> = BTreeMap::new();
        for group in self.groups() {
            days.entry(date(group.time)).or_default().push(group);
        }
        let columns = schema::columns(self.features());
        for (date, groups) in days {
            let mut file = DayFile::create(&schema::file(folder, &date), columns.clone(), None)?;
            for some in batches(&groups) {
                file.write(&self.batch(&columns, some).map_err(|e| DatasetError::parquet(&file.path, e))?)?;
            }
            file.finish()?;
        }
        Ok(())
    }

    fn batch(&self, columns: &SchemaRef, groups: &[&Group]) -> Result<RecordBatch, ParquetError> {
        let rows: Vec<usize> = groups.iter().flat_map(|group| group.rows.clone()).collect();
        let of_groups = || groups.iter().flat_map(|group| group.rows.clone().map(move |_| *group));
        let floats =
            |values: &[f32]| Arc::new(rows.iter().map(|r| Some(values[*r])).collect::<Float32Array>());
        let mut requests = FixedSizeBinaryBuilder::new(16);
        for group in of_groups() {
            requests.append_value(group.request.0.to_be_bytes())?;
        }
        let times = TimestampMillisecondArray::from_iter_values(of_groups().map(|group| group.time.0));
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(requests.finish()),
            Arc::new(times.with_timezone("UTC")),
            Arc::new(UInt64Array::from_iter_values(of_groups().map(|group| group.tenant.0))),
            Arc::new(UInt64Array::from_iter_values(of_groups().map(|group| group.user.0))),
            Arc::new(of_groups().map(|group| Some(&*group.model)).collect::<StringArray>()),
            Arc::new(
                of_groups().map(|group| group.variant.as_ref().map(Name::as_str)).collect::<StringArray>(),
            ),
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| self.positions()[*row]))),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| self.entities()[*row].0))),
            floats(self.scores()),
            floats(self.propensities()),
            floats(self.labels()),
            floats(self.weights()),
        ];
        for feature in 0..self.features().len() {
            let column = self.column(feature);
            arrays.push(Arc::new(Float32Array::from_iter_values(rows.iter().map(|row| column[*row]))));
        }
        Ok(RecordBatch::try_new(columns.clone(), arrays)?)
    }
}

/// Groups in batches of some rows, none taken apart.
fn batches<'a, 'b>(groups: &'b [&'a Group]) -> impl Iterator<Item = &'b [&'a Group]> {
    let mut rest = groups;
    std::iter::from_fn(move || {
        let mut rows = 0;
        let count = rest.iter().take_while(|group| {
            let before = rows;
            rows += group.rows.len();
            before < BATCH_ROWS
        });
        let (some, others) = rest.split_at(count.count());
        rest = others;
        (!some.is_empty()).then_some(some)
    })
}

/// The UTC day of a time.
pub(crate) fn date(time: Timestamp) -> String {
    // As the log's folders: what is beyond the calendar is at its end.
    jiff::Timestamp::from_millisecond(time.0)
        .map_or_else(|_| "9999-12-31".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// The file of a day while it is written. It has its name once it is whole; dropped before, nothing of it is left.
pub(crate) struct DayFile {
    pub(crate) path: PathBuf,
    columns: SchemaRef,
    inputs: Option<String>,
    /// Begun with the first rows: they decide how the features are encoded.
    writer: Option<ArrowWriter<File>>,
    unfinished: PathBuf,
}

impl DayFile {
    /// `inputs` says what it is made from, where that may change.
    pub(crate) fn create(
        path: &Path,
        columns: SchemaRef,
        inputs: Option<String>,
    ) -> Result<Self, DatasetError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder).map_err(DatasetError::io("creating", folder))?;
        Ok(DayFile { path: path.to_owned(), columns, inputs, writer: None, unfinished: unfinished(path) })
    }

    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), DatasetError> {
        let wrong = |error| DatasetError::parquet(&self.path, error);
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file =
                    File::create(&self.unfinished).map_err(DatasetError::io("creating", &self.unfinished))?;
                let properties = properties(rows, self.inputs.take()).map_err(wrong)?;
                let writer = ArrowWriter::try_new(file, self.columns.clone(), Some(properties));
                self.writer.insert(writer.map_err(wrong)?)
            }
        };
        writer.write(rows).map_err(wrong)
    }

    /// Makes it durable under its name; how many bytes it has.
    pub(crate) fn finish(mut self) -> Result<u64, DatasetError> {
        if self.writer.is_none() {
            self.write(&RecordBatch::new_empty(self.columns.clone()))?;
        }
        let Some(writer) = self.writer.take() else { return Ok(0) };
        let file = writer.into_inner().map_err(|error| DatasetError::parquet(&self.path, error))?;
        let bytes = file.metadata().map_err(DatasetError::io("looking at", &self.unfinished))?.len();
        file.sync_all().map_err(DatasetError::io("syncing", &self.unfinished))?;
        fs::rename(&self.unfinished, &self.path).map_err(DatasetError::io("renaming", &self.unfinished))?;
        sync_folder(&self.path)?;
        Ok(bytes)
    }
}

impl Drop for DayFile {
    fn drop(&mut self) {
        // After `finish` it has another name. That the rest stays is no harm: it is not read and will be replaced.
        let _ = fs::remove_file(&self.unfinished);
    }
}

/// Replaces a small file, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    let unfinished = unfinished(path);
    let mut file = File::create(&unfinished).map_err(DatasetError::io("creating", &unfinished))?;
    let write = file.write_all(bytes).and_then(|()| file.sync_all());
    write.map_err(DatasetError::io("writing", &unfinished))?;
    fs::rename(&unfinished, path).map_err(DatasetError::io("renaming", &unfinished))?;
    sync_folder(path)
}

/// A name of this process's own: two that write the same file do not write into each other's.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.unfinished", std::process::id()))
}

/// Makes a rename durable.
fn sync_folder(path: &Path) -> Result<(), DatasetError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let open = File::open(folder).and_then(|folder| folder.sync_all());
    open.map_err(DatasetError::io("syncing", folder))
}

/// Rows of a row group: what the writer holds in memory before it goes to disk.
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// Written once and read a few times, whole: fast to write and to read comes before small. As in the log, the first
/// values of a feature decide: what repeats is compressed plane by plane, what hardly does is written as it is.
fn properties(rows: &RecordBatch, inputs: Option<String>) -> Result<WriterProperties, ParquetError> {
    let mut metadata = vec![KeyValue::new(VERSION_KEY.to_owned(), VERSION.to_string())];
    metadata.extend(inputs.map(|inputs| KeyValue::new(INPUTS_KEY.to_owned(), inputs)));
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_created_by(concat!("recommend-training ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_write_batch_size(BATCH_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_key_value_metadata(Some(metadata));
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        let encoding = match field.name().as_str() {
            // Each is the one before again, but for the first of a request: compression sees that. No deltas, which Polars
            // does not read.
            "request" => Encoding::PLAIN,
            "time" | "position" => Encoding::DELTA_BINARY_PACKED,
            // No dictionaries: looking every value up costs more than it saves.
            "entity" | "user" => Encoding::PLAIN,
            name if name == "score" || name.starts_with(FEATURE_PREFIX) => {
                let values = column.as_primitive_opt::<Float32Type>().map(|values| &**values.values());
                match Texture::of(values.unwrap_or_default()) {
                    Texture::Repeating => Encoding::BYTE_STREAM_SPLIT,
                    Texture::Mixed | Texture::Distinct => {
                        properties =
                            properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
                        Encoding::PLAIN
                    }
                }
            }
            _ => continue,
        };
        properties =
            properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    Ok(properties.build())
}
