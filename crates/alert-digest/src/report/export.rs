//! A report for other programs: clusters as CSV, everything as JSON.

use crate::digest::Count;
use crate::store::Report;

/// One row per cluster, in the order of the ranking. RFC 4180, with a header.
///
/// A cell that a spreadsheet would take for a formula is preceded by an apostrophe.
pub fn csv(report: &Report) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "rank",
        "key",
        "size",
        "share",
        "trend",
        "previous_size",
        "first_seen",
        "last_seen",
        "muted",
        "template",
        "terms",
        "authors",
        "channels",
        "example",
        "permalink",
    ];
    let mut rows = vec![header.map(str::to_owned)];
    for (rank, cluster) in report.digest.clusters.iter().enumerate() {
        let at = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let trend = serde_json::to_value(cluster.trend).ok();
        let terms: Vec<&str> = cluster.terms.iter().map(|term| term.term.as_str()).collect();
        rows.push([
            (rank + 1).to_string(),
            cluster.key.clone(),
            cluster.size.to_string(),
            format!("{:.6}", cluster.share),
            trend.as_ref().and_then(|trend| trend.as_str()).unwrap_or_default().to_owned(),
            cluster.previous_size.map(|size| size.to_string()).unwrap_or_default(),
            at(cluster.first_seen),
            at(cluster.last_seen),
            report.muted.contains(&cluster.key).to_string(),
            harmless(&cluster.template),
            harmless(&terms.join(" ")),
            harmless(&names(&cluster.authors)),
            harmless(&names(&cluster.channels)),
            harmless(&cluster.medoid.text),
            harmless(cluster.medoid.permalink.as_deref().unwrap_or_default()),
        ]);
    }
    for row in rows {
        // Writing to memory does not fail.
        let _ = writer.write_record(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// The report as it is stored: [`Report`] by `serde`, indented.
pub fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default()
}

fn names(counts: &[Count]) -> String {
    counts.iter().map(|count| format!("{} ({})", count.name, count.count)).collect::<Vec<_>>().join(", ")
}

/// See OWASP, "CSV injection".
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}
