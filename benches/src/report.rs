//! What every bench does with its figures: a table for people, and `target/bench/<name>.json` for machines.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// Which way is better, so that a ratio above 1 always means that ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Times, bytes.
    Less,
    /// Throughput.
    More,
}

/// One figure, and the peer's in the same run if there is one.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub case: String,
    /// Which figure of it, with its unit.
    pub metric: String,
    /// Our figure.
    pub ours: f64,
    /// Against whom, if anyone.
    pub peer: Option<String>,
    /// Their figure.
    pub peer_value: Option<f64>,
    /// How many times better ours is.
    pub ratio: Option<f64>,
}

/// Collects the rows of one bench.
#[derive(Debug)]
pub struct Report {
    name: &'static str,
    rows: Vec<Row>,
}

impl Report {
    /// The report of the bench `name`.
    pub fn new(name: &'static str) -> Self {
        Report { name, rows: Vec::new() }
    }

    /// Adds a figure without a peer.
    pub fn figure(&mut self, case: impl Into<String>, metric: impl Into<String>, ours: f64) {
        self.push(Row {
            case: case.into(),
            metric: metric.into(),
            ours,
            peer: None,
            peer_value: None,
            ratio: None,
        });
    }

    /// Adds a figure beside a peer's.
    pub fn versus(
        &mut self,
        case: impl Into<String>,
        metric: impl Into<String>,
        ours: f64,
        peer: impl Into<String>,
        peer_value: f64,
        better: Better,
    ) {
        let ratio = match better {
            Better::Less => peer_value / ours,
            Better::More => ours / peer_value,
        };
        self.push(Row {
            case: case.into(),
            metric: metric.into(),
            ours,
            peer: Some(peer.into()),
            peer_value: Some(peer_value),
            ratio: ratio.is_finite().then_some(ratio),
        });
    }

    fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The figures so far.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Prints the table and writes the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> std::io::Result<()> {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["case", "metric", "ours", "peer", "peer's", "ratio"]);
        for row in &self.rows {
            let number = |value: Option<f64>| value.map(human).unwrap_or_default();
            table.add_row([
                row.case.clone(),
                row.metric.clone(),
                human(row.ours),
                row.peer.clone().unwrap_or_default(),
                number(row.peer_value),
                row.ratio.map(|ratio| format!("{ratio:.2}×")).unwrap_or_default(),
            ]);
        }
        for column in [2, 4, 5] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        println!("{}\n{table}", self.name);
        let path = output(&format!("{}.json", self.name))?;
        let file = std::fs::File::create(&path)?;
        serde_json::to_writer_pretty(file, &self.rows)?;
        println!("written to {}", path.display());
        Ok(())
    }
}

/// A file under `target/bench` of the workspace; the folder is made if need be.
///
/// # Errors
/// When the folder cannot be made.
pub fn output(file: &str) -> std::io::Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?.join(file))
}

/// Four significant digits, thousands grouped.
fn human(value: f64) -> String {
    let magnitude = value.abs();
    let digits = match magnitude {
        m if m >= 1000.0 => 0,
        m if m >= 100.0 => 1,
        m if m >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, c) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(' ');
        }
        grouped.push(c);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_means_that_ours_is_better() {
        let mut report = Report::new("test");
        report.versus("a", "µs", 2.0, "peer", 8.0, Better::Less);
        report.versus("a", "per s", 8.0, "peer", 2.0, Better::More);
        assert_eq!(report.rows().iter().map(|row| row.ratio).collect::<Vec<_>>(), [Some(4.0), Some(4.0)]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(human(1_234_567.8), "1 234 568");
        assert_eq!(human(12.345), "12.35");
        assert_eq!(human(0.5), "0.500");
    }
}
