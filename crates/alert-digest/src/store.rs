//! What the app remembers across requests and restarts: one redb file, every row sealed with its workspace's key.
//!
//! | table | key | row | how long |
//! |---|---|---|---|
//! | `installations` | workspace | [`Installation`] with its token | until the app is uninstalled |
//! | `jobs` | workspace, job | [`Job`] | until the report expires |
//! | `pages` | workspace, job/number | downloaded messages | until the job ends |
//! | `reports` | workspace, job | [`Report`] | [`Job::expires`] |
//! | `schedules` | workspace, channel | [`Schedule`] | until it is removed |
//! | `mutes` | workspace, channel/cluster | [`Mute`] | [`Mute::until`] |
//! | `seen` | workspace, id of a delivery | when it may be forgotten | an hour |
//!
//! A [`Store`] gives out a [`WorkspaceStore`], and all that reads or writes rows is there: one workspace's code has no way
//! to name another's rows, and a row that was put in another's place does not open. What spans workspaces are the few
//! questions of the process itself: which jobs wait, what is due, what has expired.
//!
//! Every change is one durable transaction; calls block for a few milliseconds and belong on a blocking thread.

mod amend;
mod error;
mod ids;
mod keys;
mod records;
mod sweep;
mod tables;
#[cfg(test)]
mod tests;
mod workspace;

pub use error::StoreError;
pub use ids::{JobId, WorkspaceId};
pub use keys::Keyring;
pub(crate) use keys::{hex, to_hex};
pub use records::{Installation, Job, Mute, Posted, Report, Request, Schedule, Secret, Stage, Thread};
pub use sweep::Swept;
pub use workspace::WorkspaceStore;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable};

/// The file of the store in the data directory.
pub const FILE: &str = "alert-digest.redb";

/// The format that this version reads and writes.
pub const FORMAT: u64 = 1;

/// The open file. Cloning is reference counting; the file closes with the last clone.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    keys: Keyring,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(…)")
    }
}

impl Store {
    /// Opens or makes the store in a directory, which is made if it is not there.
    ///
    /// ```
    /// use alert_digest::store::{Keyring, Store, StoreError};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let store = Store::open(directory.path(), Keyring::new(&[7; 32])?)?;
    /// assert!(matches!(Store::open(directory.path(), Keyring::new(&[7; 32])?), Err(StoreError::Locked { .. })));
    /// drop(store);
    /// // Another key can't read what this one sealed, and the store says so at once.
    /// assert!(matches!(Store::open(directory.path(), Keyring::new(&[8; 32])?), Err(StoreError::Sealed { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process holds it, [`StoreError::Directory`], [`StoreError::Format`],
    /// [`StoreError::Sealed`] if it was sealed with another key, [`StoreError::Database`].
    pub fn open(directory: &Path, keys: Keyring) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Directory { path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(unusable)?;
        let path = directory.join(FILE);
        let database = Database::create(&path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path: path.clone() },
            other => StoreError::from(other),
        })?;
        let store = Store { database: Arc::new(database), keys };
        store.check()?;
        Ok(store)
    }

    /// Makes the tables of a new file; refuses one of another format or sealed with another key.
    fn check(&self) -> Result<(), StoreError> {
        let sealer = self.keys.workspace("")?;
        let write = self.database.begin_write()?;
        {
            let mut meta = write.open_table(tables::META)?;
            let found = meta.get("format")?.map(|row| row.value().to_vec());
            match found {
                Some(row) => {
                    let row = sealer.open("meta/format", &row)?;
                    let found = row.try_into().map(u64::from_le_bytes).unwrap_or_default();
                    if found != FORMAT {
                        return Err(StoreError::Format { found, known: FORMAT });
                    }
                }
                None => {
                    let row = sealer.seal("meta/format", FORMAT.to_le_bytes().to_vec())?;
                    meta.insert("format", row.as_slice())?;
                }
            }
            for table in tables::ALL {
                write.open_table(table)?;
            }
            write.open_table(tables::SEEN)?;
        }
        write.commit()?;
        Ok(())
    }

    /// The rows of one workspace.
    ///
    /// # Errors
    /// [`StoreError::Key`] if its key can't be derived.
    pub fn workspace(&self, workspace: &WorkspaceId) -> Result<WorkspaceStore, StoreError> {
        let sealer = self.keys.workspace(workspace.as_str())?;
        Ok(WorkspaceStore::new(Arc::clone(&self.database), self.keys.clone(), sealer, workspace.clone()))
    }

    /// All workspaces that installed the app.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        let table = self.database.begin_read()?.open_table(tables::INSTALLATIONS)?;
        let mut found = Vec::new();
        for row in table.iter()? {
            found.push(WorkspaceId::new(row?.0.value().0)?);
        }
        Ok(found)
    }

    /// Jobs that are not done, oldest first.
    ///
    /// A row that does not open is left out and logged: one workspace's damage must not stop the others.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn unfinished(&self) -> Result<Vec<Job>, StoreError> {
        let mut jobs: Vec<Job> = self.every(tables::JOBS)?;
        jobs.retain(|job| !job.stage.is_final());
        jobs.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        Ok(jobs)
    }

    /// Schedules that are due, with their workspaces, in the order in which they fell due.
    ///
    /// # Errors
    /// As [`Store::unfinished`].
    pub fn due(&self, now: Timestamp) -> Result<Vec<(WorkspaceId, Schedule)>, StoreError> {
        let mut due = Vec::new();
        for (workspace, schedule) in self.every_with_owner::<Schedule>(tables::SCHEDULES)? {
            if schedule.next <= now {
                due.push((workspace, schedule));
            }
        }
        due.sort_by(|a, b| a.1.next.cmp(&b.1.next).then_with(|| a.0.cmp(&b.0)));
        Ok(due)
    }

    fn every<T: serde::de::DeserializeOwned>(&self, table: tables::Rows) -> Result<Vec<T>, StoreError> {
        Ok(self.every_with_owner(table)?.into_iter().map(|(_, row)| row).collect())
    }

    fn every_with_owner<T: serde::de::DeserializeOwned>(
        &self,
        table: tables::Rows,
    ) -> Result<Vec<(WorkspaceId, T)>, StoreError> {
        let read = self.database.begin_read()?.open_table(table)?;
        let mut rows = Vec::new();
        for row in read.iter()? {
            let (key, value) = row?;
            let (workspace, name) = key.value();
            let sealer = self.keys.workspace(workspace)?;
            let place = tables::place(table, workspace, name);
            match tables::decode(&sealer, &place, value.value()) {
                Ok(row) => rows.push((WorkspaceId::new(workspace)?, row)),
                Err(error) => tracing::error!(%error, "a row is left out"),
            }
        }
        Ok(rows)
    }
}
