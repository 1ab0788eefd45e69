//! Rows of libsvm text: `label index:value …`; what is absent is missing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::input::Source;

/// A libsvm file.
pub(super) struct Libsvm {
    path: PathBuf,
    lines: BufReader<File>,
    text: String,
    line: u64,
    features: usize,
    first: usize,
}

impl Libsvm {
    pub(super) fn open(path: &Path, features: usize, one_based: bool) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Libsvm {
            path: path.to_owned(),
            lines: BufReader::with_capacity(1 << 18, file),
            text: String::new(),
            line: 0,
            features,
            first: usize::from(one_based),
        })
    }
}

impl Source for Libsvm {
    fn read(&mut self, into: &mut Vec<f32>) -> Result<bool> {
        loop {
            self.text.clear();
            self.line += 1;
            let read = self.lines.read_line(&mut self.text);
            if read.with_context(|| format!("{} line {}", self.path.display(), self.line))? == 0 {
                return Ok(false);
            }
            if !row(&self.text).is_empty() {
                break;
            }
        }
        let start = into.len();
        into.resize(start + self.features, f32::NAN);
        fill(row(&self.text), self.first, &mut into[start..])
            .map_err(|error| anyhow!("{} line {}: {error}", self.path.display(), self.line))?;
        Ok(true)
    }
}

/// The line without its comment.
fn row(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

fn fill(row: &str, first: usize, cells: &mut [f32]) -> Result<()> {
    for (at, word) in row.split_ascii_whitespace().enumerate() {
        let Some((index, value)) = word.split_once(':') else {
            // The label, which scoring does not need.
            if at == 0 {
                continue;
            }
            bail!("{word:?} is no index:value");
        };
        if index == "qid" {
            continue;
        }
        let number: usize = index.parse().map_err(|_| anyhow!("{index:?} is not the number of a feature"))?;
        let value: f32 =
            value.parse().map_err(|_| anyhow!("feature {index} is {value:?}; write a number"))?;
        let count = cells.len();
        let Some(place) = number.checked_sub(first) else {
            bail!("there is no feature 0 in a one-based file; is it --zero-based?");
        };
        let Some(cell) = cells.get_mut(place) else {
            let hint = if first == 0 && place == count { "; is the file --one-based?" } else { "" };
            bail!("feature {number} is beyond the model's {count}{hint}");
        };
        *cell = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(row: &str, first: usize) -> Result<Vec<f32>, String> {
        let mut cells = vec![f32::NAN; 3];
        fill(row, first, &mut cells).map_err(|error| error.to_string())?;
        Ok(cells)
    }

    #[test]
    fn indices_start_where_they_are_said_to() {
        let zero = read("1 qid:7 0:1.5 2:nan", 0).unwrap();
        assert!(zero[0] == 1.5 && zero[1].is_nan() && zero[2].is_nan());
        let one = read("1:1.5 3:2", 1).unwrap();
        assert!(one[0] == 1.5 && one[1].is_nan() && one[2] == 2.0);
    }

    #[test]
    fn what_is_wrong_is_told_with_a_guess() {
        assert!(read("1 3:2", 0).unwrap_err().contains("--one-based"));
        assert!(read("1 0:2", 1).unwrap_err().contains("--zero-based"));
        assert!(read("1 9:2", 0).unwrap_err().contains("beyond the model's 3"));
        assert!(read("1 x:2", 0).unwrap_err().contains("\"x\""));
        assert!(read("1 1:x", 0).unwrap_err().contains("feature 1 is \"x\""));
        assert!(read("1 2", 0).unwrap_err().contains("no index:value"));
    }
}
