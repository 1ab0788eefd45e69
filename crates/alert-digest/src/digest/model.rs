//! What goes in and what comes out, as plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    /// A person, by id or name.
    User(String),
    /// An integration, by id or name.
    Bot(String),
}

/// One message, as it was posted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What the source calls it: Slack's `ts`, a line number; it comes back with the examples of a cluster.
    pub id: String,
    /// When it was posted, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What it says, with the texts of attachments and blocks.
    pub text: String,
    /// Where it was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Who posted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// A link that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
}

impl Message {
    /// A message of which only the text is known.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Message { id: id.into(), text: text.into(), ..Message::default() }
    }
}

/// How often something occurs in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What.
    pub name: String,
    /// In how many messages.
    pub count: usize,
}

/// A word that tells a cluster from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The word, or its stem.
    pub term: String,
    /// Its mean TF-IDF weight over the cluster's messages, in (0, 1].
    pub weight: f64,
}

/// How a cluster compares with the previous period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trend {
    /// It was not there before, and there is a period to compare with.
    New,
    /// Clearly more often than before, or, without a period to compare with, than earlier in this one.
    Rising,
    /// About as often as before.
    Steady,
    /// Clearly less often than before.
    Falling,
    /// It was there before and is not any more, or it fell silent well before the period's end.
    Resolved,
}

/// A span of time, from the first message to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
}

/// Messages that say the same thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// The label that its messages have in [`Digest::labels`].
    pub id: i32,
    /// A name that is the same from one period to the next while the template is: hexadecimal, 16 digits. For muting.
    pub key: String,
    /// How many messages.
    pub size: usize,
    /// Of all messages, in (0, 1].
    pub share: f64,
    /// Time of the first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// Time of the last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Messages per bucket; the buckets share [`Digest::period`] evenly. Empty if no message has a time.
    pub sparkline: Vec<u32>,
    /// What the messages have in common, with `<*>` where they differ.
    pub template: String,
    /// The message that is nearest to all others.
    pub medoid: Message,
    /// The words that tell it from the other clusters, heaviest first.
    pub terms: Vec<Term>,
    /// Some of its messages, as different as can be, oldest first.
    pub examples: Vec<Message>,
    /// Where they were posted, most frequent first.
    pub channels: Vec<Count>,
    /// Who posted them (id or name), most frequent first.
    pub authors: Vec<Count>,
    /// Against the previous period.
    pub trend: Trend,
    /// How many messages it had in the previous period, if there is one to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_size: Option<usize>,
    /// What the ranking sorts by: higher is to be read earlier.
    pub urgency: f64,
    /// What a [`Summarizer`](super::Summarizer) says about it; none unless one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// Messages that belong to no cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// How many messages.
    pub size: usize,
    /// Of all messages, in [0, 1].
    pub share: f64,
    /// Messages per bucket, as in [`Cluster::sparkline`].
    pub sparkline: Vec<u32>,
    /// Some of them, spread over the period, oldest first.
    pub examples: Vec<Message>,
}

/// A period of messages in short.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// How many messages went in.
    pub messages: usize,
    /// From the first to the last message that has a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// One label per message in input order: [`Cluster::id`], or -1 for noise.
    ///
    /// Ids count up from 0 in the order in which clusters appear in the input; they say nothing about the ranking.
    pub labels: Vec<i32>,
    /// What a person on call should read first comes first.
    pub clusters: Vec<Cluster>,
    /// What belongs to no cluster.
    pub noise: Noise,
    /// Clusters of the previous period that are gone, as they were then; their trend is [`Trend::Resolved`].
    pub resolved: Vec<Cluster>,
    /// The radius that was used, chosen or given; none for an algorithm without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eps: Option<f64>,
}

impl Digest {
    /// The cluster with this label.
    pub fn cluster(&self, id: i32) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.id == id)
    }

    /// The messages of a cluster, or with -1 those of none, as positions in the input.
    pub fn members(&self, id: i32) -> impl Iterator<Item = usize> + '_ {
        self.labels.iter().enumerate().filter(move |(_, label)| **label == id).map(|(at, _)| at)
    }
}
