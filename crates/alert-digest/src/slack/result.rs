//! The message in Slack: first "in progress", then the digest, or why there is none.

use slack_morphism::prelude::*;
use url::Url;

use super::blocks::{
    ClusterRef, action, button, code, context, cut, escape, open_button, section, sparkline,
};
use super::modal::Daily;
use crate::digest::{Cluster, Digest, Trend};
use crate::store::{Job, Report, Request};

/// How many clusters a message shows; the rest is in the report.
const SHOWN: usize = 5;
/// How many clusters a chart shows.
const CHARTED: usize = 5;

/// What is posted at once.
pub fn progress(request: &Request, link: &Url) -> SlackMessageContent {
    let by =
        if request.scheduled { String::from("the daily schedule") } else { format!("<@{}>", request.user) };
    let text = format!("Making a digest of <#{}>, asked for by {by}…", request.channel);
    let blocks = slack_blocks![
        section(format!(":hourglass_flowing_sand: {text}")),
        SlackActionsBlock::new(slack_blocks![open_button(link)]),
    ];
    SlackMessageContent::new().with_text(text).with_blocks(blocks)
}

/// What it becomes when there is no digest.
pub fn failure(request: &Request, reason: &str) -> SlackMessageContent {
    let text = format!("No digest of <#{}>: {reason}", request.channel);
    SlackMessageContent::new()
        .with_text(text.clone())
        .with_blocks(slack_blocks![section(format!(":warning: {text}"))])
}

/// What it becomes. With `chart`, Slack draws the timeline; a workspace that can't gets the line of block characters.
pub fn digest(job: &Job, report: &Report, link: &Url, chart: bool) -> SlackMessageContent {
    let digest = &report.digest;
    let request = &job.request;
    let shown = |cluster: &&Cluster| !report.muted.contains(&cluster.key);
    let clusters: Vec<&Cluster> = digest.clusters.iter().filter(shown).collect();
    let text = headline(request, digest, clusters.len());
    let mut blocks: Vec<SlackBlock> = slack_blocks![
        SlackHeaderBlock::new(pt!(cut(&format!("Digest of {}", report.title), 150))),
        section(format!("{text}\n{}", period(report))),
    ];
    if chart && let Some(chart) = timeline(report, &clusters) {
        blocks.push(chart.into());
    } else {
        blocks.extend(total(digest).map(|line| context(line).into()));
    }
    for (rank, cluster) in clusters.iter().take(SHOWN).enumerate() {
        blocks.push(SlackDividerBlock::new().into());
        blocks.push(about(rank + 1, cluster, request).into());
    }
    blocks.push(SlackDividerBlock::new().into());
    blocks.push(context(remainder(report, clusters.len())).into());
    let daily = Daily {
        channel: request.channel.clone(),
        post_to: request.post_to.clone(),
        sensitivity: request.sensitivity,
        threads: request.threads,
        zone: String::new(),
    };
    let mut buttons: Vec<SlackActionBlockElement> = slack_blocks![open_button(link)];
    if !request.scheduled {
        buttons.push(button(action::SCHEDULE, "Schedule daily", daily.to_value()).into());
    }
    blocks.push(SlackActionsBlock::new(buttons).into());
    SlackMessageContent::new().with_text(text).with_blocks(blocks)
}

fn headline(request: &Request, digest: &Digest, clusters: usize) -> String {
    let new = digest.clusters.iter().filter(|cluster| cluster.trend == Trend::New).count();
    let new = if request.compare && new > 0 { format!(", {new} of them new") } else { String::new() };
    format!(
        "{} messages in <#{}> are {clusters} {}{new}.",
        grouped(digest.messages),
        request.channel,
        if clusters == 1 { "cluster" } else { "clusters" },
    )
}

fn period(report: &Report) -> String {
    let Some((from, to)) = report.range else { return String::new() };
    // Slack writes the time in the reader's zone; what follows the bar is for those who can't.
    let at = |at: jiff::Timestamp| {
        format!("<!date^{}^{{date_short_pretty}} {{time}}|{}>", at.as_second(), at.strftime("%F %H:%M UTC"))
    };
    format!("{} – {}", at(from), at(to))
}

