//! The join: impressions of the log with the interactions that answered them, labelled by the objective.
//!
//! ```text
//! requests/…/date=D      ─┐ tenant, user, model, variant
//! impressions/…/date=D    ├─► SQL, some millions of impressions at a time ──► <dataset>/date=D/rows.parquet
//! interactions/…/date=D.. ─┘ up to the attribution window after D
//! ```
//!
//! - **Point-in-time correct by construction**: the features of a row are those that were scored, as the log holds them.
//! - **An interaction counts once**, however often it was delivered (by its id), for the impression that it answers: same
//!   request, same entity, same tenant, within the window. So does a request that the log holds twice.
//! - **Bounded memory**: a log's segment holds requests *with* their impressions, so that files of the same segments can
//!   be joined a bunch at a time. The build sides of the hash joins are the requests and the answers of one bunch, and
//!   the impressions stream past them in the order of the log. Where a bunch is too much all the same, its join sorts and
//!   spills instead.
//! - **Idempotent by day**: a day's file is replaced whole, or stays as it was. A day whose part of the log has not
//!   changed since is skipped, so that a scheduler may run the join as often as it likes; interactions that come late are
//!   new files of the log, and the next run takes the days again whose window they fall into.
//!
//! Only what is in Parquet takes part. The log's open segments become Parquet within minutes ([`LogOptions::roll_after`]).
//!
//! [`LogOptions::roll_after`]: recommend_events::LogOptions::roll_after

mod engine;
mod error;
mod input;
mod outcome;
mod spec;
mod sql;

pub use error::JoinError;
pub use outcome::{DayOutcome, JoinOutcome, Progress};
pub use spec::{EARLY, JoinSpec};

use std::path::{Path, PathBuf};

use engine::Engine;
use input::Day;

use crate::dataset::{About, DatasetError};

/// How a join runs; nothing here changes what comes out.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// The days to join, `YYYY-MM-DD`; all that the log has when empty.
    pub dates: Vec<String>,
    /// What the join's state may take in memory, in bytes; beyond it, it spills. The process takes some 150 MiB more
    /// for code, files that are being read, and the file that is being written.
    pub memory: usize,
    /// Where it spills to; the system's temporary folder otherwise.
    pub temporary: Option<PathBuf>,
    /// Joins days again that are up to date.
    pub force: bool,
}

impl Default for JoinOptions {
    fn default() -> Self {
        JoinOptions { dates: Vec::new(), memory: 256 << 20, temporary: None, force: false }
    }
}

/// Joins days of a log into a dataset. `progress` is called now and then, from this task.
///
/// # Errors
/// [`JoinError`]. Days that were joined before the error stay joined.
pub async fn join(
    log: &Path,
    output: &Path,
    spec: &JoinSpec,
    options: &JoinOptions,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<JoinOutcome, JoinError> {
    let about = spec.about()?;
    match About::read(output) {
        Ok(found) if found == about => {}
        Ok(found) => return Err(JoinError::other_spec(output, &found, &about)),
        Err(DatasetError::NoDataset(_)) => about.write(output)?,
        Err(error) => return Err(error.into()),
    }
    let mut days = Vec::new();
    let mut outcome = JoinOutcome { open_segments: input::open_segments(log), ..JoinOutcome::default() };
    for date in input::dates(log, spec, &options.dates)? {
        let day = Day::of(log, spec, date)?;
        if !options.force && day.is_joined(output, &about) {
            outcome.up_to_date += 1;
        } else {
            days.push(day);
        }
    }
    progress(Progress::Begin { impressions: days.iter().map(Day::impressions).sum() });
    let engine = Engine::new(spec, options)?;
    for day in &days {
        progress(Progress::Day(&day.date));
        let joined = engine.join(day, output, &about, progress).await?;
        outcome.days.push(joined);
    }
    Ok(outcome)
}
