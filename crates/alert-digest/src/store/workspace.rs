//! The rows of one workspace: the only place that reads and writes them.

use std::sync::Arc;

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::amend;
use super::keys::Sealer;
use super::tables::{self, Rows};
use super::{Installation, Job, JobId, Keyring, Mute, Report, Request, Schedule, StoreError, WorkspaceId};
use crate::digest::Message;

/// How long the id of a delivery is remembered, in seconds: Slack gives up on one within this.
const SEEN_FOR: i64 = 3600;

/// The rows of one workspace. There is no way from here to another's.
///
/// Every call fails with [`StoreError::Database`] when the file does, and with [`StoreError::Sealed`] or
/// [`StoreError::Row`] for a row that does not open or read.
pub struct WorkspaceStore {
    database: Arc<Database>,
    keys: Keyring,
    sealer: Sealer,
    workspace: WorkspaceId,
}

impl WorkspaceStore {
    pub(super) fn new(
        database: Arc<Database>,
        keys: Keyring,
        sealer: Sealer,
        workspace: WorkspaceId,
    ) -> Self {
        WorkspaceStore { database, keys, sealer, workspace }
    }

    /// Whose rows these are.
    pub fn id(&self) -> &WorkspaceId {
        &self.workspace
    }

    // === installation ===

    /// The installation; none if the app is not installed or was removed.
    pub fn installation(&self) -> Result<Option<Installation>, StoreError> {
        self.get(tables::INSTALLATIONS, "")
    }

    /// Installs, or replaces the token.
    pub fn install(&self, installation: &Installation) -> Result<(), StoreError> {
        self.write(|write| self.put(write, tables::INSTALLATIONS, "", installation))
    }

    /// Forgets the token alone: it was revoked. What else there is stays until it expires, for a new installation.
    pub fn forget_token(&self) -> Result<(), StoreError> {
        self.write(|write| self.remove(write, tables::INSTALLATIONS, "").map(drop))
    }

    /// Forgets all that is known of the workspace. False if the delivery that says so came before: the app may have been
    /// installed again since.
    pub fn uninstall(&self, once: Option<(&str, Timestamp)>) -> Result<bool, StoreError> {
        self.write(|write| {
            if let Some((once, now)) = once
                && self.note(write, once, now)?
            {
                return Ok(false);
            }
            for table in tables::ALL {
                for name in self.names(write, table, "")? {
                    self.remove(write, table, &name)?;
                }
            }
            Ok(true)
        })
    }

    // === jobs ===

    /// Makes a job that waits, unless `limit` wait or run already.
    ///
    /// With a `once`, such as the id of the delivery that asked for it, a second call with the same one makes none and
    /// returns none; that is remembered for an hour, in the same transaction.
    pub fn create_job(
        &self,
        request: Request,
        now: Timestamp,
        expires: Timestamp,
        limit: usize,
        once: Option<&str>,
    ) -> Result<Option<Job>, StoreError> {
        self.write(|write| {
            if let Some(once) = once
                && self.note(write, once, now)?
            {
                return Ok(None);
            }
            let waiting: Vec<Job> = self.list_in(write, tables::JOBS)?;
            if waiting.iter().filter(|job| !job.stage.is_final()).count() >= limit {
                return Err(StoreError::Full(limit));
            }
            let job = Job::new(JobId::random(&self.keys)?, self.workspace.clone(), request, now, expires);
            self.put(write, tables::JOBS, job.id.as_str(), &job)?;
            Ok(Some(job))
        })
    }

