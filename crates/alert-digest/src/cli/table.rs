//! A digest for a terminal.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::digest::{Digest, Trend};

/// So many clusters are shown; the rest is counted.
const SHOWN: usize = 40;

/// The clusters in the order in which they should be read, and what is in none.
pub(super) fn table(digest: &Digest) -> String {
    let timed = digest.period.is_some();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    let mut header = vec!["id", "size", "share"];
    if timed {
        header.extend(["trend", "over time", "last seen"]);
    }
    header.push("template");
    table.set_header(header);
    for cluster in digest.clusters.iter().take(SHOWN) {
        let mut row =
            vec![cluster.id.to_string(), cluster.size.to_string(), format!("{:.1}%", 100.0 * cluster.share)];
        if timed {
            let last = cluster.last_seen.map(|time| time.strftime("%d %b %H:%M").to_string());
            row.extend([trend(cluster.trend).to_owned(), bars(&cluster.sparkline), last.unwrap_or_default()]);
        }
        let said = cluster.summary.as_ref().map(|said| format!("{said}\n")).unwrap_or_default();
        row.push(said + &one_line(&cluster.template, 160));
        table.add_row(row);
    }
    for column in [0, 1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut out = format!("{table}\n");
    if let Some(more) = digest.clusters.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("and {more} more clusters: --output json has all of them\n"));
    }
    let in_none = digest.noise.size;
    out.push_str(&format!(
        "{} messages, {} clusters, {in_none} messages in none\n",
        digest.messages,
        digest.clusters.len()
    ));
    out
}

fn trend(trend: Trend) -> &'static str {
    match trend {
        Trend::New => "new",
        Trend::Rising => "rising",
        Trend::Steady => "steady",
        Trend::Falling => "falling",
        Trend::Resolved => "silent",
    }
}

/// A bar per bucket, the highest of them full.
fn bars(counts: &[u32]) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    counts.iter().map(|count| BARS[(*count as usize * 8).div_ceil(most as usize)]).collect()
}

fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect();
    if text.chars().nth(most).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Message, Options, digest};

    #[test]
    fn the_table_shows_sizes_and_templates_and_counts_the_rest() {
        let texts = ["disk 1 full", "disk 2 full", "hello"];
        let messages: Vec<Message> = texts.iter().map(|text| Message::new("", *text)).collect();
        let table = table(&digest(&messages, &Options::default(), None).unwrap());
        assert!(table.contains("disk <*> full") && table.contains("66.7%"), "{table}");
        assert!(table.contains("3 messages, 1 clusters, 1 messages in none"), "{table}");
        assert!(!table.contains("trend"), "{table}");
    }

    #[test]
    fn the_highest_bar_is_full_and_one_message_is_seen() {
        assert_eq!(bars(&[0, 1, 50, 100]), " ▁▄█");
        assert_eq!(bars(&[]), "");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31mb", 100), "a [31mb");
    }
}
