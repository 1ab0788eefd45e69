//! `recommend import impressions`: what another system showed, with its propensities and what came of it, into the event
//! log, as if it had been served here. From there it is joined and trained on like everything else.

mod rows;
mod write;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use recommend_core::{IdCodec, Name, TenantId};
use recommend_stores::IdBatch;
use tokio::sync::mpsc;

use self::rows::{Made, Rows};
use self::write::Writing;
use super::args::FileArgs;
use super::condition::Conditions;
use super::mapping::Selection;
use super::progress::Bar;
use super::rejects::{Fault, Rejects};
use super::table::{TableError, open};
use super::{rejects, short};
use crate::exit::{Exit, Usage};
use crate::render::{Paint, count, print};

pub(crate) const HELP: &str = "\
Fields: user, entity, time (needed), request, position, score, propensity (1 where it is not mapped). Rows with the same
request that follow each other were shown together, in the order of position, or as they come; without --map request=…
each row is a request of its own. Each --answer adds an interaction where its column is true or a number above 0. Only the
event log is written: `recommend join` reads it, and recommendations do not change. Importing a file again adds nothing to
what is joined.

Examples:
  recommend import impressions shown.csv --data data --tenant shop --corpus item --source home \\
      --map user=visitor --map entity=item_id --map time=timestamp --map propensity=propensity_score \\
      --feature price=price --feature affinity=affinity --answer click=click";

/// The flags of `recommend import impressions`.
#[derive(Debug, Args)]
pub(crate) struct ImpressionArgs {
    /// The data folder to write into; no server may have it open
    #[arg(long, value_name = "DIR", help_heading = "Destination", required_unless_present = "config")]
    data: Option<PathBuf>,
    /// A configuration, for its data folder
    #[arg(long, value_name = "FILE", help_heading = "Destination")]
    config: Option<PathBuf>,
    /// The tenant whose data this is
    #[arg(long, value_name = "TENANT", help_heading = "Destination")]
    tenant: String,
    #[command(flatten)]
    files: FileArgs,
    /// The part of the product that asked
    #[arg(long, value_name = "NAME")]
    source: Name,
    /// What served them
    #[arg(long, value_name = "MODEL", default_value = "imported")]
    model: String,
    /// A feature: NAME=COLUMN; where the cell is empty it is missing
    #[arg(long, value_name = "NAME=COLUMN")]
    feature: Vec<Named>,
    /// An interaction of this kind where the column is true or above 0: KIND=COLUMN
    #[arg(long, value_name = "KIND=COLUMN")]
    answer: Vec<Named>,
}

/// A name and the column that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: Name,
    column: String,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, column) =
            text.split_once('=').ok_or_else(|| format!("{text:?} has no `=`; write NAME=COLUMN"))?;
        if column.is_empty() {
            return Err(format!("{text:?} names no column; write NAME=COLUMN"));
        }
        Ok(Named { name: Name::new(name).map_err(|error| error.to_string())?, column: column.to_owned() })
    }
}

/// Requests between the thread that reads and the log.
const QUEUE: usize = 4;
/// Requests that are handed over together.
const BATCH: usize = 1000;

