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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use recommend_core::{Name, Timestamp};

    use super::super::rejects::{Fault, Rejects};
    use super::super::tally::{KindTally, Tally};
    use super::*;
    use crate::records::Written;

    #[test]
    fn the_summary_says_what_was_read_written_and_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::new(folder.path().join("x.rejects.csv"));
        rejects.add("x.csv", 7, &Fault::new("time", "is missing")).unwrap();
        let mut tally = Tally::default();
        let (first, last) = (Timestamp::from_seconds(1_517_436_037), Timestamp::from_seconds(1_518_213_592));
        for (kind, count) in [("message", 7_855), ("channel_join", 1_142)] {
            let key = (Name::literal("channel"), Name::literal(kind));
            tally.interactions.insert(key, KindTally { count, first, last });
        }
        tally.entities.insert(Name::literal("channel"), 147);
        tally.skip("rows that --where leaves out");
        let report = Report {
            rows: 8_999,
            tally,
            written: Written { entities: 147, relations: 12, new: 8_990, known: 7 },
            rejects,
            notes: vec!["x.csv: text was left out".into()],
            elapsed: Duration::from_millis(500),
            dry: false,
        };
        let shown = text(&report, Paint(false)).replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(shown);
    }
}
