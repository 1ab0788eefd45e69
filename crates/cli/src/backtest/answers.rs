//! What was shown to whom, as JSON Lines: for a closer look, and for others to compute metrics from.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use recommend_backtest::{Answer, History};
use serde::Serialize;

use super::read::Strings;

/// One answer.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    user: &'a str,
    /// When it was asked, in milliseconds since 1970.
    time: i64,
    /// Best first.
    shown: Vec<&'a str>,
    relevant: Vec<&'a str>,
}

/// Writes the file.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(file: &Path, answers: &[Answer], history: &History, strings: &Strings) -> Result<()> {
    let doing = || format!("writing {}", file.display());
    let mut out = BufWriter::new(File::create(file).with_context(doing)?);
    let text = |id: u64| strings.get(&id).map_or("", |text| &**text);
    let entities =
        |rows: &[u32]| rows.iter().map(|row| text(history.entities()[*row as usize].1.0)).collect();
    for answer in answers {
        let line = Line {
            name: &answer.name,
            user: text(history.users()[answer.user as usize].0),
            time: answer.now.millis(),
            shown: entities(&answer.shown),
            relevant: entities(&answer.relevant),
        };
        serde_json::to_writer(&mut out, &line).with_context(doing)?;
        out.write_all(b"\n").with_context(doing)?;
    }
    out.flush().with_context(doing)
}
