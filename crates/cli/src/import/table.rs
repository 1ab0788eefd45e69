//! A file as rows of cells: CSV, JSON Lines or Parquet, plain or gzipped, behind one small trait.

mod csv;
mod jsonl;
mod parquet;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use recommend_core::Timestamp;
use recommend_core::error::closest;

/// One value of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Absent, empty, or one of the words that stand for missing.
    Missing,
    /// Text, not interpreted yet.
    Text(&'a str),
    /// A whole number of a typed format.
    Integer(i64),
    /// A number of a typed format.
    Float(f64),
    /// A yes or no of a typed format.
    Bool(bool),
    /// A moment of a typed format.
    Time(Timestamp),
}

impl<'a> Cell<'a> {
    /// The value as it would be written, for ids, kinds and words.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Cell::Missing => return None,
            Cell::Text(text) => Cow::Borrowed(text),
            Cell::Integer(number) => Cow::Owned(number.to_string()),
            Cell::Float(number) => Cow::Owned(number.to_string()),
            Cell::Bool(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Cell::Time(time) => Cow::Owned(time.millis().to_string()),
        })
    }
}

/// What is wrong with a file or one of its rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// This row cannot be read; the next one may be.
    #[error("line {line}: {reason}")]
    Row {
        /// Which row, counted as [`Table::line`] counts.
        line: u64,
        /// What is wrong with it, without its text.
        reason: String,
    },
    /// The file cannot be read, or not any further.
    #[error("{}: {reason}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Columns that the file does not have.
    #[error("{}: there is no column {wanted:?}{}; the file has {}", .path.display(), did_you_mean(.known, .wanted), shown(.known))]
    NoColumn {
        /// Which file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
}

fn did_you_mean(known: &[String], wanted: &str) -> String {
    closest(known.iter().map(String::as_str), wanted)
        .map(|close| format!(", did you mean {close:?}?"))
        .unwrap_or_default()
}

fn shown(columns: &[String]) -> String {
    const MOST: usize = 20;
    let mut text = columns.iter().take(MOST).map(|c| format!("{c:?}")).collect::<Vec<_>>().join(", ");
    if columns.len() > MOST {
        text.push_str(&format!(" and {} more", columns.len() - MOST));
    }
    text
}

/// Rows of cells, read forward.
pub(crate) trait Table {
    /// The names of the columns in the order of the file.
    fn columns(&self) -> &[String];

    /// Chooses the columns whose cells [`Table::cell`] gives, by position in `wanted`.
    ///
    /// # Errors
    /// [`TableError::NoColumn`] when the file lacks one.
    fn select(&mut self, wanted: &[String]) -> Result<(), TableError>;

    /// Moves to the next row; `false` at the end.
    ///
    /// # Errors
    /// [`TableError::Row`] for a row that cannot be read (go on with the next), anything else ends the file.
    fn advance(&mut self) -> Result<bool, TableError>;

    /// Where the current row starts: a line of the text, from 1; the number of the row for Parquet.
    fn line(&self) -> u64;

    /// A selected cell of the current row.
    fn cell(&self, at: usize) -> Cell<'_>;
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// One JSON object per line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// How to read a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableOptions {
    /// The format; by the file's extension when absent.
    pub(crate) format: Option<Format>,
    /// What separates the cells of a CSV; a comma (or a tab for TSV) when absent.
    pub(crate) delimiter: Option<u8>,
    /// Words that stand for a missing value, besides the empty one.
    pub(crate) missing: Vec<String>,
}

/// How far the reading of a file has come.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    done: Arc<AtomicU64>,
    /// The size of the file in bytes; its number of rows for Parquet.
    pub(crate) total: u64,
}

impl Progress {
    /// How much of the total has been read.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn new(total: u64) -> Self {
        Progress { done: Arc::new(AtomicU64::new(0)), total }
    }

    fn add(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
    }
}

