//! Forgetting: what has expired goes, in one pass over all workspaces.

use jiff::Timestamp;
use redb::{ReadableDatabase, ReadableTable};

use super::tables::{self, Rows};
use super::{Job, Mute, Stage, Store, StoreError};

/// How much was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs, with their reports and whatever messages they still had.
    pub jobs: usize,
    /// Mutes that ended.
    pub mutes: usize,
    /// Ids of deliveries that can't come again.
    pub seen: usize,
}

impl Store {
    /// Forgets what has expired: reports with their jobs, mutes, ids of deliveries. An unfinished job expires too.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let expired = |job: &Job| job.expires <= now;
        let jobs: Vec<Job> = self.every::<Job>(tables::JOBS)?.into_iter().filter(expired).collect();
        let mutes = self.every_with_owner::<Mute>(tables::MUTES)?;
        let mutes: Vec<_> = mutes.into_iter().filter(|(_, mute)| mute.until <= now).collect();
        let mut swept = Swept { jobs: jobs.len(), mutes: mutes.len(), seen: 0 };
        for mut job in jobs {
            let workspace = self.workspace(&job.workspace)?;
            if !job.stage.is_final() {
                // Takes its pages with it.
                job.stage = Stage::Failed { reason: String::from("it expired before it was done") };
                workspace.finish_job(&job, None)?;
            }
            let name = (job.workspace.as_str(), job.id.as_str());
            self.delete(&[(tables::REPORTS, name), (tables::JOBS, name)])?;
        }
        for (owner, mute) in mutes {
            self.workspace(&owner)?.unmute(&mute.channel, &mute.key)?;
        }
        swept.seen = self.forget_seen(now)?;
        Ok(swept)
    }

    fn delete(&self, rows: &[(Rows, (&str, &str))]) -> Result<(), StoreError> {
        let write = self.database.begin_write()?;
        for (table, name) in rows {
            write.open_table(*table)?.remove(*name)?;
        }
        write.commit()?;
        Ok(())
    }

    fn forget_seen(&self, now: Timestamp) -> Result<usize, StoreError> {
        let any = {
            let table = self.database.begin_read()?.open_table(tables::SEEN)?;
            let mut any = false;
            for row in table.iter()? {
                any |= row?.1.value() <= now.as_second();
            }
            any
        };
        if !any {
            return Ok(0);
        }
        let write = self.database.begin_write()?;
        let mut forgotten = 0;
        write.open_table(tables::SEEN)?.retain(|_, until| {
            let keep = until > now.as_second();
            forgotten += usize::from(!keep);
            keep
        })?;
        write.commit()?;
        Ok(forgotten)
    }
}