fn about(rank: usize, cluster: &Cluster, request: &Request) -> SlackSectionBlock {
    let mark = match cluster.trend {
        Trend::New => ":new: ",
        Trend::Rising => ":chart_with_upwards_trend: ",
        Trend::Falling => ":chart_with_downwards_trend: ",
        Trend::Resolved => ":white_check_mark: ",
        Trend::Steady => "",
    };
    let before = cluster.previous_size.filter(|size| *size > 0);
    let before = before.map(|size| format!(", {} before", grouped(size))).unwrap_or_default();
    let example = match &cluster.medoid.permalink {
        Some(link) if Url::parse(link).is_ok() => {
            format!(" · <{}|example>", link.replace(['<', '>', '|'], ""))
        }
        _ => String::new(),
    };
    let summary =
        cluster.summary.as_deref().map(|said| format!("\n{}", escape(said, 300))).unwrap_or_default();
    let text = format!(
        "*{rank}.* {mark}*{}×* ({:.0} %{before}){example}\n{}\n{}{summary}",
        grouped(cluster.size),
        cluster.share * 100.0,
        code(&cluster.template, 240),
        sparkline(&cluster.sparkline),
    );
    let muted = ClusterRef { channel: request.channel.clone(), key: cluster.key.clone() };
    section(text).with_accessory(button(action::MUTE, "Mute", muted.to_value()).into())
}

fn remainder(report: &Report, shown: usize) -> String {
    let digest = &report.digest;
    let mut parts = Vec::new();
    if shown > SHOWN {
        parts.push(format!("{} more in the report", grouped(shown - SHOWN)));
    }
    parts.push(format!("{} messages like no other", grouped(digest.noise.size)));
    let muted = digest.clusters.iter().filter(|cluster| report.muted.contains(&cluster.key)).count();
    if muted > 0 {
        parts.push(format!("{muted} muted"));
    }
    if !digest.resolved.is_empty() {
        parts.push(format!("{} gone since the period before", digest.resolved.len()));
    }
    parts.extend(report.notes.iter().map(|note| escape(note, 300)));
    parts.join(" · ")
}

fn total(digest: &Digest) -> Option<String> {
    let mut total = digest.noise.sparkline.clone();
    for cluster in &digest.clusters {
        total.resize(total.len().max(cluster.sparkline.len()), 0);
        for (sum, count) in total.iter_mut().zip(&cluster.sparkline) {
            *sum += count;
        }
    }
    (!total.is_empty()).then(|| format!("{}  all messages", sparkline(&total)))
}

/// Slack's own chart, <https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block>.
fn timeline(report: &Report, clusters: &[&Cluster]) -> Option<SlackDataVisualizationBlock> {
    let (from, to) = report.digest.period.map(|period| (period.from, period.to))?;
    let buckets = report.digest.clusters.first()?.sparkline.len();
    if clusters.is_empty() || !(2..=48).contains(&buckets) {
        return None;
    }
    let step = to.duration_since(from).as_secs() / i64::try_from(buckets).ok()?;
    let pattern = match step {
        0..60 => "%H:%M:%S",
        60..3600 => "%H:%M",
        _ => "%m-%d %H:%M",
    };
    let label = |bucket: i64| {
        let at = jiff::Timestamp::from_second(from.as_second() + bucket * step).unwrap_or(from);
        at.strftime(pattern).to_string()
    };
    let categories: Vec<String> = (0..buckets as i64).map(label).collect();
    // A label names its point: a period of a few seconds would repeat one.
    if categories.windows(2).any(|pair| pair[0] == pair[1]) {
        return None;
    }
    let series = clusters.iter().take(CHARTED).enumerate().map(|(rank, cluster)| {
        let points = categories.iter().zip(&cluster.sparkline);
        let points = points.map(|(label, count)| SlackChartDataPoint::new(label.clone(), (*count).into()));
        let words = cluster.template.replace("<*>", "…");
        SlackChartDataSeries::new(cut(&format!("{}. {words}", rank + 1), 30), points.collect())
    });
    let axis = SlackChartAxisConfig::new(categories.clone()).with_x_label(String::from("UTC"));
    let chart = SlackChart::Bar(SlackSeriesChart::new(series.collect(), axis));
    Some(SlackDataVisualizationBlock::new(String::from("Messages over time"), chart))
}

