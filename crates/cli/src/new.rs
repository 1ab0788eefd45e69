//! `recommend new`: writes a recommender that runs at once, from what the data holds.

mod look;
mod template;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use recommend_core::{Clock, IdCodec, Name, SystemClock, days};
use recommend_server::{Config, Deployment, default_registry};
use recommend_stores::Stores;

use self::look::Look;
use crate::exit::Exit;
use crate::import::time::show;
use crate::render::{Paint, print};
use crate::target::in_use;

/// What is shown at the end of `recommend new --help`.
pub(crate) const HELP: &str = "\
The recommender is added at the end of the file, which is made when it is not there: features, fetchers, filters and
hand-tuned weights that fit what the data folder holds, each with a comment. It is checked before it is written.

Examples:
  recommend new channel channel-browser --data data
  recommend new article front-page --config recommend.toml";

/// The flags of `recommend new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The type of entity to recommend
    corpus: Name,
    /// The part of the product that will ask
    source: Name,
    /// The configuration to add it to
    #[arg(long, value_name = "FILE", default_value = "recommend.toml")]
    config: PathBuf,
    /// The data folder to look at [default: the configuration's]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print it instead of writing it
    #[arg(long)]
    dry_run: bool,
}

/// Runs `recommend new`.
///
/// # Errors
/// When the configuration is wrong or has the recommender already, or the data cannot be read.
pub(crate) async fn run(args: NewArgs) -> Result<Exit> {
    let present = match std::fs::read_to_string(&args.config) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| args.config.display().to_string()),
    };
    let config = match &present {
        Some(text) => Config::parse(&args.config.display().to_string(), text)?,
        None => Config::default(),
    };
    let same =
        config.recommenders.iter().find(|known| known.corpus == args.corpus && known.source == args.source);
    if let Some(known) = same {
        bail!("{}:{} has {}/{} already", args.config.display(), known.line, args.corpus, args.source);
    }
    let folder = args.data.clone().unwrap_or_else(|| config.server.data.clone());
    let (stores, deployment) = open(&folder, &config, args.data.is_some()).await?;
    let look = Look::at(&stores, &args.corpus).await?;
    let mut text = String::new();
    if present.is_none() {
        text.push_str(&template::head(&folder));
    }
    text.push_str(&template::recommender(&args.corpus, &args.source, &look, &config.features));
    let whole = format!("{}{text}", present.as_deref().unwrap_or_default());
    // What is written must run: the same check that the server makes.
    let checked = Config::parse(&args.config.display().to_string(), &whole)
        .and_then(|config| config.build(&stores, &default_registry()).map(drop));
    if let Some(deployment) = deployment {
        deployment.close().await?;
    }
    checked.context("the recommender does not fit the rest of the file; nothing was written")?;
    if args.dry_run {
        print(&text);
        return Ok(Exit::Ok);
    }
    append(&args.config, &text)?;
    print(&after(&args, &folder, &look));
    Ok(Exit::Ok)
}

/// The stores of a data folder, or empty ones when there is none or a server has it and nobody insisted.
async fn open(folder: &Path, config: &Config, insisted: bool) -> Result<(Stores, Option<Deployment>)> {
    if !folder.exists() {
        anyhow::ensure!(!insisted, "there is no data folder {}", folder.display());
        return Ok((Stores::in_memory(IdCodec::new([0; 16])), None));
    }
    match Deployment::open_for(folder, config).await {
        Ok(deployment) => Ok((deployment.stores.clone(), Some(deployment))),
        Err(error) if in_use(&error) && !insisted => {
            tracing::warn!("{} is held by a server, so its data is not looked at", folder.display());
            Ok((Stores::in_memory(IdCodec::new([0; 16])), None))
        }
        Err(error) => Err(error.into()),
    }
}

fn append(path: &Path, text: &str) -> Result<()> {
    let doing = || format!("writing {}", path.display());
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).with_context(doing)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(doing)
}

/// What to do next, with names from the data where there are any.
fn after(args: &NewArgs, folder: &Path, look: &Look) -> String {
    let paint = Paint::auto();
    let (config, corpus, source) = (args.config.display(), &args.corpus, &args.source);
    let data = match &args.data {
        Some(data) => format!(" --data {}", data.display()),
        None => String::new(),
    };
    let (tenant, user) = (look.tenant.as_deref().unwrap_or("TENANT"), look.user.as_deref().unwrap_or("USER"));
    let old = look.last.filter(|last| last.after(days(30)) < SystemClock.now());
    let at = old.map(|last| format!(" --at \"{}\"", show(last.after(days(1))))).unwrap_or_default();
    let mut lines = vec![format!("{} {config}: {corpus}/{source}", paint.bold("added to"))];
    if !look.has_data() {
        let folder = folder.display();
        lines.push(format!(
            "{folder} holds nothing of {corpus} yet; `recommend import --help` shows how to fill it"
        ));
    }
    if let Some(last) = old {
        lines.push(format!("the data ends at {} UTC, so ask as of then with --at", show(last)));
    }
    lines.push(String::new());
    lines.push(paint.dim("next:"));
    lines.push(format!("  recommend validate --config {config}{data}"));
    lines.push(format!(
        "  recommend query --config {config}{data} --tenant {tenant} --corpus {corpus} --source {source} --user {user} \
         --explain{at}"
    ));
    lines.push(format!("  recommend serve --config {config}{data}"));
    lines.join("\n")
}
