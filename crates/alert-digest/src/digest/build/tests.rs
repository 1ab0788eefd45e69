//! What a digest says, by example; and what holds for any messages.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::digest::Author;

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn message(id: usize, minute: i64, text: &str) -> Message {
    Message {
        time: Some(at(minute)),
        channel: Some("alerts".to_owned()),
        author: Some(Author::Bot("prometheus".to_owned())),
        permalink: Some(format!("https://example.slack.com/{id}")),
        ..Message::new(id.to_string(), text)
    }
}

/// A message about a full disk every minute, one about memory every tenth, and one that is alone.
fn hour() -> Vec<Message> {
    let mut messages: Vec<Message> = (0..60)
        .map(|minute| {
            let text = format!("Disk of web-{minute} is {}% full", 90 + minute % 10);
            message(minute as usize, minute, &text)
        })
        .collect();
    messages.extend((0..6).map(|at| message(100 + at, 10 * at as i64, "Out of memory: worker killed")));
    messages.push(message(200, 30, "coffee is ready"));
    messages
}

#[test]
fn a_cluster_says_what_where_when_and_how_often() {
    let digest = digest(&hour(), &Options { buckets: 6, ..Options::default() }, None).unwrap();
    assert_eq!(digest.clusters.len(), 2);
    assert_eq!((digest.noise.size, digest.labels[66]), (1, -1));
    let disk = digest.cluster(0).unwrap();
    assert_eq!(disk.template, "Disk of <*> is <*> full");
    assert_eq!((disk.size, disk.share), (60, 60.0 / 67.0));
    assert_eq!((disk.first_seen, disk.last_seen), (Some(at(0)), Some(at(59))));
    assert_eq!(disk.sparkline, [10; 6]);
    assert_eq!(disk.examples.len(), 5);
    assert!(disk.examples.is_sorted_by_key(|example| example.time));
    assert!(disk.examples.iter().all(|example| example.permalink.is_some()));
    assert_eq!((disk.channels[0].name.as_str(), disk.channels[0].count), ("alerts", 60));
    assert_eq!(disk.authors[0].name, "prometheus");
    assert!(disk.terms.iter().any(|term| term.term == "disk"));
    assert_eq!(digest.members(1).count(), 6);
}

#[test]
fn against_the_previous_period_things_are_new_rising_steady_or_resolved() {
    let before = digest(&hour(), &Options::default(), None).unwrap();
    let mut now: Vec<Message> =
        hour().into_iter().filter(|message| !message.text.starts_with("Out")).collect();
    let after = now.len();
    now.extend((0..30).map(|at| message(300 + at, at as i64 * 2, "Certificate of shop expires in 3 days")));
    let now = digest(&now, &Options::default(), Some(&before)).unwrap();
    let trend = |start: &str| {
        now.clusters.iter().find(|cluster| cluster.template.starts_with(start)).map(|cluster| cluster.trend)
    };
    assert_eq!(trend("Certificate"), Some(Trend::New));
    assert_eq!(trend("Disk"), Some(Trend::Steady));
    assert_eq!(now.resolved.len(), 1);
    assert!(now.resolved[0].template.starts_with("Out of memory"));
    assert_eq!(now.resolved[0].trend, Trend::Resolved);
    assert_eq!(now.cluster(now.labels[after]).unwrap().trend, Trend::New);
    assert_eq!(now.cluster(now.labels[0]).unwrap().key, before.cluster(before.labels[0]).unwrap().key);
}

#[test]
fn what_fell_silent_is_resolved_and_comes_after_what_has_begun() {
    let mut messages: Vec<Message> =
        (0..20).map(|at| message(at, at as i64, "replica lag on shard 3 of orders")).collect();
    messages.extend((0..20).map(|at| message(100 + at, 100 + at as i64, "queue of mails is growing")));
    let digest = digest(&messages, &Options::default(), None).unwrap();
    assert_eq!(digest.clusters[0].trend, Trend::Rising);
    assert!(digest.clusters[0].template.starts_with("queue"));
    assert_eq!(digest.clusters[1].trend, Trend::Resolved);
}

#[test]
fn no_messages_are_an_empty_digest() {
    assert_eq!(digest(&[], &Options::default(), None).unwrap().clusters, []);
    assert_eq!(digest(&[], &Options::default(), None).unwrap().labels, [0; 0]);
}

#[test]
fn messages_of_numbers_alone_and_empty_ones_are_noise() {
    let messages: Vec<Message> =
        ["12", "13", "", "", "14"].iter().map(|text| Message::new("", *text)).collect();
    assert_eq!(digest(&messages, &Options::default(), None).unwrap().labels, [-1; 5]);
}

#[test]
fn a_digest_survives_json() {
    let digest = digest(&hour(), &Options::default(), None).unwrap();
    let json = serde_json::to_string(&digest).unwrap();
    assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
}

#[test]
fn without_a_radius_the_same_clusters_are_found() {
    let options = Options { auto_eps: true, ..Options::default() };
    assert_eq!(digest(&hour(), &options, None).unwrap().clusters.len(), 2);
    let options = Options { algorithm: Algorithm::Hdbscan, min_samples: 3, ..Options::default() };
    let digest = digest(&hour(), &options, None).unwrap();
    assert_eq!((digest.clusters.len(), digest.eps), (2, None));
}

proptest! {
    #[test]
    fn every_message_is_counted_once(
        texts in prop::collection::vec("(disk|cpu|mail) (full|late) (on|of) [a-c][0-9]", 0..40),
        mask in any::<bool>(),
        min_samples in 1_usize..4,
    ) {
        let messages: Vec<Message> =
            texts.iter().enumerate().map(|(at, text)| message(at, at as i64, text)).collect();
        let options = Options { mask, min_samples, ..Options::default() };
        let digest = digest(&messages, &options, None).unwrap();
        prop_assert_eq!(digest.labels.len(), messages.len());
        let sizes: usize = digest.clusters.iter().map(|cluster| cluster.size).sum();
        prop_assert_eq!(sizes + digest.noise.size, messages.len());
        for cluster in &digest.clusters {
            prop_assert_eq!(digest.members(cluster.id).count(), cluster.size);
            prop_assert_eq!(cluster.sparkline.iter().sum::<u32>() as usize, cluster.size);
            let medoid = messages.iter().position(|message| message.id == cluster.medoid.id).unwrap();
            prop_assert_eq!(digest.labels[medoid], cluster.id);
        }
        prop_assert!(digest.clusters.is_sorted_by(|a, b| a.urgency >= b.urgency));
    }
}
