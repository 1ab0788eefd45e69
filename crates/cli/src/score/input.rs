//! The rows to score, whatever file they come from.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use recommend_models::forest::Rows;
use recommend_models::xgboost::Booster;

use super::Format;
use super::libsvm::Libsvm;
use super::parquet::ParquetRows;
use super::text::Csv;
use crate::exit::Usage;

/// How many rows are read and scored at a time.
const BATCH: usize = 4096;

/// The flags that say what to read.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// The rows: .csv, .libsvm (or .svm, .txt), .parquet
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// What the file is, where its name does not say
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// The first line of the CSV is a row, although it has words
    #[arg(long)]
    pub(crate) no_header: bool,
    /// The first feature of a libsvm file is number 0 (the default)
    #[arg(long)]
    pub(crate) zero_based: bool,
    /// The first feature of a libsvm file is number 1
    #[arg(long, conflicts_with = "zero_based")]
    pub(crate) one_based: bool,
}

/// A source of rows in the order of the model's features; each call appends one row to `into`, or returns false at the end.
pub(super) trait Source {
    fn read(&mut self, into: &mut Vec<f32>) -> Result<bool>;
}

/// Rows in batches.
pub(crate) struct Input {
    source: Box<dyn Source>,
    columns: Vec<usize>,
    values: Vec<f32>,
}

impl Input {
    /// Opens a file and finds the model's features in it.
    ///
    /// # Errors
    /// When the file cannot be read, or lacks features of the model.
    pub(crate) fn open(args: &InputArgs, booster: &Booster) -> Result<Self> {
        let format = match args.format {
            Some(format) => format,
            None => guess(&args.input)?,
        };
        let source: Box<dyn Source> = match format {
            Format::Csv => Box::new(Csv::open(&args.input, booster, !args.no_header)?),
            Format::Libsvm => Box::new(Libsvm::open(&args.input, booster.features(), args.one_based)?),
            Format::Parquet => Box::new(ParquetRows::open(&args.input, booster)?),
        };
        Ok(Input { source, columns: (0..booster.features()).collect(), values: Vec::new() })
    }

    /// The next rows, or `None` after the last.
    ///
    /// # Errors
    /// When the file cannot be read on; the message has the line.
    pub(crate) fn next_rows(&mut self) -> Result<Option<Rows<'_>>> {
        self.values.clear();
        let width = self.columns.len();
        let mut count = 0;
        while count < BATCH && self.source.read(&mut self.values)? {
            count += 1;
            debug_assert_eq!(self.values.len(), count * width);
        }
        if count == 0 {
            return Ok(None);
        }
        Ok(Some(Rows::new(&self.values, width, count, &self.columns)?))
    }
}

fn guess(path: &Path) -> Result<Format> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    Ok(match extension.to_ascii_lowercase().as_str() {
        "csv" => Format::Csv,
        "libsvm" | "svm" | "svmlight" | "txt" => Format::Libsvm,
        "parquet" | "pq" => Format::Parquet,
        _ => bail!(Usage(format!("what {} is its name does not say; add --format", path.display()))),
    })
}

/// For each feature of the model, its column in a file with these names.
pub(super) fn match_columns(path: &Path, booster: &Booster, names: &[String]) -> Result<Vec<usize>> {
    let features = booster.feature_names();
    let found: Vec<Option<usize>> =
        features.iter().map(|feature| names.iter().position(|name| name == feature)).collect();
    if found.iter().all(Option::is_some) {
        return Ok(found.into_iter().flatten().collect());
    }
    // A model without names has no say in what its columns are called.
    if !booster.has_feature_names() && names.len() == features.len() {
        return Ok((0..names.len()).collect());
    }
    let missing: Vec<&str> = features
        .iter()
        .zip(&found)
        .filter(|(_, found)| found.is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let shown = missing.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = missing.len().saturating_sub(5);
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    bail!("{}: has no column for the model's features {shown}{and_more}", path.display());
}
