//! Reading a dataset's files back into memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, TimeUnit, TimestampMillisecondType, UInt32Type, UInt64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use recommend_core::{EntityId, FeatureSchema, Name, RequestId, TenantId, Timestamp, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::schema::{FEATURE_PREFIX, FILE, VERSION, VERSION_KEY};
use super::{About, Dataset, DatasetError, Group, Rows, matrix};

/// Which part of a dataset is read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Only days from this one, `YYYY-MM-DD`.
    pub from: Option<String>,
    /// Only days up to and with this one.
    pub to: Option<String>,
    /// Only these features, in this order; otherwise all that any of the files has.
    pub features: Option<Vec<Name>>,
}

impl Dataset {
    /// Reads a whole dataset from its folder.
    ///
    /// # Errors
    /// As [`Dataset::read_with`].
    pub fn read(folder: impl AsRef<Path>) -> Result<Dataset, DatasetError> {
        Dataset::read_with(folder, &ReadOptions::default())
    }

    /// Reads part of a dataset: days in order, and of each the rows as they lie. A feature that a file lacks is missing
    /// there. Takes four bytes per row and feature and some 40 per row.
    ///
    /// # Errors
    /// [`DatasetError::NoDataset`], [`DatasetError::Empty`], [`DatasetError::Features`] with those that no file has, and
    /// [`DatasetError::Io`] and [`DatasetError::Parquet`] for files that cannot be read.
    pub fn read_with(folder: impl AsRef<Path>, options: &ReadOptions) -> Result<Dataset, DatasetError> {
        let folder = folder.as_ref();
        let about = About::read(folder)?;
        let files = days(folder, options)?
            .into_iter()
            .map(|(_, path)| open(&path).map(|(file, metadata)| (path, file, metadata)))
            .collect::<Result<Vec<_>, _>>()?;
        let known = known(files.iter().map(|(path, _, metadata)| (&**path, metadata)))?;
        let names = match &options.features {
            None => known,
            Some(wanted) => {
                let missing = FeatureSchema::new(known.clone()).columns(wanted).err();
                if let Some(missing) = missing.filter(|_| !files.is_empty()) {
                    let known = known.iter().map(Name::to_string).collect();
                    return Err(DatasetError::Features { missing, known });
                }
                wanted.clone()
            }
        };
        let rows =
            files.iter().map(|(_, _, metadata)| metadata.metadata().file_metadata().num_rows()).sum::<i64>();
        let mut reading = Reading::new(usize::try_from(rows).unwrap_or(0), names);
        for (path, file, metadata) in files {
            reading.file(&path, file, metadata)?;
        }
        if reading.rows.labels.is_empty() {
            let between = match (&options.from, &options.to) {
                (None, None) => String::new(),
                (from, to) => format!(
                    " from {} to {}",
                    from.as_deref().unwrap_or("its first day"),
                    to.as_deref().unwrap_or("its last")
                ),
            };
            return Err(DatasetError::Empty { folder: folder.to_owned(), between });
        }
        reading.finish(about)
    }
}

/// The files of a dataset with their days, in order.
///
/// # Errors
/// [`DatasetError::Io`] when the folder cannot be read.
pub(crate) fn days(folder: &Path, options: &ReadOptions) -> Result<Vec<(String, PathBuf)>, DatasetError> {
    let mut days = Vec::new();
    for entry in fs::read_dir(folder).map_err(DatasetError::io("reading", folder))? {
        let entry = entry.map_err(DatasetError::io("reading", folder))?;
        let name = entry.file_name();
        let Some(day) = name.to_str().and_then(|name| name.strip_prefix("date=")) else { continue };
        let path = entry.path().join(FILE);
        let wanted = options.from.as_deref().is_none_or(|from| day >= from)
            && options.to.as_deref().is_none_or(|to| day <= to);
        if wanted && path.exists() {
            days.push((day.to_owned(), path));
        }
    }
    days.sort();
    Ok(days)
}