    /// A job.
    pub fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.get(tables::JOBS, id.as_str())
    }

    /// Writes a job's progress; [`StoreError::Forgotten`] if the job is not there any more, as for all that follows.
    pub fn update_job(&self, job: &Job) -> Result<(), StoreError> {
        self.write(|write| self.advance(write, job))
    }

    /// Writes a job that is there. One that was forgotten while it ran must not come back, nor its messages.
    fn advance(&self, write: &WriteTransaction, job: &Job) -> Result<(), StoreError> {
        let there =
            write.open_table(tables::JOBS)?.get((self.workspace.as_str(), job.id.as_str()))?.is_some();
        if !there {
            return Err(StoreError::Forgotten);
        }
        self.put(write, tables::JOBS, job.id.as_str(), job)
    }

    /// Stores a page of messages and the job that has moved past it, as one: a restart neither loses nor repeats it.
    ///
    /// The caller has counted the page in [`Job::pages`].
    pub fn add_page(&self, job: &Job, messages: &[Message]) -> Result<(), StoreError> {
        self.write(|write| {
            if !messages.is_empty() {
                self.put(write, tables::PAGES, &page_name(&job.id, job.pages), &messages)?;
            }
            self.advance(write, job)
        })
    }

    /// All messages that a job has stored, in the order of the pages.
    pub fn messages(&self, id: &JobId) -> Result<Vec<Message>, StoreError> {
        let table = self.database.begin_read()?.open_table(tables::PAGES)?;
        let (from, to) = (format!("{id}/"), format!("{id}0"));
        let owner = self.workspace.as_str();
        let mut messages = Vec::new();
        for row in table.range((owner, from.as_str())..(owner, to.as_str()))? {
            let (key, value) = row?;
            let place = tables::place(tables::PAGES, owner, key.value().1);
            messages.append(&mut tables::decode::<Vec<Message>>(&self.sealer, &place, value.value())?);
        }
        Ok(messages)
    }

    /// Takes a message out of, or changes it in, what unfinished jobs have stored and finished reports quote: it was
    /// deleted or edited in Slack. Returns how many rows changed, or none if the delivery that says so came before: the message
    /// may have been edited again since.
    pub fn amend(
        &self,
        channel: &str,
        ts: &str,
        text: Option<&str>,
        once: Option<(&str, Timestamp)>,
    ) -> Result<Option<usize>, StoreError> {
        let mut jobs: Vec<Job> = self.list(tables::JOBS)?;
        jobs.retain(|job| job.request.channel == channel);
        if jobs.is_empty() {
            // Most channels have no digests; their edits cost no write.
            return Ok(Some(0));
        }
        self.write(|write| {
            if let Some((once, now)) = once
                && self.note(write, once, now)?
            {
                return Ok(None);
            }
            let mut changed = 0;
            for job in &jobs {
                for name in self.names(write, tables::PAGES, &format!("{}/", job.id))? {
                    let Some(mut page) = self.get_in::<Vec<Message>>(write, tables::PAGES, &name)? else {
                        continue;
                    };
                    if amend::page(&mut page, ts, text) {
                        self.put(write, tables::PAGES, &name, &page)?;
                        changed += 1;
                    }
                }
                if let Some(mut report) = self.get_in::<Report>(write, tables::REPORTS, job.id.as_str())?
                    && amend::report(&mut report, ts, text)
                {
                    self.put(write, tables::REPORTS, job.id.as_str(), &report)?;
                    changed += 1;
                }
            }
            Ok(Some(changed))
        })
    }

    /// Ends a job: stores its report if it has one, and forgets the messages.
    pub fn finish_job(&self, job: &Job, report: Option<&Report>) -> Result<(), StoreError> {
        self.write(|write| {
            if let Some(report) = report {
                self.put(write, tables::REPORTS, job.id.as_str(), report)?;
            }
            if job.stage.is_final() {
                for name in self.names(write, tables::PAGES, &format!("{}/", job.id))? {
                    self.remove(write, tables::PAGES, &name)?;
                }
            }
            self.advance(write, job)
        })
    }

    /// A report.
    pub fn report(&self, id: &JobId) -> Result<Option<Report>, StoreError> {
        self.get(tables::REPORTS, id.as_str())
    }

    // === schedules and mutes ===

    /// Writes a schedule; a channel has one.
    pub fn put_schedule(&self, schedule: &Schedule) -> Result<(), StoreError> {
        self.write(|write| self.put(write, tables::SCHEDULES, &schedule.channel, schedule))
    }

    /// Removes a channel's schedule; false if there was none.
    pub fn remove_schedule(&self, channel: &str) -> Result<bool, StoreError> {
        self.write(|write| self.remove(write, tables::SCHEDULES, channel))
    }

    /// All schedules, by channel.
    pub fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        self.list(tables::SCHEDULES)
    }

    /// Mutes a cluster of a channel, or renews it.
    pub fn mute(&self, mute: &Mute) -> Result<(), StoreError> {
        self.write(|write| self.put(write, tables::MUTES, &mute_name(&mute.channel, &mute.key), mute))
    }

    /// Shows it again; false if it was not muted.
    pub fn unmute(&self, channel: &str, key: &str) -> Result<bool, StoreError> {
        self.write(|write| self.remove(write, tables::MUTES, &mute_name(channel, key)))
    }

    /// What a channel has muted at a time.
    pub fn mutes(&self, channel: &str, now: Timestamp) -> Result<Vec<Mute>, StoreError> {
        let mut mutes: Vec<Mute> = self.list(tables::MUTES)?;
        mutes.retain(|mute| mute.channel == channel && mute.until > now);
        Ok(mutes)
    }

    // === deliveries ===

    /// Notes the id of a delivery for an hour; true if it was noted already.
    pub fn seen(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write(|write| self.note(write, id, now))
    }

    fn note(&self, write: &WriteTransaction, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut table = write.open_table(tables::SEEN)?;
        let key = (self.workspace.as_str(), id);
        let seen = table.get(key)?.is_some_and(|until| until.value() > now.as_second());
        table.insert(key, now.as_second() + SEEN_FOR)?;
        Ok(seen)
    }

    // === rows ===

    fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let write = self.database.begin_write()?;
        let done = change(&write)?;
        write.commit()?;
        Ok(done)
    }

    fn get<T: DeserializeOwned>(&self, table: Rows, name: &str) -> Result<Option<T>, StoreError> {
        let read = self.database.begin_read()?.open_table(table)?;
        let row = read.get((self.workspace.as_str(), name))?;
        row.map(|row| self.decode(table, name, row.value())).transpose()
    }

    fn get_in<T: DeserializeOwned>(
        &self,
        write: &WriteTransaction,
        table: Rows,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let read = write.open_table(table)?;
        let row = read.get((self.workspace.as_str(), name))?;
        row.map(|row| self.decode(table, name, row.value())).transpose()
    }

    fn list<T: DeserializeOwned>(&self, table: Rows) -> Result<Vec<T>, StoreError> {
        self.collect(&self.database.begin_read()?.open_table(table)?, table)
    }

    fn list_in<T: DeserializeOwned>(
        &self,
        write: &WriteTransaction,
        table: Rows,
    ) -> Result<Vec<T>, StoreError> {
        self.collect(&write.open_table(table)?, table)
    }

    fn collect<T: DeserializeOwned>(
        &self,
        rows: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
        table: Rows,
    ) -> Result<Vec<T>, StoreError> {
        let owner = self.workspace.as_str();
        let mut found = Vec::new();
        for row in rows.range((owner, "")..)? {
            let (key, value) = row?;
            let (workspace, name) = key.value();
            if workspace != owner {
                break;
            }
            found.push(self.decode(table, name, value.value())?);
        }
        Ok(found)
    }

    /// Names of the workspace's rows that begin so.
    fn names(&self, write: &WriteTransaction, table: Rows, prefix: &str) -> Result<Vec<String>, StoreError> {
        let read = write.open_table(table)?;
        let owner = self.workspace.as_str();
        let mut names = Vec::new();
        for row in read.range((owner, prefix)..)? {
            let key = row?.0;
            let (workspace, name) = key.value();
            if workspace != owner || !name.starts_with(prefix) {
                break;
            }
            names.push(name.to_owned());
        }
        Ok(names)
    }

    fn put<T: Serialize>(
        &self,
        write: &WriteTransaction,
        table: Rows,
        name: &str,
        row: &T,
    ) -> Result<(), StoreError> {
        let place = tables::place(table, self.workspace.as_str(), name);
        let row = tables::encode(&self.sealer, &place, row)?;
        write.open_table(table)?.insert((self.workspace.as_str(), name), row.as_slice())?;
        Ok(())
    }

    fn remove(&self, write: &WriteTransaction, table: Rows, name: &str) -> Result<bool, StoreError> {
        Ok(write.open_table(table)?.remove((self.workspace.as_str(), name))?.is_some())
    }

    fn decode<T: DeserializeOwned>(&self, table: Rows, name: &str, row: &[u8]) -> Result<T, StoreError> {
        tables::decode(&self.sealer, &tables::place(table, self.workspace.as_str(), name), row)
    }
}

/// Pages sort by number.
fn page_name(job: &JobId, page: u32) -> String {
    format!("{job}/{page:08}")
}

fn mute_name(channel: &str, key: &str) -> String {
    format!("{channel}/{key}")
}

impl std::fmt::Debug for WorkspaceStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WorkspaceStore({})", self.workspace)
    }
}