/// Opens a file as a table.
///
/// # Errors
/// When the file cannot be opened, its format is not known, or its beginning is not what the format says.
pub(crate) fn open(path: &Path, options: &TableOptions) -> Result<(Box<dyn Table>, Progress), TableError> {
    let failed = |reason: String| TableError::File { path: path.to_owned(), reason };
    let (by_name, gzipped) = by_extension(path);
    let format = options.format.or(by_name).ok_or_else(|| {
        failed(
            "cannot tell the format from the name; add --format csv, --format jsonl or --format parquet"
                .into(),
        )
    })?;
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let size = file.metadata().map_err(|error| failed(error.to_string()))?.len();
    if format == Format::Parquet {
        return parquet::ParquetTable::open(path, file)
            .map(|(table, progress)| (Box::new(table) as _, progress));
    }
    let progress = Progress::new(size);
    let counted = Counted { file, progress: progress.clone() };
    let input: Box<dyn Read> = if gzipped {
        Box::new(flate2::read::MultiGzDecoder::new(std::io::BufReader::with_capacity(1 << 16, counted)))
    } else {
        Box::new(counted)
    };
    let missing = options.missing.clone();
    let table: Box<dyn Table> = match format {
        Format::Csv => {
            Box::new(csv::CsvTable::open(path, input, options.delimiter.unwrap_or(b','), missing)?)
        }
        Format::Tsv => {
            Box::new(csv::CsvTable::open(path, input, options.delimiter.unwrap_or(b'\t'), missing)?)
        }
        Format::Jsonl | Format::Parquet => Box::new(jsonl::JsonlTable::open(path, input, missing)?),
    };
    Ok((table, progress))
}

/// The format that the name promises, and whether it is gzipped.
fn by_extension(path: &Path) -> (Option<Format>, bool) {
    let extension = |path: &Path| path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let mut last = extension(path);
    let gzipped = last.as_deref() == Some("gz");
    if gzipped {
        last = path.file_stem().and_then(|stem| extension(Path::new(stem)));
    }
    let format = match last.as_deref() {
        Some("csv" | "txt") => Some(Format::Csv),
        // `.inter` is what RecBole calls its tables of interactions.
        Some("tsv" | "tab" | "inter") => Some(Format::Tsv),
        Some("jsonl" | "ndjson" | "json") => Some(Format::Jsonl),
        Some("parquet" | "pq") => Some(Format::Parquet),
        _ => None,
    };
    (format, gzipped)
}

/// Counts the bytes that leave the disk, so that a bar can tell the share of a gzipped file too.
struct Counted {
    file: File,
    progress: Progress,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.progress.add(n as u64);
        Ok(n)
    }
}

/// The positions of `wanted` among `known`.
fn positions(path: &Path, known: &[String], wanted: &[String]) -> Result<Vec<usize>, TableError> {
    wanted
        .iter()
        .map(|name| {
            known.iter().position(|k| k == name).ok_or_else(|| TableError::NoColumn {
                path: path.to_owned(),
                wanted: name.clone(),
                known: known.iter().filter(|k| !k.is_empty()).cloned().collect(),
            })
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// Writes a file into a fresh folder and opens it.
    pub(crate) fn table(name: &str, content: &[u8]) -> (tempfile::TempDir, Box<dyn Table>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let options = TableOptions { missing: vec!["NA".into()], ..TableOptions::default() };
        let (table, _) = open(&path, &options).unwrap();
        (folder, table)
    }

    /// All rows of some columns as text.
    pub(crate) fn rows(table: &mut dyn Table, columns: &[&str]) -> Vec<Vec<Option<String>>> {
        let wanted: Vec<String> = columns.iter().map(ToString::to_string).collect();
        table.select(&wanted).unwrap();
        let mut rows = Vec::new();
        while table.advance().unwrap() {
            rows.push((0..wanted.len()).map(|i| table.cell(i).text().map(Cow::into_owned)).collect());
        }
        rows
    }

    #[test]
    fn the_format_follows_from_the_name() {
        assert_eq!(by_extension(Path::new("a/b.csv")), (Some(Format::Csv), false));
        assert_eq!(by_extension(Path::new("b.JSONL.gz")), (Some(Format::Jsonl), true));
        assert_eq!(by_extension(Path::new("b.parquet")), (Some(Format::Parquet), false));
        assert_eq!(by_extension(Path::new("b")), (None, false));
    }

    #[test]
    fn a_gzipped_file_reads_like_the_plain_one() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"a,b\n1,2\n").unwrap();
        let (_folder, mut table) = table("x.csv.gz", &packed.finish().unwrap());
        assert_eq!(rows(&mut *table, &["b", "a"]), [[Some("2".into()), Some("1".into())]]);
    }

    #[test]
    fn a_misspelt_column_gets_the_right_one_suggested() {
        let (_folder, mut table) = table("x.csv", b"articleId,user\n1,2\n");
        let error = table.select(&["articleID".into()]).unwrap_err().to_string();
        assert!(error.contains("did you mean \"articleId\"?"), "{error}");
    }
}
