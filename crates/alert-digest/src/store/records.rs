//! The rows of the store, as plain data.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{JobId, StoreError, WorkspaceId};
use crate::digest::{Digest, Sensitivity};

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A workspace that installed the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Which.
    pub workspace: WorkspaceId,
    /// What its people call it.
    pub name: String,
    /// Where it is: `https://acme.slack.com/`, with the slash; for permalinks.
    pub url: Option<String>,
    /// The app's user there.
    pub bot_user: Option<String>,
    /// The app's id, to leave out its own messages.
    pub app: String,
    /// The bot token, `xoxb-…`.
    pub token: Secret,
    /// The granted scopes, separated by commas.
    pub scopes: String,
    /// When.
    pub at: Timestamp,
}

/// What somebody wants a digest of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The channel to read.
    pub channel: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// How little it takes to be a cluster.
    pub sensitivity: Sensitivity,
    /// Whether the period of the same length before is read as well, to say what is new.
    pub compare: bool,
    /// Whether replies in threads are read as well.
    pub threads: bool,
    /// Where the result is posted: a channel, or a user for a direct message.
    pub post_to: String,
    /// Who asked.
    pub user: String,
    /// Whether a schedule asked.
    pub scheduled: bool,
}

impl Request {
    /// The first instant that is downloaded: [`Request::from`], or one period earlier to compare with.
    pub fn oldest(&self) -> Timestamp {
        let span = self.to.duration_since(self.from);
        if self.compare { self.from.checked_sub(span).unwrap_or(self.from) } else { self.from }
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Waits for its turn.
    Queued,
    /// Downloads messages.
    Downloading,
    /// Clusters them.
    Clustering,
    /// Tells Slack.
    Posting,
    /// Its report is there.
    Done,
    /// It gave up.
    Failed {
        /// Why, for the person who asked.
        reason: String,
    },
}

impl Stage {
    /// Whether nothing will happen any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Stage::Done | Stage::Failed { .. })
    }

    /// The word for it in metrics and answers.
    pub fn word(&self) -> &'static str {
        match self {
            Stage::Queued => "queued",
            Stage::Downloading => "downloading",
            Stage::Clustering => "clustering",
            Stage::Posting => "posting",
            Stage::Done => "done",
            Stage::Failed { .. } => "failed",
        }
    }
}

/// A thread whose replies are still to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The parent's timestamp.
    pub ts: String,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// A message that the app posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// In which channel.
    pub channel: String,
    /// Its timestamp, which is its name.
    pub ts: String,
}

/// One digest on its way; rewritten with every page, so that a restart goes on where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Which; the report has the same id.
    pub id: JobId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// What is wanted.
    pub request: Request,
    /// How far it is.
    pub stage: Stage,
    /// The channel's name, once known.
    pub channel_name: Option<String>,
    /// Where the channel's history goes on; none before the first page.
    pub cursor: Option<String>,
    /// Whether the history has been read to its end.
    pub history_done: bool,
    /// Threads still to read.
    pub threads: Vec<Thread>,
    /// Pages stored so far.
    pub pages: u32,
    /// Messages stored so far.
    pub messages: usize,
    /// What the reader of the report should know: where a limit cut something off.
    pub notes: Vec<String>,
    /// The message in Slack that says "in progress" and becomes the result.
    pub posted: Option<Posted>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it last moved.
    pub updated: Timestamp,
    /// When its link, its report and this row end.
    pub expires: Timestamp,
}

impl Job {
    /// A job that waits.
    pub fn new(
        id: JobId,
        workspace: WorkspaceId,
        request: Request,
        now: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Job {
            id,
            workspace,
            request,
            stage: Stage::Queued,
            channel_name: None,
            cursor: None,
            history_done: false,
            threads: Vec::new(),
            pages: 0,
            messages: 0,
            notes: Vec::new(),
            posted: None,
            created: now,
            updated: now,
            expires,
        }
    }
}

/// What a report page shows: a digest, and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What it is about: a channel's or a file's name.
    pub title: String,
    /// When it was made.
    pub made: Timestamp,
    /// From when until when messages were read, if that was given.
    pub range: Option<(Timestamp, Timestamp)>,
    /// What the reader should know: where a limit cut something off.
    pub notes: Vec<String>,
    /// Keys of clusters that are muted; they are shown last.
    pub muted: Vec<String>,
    /// The digest; without its labels, which say nothing without the messages.
    pub digest: Digest,
}

