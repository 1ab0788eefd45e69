//! Rows of CSV.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use recommend_models::xgboost::Booster;

use super::input::{Source, match_columns};

/// A CSV file, and where in it the model's features are.
pub(super) struct Csv {
    path: PathBuf,
    reader: csv::Reader<File>,
    record: csv::StringRecord,
    /// The first record is a row that has been read already.
    pending: bool,
    columns: Vec<usize>,
    names: Vec<String>,
    width: usize,
}

impl Csv {
    pub(super) fn open(path: &Path, booster: &Booster, may_have_header: bool) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_path(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut record = csv::StringRecord::new();
        let any = reader.read_record(&mut record).with_context(|| format!("{}", path.display()))?;
        let header = any && may_have_header && record.iter().any(|cell| number(cell).is_none());
        let columns = if header {
            let names: Vec<String> = record.iter().map(str::to_owned).collect();
            match_columns(path, booster, &names)?
        } else if any && record.len() != booster.features() {
            bail!(
                "{}: has no header, and {} columns where the model has {} features",
                path.display(),
                record.len(),
                booster.features()
            );
        } else {
            (0..booster.features()).collect()
        };
        let width = record.len();
        let names = booster.feature_names();
        Ok(Csv { path: path.to_owned(), reader, record, pending: any && !header, columns, names, width })
    }
}

impl Source for Csv {
    fn read(&mut self, into: &mut Vec<f32>) -> Result<bool> {
        if !std::mem::take(&mut self.pending) {
            let more = self.reader.read_record(&mut self.record);
            if !more.with_context(|| format!("{}", self.path.display()))? {
                return Ok(false);
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        if self.record.len() != self.width {
            let (path, len) = (self.path.display(), self.record.len());
            bail!("{path} line {line}: has {len} cells where the first line has {}", self.width);
        }
        for (column, name) in self.columns.iter().zip(&self.names) {
            let cell = self.record.get(*column).unwrap_or_default();
            let Some(value) = number(cell) else {
                bail!(
                    "{} line {line}: {name} is {cell:?}; write a number, or nothing where it is missing",
                    self.path.display()
                );
            };
            into.push(value);
        }
        Ok(true)
    }
}

/// A cell; what is empty or `nan` is missing.
fn number(cell: &str) -> Option<f32> {
    if cell.is_empty() || cell.eq_ignore_ascii_case("na") || cell.eq_ignore_ascii_case("null") {
        return Some(f32::NAN);
    }
    cell.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_empty_or_nan() {
        for missing in ["", "nan", "NaN", "NA", "null"] {
            assert!(number(missing).is_some_and(f32::is_nan), "{missing}");
        }
        assert_eq!([number("1e-3"), number("-0"), number("x")], [Some(1e-3), Some(-0.0), None]);
    }
}
