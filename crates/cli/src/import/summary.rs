//! What an import did, as people read it.

use super::pump::Report;
use super::time::show;
use crate::render::{Paint, count, table};

/// The summary as text.
fn text(report: &Report, paint: Paint) -> String {
    let mut parts = Vec::new();
    if !report.tally.interactions.is_empty() {
        let rows: Vec<Vec<String>> = report
            .tally
            .interactions
            .iter()
            .map(|((corpus, kind), tally)| {
                vec![
                    corpus.to_string(),
                    kind.to_string(),
                    count(tally.count),
                    show(tally.first),
                    show(tally.last),
                ]
            })
            .collect();
        parts.push(table(&["corpus", "interaction", "rows", "first (UTC)", "last (UTC)"], &rows, &[2]));
    }
    if !report.tally.entities.is_empty() {
        let entities = report.tally.entities.iter();
        let rows: Vec<Vec<String>> =
            entities.map(|(corpus, n)| vec![corpus.to_string(), count(*n)]).collect();
        parts.push(table(&["corpus", "entities"], &rows, &[1]));
    }
    let written = &report.written;
    let mut lines = Vec::new();
    if written.new + written.known > 0 {
        lines.push(format!(
            "interactions: {} new, {} already there",
            paint.bold(&count(written.new)),
            count(written.known)
        ));
    }
    if written.entities > 0 {
        lines.push(format!("entities: {} put", count(written.entities)));
    }
    if written.relations > 0 {
        lines.push(format!("relations: {} put", count(written.relations)));
    }
    for (what, n) in &report.tally.skipped {
        lines.push(format!("left out: {} {what}", count(*n)));
    }
    for note in &report.notes {
        lines.push(format!("note: {note}"));
    }
    if report.rejects.count > 0 {
        let (path, n) = (report.rejects.path().display(), count(report.rejects.count));
        lines.push(paint.yellow(&format!("rejected: {n}, see {path}")));
        if let Some(first) = &report.rejects.first {
            lines.push(format!("  the first: {first}"));
        }
    }
    if report.dry {
        lines.push("a dry run: nothing was written".into());
    }
    let seconds = report.elapsed.as_secs_f64();
    lines.push(paint.dim(&format!(
        "{} rows in {seconds:.1} s, {} a second",
        count(report.rows),
        count((report.rows as f64 / seconds.max(1e-3)) as u64)
    )));
    parts.push(lines.join("\n"));
    parts.join("\n\n")
}

/// Prints the summary.
pub(super) fn print(report: &Report) {
    crate::render::print(&text(report, Paint::auto()));
}
