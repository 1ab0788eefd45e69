//! One card per cluster, and the bucket of what is like no other.

use maud::{Markup, html};

use super::plot::{spark, time};
use crate::digest::{Author, Cluster, Count, Message, Noise, Trend};
use crate::slack::result::grouped;

/// A cluster, in the colour that it has in the timeline.
pub(super) fn cluster(rank: usize, cluster: &Cluster, compared: bool, class: &str) -> Markup {
    let (word, trend) = trend(cluster.trend);
    let second = |at: Option<jiff::Timestamp>| at.map_or(0, jiff::Timestamp::as_second);
    html! {
        article.card id=(format!("cluster-{}", cluster.key)) data-rank=(rank) data-size=(cluster.size) data-trend=(trend)
            data-first=(second(cluster.first_seen)) data-last=(second(cluster.last_seen)) {
            div.head {
                span.rank { "#" (rank) }
                span.size { (grouped(cluster.size)) "×" }
                span.soft { (share(cluster.share)) " of all" }
                @if compared && let Some(before) = cluster.previous_size.filter(|before| *before > 0) { span.soft { (grouped(before)) " before" } }
                @if cluster.trend != Trend::Steady { span class=(format!("badge {trend} right")) { (word) } }
            }
            @if let Some(summary) = &cluster.summary { p { (summary) } }
            code.template { (template(&cluster.template)) }
            (spark(&cluster.sparkline, class))
            p.facts {
                @if let (Some(first), Some(last)) = (cluster.first_seen, cluster.last_seen) {
                    span { "first " b { (time(first)) } }
                    span { "last " b { (time(last)) } }
                }
                @if !cluster.authors.is_empty() { span { "by " b { (counts(&cluster.authors)) } } }
                @if cluster.channels.len() > 1 { span { "in " b { (counts(&cluster.channels)) } } }
            }
            @if !cluster.terms.is_empty() {
                ul.terms aria-label="words that set it apart" { @for term in &cluster.terms { li { (term.term) } } }
            }
            details {
                summary { "The most typical message" @if cluster.examples.len() > 1 { ", and " (cluster.examples.len() - 1) " others" } }
                ul.examples {
                    (example(&cluster.medoid))
                    @for other in cluster.examples.iter().filter(|other| other.id != cluster.medoid.id) { (example(other)) }
                }
            }
        }
    }
}

/// A cluster of the period before that is gone.
pub(super) fn resolved(cluster: &Cluster) -> Markup {
    html! {
        li {
            span.soft { (grouped(cluster.size)) "× before" }
            code.template { (template(&cluster.template)) }
            @if let Some(last) = cluster.last_seen { span.small.soft { "last seen " (time(last)) } }
        }
    }
}

/// What is like no other.
pub(super) fn noise(noise: &Noise) -> Markup {
    html! {
        section.card #noise {
            div.head { span.size { (grouped(noise.size)) } span.soft { "messages like no other, " (share(noise.share)) " of all" } }
            (spark(&noise.sparkline, "others"))
            details {
                summary { "Some of them" }
                ul.examples { @for message in &noise.examples { (example(message)) } }
            }
        }
    }
}

fn example(example: &Message) -> Markup {
    html! {
        li {
            div.head.small.soft {
                @if let Some(at) = example.time { (time(at)) }
                @match &example.author {
                    Some(Author::Bot(name)) => { span { (name) " (app)" } }
                    Some(Author::User(name)) => { span { (name) } }
                    None => {}
                }
                @if let Some(link) = example.permalink.as_deref().filter(|link| is_web(link)) {
                    a.right href=(link) rel="noopener noreferrer" target="_blank" { "Open in Slack" }
                }
            }
            pre.mono { (example.text) }
        }
    }
}

/// A link in a report leads to the web: no script, no file.
fn is_web(link: &str) -> bool {
    url::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

/// The template with its holes set apart.
fn template(template: &str) -> Markup {
    let parts: Vec<&str> = template.split("<*>").collect();
    html! {
        @if template.trim().is_empty() { span.soft { "(no words in common)" } }
        @for (at, part) in parts.iter().enumerate() {
            @if at > 0 { span.hole { "<*>" } }
            (part)
        }
    }
}

fn counts(counts: &[Count]) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> =
        counts.iter().take(SHOWN).map(|count| format!("{} ({})", count.name, grouped(count.count))).collect();
    if counts.len() > SHOWN {
        names.push(format!("{} more", counts.len() - SHOWN));
    }
    names.join(", ")
}

pub(super) fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 { String::from("under 0.1 %") } else { format!("{percent:.1} %") }
}

/// The word, and the class and value of the filter.
fn trend(trend: Trend) -> (&'static str, &'static str) {
    match trend {
        Trend::New => ("new", "new"),
        Trend::Rising => ("rising", "rising"),
        Trend::Steady => ("steady", "steady"),
        Trend::Falling => ("falling", "falling"),
        Trend::Resolved => ("gone quiet", "resolved"),
    }
}