fn open(path: &Path) -> Result<(File, ArrowReaderMetadata), DatasetError> {
    let wrong = |reason: String| DatasetError::parquet(path, reason);
    let file = File::open(path).map_err(DatasetError::io("opening", path))?;
    let metadata =
        ArrowReaderMetadata::load(&file, Default::default()).map_err(|error| wrong(error.to_string()))?;
    match value(&metadata, VERSION_KEY).and_then(|version| version.parse::<u32>().ok()) {
        None => Err(wrong(format!("its metadata has no {VERSION_KEY}: it is not a dataset's"))),
        Some(found) if found > VERSION => {
            Err(wrong(format!("it has version {found}, this release reads up to {VERSION}")))
        }
        Some(_) => Ok((file, metadata)),
    }
}

/// A value of a file's metadata.
fn value<'a>(metadata: &'a ArrowReaderMetadata, key: &str) -> Option<&'a str> {
    let pairs = metadata.metadata().file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}

/// What a joined file says that it was made from; none when there is no such file.
#[cfg(feature = "join")]
pub(crate) fn inputs_of(path: &Path) -> Option<String> {
    let (_, metadata) = open(path).ok()?;
    value(&metadata, super::schema::INPUTS_KEY).map(str::to_owned)
}

/// The features of all files: those of the newest as they stand there, then those that only older ones have.
fn known<'a>(
    files: impl DoubleEndedIterator<Item = (&'a Path, &'a ArrowReaderMetadata)>,
) -> Result<Vec<Name>, DatasetError> {
    let mut names = Vec::new();
    let mut seen = FxHashSet::default();
    for (path, metadata) in files.rev() {
        for field in metadata.schema().fields() {
            if let Some(name) = field.name().strip_prefix(FEATURE_PREFIX) {
                let name = Name::new(name).map_err(|error| DatasetError::parquet(path, error))?;
                if seen.insert(name.clone()) {
                    names.push(name);
                }
            }
        }
    }
    Ok(names)
}

struct Reading {
    names: Vec<Name>,
    cells: Vec<f32>,
    rows: Rows,
    groups: Vec<Group>,
    /// Models and variants repeat: one text each.
    models: FxHashMap<String, Arc<str>>,
}

impl Reading {
    fn new(rows: usize, names: Vec<Name>) -> Self {
        Reading {
            cells: Vec::with_capacity(rows * names.len()),
            names,
            rows: Rows {
                entities: Vec::with_capacity(rows),
                positions: Vec::with_capacity(rows),
                scores: Vec::with_capacity(rows),
                propensities: Vec::with_capacity(rows),
                labels: Vec::with_capacity(rows),
                weights: Vec::with_capacity(rows),
            },
            groups: Vec::new(),
            models: FxHashMap::default(),
        }
    }

