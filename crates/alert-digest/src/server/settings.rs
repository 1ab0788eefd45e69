//! What can be set, with defaults that suit a company's Slack.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use crate::digest::Summarizer;
use crate::store::{Keyring, Secret};

/// Tells the time; the system's unless a test says otherwise.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock of one's own.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Clock(Arc::new(now))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What the server needs to know. `Debug` prints no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where metrics are served instead of under `/metrics`, for a network that people can't reach.
    pub metrics_listen: Option<SocketAddr>,
    /// How people and Slack reach it, such as `https://digest.example.com`; links are made of it.
    pub public_url: Url,
    /// The directory of the store.
    pub data: PathBuf,
    /// What Slack signs its requests with.
    pub signing_secret: Secret,
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: Secret,
    /// What rows are sealed and links are signed with.
    pub keys: Keyring,
    /// Slack's API.
    pub slack_api: Url,
    /// Where an installation begins.
    pub authorize: Url,
    /// Who says in a sentence what a cluster is about; none by default.
    pub summarizer: Option<Arc<dyn Summarizer>>,
    /// What bounds the work.
    pub limits: Limits,
    /// The clock.
    pub clock: Clock,
}

impl Settings {
    /// Slack's own API.
    pub const SLACK_API: &str = "https://slack.com/api";
    /// Where Slack asks whether the app may be installed.
    pub const AUTHORIZE: &str = "https://slack.com/oauth/v2/authorize";
}

/// Bounds. The defaults keep within Slack's limits and a few hundred MB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a report and its link are kept.
    pub retention: Duration,
    /// How long a mute lasts.
    pub mute: Duration,
    /// How many messages a digest reads; the newest.
    pub messages: usize,
    /// How many threads' replies a digest reads; the newest.
    pub threads: usize,
    /// Messages a page, 1 to 999.
    pub page: u16,
    /// How many digests are made at once, each of another workspace.
    pub jobs: usize,
    /// How many digests a workspace may have waiting.
    pub waiting: usize,
    /// How many calls may wait behind answers.
    pub queue: usize,
    /// How long a call to Slack may take.
    pub call: Duration,
    /// The first pause before a call is tried again; it doubles, up to a minute.
    pub backoff: Duration,
    /// How often a call is tried.
    pub attempts: u32,
    /// How often schedules are looked at.
    pub tick: Duration,
    /// How long a stopping process still says that it is.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            retention: Duration::from_secs(7 * 86_400),
            mute: Duration::from_secs(30 * 86_400),
            messages: 500_000,
            threads: 500,
            page: 999,
            jobs: 8,
            waiting: 20,
            queue: 1024,
            call: Duration::from_secs(20),
            backoff: Duration::from_millis(500),
            attempts: 8,
            tick: Duration::from_secs(15),
            drain: Duration::from_secs(5),
        }
    }
}
