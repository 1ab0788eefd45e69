//! The fake's answers have no field that Slack's samples lack.

use std::path::Path;

use http::{HeaderMap, Method};
use serde_json::Value;

use crate::app::{TOKEN, alerts, now, send};
use crate::fake::Fake;

/// Paths of fields of an answer that a sample does not have.
fn unknown(answer: &Value, sample: &Value, path: &str, found: &mut Vec<String>) {
    match (answer, sample) {
        (Value::Object(answer), Value::Object(sample)) => {
            for (key, value) in answer {
                match sample.get(key) {
                    Some(sample) => unknown(value, sample, &format!("{path}.{key}"), found),
                    None => found.push(format!("{path}.{key}")),
                }
            }
        }
        (Value::Array(answer), Value::Array(sample)) => {
            // A sample shows every field that any of its elements may have.
            for value in answer {
                let least = sample.iter().map(|sample| {
                    let mut found = Vec::new();
                    unknown(value, sample, &format!("{path}[]"), &mut found);
                    found
                });
                found.extend(least.min_by_key(Vec::len).unwrap_or_default());
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_answer_of_the_fake_has_only_fields_that_slack_has() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/slack-api-samples/api");
    if !samples.is_dir() {
        println!("skipped: {} is not there", samples.display());
        return;
    }
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    let mut channel = alerts(now(), 3);
    let parent = crate::fake::ts(channel.messages[0].micros);
    channel.replies.insert(parent.clone(), channel.messages.clone());
    fake.channel(TOKEN, "C1", channel);
    let calls = [
        ("auth.test", String::new()),
        ("users.info", String::from("user=U1")),
        ("conversations.info", String::from("channel=C1")),
        ("conversations.join", String::from("channel=C1")),
        ("conversations.history", String::from("channel=C1&limit=2")),
        ("conversations.replies", format!("channel=C1&ts={parent}")),
        ("chat.postMessage", String::from("channel=C1&text=hi")),
    ];
    for (method, query) in calls {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        let answer =
            send(fake.address, Method::GET, &format!("/api/{method}?{query}"), headers, String::new()).await;
        let answer = answer.json();
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        let sample = std::fs::read_to_string(samples.join(format!("{method}.json"))).unwrap();
        let mut found = Vec::new();
        unknown(&answer, &serde_json::from_str(&sample).unwrap(), method, &mut found);
        // The samples leave `has_more` and `response_metadata` to the documentation of pagination.
        found.retain(|path| !path.contains("response_metadata") && !path.ends_with("has_more"));
        assert_eq!(found, Vec::<String>::new(), "{method}");
    }
}

#[tokio::test]
async fn every_sample_event_and_message_is_read_without_an_error() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/slack-api-samples");
    if !samples.is_dir() {
        println!("skipped: {} is not there", samples.display());
        return;
    }
    for file in std::fs::read_dir(samples.join("events")).unwrap() {
        let path = file.unwrap().path();
        let mut event: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        event["type"] = "event_callback".into();
        event["team_id"] = "T1".into();
        let read = alert_digest::slack::inbound::event(&event.to_string());
        assert!(read.is_ok(), "{}: {read:?}", path.display());
    }
    for name in ["conversations.history", "conversations.replies"] {
        let text = std::fs::read_to_string(samples.join(format!("api/{name}.json"))).unwrap();
        let page: alert_digest::slack::history::Page = serde_json::from_str(&text).unwrap();
        let said = page.messages.iter().map(alert_digest::slack::text::text).collect::<Vec<_>>();
        assert_eq!(said.len(), page.messages.len());
    }
}