impl Report {
    /// A report of a digest that did not come from Slack.
    pub fn of(title: impl Into<String>, digest: Digest, made: Timestamp) -> Self {
        Report { title: title.into(), made, range: None, notes: Vec::new(), muted: Vec::new(), digest }
    }
}

/// A digest every day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name: the channel it reads. A channel has one schedule.
    pub channel: String,
    /// Where results are posted.
    pub post_to: String,
    /// Who asked.
    pub user: String,
    /// At which minute of the day, 0 to 1439, in `zone`.
    pub minute: u16,
    /// IANA time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// As in [`Request::sensitivity`].
    pub sensitivity: Sensitivity,
    /// As in [`Request::threads`].
    pub threads: bool,
    /// When it is due.
    pub next: Timestamp,
}

impl Schedule {
    /// The first time after `now` at which the clock in the schedule's zone shows its minute.
    ///
    /// A time that a change of the clock skips is taken after the gap; one that comes twice is taken once.
    ///
    /// # Errors
    /// [`StoreError::Row`] if there is no such zone or the calendar ends.
    pub fn after(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let wrong = |reason: String| StoreError::Row { place: format!("schedules/{}", self.channel), reason };
        let zone = jiff::tz::TimeZone::get(&self.zone).map_err(|error| wrong(error.to_string()))?;
        let hour = i8::try_from(self.minute / 60).unwrap_or(i8::MAX);
        let at = jiff::civil::Time::new(hour, (self.minute % 60) as i8, 0, 0)
            .map_err(|error| wrong(error.to_string()))?;
        let mut day = now.to_zoned(zone.clone()).date();
        loop {
            let due = day.to_datetime(at).to_zoned(zone.clone()).map_err(|error| wrong(error.to_string()))?;
            if due.timestamp() > now {
                return Ok(due.timestamp());
            }
            day = day.tomorrow().map_err(|error| wrong(error.to_string()))?;
        }
    }
}

/// A cluster that a channel does not want to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// In which channel.
    pub channel: String,
    /// [`Cluster::key`](crate::digest::Cluster::key).
    pub key: String,
    /// Who muted it.
    pub user: String,
    /// Until when.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(minute: u16, zone: &str) -> Schedule {
        Schedule {
            channel: "C1".into(),
            post_to: "C1".into(),
            user: "U1".into(),
            minute,
            zone: zone.into(),
            sensitivity: Sensitivity::Normal,
            threads: false,
            next: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_schedule_keeps_its_local_time_across_the_change_of_the_clock() {
        let nine = schedule(9 * 60, "Europe/Berlin");
        let next = |now: &str| nine.after(now.parse().unwrap()).unwrap().to_string();
        assert_eq!(next("2026-03-28T07:59:59Z"), "2026-03-28T08:00:00Z");
        assert_eq!(next("2026-03-28T08:00:00Z"), "2026-03-29T07:00:00Z");
        assert_eq!(next("2026-10-24T07:30:00Z"), "2026-10-25T08:00:00Z");
    }

    #[test]
    fn a_time_that_the_clock_skips_is_taken_after_the_gap() {
        let in_gap = schedule(2 * 60 + 30, "Europe/Berlin");
        let due = in_gap.after("2026-03-29T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(due.to_string(), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn an_unknown_zone_is_an_error_and_no_panic() {
        assert!(schedule(0, "Mars/Olympus").after(Timestamp::UNIX_EPOCH).is_err());
        assert!(schedule(u16::MAX, "UTC").after(Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn a_request_that_compares_reads_one_period_more() {
        let mut request = Request {
            channel: "C1".into(),
            from: "2026-01-02T00:00:00Z".parse().unwrap(),
            to: "2026-01-03T00:00:00Z".parse().unwrap(),
            sensitivity: Sensitivity::Normal,
            compare: true,
            threads: false,
            post_to: "C1".into(),
            user: "U1".into(),
            scheduled: false,
        };
        assert_eq!(request.oldest().to_string(), "2026-01-01T00:00:00Z");
        request.compare = false;
        assert_eq!(request.oldest(), request.from);
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", Secret::new("xoxb-1")).contains("xoxb"));
    }
}
