//! `recommend train`: specs and a dataset in, published artifacts and one table of comparison out.

mod bar;
pub(crate) mod figures;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use recommend_artifacts::{ArtifactStore, Part};
use recommend_training::dataset::{self, Dataset};
use recommend_training::evaluate::{self, Evaluation, Options};
use recommend_training::learn;
use recommend_training::spec::{Judge, Spec};
use serde_json::json;

use self::bar::Bar;
use crate::exit::Exit;
use crate::render::print;

/// What is shown at the end of `recommend train --help`.
pub(crate) const HELP: &str = "\
A spec is a few lines of TOML:

  name = \"people_browser_v0_xgbr\"
  model = { kind = \"xgboost-ranker\", objective = \"rank:map\", n_estimators = 500 }
  input = { corpus = \"user\", source = \"people-browser\", features = \"user-base\" }
  objective = { click = 1.0, message = 3.0, dismiss = -1.0 }

Kinds: logistic-regression, xgboost-classifier, xgboost-ranker. Every artifact is loaded and its golden rows scored before
it is published, and publishing the same again changes nothing. Nothing serves until it is promoted
(`recommend artifacts promote`).

Examples:
  recommend train --spec specs/lr.toml --spec specs/xgb.toml --data datasets/channel-browser --artifacts artifacts
  recommend train --spec rank.toml --data rank.train --dry-run";

/// The flags of `recommend train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// A training spec; repeat it to compare several
    #[arg(long, value_name = "FILE", required = true)]
    spec: Vec<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Train and compare, but publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Make what was published serve at once, without a gate
    #[arg(long, conflicts_with = "dry_run")]
    promote: bool,
    /// Cut-offs of the ranking metrics
    #[arg(long, value_name = "K,…", value_delimiter = ',', default_value = "5,10")]
    k: Vec<usize>,
    /// One JSON object per spec instead of the table
    #[arg(long)]
    json: bool,
}

/// Which dataset.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// A dataset of `recommend join`, or a libsvm file (query sizes beside it in FILE.query)
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Only days from this one, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only days up to and with this one, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
}

impl DataArgs {
    /// Reads it.
    pub(crate) fn read(&self) -> Result<Dataset> {
        let (from, to) = (self.from.clone(), self.to.clone());
        if self.data.is_file() {
            return Ok(dataset::libsvm::read(&self.data, dataset::libsvm::FirstIndex::Zero)?);
        }
        let options = dataset::ReadOptions { from, to, features: None };
        Ok(Dataset::read_with(&self.data, &options)?)
    }
}

/// Where artifacts lie.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The folder of the artifacts, or the URL of an object store
    #[arg(long, value_name = "DIR|URL", env = "RECOMMEND_ARTIFACTS", default_value = "data/artifacts")]
    artifacts: String,
}

impl StoreArgs {
    /// The store.
    pub(crate) fn open(&self) -> ArtifactStore {
        ArtifactStore::open(&self.artifacts)
    }
}

/// Runs `recommend train`.
///
/// # Errors
/// When a spec or the dataset cannot be read, do not fit together, or a training fails; what was published before stays.
pub(crate) async fn run(args: TrainArgs) -> Result<Exit> {
    // Training takes all cores for minutes.
    tokio::task::spawn_blocking(move || blocking(&args)).await?
}

fn blocking(args: &TrainArgs) -> Result<Exit> {
    let specs = args.spec.iter().map(|path| Ok((path, Spec::load(path)?))).collect::<Result<Vec<_>>>()?;
    let data = args.data.read().with_context(|| format!("the dataset {}", args.data.data.display()))?;
    for (_, spec) in &specs {
        // What does not fit is better said before the first hour of training.
        spec.fits(data.about())?;
        spec.features(data.features())?;
    }
    let (store, options) = (args.store.open(), Options { cutoffs: args.k.clone(), ..Options::default() });
    let (mut lines, mut published) = (served(&specs[0].1, &data, &options)?, Vec::new());
    for (path, spec) in &specs {
        let bar = Bar::new(spec.name.as_str());
        let mut learned = learn(spec, &data, &options, &bar)?;
        bar.finish();
        learned.draft.git_revision = revision(path);
        let version = match args.dry_run {
            true => None,
            false => Some(store.publish(&learned.draft)?),
        };
        if let Some(version) = version.as_deref().filter(|_| args.promote) {
            store.promote(&spec.name, version)?;
        }
        let last = learned.evaluations.iter().next_back();
        if args.json {
            let figures: serde_json::Map<String, serde_json::Value> = learned
                .evaluations
                .iter()
                .map(|(part, found)| (part.to_string(), json!(found.figures)))
                .collect();
            print(&json!({"name": spec.name, "kind": learned.draft.kind, "version": version, "metrics": figures}).to_string());
        }
        if let Some((part, found)) = last {
            let train = learned
                .evaluations
                .get(&Part::Train)
                .and_then(|found| found.figures.get(&spec.metric.to_string()));
            lines.push(figures::Line {
                name: spec.name.to_string(),
                kind: learned.draft.kind.to_string(),
                train: train.map(|figure| figure.value),
                part: *part,
                evaluation: found.clone(),
            });
        }
        published.extend(version.map(|version| format!("{}@{version}", spec.name)));
    }
    if !args.json {
        print(&figures::table(&lines, specs[0].1.metric));
        match published.is_empty() {
            true => print("nothing was published (--dry-run)"),
            false => print(&format!("published in {}: {}", store.location(), published.join(", "))),
        }
    }
    Ok(Exit::Ok)
}

/// The model that served, as a line to compare with.
fn served(spec: &Spec, data: &Dataset, options: &Options) -> Result<Vec<figures::Line>> {
    let parts = data.split(&spec.split)?;
    let last = recommend_training::named(&parts).last();
    Ok(last
        .and_then(|(part, data)| {
            let scores = evaluate::served(data)?;
            let evaluation = Evaluation::of("as served", data, scores, is_probability(scores), options);
            let (name, kind) = ("as served".to_owned(), String::new());
            Some(figures::Line { name, kind, train: None, part, evaluation })
        })
        .into_iter()
        .collect())
}

/// Nothing says what a logged score is. What lies between 0 and 1 throughout is taken for a probability.
pub(crate) fn is_probability(scores: &[f32]) -> bool {
    scores.iter().all(|score| (0.0..=1.0).contains(score))
}

/// The revision of the repository that holds a file, marked when the file differs from it.
fn revision(spec: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let folder = spec.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let output = Command::new("git").arg("-C").arg(folder).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "HEAD"]).filter(|head| !head.is_empty())?;
    let file = spec.file_name()?.to_str()?;
    let changed = git(&["status", "--porcelain", "--", file]).is_some_and(|lines| !lines.is_empty());
    Some(if changed { format!("{head}+changes") } else { head })
}

/// The metric of a name on the command line.
pub(crate) fn metric(text: &str) -> Result<Judge, String> {
    text.parse()
}
