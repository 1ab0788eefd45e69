//! What `recommend embed` leaves: `manifest.json`, and `vectors.parquet` with a row (side, id, vector) for each vector.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float32Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use super::args::{Method, TrainArgs};
use super::data::Data;
use super::fit::{Fitted, Step};

/// The layout of both files.
const FORMAT: u32 = 1;
/// How many vectors are written together.
const TOGETHER: usize = 8_192;

/// What a validation found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) name: String,
    /// How many users were asked about.
    pub(super) users: usize,
    pub(super) recall: f64,
    pub(super) ndcg: f64,
}

/// What the vectors are and how they came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) method: String,
    pub(super) corpus: String,
    pub(super) factors: usize,
    /// How two vectors are compared.
    pub(super) comparison: String,
    pub(super) users: usize,
    pub(super) entities: usize,
    pub(super) interactions: usize,
    pub(super) iterations: Option<usize>,
    pub(super) losses: Vec<Step>,
    pub(super) validation: Vec<Measured>,
    /// SHA-256 of vectors.parquet.
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) fn new(method: &Method, args: &TrainArgs, data: &Data, fitted: &Fitted) -> Self {
        Manifest {
            format: FORMAT,
            method: method.name().to_owned(),
            corpus: args.corpus.to_string(),
            factors: fitted.users.first().map_or(args.factors, Vec::len),
            comparison: "dot".to_owned(),
            users: data.users(),
            entities: fitted.entities.iter().filter(|vector| !vector.is_empty()).count(),
            interactions: data.all.len(),
            iterations: fitted.iterations,
            losses: fitted.steps.clone(),
            validation: fitted.measured.clone(),
            sha256: String::new(),
        }
    }
}

/// Vectors with what is known of them.
pub(super) struct Embedding {
    pub(super) users: Vec<Vec<f32>>,
    /// Empty where there is none.
    pub(super) entities: Vec<Vec<f32>>,
    pub(super) manifest: Manifest,
}

impl Embedding {
    /// Writes both files; the manifest last, so that a folder with one is whole.
    pub(super) fn write(&self, folder: &Path, users: &[String], entities: &[String]) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let factors = self.manifest.factors as i32;
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let schema = Arc::new(Schema::new(vec![
            Field::new("side", DataType::Utf8, false),
            Field::new("id", DataType::Utf8, false),
            Field::new("vector", DataType::FixedSizeList(item.clone(), factors), false),
        ]));
        let path = folder.join("vectors.parquet");
        let mut writer = ArrowWriter::try_new(File::create(&path)?, schema.clone(), None)?;
        for (side, ids, vectors) in [("user", users, &self.users), ("entity", entities, &self.entities)] {
            let rows: Vec<(&String, &Vec<f32>)> =
                ids.iter().zip(vectors).filter(|(_, vector)| !vector.is_empty()).collect();
            for rows in rows.chunks(TOGETHER) {
                let numbers: Vec<f32> = rows.iter().flat_map(|(_, vector)| vector.iter().copied()).collect();
                let numbers = Arc::new(Float32Array::from(numbers));
                let columns: Vec<Arc<dyn Array>> = vec![
                    Arc::new(StringArray::from(vec![side; rows.len()])),
                    Arc::new(StringArray::from_iter_values(rows.iter().map(|(id, _)| id.as_str()))),
                    Arc::new(FixedSizeListArray::try_new(item.clone(), factors, numbers, None)?),
                ];
                writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
            }
        }
        writer.into_inner()?.sync_all()?;
        let manifest = Manifest { sha256: sha256(&std::fs::read(&path)?), ..self.manifest.clone() };
        let text = serde_json::to_string_pretty(&manifest)?;
        std::fs::write(folder.join("manifest.json"), text + "\n")?;
        Ok(())
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the manifest, and checks that the vectors are those it was written for.
///
/// # Errors
/// When a file is missing, of another format, or not as it was written.
pub(super) fn open(folder: &Path) -> Result<Manifest> {
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{} is no folder of `recommend embed`", folder.display()))?;
    let manifest: Manifest = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    if manifest.format != FORMAT {
        bail!("{}: format {}, and this program reads {FORMAT}", path.display(), manifest.format);
    }
    let vectors = folder.join("vectors.parquet");
    let bytes = std::fs::read(&vectors).with_context(|| vectors.display().to_string())?;
    if sha256(&bytes) != manifest.sha256 {
        bail!("{} is not as it was written; embed again", vectors.display());
    }
    Ok(manifest)
}

/// Calls `each` with some (id, vector) of a side at a time.
///
/// # Errors
/// When the file cannot be read, or `each` fails.
pub(super) fn vectors(
    folder: &Path,
    mut each: impl FnMut(bool, Vec<(String, Vec<f32>)>) -> Result<()>,
) -> Result<()> {
    let path = folder.join("vectors.parquet");
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(&path)?)?.with_batch_size(TOGETHER).build()?;
    for batch in reader {
        let batch = batch?;
        let column = |name: &str| {
            batch.column_by_name(name).with_context(|| format!("{}: no column {name}", path.display()))
        };
        let text = |name: &str| {
            column(name)?
                .as_string_opt::<i32>()
                .with_context(|| format!("{}: {name} is no text", path.display()))
        };
        let (sides, ids) = (text("side")?, text("id")?);
        let lists = column("vector")?.as_fixed_size_list_opt();
        let lists = lists.with_context(|| format!("{}: vector is no list", path.display()))?;
        let (mut users, mut entities) = (Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            let values = lists.value(row);
            let values = values.as_primitive_opt::<Float32Type>();
            let vector = values.with_context(|| format!("{}: a vector is no f32", path.display()))?;
            let of_side = if sides.value(row) == "user" { &mut users } else { &mut entities };
            of_side.push((ids.value(row).to_owned(), vector.values().to_vec()));
        }
        each(true, users)?;
        each(false, entities)?;
    }
    Ok(())
}