    fn file(&mut self, path: &Path, file: File, metadata: ArrowReaderMetadata) -> Result<(), DatasetError> {
        let wanted: FxHashSet<String> =
            self.names.iter().map(|name| format!("{FEATURE_PREFIX}{name}")).collect();
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let places: Vec<usize> = (builder.schema().fields().iter().enumerate())
            .filter(|(_, field)| !field.name().starts_with(FEATURE_PREFIX) || wanted.contains(field.name()))
            .map(|(at, _)| at)
            .collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), places);
        let reader = builder.with_projection(mask).with_batch_size(8192).build();
        for batch in reader.map_err(|error| DatasetError::parquet(path, error))? {
            let batch = batch.map_err(|error| DatasetError::parquet(path, error))?;
            self.batch(&Columns { path, batch: &batch })?;
        }
        Ok(())
    }

    fn batch(&mut self, columns: &Columns<'_>) -> Result<(), DatasetError> {
        let start = self.rows.labels.len();
        let count = columns.batch.num_rows();
        self.rows.labels.extend_from_slice(&columns.floats("label")?);
        self.rows.scores.extend_from_slice(&columns.floats("score")?);
        self.rows.propensities.extend_from_slice(&columns.floats("propensity")?);
        match columns.batch.column_by_name("weight") {
            Some(_) => self.rows.weights.extend_from_slice(&columns.floats("weight")?),
            None => self.rows.weights.resize(start + count, 1.0),
        }
        let positions = columns.of("position", &DataType::UInt32)?;
        self.rows.positions.extend_from_slice(positions.as_primitive::<UInt32Type>().values());
        self.rows.entities.extend(columns.u64("entity")?.into_iter().map(EntityId));
        self.groups(columns, start)?;
        self.features(columns, count)
    }

    fn groups(&mut self, columns: &Columns<'_>, start: usize) -> Result<(), DatasetError> {
        let times = columns.of("time", &DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))?;
        let times = times.as_primitive::<TimestampMillisecondType>();
        let (tenants, users) = (columns.u64("tenant")?, columns.u64("user")?);
        let models = columns.of("model", &DataType::Utf8)?;
        let variants = columns.of("variant", &DataType::Utf8)?;
        let (models, variants) = (models.as_string::<i32>(), variants.as_string::<i32>());
        let requests = columns.of("request", &DataType::FixedSizeBinary(16))?;
        let requests = requests.as_fixed_size_binary();
        for row in 0..columns.batch.num_rows() {
            let request = requests.value(row).iter().fold(0, |id, byte| id << 8 | u128::from(*byte));
            match self.groups.last_mut() {
                Some(group) if group.request.0 == request => group.rows.end += 1,
                _ => {
                    let model = models.value(row);
                    if !self.models.contains_key(model) {
                        self.models.insert(model.to_owned(), model.into());
                    }
                    let variant = variants.is_valid(row).then(|| Name::new(variants.value(row))).transpose();
                    self.groups.push(Group {
                        request: RequestId(request),
                        time: Timestamp(times.value(row)),
                        tenant: TenantId(tenants[row]),
                        user: UserId(users[row]),
                        model: self.models[model].clone(),
                        variant: variant.map_err(|error| DatasetError::parquet(columns.path, error))?,
                        rows: start + row..start + row + 1,
                    });
                }
            }
        }
        Ok(())
    }

    /// Columns of the file into rows of the matrix.
    fn features(&mut self, columns: &Columns<'_>, count: usize) -> Result<(), DatasetError> {
        let width = self.names.len();
        let start = self.cells.len();
        self.cells.resize(start + count * width, f32::NAN);
        for (place, name) in self.names.iter().enumerate() {
            let column = format!("{FEATURE_PREFIX}{name}");
            if columns.batch.column_by_name(&column).is_none() {
                continue;
            }
            let values = columns.floats(&column)?;
            let cells = self.cells[start + place..].iter_mut().step_by(width);
            for (cell, value) in cells.zip(values) {
                *cell = value;
            }
        }
        Ok(())
    }

    fn finish(self, about: About) -> Result<Dataset, DatasetError> {
        let Reading { names, cells, rows, groups, .. } = self;
        let matrix = matrix(rows.labels.len(), names.len(), cells);
        let dataset = Dataset::new(about, Arc::new(FeatureSchema::new(names)), matrix, rows, groups)?;
        Ok(dataset.gathered())
    }
}

impl Dataset {
    /// Brings the rows of a request together where a file of another writer has them apart.
    fn gathered(self) -> Dataset {
        let mut first = FxHashMap::default();
        for (at, group) in self.groups.iter().enumerate() {
            first.entry(group.request).or_insert(at);
        }
        if first.len() == self.groups.len() {
            return self;
        }
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by_key(|at| (first[&self.groups[*at].request], *at));
        let mut sorted = self.of_groups(&order);
        sorted.groups.dedup_by(|later, earlier| {
            let same = later.request == earlier.request;
            if same {
                earlier.rows.end = later.rows.end;
            }
            same
        });
        sorted
    }
}

/// A batch of a file.
struct Columns<'a> {
    path: &'a Path,
    batch: &'a RecordBatch,
}

