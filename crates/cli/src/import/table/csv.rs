//! CSV: any delimiter, quotes, a header whose first cell may be empty (as R writes it).

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Cell, Table, TableError, positions};

/// A CSV file with a header.
pub(super) struct CsvTable {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    columns: Vec<String>,
    record: csv::StringRecord,
    selected: Vec<usize>,
    missing: Vec<String>,
    line: u64,
}

impl CsvTable {
    pub(super) fn open(
        path: &Path,
        input: Box<dyn Read>,
        delimiter: u8,
        missing: Vec<String>,
    ) -> Result<Self, TableError> {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).buffer_capacity(1 << 18).from_reader(input);
        let failed = |reason| TableError::File { path: path.to_owned(), reason };
        let header = reader.headers().map_err(|error| failed(format!("the header: {error}")))?;
        let columns: Vec<String> = header.iter().map(str::to_owned).collect();
        if columns.is_empty() {
            return Err(failed("is empty; the first line must name the columns".into()));
        }
        Ok(CsvTable {
            path: path.to_owned(),
            reader,
            columns,
            record: csv::StringRecord::new(),
            selected: Vec::new(),
            missing,
            line: 1,
        })
    }
}

impl Table for CsvTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn select(&mut self, wanted: &[String]) -> Result<(), TableError> {
        self.selected = positions(&self.path, &self.columns, wanted)?;
        Ok(())
    }

    fn advance(&mut self) -> Result<bool, TableError> {
        let start = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(more) => {
                self.line = self.record.position().map_or(start, csv::Position::line);
                Ok(more)
            }
            Err(error) => {
                let line = error.position().map_or(start, csv::Position::line);
                match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Err(TableError::Row {
                        line,
                        reason: format!("has {len} cells where the header has {expected_len}"),
                    }),
                    csv::ErrorKind::Utf8 { err, .. } => Err(TableError::Row {
                        line,
                        reason: format!("cell {} is not UTF-8", err.field() + 1),
                    }),
                    _ => Err(TableError::File { path: self.path.clone(), reason: error.to_string() }),
                }
            }
        }
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn cell(&self, at: usize) -> Cell<'_> {
        match self.record.get(self.selected[at]).map(str::trim) {
            None | Some("") => Cell::Missing,
            Some(text) if self.missing.iter().any(|word| word == text) => Cell::Missing,
            Some(text) => Cell::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{rows, table};
    use super::*;

    #[test]
    fn r_style_headers_quotes_and_missing_values_are_understood() {
        let text = "\"\",\"_id\",\"when\"\n\"1\",\"a,b\",NA\n\"2\",\"c\"\"d\",2023-11-21 00:48:45\n";
        let (_folder, mut table) = table("x.csv", text.as_bytes());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows(&mut *table, &["_id", "when"]),
            [vec![some("a,b"), None], vec![some("c\"d"), some("2023-11-21 00:48:45")]]
        );
    }

    #[test]
    fn a_broken_row_is_named_and_the_next_one_is_read() {
        let (_folder, mut table) = table("x.csv", b"a,b\n1,2\n3\n\xff,5\n\"6\n6\",7\n8,9\n");
        table.select(&["a".into()]).unwrap();
        let mut seen = Vec::new();
        loop {
            match table.advance() {
                Ok(false) => break,
                Ok(true) => seen.push(format!("{}:{:?}", table.line(), table.cell(0).text())),
                Err(TableError::Row { line, reason }) => seen.push(format!("{line}!{reason}")),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(
            seen,
            [
                "2:Some(\"1\")",
                "3!has 1 cells where the header has 2",
                "4!cell 1 is not UTF-8",
                "5:Some(\"6\\n6\")",
                "7:Some(\"8\")"
            ]
        );
    }
}
