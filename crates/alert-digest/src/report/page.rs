//! The report's page.

use maud::{Markup, html};

use super::csp::{Html, frame};
use super::{cards, export, plot};
use crate::digest::{Cluster, Trend};
use crate::slack::result::grouped;
use crate::store::Report;

const SCRIPT: &str = include_str!("assets/report.js");

/// Where the exports are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exports {
    /// One row per cluster.
    pub csv: String,
    /// The whole digest.
    pub json: String,
}

/// The page of a report that is served.
pub fn ready(report: &Report, exports: &Exports) -> Html {
    frame(&title(report), SCRIPT, None, &content(report, exports))
}

/// The page as a file that stands alone; its exports are in it.
pub fn file(report: &Report) -> String {
    let data = |kind: &str, text: &str| {
        use base64::prelude::{BASE64_STANDARD, Engine};
        format!("data:{kind};charset=utf-8;base64,{}", BASE64_STANDARD.encode(text))
    };
    let exports = Exports {
        csv: data("text/csv", &export::csv(report)),
        json: data("application/json", &export::json(report)),
    };
    frame(&title(report), SCRIPT, None, &content(report, &exports)).body
}

fn title(report: &Report) -> String {
    format!("Digest of {}", report.title)
}

fn content(report: &Report, exports: &Exports) -> Markup {
    let digest = &report.digest;
    let (muted, shown): (Vec<&Cluster>, Vec<&Cluster>) =
        digest.clusters.iter().partition(|cluster| report.muted.contains(&cluster.key));
    let compared = digest.clusters.iter().any(|cluster| cluster.previous_size.is_some());
    html! {
        (header(report, &shown))
        @for note in &report.notes { p.notes { (note) } }
        @if let Some(timeline) = plot::timeline(digest, &shown) { (timeline) }
        @if shown.is_empty() {
            p.card.empty { @if digest.messages == 0 { "No messages in this time." } @else { "No two messages are alike." } }
        } @else {
            h2 { "Clusters" }
            (tools())
            div #clusters {
                @for (rank, cluster) in shown.iter().enumerate() { (cards::cluster(rank + 1, cluster, compared, plot::colour(rank))) }
            }
        }
        @if digest.noise.size > 0 { h2 { "Like no other" } (cards::noise(&digest.noise)) }
        @if !digest.resolved.is_empty() {
            h2 { "Gone since the period before" }
            section.card { details {
                summary { (grouped(digest.resolved.len())) " clusters" }
                ul.examples { @for cluster in &digest.resolved { (cards::resolved(cluster)) } }
            } }
        }
        @if !muted.is_empty() {
            h2 { "Muted" }
            section.card { details {
                summary { (grouped(muted.len())) " clusters that this channel has muted" }
                @for (at, cluster) in muted.iter().enumerate() { (cards::cluster(shown.len() + at + 1, cluster, compared, "others")) }
            } }
        }
        footer.small.soft {
            p.exports { a href=(exports.csv) download="digest.csv" { "Clusters as CSV" } a href=(exports.json) download="digest.json" { "Everything as JSON" } }
            p { "Made " (plot::time(report.made)) ". Times are in " span #zone { "UTC" } "." }
        }
    }
}

fn header(report: &Report, shown: &[&Cluster]) -> Markup {
    let digest = &report.digest;
    let count = |trend: Trend| shown.iter().filter(|cluster| cluster.trend == trend).count();
    let range = report.range.or_else(|| digest.period.map(|period| (period.from, period.to)));
    html! {
        header {
            h1 { (title(report)) }
            @if let Some((from, to)) = range { p.soft { (plot::time(from)) " – " (plot::time(to)) } }
            ul.tiles {
                (tile(&grouped(digest.messages), "messages"))
                (tile(&grouped(shown.len()), "clusters"))
                @for (trend, word) in [(Trend::New, "new"), (Trend::Rising, "rising")] {
                    @if count(trend) > 0 { (tile(&grouped(count(trend)), word)) }
                }
                @if !digest.resolved.is_empty() { (tile(&grouped(digest.resolved.len()), "gone")) }
                (tile(&cards::share(digest.noise.share), "like no other"))
            }
        }
    }
}

fn tile(number: &str, word: &str) -> Markup {
    html! { li { b { (number) } span.small.soft { (word) } } }
}

/// Hidden until the script has run: without it they would do nothing.
fn tools() -> Markup {
    html! {
        div.tools hidden {
            input #search type="search" placeholder="Search messages, words, people" aria-label="Search clusters" autocomplete="off";
            select #trend aria-label="Which clusters" {
                option value="" { "All trends" }
                @for (value, word) in [("new", "New"), ("rising", "Rising"), ("steady", "Steady"), ("falling", "Falling"), ("resolved", "Gone quiet")] {
                    option value=(value) { (word) }
                }
            }
            select #order aria-label="Order" {
                option value="urgency" { "Most urgent first" }
                option value="size" { "Largest first" }
                option value="last" { "Seen last first" }
                option value="first" { "Newest first" }
            }
            span #found.small.soft role="status" {}
        }
    }
}