impl Columns<'_> {
    fn of(&self, name: &str, kind: &DataType) -> Result<Arc<dyn Array>, DatasetError> {
        let column = self.batch.column_by_name(name);
        let column = column.ok_or_else(|| {
            DatasetError::parquet(self.path, format!("it has no column {name:?}, which every dataset has"))
        })?;
        if column.data_type() == kind {
            return Ok(column.clone());
        }
        cast(column, kind).map_err(|_| {
            let found = column.data_type();
            DatasetError::parquet(self.path, format!("the column {name:?} is {found}, not {kind}"))
        })
    }

    /// Floats; null is NaN.
    fn floats(&self, name: &str) -> Result<Vec<f32>, DatasetError> {
        let column = self.of(name, &DataType::Float32)?;
        let column = column.as_primitive::<Float32Type>();
        if column.null_count() == 0 {
            return Ok(column.values().to_vec());
        }
        Ok(column.iter().map(|value| value.unwrap_or(f32::NAN)).collect())
    }

    fn u64(&self, name: &str) -> Result<Vec<u64>, DatasetError> {
        Ok(self.of(name, &DataType::UInt64)?.as_primitive::<UInt64Type>().values().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::libsvm::{FirstIndex, parse};

    fn sample() -> Dataset {
        let text = "1 0:1 1:2\n0 0:3\n0 1:4\n-1 0:5 1:6\n";
        let mut dataset = parse(text, Some("1\n2\n1\n"), FirstIndex::Zero).unwrap();
        dataset.groups[2].time = Timestamp(86_400_000);
        dataset.groups[1].variant = Some(Name::literal("treatment"));
        dataset.groups[1].model = "forest-v1".into();
        dataset
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn what_was_written_is_read_back_day_after_day() {
        let folder = tempfile::tempdir().unwrap();
        let written = sample();
        written.write(folder.path()).unwrap();
        let read = Dataset::read(folder.path()).unwrap();
        assert_eq!((read.groups(), read.about()), (written.groups(), written.about()));
        assert_eq!(bits(read.values()), bits(written.values()));
        assert_eq!(read.labels(), [1.0, 0.0, 0.0, -1.0]);
        assert_eq!((read.entities(), read.positions()), (written.entities(), written.positions()));
        let later = ReadOptions { from: Some("1970-01-02".into()), ..ReadOptions::default() };
        assert_eq!(Dataset::read_with(folder.path(), &later).unwrap().labels(), [-1.0]);
        let none = ReadOptions { from: Some("1980-01-01".into()), ..ReadOptions::default() };
        let error = Dataset::read_with(folder.path(), &none).unwrap_err().to_string();
        assert!(error.contains("no rows from 1980-01-01"), "{error}");
    }

    #[test]
    fn features_of_days_with_other_schemas_are_missing_there() {
        let folder = tempfile::tempdir().unwrap();
        let whole = sample();
        whole.of_groups(&[0, 1]).with_features(&[Name::literal("1")]).unwrap().write(folder.path()).unwrap();
        whole.of_groups(&[2]).with_features(&[Name::literal("0")]).unwrap().write(folder.path()).unwrap();
        let read = Dataset::read(folder.path()).unwrap();
        assert_eq!(read.features(), [Name::literal("0"), Name::literal("1")], "the newest first");
        assert!(read.matrix()[[0, 0]].is_nan() && read.matrix()[[3, 1]].is_nan());
        assert_eq!((read.matrix()[[0, 1]], read.matrix()[[3, 0]]), (2.0, 5.0));
        let options = ReadOptions { features: Some(vec![Name::literal("9")]), ..ReadOptions::default() };
        let error = Dataset::read_with(folder.path(), &options).unwrap_err().to_string();
        assert!(error.contains("no feature 9; it has 0, 1"), "{error}");
    }

    #[test]
    fn rows_of_a_request_that_lie_apart_are_brought_together() {
        let mut apart = sample();
        apart.groups[2].request = apart.groups[0].request;
        let together = apart.gathered();
        assert_eq!(together.group_sizes(), [2, 2]);
        assert_eq!(together.labels(), [1.0, -1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();
        let path = crate::dataset::schema::file(folder.path(), "1970-01-01");
        fs::write(&path, b"PAR1 not").unwrap();
        let error = Dataset::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("rows.parquet"), "{error}");
        assert!(Dataset::read(folder.path().join("nothing")).is_err());
    }
}
