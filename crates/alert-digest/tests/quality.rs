//! How well clusters agree with the truth, on data that nobody here made. Skipped with a printed reason where it is absent.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::path::PathBuf;

use alert_digest::demo::{self, Day, Style};
use alert_digest::digest::{Message, Options, digest};
use jiff::{SignedDuration, Timestamp};
use recommend_text::adjusted_rand_index;

fn data(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn agreement(messages: &[Message], truth: &[String]) -> f64 {
    let digest = digest(messages, &Options::default(), None).unwrap();
    adjusted_rand_index(&digest.labels, truth)
}

#[test]
fn alerts_of_one_rule_are_one_cluster() {
    let Some(path) = data("alert-rules/awesome-prometheus-alerts") else { return };
    let rules = demo::read(&path).unwrap();
    assert!(rules.len() > 900, "{} rules", rules.len());
    for style in [Style::Summary, Style::Both, Style::Named] {
        let length = SignedDuration::from_hours(24);
        let day = Day { from: Timestamp::UNIX_EPOCH, length, messages: 6000, style, seed: 1 };
        let alerts = day.alerts(&rules);
        let truth: Vec<String> = alerts.iter().map(|alert| alert.rule.to_string()).collect();
        let messages: Vec<Message> = alerts.into_iter().map(|alert| alert.message).collect();
        let agreement = agreement(&messages, &truth);
        println!("{style:?}: {agreement:.4}");
        assert!(agreement >= 0.95, "{style:?}: {agreement}");
    }
}

#[test]
fn log_lines_of_one_template_are_one_cluster() {
    for system in ["Apache", "HDFS"] {
        let Some(path) = data(&format!("loghub/{system}/{system}_2k.log_structured.csv")) else { return };
        let mut reader = csv::Reader::from_path(path).unwrap();
        let header = reader.headers().unwrap().clone();
        let column = |name| header.iter().position(|column| column == name).unwrap();
        let (content, event) = (column("Content"), column("EventId"));
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let messages: Vec<Message> = rows.iter().map(|row| Message::new("", &row[content])).collect();
        let truth: Vec<String> = rows.iter().map(|row| row[event].to_owned()).collect();
        let agreement = agreement(&messages, &truth);
        println!("{system}: {agreement:.4}");
        assert!(agreement > 0.999, "{system}: {agreement}");
    }
}
