//! `recommend import`: entities, relations, interactions and impressions from files, and Slack exports.
//!
//! A thread reads and parses; batches of records go through a short channel to the writer, one durable write each. An
//! import that is interrupted is finished by running it again.

pub(crate) mod args;
mod attributes;
pub(crate) mod condition;
mod entities;
mod files;
pub(crate) mod impressions;
mod interactions;
pub(crate) mod mapping;
pub(crate) mod progress;
mod pump;
pub(crate) mod rejects;
mod relations;
pub(crate) mod slack;
mod summary;
pub(crate) mod table;
mod tally;
mod ties;
pub(crate) mod time;
pub(crate) mod values;

use std::path::{Path, PathBuf};

use anyhow::Result;

use self::args::{FileArgs, ImportArgs, ImportCommand};
use self::entities::EntityRecords;
use self::files::Files;
use self::interactions::{InteractionRecords, shorthand};
use self::mapping::Selection;
use self::rejects::{Fault, Rejects};
use self::relations::RelationRecords;
use self::table::{Cell, Table};
use self::tally::Tally;
use self::ties::Ties;
use crate::exit::{Exit, Usage};
use crate::records::{Batch, RelationRow};
use crate::sink::Sink;
use crate::target::Destination;

/// Turns the rows of tables into records of one sort.
pub(crate) trait Records: Send {
    /// Finds the columns of a new table. `path` is for those that look at the file twice.
    ///
    /// # Errors
    /// A sentence that says what is missing and which flag adds it.
    fn open(&mut self, path: &Path, table: &dyn Table, selection: &mut Selection) -> Result<(), String> {
        let _ = path;
        self.bind(table, selection)
    }

    /// The same for those that need no second look.
    ///
    /// # Errors
    /// A sentence that says what is missing and which flag adds it.
    fn bind(&mut self, table: &dyn Table, selection: &mut Selection) -> Result<(), String>;

    /// Turns the current row into records.
    ///
    /// # Errors
    /// What is wrong with the row; it goes to the rejects.
    fn read(&mut self, table: &dyn Table, batch: &mut Batch, tally: &mut Tally) -> Result<(), Fault>;

    /// What follows from all rows together.
    fn finish(&mut self) -> Vec<RelationRow> {
        Vec::new()
    }

    /// What the user should know besides the counts.
    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Runs `recommend import`.
///
/// # Errors
/// When the input cannot be read, the flags do not fit it, or the destination does not take it.
pub(crate) async fn run(args: ImportArgs) -> Result<Exit> {
    match args.command {
        ImportCommand::Impressions(args) => impressions::run(*args).await,
        ImportCommand::Interactions(mut args) => {
            let sink = sink(&args.destination, args.files.dry_run).await?;
            shorthand(&mut args.files.map, "corpus", args.files.corpus.as_ref()).map_err(Usage)?;
            shorthand(&mut args.files.map, "kind", args.kind.as_ref()).map_err(Usage)?;
            let ties = Ties::new(args.relation_add, args.relation_remove);
            let once = args.identical_rows == args::IdenticalRows::Once;
            let records =
                InteractionRecords::new(args.files.map.clone(), args.files.read.times()?, ties, once);
            import_files(sink, args.files, records.map_err(Usage)?).await
        }
        ImportCommand::Entities(mut args) => {
            let sink = sink(&args.destination, args.files.dry_run).await?;
            shorthand(&mut args.files.map, "corpus", args.files.corpus.as_ref()).map_err(Usage)?;
            let all = args.all_attributes.then_some(args.except);
            let files = &args.files;
            let records = EntityRecords::new(
                files.map.clone(),
                files.read.times()?,
                args.attr,
                all,
                files.read.table_options(),
            );
            import_files(sink, args.files, records.map_err(Usage)?).await
        }
        ImportCommand::Relations(mut args) => {
            let sink = sink(&args.destination, args.files.dry_run).await?;
            shorthand(&mut args.files.map, "corpus", args.files.corpus.as_ref()).map_err(Usage)?;
            shorthand(&mut args.files.map, "kind", args.kind.as_ref()).map_err(Usage)?;
            let records = RelationRecords::new(args.files.map.clone(), args.files.read.times()?);
            import_files(sink, args.files, records.map_err(Usage)?).await
        }
        ImportCommand::Slack(args) => {
            let sink = sink(&args.destination, args.dry_run).await?;
            let rejects = rejects(args.rejects, &args.path);
            let export = slack::Export::open(&args.path)?;
            finish(sink, rejects, move |output, rejects| slack::read(export, output, rejects)).await
        }
    }
}

async fn sink(destination: &Destination, dry_run: bool) -> Result<Sink> {
    if dry_run { Ok(Sink::nowhere()) } else { Sink::open(destination).await }
}

async fn import_files(sink: Sink, args: FileArgs, mut records: impl Records + 'static) -> Result<Exit> {
    let rejects =
        rejects(args.rejects.clone(), args.files.first().map_or(Path::new("import"), PathBuf::as_path));
    let files = Files::new(args);
    finish(sink, rejects, move |output, rejects| files.read(&mut records, output, rejects)).await
}

fn rejects(given: Option<PathBuf>, input: &Path) -> Rejects {
    Rejects::new(given.unwrap_or_else(|| Rejects::default_path(input)))
}

async fn finish<R>(mut sink: Sink, rejects: Rejects, read: R) -> Result<Exit>
where
    R: FnOnce(&mut pump::Output, &mut Rejects) -> Result<()> + Send + 'static,
{
    let report = pump::run(&mut sink, rejects, read).await;
    // Close also after a failure: what was written before it must be whole on disk.
    let closed = sink.close().await;
    let report = report?;
    closed?;
    summary::print(&report);
    Ok(if report.rejects.count > 0 { Exit::Rejected } else { Exit::Ok })
}

/// The beginning of a value, for messages: a wrong column may hold anything, and messages get pasted.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 40;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The ids of a row for the rejects file: `user=u1 entity=c1`.
fn ids(cells: &[(&str, Cell<'_>)]) -> String {
    let known = cells.iter().filter_map(|(name, cell)| Some(format!("{name}={}", short(&cell.text()?))));
    known.collect::<Vec<_>>().join(" ")
}