/// Runs `recommend import impressions`.
///
/// # Errors
/// When the input cannot be read, the flags do not fit it, or the folder cannot be written.
pub(super) async fn run(args: ImpressionArgs) -> Result<Exit> {
    let corpus = args.files.corpus.clone();
    let corpus = corpus.ok_or_else(|| Usage("say what was shown: add --corpus NAME".into()))?;
    let path = args.files.files.first().map_or(Path::new("import"), PathBuf::as_path).to_owned();
    let mut rejects = rejects(args.files.rejects.clone(), &path);
    let writing = match args.files.dry_run {
        true => Writing::nowhere(),
        false => Writing::open(args.config.as_deref(), args.data.as_deref(), &args.tenant).await?,
    };
    let start = Instant::now();
    let (sender, mut made) = mpsc::channel(QUEUE);
    let (codec, tenant, dry) = (writing.codec(), writing.tenant(), args.files.dry_run);
    let reader = tokio::task::spawn_blocking(move || {
        let rows = read(&args, corpus, codec, tenant, &mut rejects, &sender);
        let flushed = rejects.flush();
        rows.and_then(|rows| flushed.map(|()| (rows, rejects)))
    });
    let mut counts = write::Counts::default();
    let mut failed = None;
    while let Some(batch) = made.recv().await {
        // Dropping the receiver stops the reader; what was written before must still be brought to disk.
        if let Err(error) = writing.write(batch, &mut counts).await {
            failed = Some(error);
            break;
        }
    }
    drop(made);
    let closed = writing.close().await;
    if let Some(error) = failed {
        return Err(error);
    }
    let (rows, rejects) = reader.await.context("the reader stopped")??;
    closed?;
    print(&text(&counts, rows, &rejects, dry, start.elapsed().as_secs_f64(), Paint::auto()));
    Ok(if rejects.count > 0 { Exit::Rejected } else { Exit::Ok })
}

/// Reads all files and hands over what they hold; how many rows there were.
fn read(
    args: &ImpressionArgs,
    corpus: Name,
    codec: IdCodec,
    tenant: TenantId,
    rejects: &mut Rejects,
    sender: &mpsc::Sender<Made>,
) -> Result<u64> {
    let options = args.files.read.table_options();
    let rows = Rows::new(args, corpus, tenant, args.files.read.times()?).map_err(Usage)?;
    let mut read = 0;
    for path in &args.files.files {
        let (mut table, progress) = open(path, &options)?;
        let mut selection = Selection::default();
        let mut bound = rows
            .bind(&*table, &mut selection)
            .map_err(|reason| Usage(format!("{}: {reason}", path.display())))?;
        let conditions = Conditions::bind(&args.files.read.conditions, &options.missing, &mut selection);
        selection.apply(&mut *table)?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let bar = Bar::new(&short(&name), progress);
        let mut ids = IdBatch::new(codec);
        loop {
            let fault = match table.advance() {
                Ok(false) => break,
                Ok(true) if !conditions.hold(&*table) => None,
                Ok(true) => bound.row(&*table, &mut ids).err().map(|fault| (table.line(), fault)),
                Err(TableError::Row { line, reason }) => Some((line, Fault { reason, ids: String::new() })),
                Err(error) => return Err(error.into()),
            };
            if let Some((line, fault)) = fault {
                rejects.add(&name, line, &fault)?;
            }
            read += 1;
            if read % 1024 == 0 {
                bar.tick(read);
            }
            if bound.complete() >= BATCH {
                let ids = std::mem::replace(&mut ids, IdBatch::new(codec));
                sender.blocking_send(bound.take(ids)).context("the writer stopped")?;
            }
        }
        bound.end();
        sender.blocking_send(bound.take(ids)).context("the writer stopped")?;
        bar.finish();
    }
    Ok(read)
}

fn text(
    counts: &write::Counts,
    rows: u64,
    rejects: &Rejects,
    dry: bool,
    seconds: f64,
    paint: Paint,
) -> String {
    let mut lines = vec![format!(
        "requests: {}, impressions: {}, interactions: {}",
        paint.bold(&count(counts.requests)),
        paint.bold(&count(counts.impressions)),
        count(counts.interactions)
    )];
    if rejects.count > 0 {
        lines.push(paint.yellow(&format!(
            "rejected: {}, see {}",
            count(rejects.count),
            rejects.path().display()
        )));
        lines.extend(rejects.first.as_ref().map(|first| format!("  the first: {first}")));
    }
    if dry {
        lines.push("a dry run: nothing was written".to_owned());
    }
    lines.push(paint.dim(&format!("{} rows in {seconds:.1} s", count(rows))));
    lines.join("\n")
}