/// `12,345`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::digest::{Message, Options, Sensitivity};
    use crate::store::{JobId, WorkspaceId};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn job() -> Job {
        let request = Request {
            channel: "C1".into(),
            from: at(0),
            to: at(86_400),
            sensitivity: Sensitivity::Normal,
            compare: true,
            threads: false,
            post_to: "C1".into(),
            user: "U1".into(),
            scheduled: false,
        };
        let id = JobId::parse(&"0f".repeat(16)).unwrap();
        Job::new(id, WorkspaceId::new("T1").unwrap(), request, at(0), at(1000))
    }

    fn report(texts: &[String], seconds: i64) -> Report {
        let message = |(n, text): (usize, &String)| Message {
            time: Some(at(1000 + n as i64 * seconds)),
            permalink: Some(format!("https://acme.slack.com/archives/C1/p{n}")),
            ..Message::new(n.to_string(), text.clone())
        };
        let messages: Vec<Message> = texts.iter().enumerate().map(message).collect();
        let digest = crate::digest::digest(&messages, &Options::default(), None).unwrap();
        Report { range: Some((at(0), at(86_400))), ..Report::of("#alerts", digest, at(0)) }
    }

    fn link() -> Url {
        Url::parse("https://digest.example.com/r/T1/0f?e=1&s=2").unwrap()
    }

    fn many(kinds: usize) -> Vec<String> {
        let words = ["disk", "queue", "certificate", "deploy", "backup", "latency", "login", "invoice"];
        (0..kinds * 5).map(|n| format!("{0} {0}-alarm of {0}-service", words[n % kinds])).collect()
    }

    #[test]
    fn the_five_most_urgent_are_shown_and_the_rest_is_counted() {
        let report = report(&many(8), 60);
        let content = serde_json::to_value(digest(&job(), &report, &link(), true)).unwrap();
        let blocks = content["blocks"].as_array().unwrap();
        let with = |action: &str| {
            blocks.iter().filter(|b| b.to_string().contains(&format!("\"action_id\":\"{action}\""))).count()
        };
        assert_eq!(with(action::MUTE), 5);
        assert_eq!((with(action::OPEN), with(action::SCHEDULE)), (1, 1));
        assert!(content.to_string().contains("3 more in the report"));
        assert!(content["text"].as_str().unwrap().starts_with("40 messages in <#C1> are 8 clusters"));
    }

    #[test]
    fn a_scheduled_digest_does_not_offer_a_schedule() {
        let mut job = job();
        job.request.scheduled = true;
        let content = serde_json::to_string(&digest(&job, &report(&many(2), 60), &link(), true)).unwrap();
        assert!(!content.contains(action::SCHEDULE));
    }

    #[test]
    fn a_chart_names_each_instant_once_or_is_left_out() {
        for (seconds, drawn) in [(0, false), (1, true), (60, true), (7200, true)] {
            let report = report(&many(3), seconds * 3);
            let clusters: Vec<&Cluster> = report.digest.clusters.iter().collect();
            let chart = timeline(&report, &clusters);
            assert_eq!(chart.is_some(), drawn, "{seconds} s apart");
            if let Some(SlackChart::Bar(chart)) = chart.map(|chart| chart.chart) {
                let mut labels = chart.axis_config.categories.clone();
                labels.sort();
                labels.dedup();
                assert_eq!(labels.len(), chart.axis_config.categories.len());
                assert!(chart.series.iter().all(|series| series.data.len() == labels.len()));
            }
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_message_keeps_to_slacks_blocks_and_limits(
            texts in proptest::collection::vec("[<>!@#|&`*~ a-eé🔥\n]{1,40}", 1..20), long in 1_usize..60, chart: bool,
        ) {
            let texts: Vec<String> = texts.into_iter().map(|text| text.repeat(long)).collect();
            let report = report(&texts, 600);
            for content in [digest(&job(), &report, &link(), chart), progress(&job().request, &link()), failure(&job().request, "why")] {
                let blocks = serde_json::to_value(content.blocks.clone().unwrap()).unwrap();
                let read: Vec<SlackBlock> = serde_json::from_value(blocks.clone()).unwrap();
                prop_assert!(read.iter().all(|block| !matches!(block, SlackBlock::Unknown(_))));
                prop_assert!(read.len() <= 50);
                for block in blocks.as_array().unwrap() {
                    let text = block["text"]["text"].as_str().unwrap_or("");
                    let longest = if block["type"] == "header" { 150 } else { 3000 };
                    prop_assert!(text.chars().count() <= longest);
                    // No message of a channel can call people or fake a link.
                    prop_assert!(!text.contains("<!here") && !text.contains("<!channel") && !text.contains("<@U9"));
                }
            }
        }
    }
}
