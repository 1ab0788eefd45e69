//! Plots as inline SVG: the timeline of all clusters, and a card's own.
//!
//! A plot stretches to its place's width, so it holds bars and no text; labels are HTML beside it.

use maud::{Markup, html};

use crate::digest::{Cluster, Digest, Period};

/// How many clusters have a colour of their own.
pub(super) const COLOURS: usize = 6;
const CLASSES: [&str; COLOURS] = ["c0", "c1", "c2", "c3", "c4", "c5"];

/// The class that colours the cluster of a rank.
pub(super) fn colour(rank: usize) -> &'static str {
    CLASSES.get(rank).copied().unwrap_or("others")
}

/// Messages over time, stacked by cluster, with a legend; none if no message has a time.
pub(super) fn timeline(digest: &Digest, shown: &[&Cluster]) -> Option<Markup> {
    let period = digest.period?;
    let buckets = digest.noise.sparkline.len().max(shown.iter().map(|c| c.sparkline.len()).max()?);
    if buckets == 0 {
        return None;
    }
    let mut series: Vec<(&str, String, Vec<u32>)> = Vec::new();
    for (rank, cluster) in shown.iter().take(COLOURS).enumerate() {
        series.push((
            colour(rank),
            format!("{}. {}", rank + 1, cluster.template),
            padded(&cluster.sparkline, buckets),
        ));
    }
    let rest: Vec<&Cluster> = digest
        .clusters
        .iter()
        .filter(|cluster| !shown.iter().take(COLOURS).any(|drawn| drawn.id == cluster.id))
        .collect();
    if !rest.is_empty() {
        let mut sum = vec![0_u32; buckets];
        for cluster in &rest {
            for (sum, count) in sum.iter_mut().zip(&cluster.sparkline) {
                *sum = sum.saturating_add(*count);
            }
        }
        series.push(("others", format!("{} other clusters", rest.len()), sum));
    }
    if digest.noise.size > 0 {
        series.push(("noise-bar", String::from("Like no other"), padded(&digest.noise.sparkline, buckets)));
    }
    let most = (0..buckets).map(|at| series.iter().map(|(_, _, counts)| u64::from(counts[at])).sum::<u64>());
    let most = most.max().unwrap_or(0).max(1);
    Some(html! {
        figure.card {
            div.head { b { "Messages over time" } span.right.small.soft { "highest bar " (most) } }
            (bars(&series, buckets, most))
            (axis(period))
            ul.legend {
                @for (class, name, _) in &series {
                    li title=(name) { svg.swatch viewBox="0 0 1 1" aria-hidden="true" { rect class=(class) width="1" height="1" {} } span { (name) } }
                }
            }
        }
    })
}

fn bars(series: &[(&str, String, Vec<u32>)], buckets: usize, most: u64) -> Markup {
    const HEIGHT: f64 = 100.0;
    let unit = HEIGHT / most as f64;
    html! {
        svg.plot viewBox=(format!("0 0 {} {HEIGHT}", buckets * 10)) preserveAspectRatio="none" role="img"
            aria-label=(format!("Messages in {buckets} equal parts of the period; the highest has {most}")) {
            @for line in 1..4 {
                line.grid x1="0" x2=(buckets * 10) y1=(line * 25) y2=(line * 25) {}
            }
            @for bucket in 0..buckets {
                @let tip = tip(series, bucket);
                g {
                    title { (tip) }
                    @for (class, y, height) in stack(series, bucket, unit, HEIGHT) {
                        rect class=(class) x=(bucket * 10 + 1) width="8" y=(number(y)) height=(number(height)) {}
                    }
                }
            }
        }
    }
}

/// Bars of one part of the period from the bottom up: class, top, height.
fn stack<'a>(
    series: &[(&'a str, String, Vec<u32>)],
    bucket: usize,
    unit: f64,
    height: f64,
) -> Vec<(&'a str, f64, f64)> {
    let mut top = height;
    let mut bars = Vec::new();
    for (class, _, counts) in series.iter().filter(|(_, _, counts)| counts[bucket] > 0) {
        let tall = f64::from(counts[bucket]) * unit;
        top -= tall;
        bars.push((*class, top.max(0.0), tall));
    }
    bars
}

fn tip(series: &[(&str, String, Vec<u32>)], bucket: usize) -> String {
    let parts: Vec<String> = series
        .iter()
        .filter(|(_, _, counts)| counts[bucket] > 0)
        .map(|(_, name, counts)| format!("{} × {name}", counts[bucket]))
        .collect();
    if parts.is_empty() { String::from("nothing") } else { parts.join("\n") }
}

/// Five instants over the period; a phone shows three.
fn axis(period: Period) -> Markup {
    let (from, to) = (period.from.as_second(), period.to.as_second());
    html! {
        div.axis {
            @for part in 0..=4_i64 {
                @let at = jiff::Timestamp::from_second(from + (to - from) * part / 4).unwrap_or(period.from);
                span.minor[part % 2 == 1] { (time(at)) }
            }
        }
    }
}

/// An instant: UTC to begin with, and the reader's zone once the script has run.
pub(super) fn time(at: jiff::Timestamp) -> Markup {
    html! { time datetime=(at.strftime("%FT%TZ")) { (at.strftime("%F %H:%M UTC")) } }
}

/// A card's own plot.
pub(super) fn spark(counts: &[u32], class: &str) -> Markup {
    let most = f64::from(counts.iter().copied().max().unwrap_or(0).max(1));
    html! {
        @if !counts.is_empty() {
            svg.spark viewBox=(format!("0 0 {} 20", counts.len() * 10)) preserveAspectRatio="none" aria-hidden="true" {
                line.grid x1="0" x2=(counts.len() * 10) y1="20" y2="20" {}
                @for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    @let tall = (f64::from(*count) / most * 20.0).max(1.0);
                    rect class=(class) x=(at * 10 + 1) width="8" y=(number(20.0 - tall)) height=(number(tall)) {}
                }
            }
        }
    }
}

fn padded(counts: &[u32], buckets: usize) -> Vec<u32> {
    let mut counts = counts.to_vec();
    counts.resize(buckets, 0);
    counts
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}
