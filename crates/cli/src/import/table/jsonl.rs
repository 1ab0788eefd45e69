//! JSON Lines: one object per line; a column is a key, or a path such as `item.channel`.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Cell, Table, TableError};

/// Longer lines are rejected: they are not rows but a file without line breaks.
const MAX_LINE: u64 = 16 << 20;

/// A file of JSON objects, one per line.
pub(super) struct JsonlTable {
    path: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    /// The keys of the first object; others may have more.
    columns: Vec<String>,
    /// The first line, read to know the keys and not yet given out.
    held: bool,
    buffer: Vec<u8>,
    row: Value,
    selected: Vec<String>,
    missing: Vec<String>,
    line: u64,
}

impl JsonlTable {
    pub(super) fn open(path: &Path, input: Box<dyn Read>, missing: Vec<String>) -> Result<Self, TableError> {
        let mut table = JsonlTable {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 18, input),
            columns: Vec::new(),
            held: false,
            buffer: Vec::new(),
            row: Value::Null,
            selected: Vec::new(),
            missing,
            line: 0,
        };
        match table.read_line() {
            Ok(true) => {
                table.held = true;
                if let Value::Object(row) = &table.row {
                    table.columns = row.keys().cloned().collect();
                }
            }
            Ok(false) => {}
            Err(TableError::Row { line, reason }) => {
                return Err(TableError::File {
                    path: table.path,
                    reason: format!("line {line}: {reason}; JSON Lines has one object on every line"),
                });
            }
            Err(other) => return Err(other),
        }
        Ok(table)
    }

    fn read_line(&mut self) -> Result<bool, TableError> {
        loop {
            self.buffer.clear();
            let read = self.reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.buffer);
            let n = read
                .map_err(|error| TableError::File { path: self.path.clone(), reason: error.to_string() })?;
            if n == 0 {
                return Ok(false);
            }
            self.line += 1;
            let wrong = |reason: String| TableError::Row { line: self.line, reason };
            if n as u64 == MAX_LINE && self.buffer.last() != Some(&b'\n') {
                skip_line(&mut self.reader).map_err(|error| TableError::File {
                    path: self.path.clone(),
                    reason: error.to_string(),
                })?;
                return Err(wrong(format!("is longer than {} MiB", MAX_LINE >> 20)));
            }
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            // serde_json quotes no input in its messages, only what it expected and where.
            self.row = serde_json::from_slice(&self.buffer)
                .map_err(|error| wrong(format!("is not JSON: {}", where_in_line(&error))))?;
            if !self.row.is_object() {
                return Err(wrong("is not an object".into()));
            }
            return Ok(true);
        }
    }
}

/// serde's message with the column alone: the line it counts is always the first.
fn where_in_line(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    format!("{what} at column {}", error.column())
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(());
        }
        let (used, done) = match chunk.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (chunk.len(), false),
        };
        reader.consume(used);
        if done {
            return Ok(());
        }
    }
}

/// The value at a key, or at a path of keys.
fn lookup<'a>(row: &'a Value, path: &str) -> Option<&'a Value> {
    row.get(path).or_else(|| path.split('.').try_fold(row, |value, key| value.get(key)))
}

impl Table for JsonlTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Any name is taken: an object may lack a key that the next one has.
    fn select(&mut self, wanted: &[String]) -> Result<(), TableError> {
        self.selected = wanted.to_vec();
        Ok(())
    }

    fn advance(&mut self) -> Result<bool, TableError> {
        if std::mem::take(&mut self.held) { Ok(true) } else { self.read_line() }
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn cell(&self, at: usize) -> Cell<'_> {
        match lookup(&self.row, &self.selected[at]) {
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => Cell::Missing,
            Some(Value::Bool(flag)) => Cell::Bool(*flag),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Cell::Integer(whole),
                (None, Some(real)) => Cell::Float(real),
                (None, None) => Cell::Missing,
            },
            Some(Value::String(text)) => match text.trim() {
                "" => Cell::Missing,
                text if self.missing.iter().any(|word| word == text) => Cell::Missing,
                text => Cell::Text(text),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{rows, table};

    #[test]
    fn keys_and_paths_are_columns() {
        let text = b"{\"user\":7,\"item\":{\"channel\":\"C1\"},\"v\":1.5}\n\n{\"user\":\"NA\",\"ok\":true}\n";
        let (_folder, mut table) = table("x.jsonl", text);
        assert_eq!(table.columns(), ["item", "user", "v"]);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows(&mut *table, &["user", "item.channel", "v", "ok"]),
            [vec![some("7"), some("C1"), some("1.5"), None], vec![None, None, None, some("true")]]
        );
    }

    #[test]
    fn a_broken_line_is_named_without_its_text() {
        let (_folder, mut table) = table("x.jsonl", b"{\"a\":1}\n{\"a\":secret}\n[1]\n{\"a\":2}\n");
        table.select(&["a".into()]).unwrap();
        let mut lines = Vec::new();
        loop {
            match table.advance() {
                Ok(true) => lines.push(table.line().to_string()),
                Ok(false) => break,
                Err(error) => lines.push(error.to_string()),
            }
        }
        assert_eq!(lines[0], "1");
        assert!(lines[1].starts_with("line 2: is not JSON") && !lines[1].contains("secret"), "{}", lines[1]);
        assert_eq!(lines[2], "line 3: is not an object");
        assert_eq!(lines[3], "4");
    }
}
