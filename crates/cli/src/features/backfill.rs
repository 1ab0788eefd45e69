//! `recommend features backfill`: from the log into the stores.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use recommend_core::Timestamp;
use recommend_server::backfill::{Backfill, backfill};
use recommend_server::{Deployment, StoresConfig};

use crate::exit::Exit;
use crate::render::{count, print};
use crate::target::load;

pub(crate) const HELP: &str = "\
Counts, rates, recency and distinct counts are computed from the interactions that the stores hold, by one code for those
that come live and those that come from here. What a store knows already is not counted again: embedded stores know all that
they ever recorded, Redis what it recorded in the last [stores] recognise (7 days), so backfill an older log into a Redis
that does not hold it yet.

The log holds pseudonyms: whose they are is worked out with the deployment's keys from the people that the stores know and
those in --people.

Examples:
  recommend features backfill --config recommend.toml
  recommend features backfill --config recommend.toml --tenant acme --people ids.txt --since 2026-05-01T00:00:00Z
  recommend features backfill --data data --into redis://127.0.0.1:6379";

/// The flags of `recommend features backfill`.
#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// The configuration, for its data folder and its stores
    #[arg(long, value_name = "FILE", required_unless_present = "data")]
    config: Option<PathBuf>,
    /// The data folder with the log and the keys, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write into this Redis instead of the stores of the configuration; cluster+redis://… for a cluster
    #[arg(long, value_name = "URL")]
    into: Option<String>,
    /// A tenant whose data it is, beside those that the stores know; may be repeated
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Ids of people, one a line, beside those that the stores know
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// Nothing before this time
    #[arg(long, value_name = "TIME")]
    since: Option<jiff::Timestamp>,
}

pub(super) async fn run(args: BackfillArgs) -> Result<Exit> {
    let (config, folder) = load(args.config.as_deref(), args.data.as_deref())?;
    ensure!(folder.exists(), "there is no data folder {}; the log is in it", folder.display());
    let people = match &args.people {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        }
        None => Vec::new(),
    };
    let wish = Backfill {
        tenants: args.tenants,
        people,
        since: args.since.map(|since| Timestamp(since.as_millisecond())),
    };
    let deployment = Deployment::open_for(&folder, &config).await?;
    let into = match args.into.as_deref().map(|url| StoresConfig::at(url).redis()) {
        Some(Some(options)) => recommend_stores::Stores::redis(deployment.stores.codec, options).await?,
        _ => deployment.stores.clone(),
    };
    let bar = ProgressBar::no_length();
    bar.set_style(ProgressStyle::with_template(
        "backfill {bar:30} {human_pos}/{human_len}  {per_sec}  {eta} left",
    )?);
    let done = backfill(&deployment, &into, &wish, |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })
    .await;
    bar.finish_and_clear();
    deployment.close().await?;
    let done = done?;
    let number = |n: usize| count(n as u64);
    print(&format!(
        "{} interactions in the log: {} written, {} there already",
        number(done.read),
        number(done.written),
        number(done.known)
    ));
    if done.of_other_tenants > 0 {
        print(&format!(
            "{} are of tenants that the stores do not know; name them with --tenant",
            number(done.of_other_tenants)
        ));
    }
    if done.of_strangers > 0 {
        print(&format!(
            "{} are of people that the stores do not know; name them in a file with --people",
            number(done.of_strangers)
        ));
    }
    Ok(if done.of_other_tenants + done.of_strangers > 0 { Exit::Failed } else { Exit::Ok })
}
