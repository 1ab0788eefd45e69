//! `recommend evaluate`: published models, the one that serves and hand-tuned ones on the same rows, and a gate.

mod plot;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use recommend_artifacts::{Artifact, ArtifactStore, Part};
use recommend_core::{BuildContext, Name, Resources};
use recommend_server::{Config, default_registry};
use recommend_stores::Stores;
use recommend_training::dataset::Dataset;
use recommend_training::evaluate::{self, Evaluation, Gate, Options, compare};
use recommend_training::spec::{Judge, Spec};
use recommend_training::{named, trainers};
use serde_json::json;

use crate::exit::{Exit, Usage};
use crate::render::{Paint, print};
use crate::train::figures::{self, Line};
use crate::train::{DataArgs, StoreArgs, is_probability, metric};

/// What is shown at the end of `recommend evaluate --help`.
pub(crate) const HELP: &str = "\
Compares on rows that the first artifact did not learn from: the last part of its spec's split, or all rows with
--part all. The version that is promoted, and what served when the rows were logged, stand beside it.

With --gate the exit code says whether the first artifact may take the place of the promoted one: 0 yes, 4 no. Nothing
promoted yet is a yes.
  better         better on average
  surely-better  the whole 95 % interval of the difference is above 0
  not-worse      the interval's low end is above -MARGIN: for daily retraining on newer data

Examples:
  recommend evaluate --artifact channels --data datasets/channel-browser --gate not-worse
  recommend evaluate --artifact channels@2026-03-01-1f2e3d4c --artifact channels_lr --data datasets/channel-browser \\
      --hand-tuned recommend.toml --reliability calibration.svg";

/// The flags of `recommend evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// NAME@VERSION, or NAME for its newest version; repeat it to compare several
    #[arg(long, value_name = "NAME[@VERSION]", required = true)]
    artifact: Vec<String>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Which rows
    #[arg(long, value_enum, default_value_t = Rows::Unseen)]
    part: Rows,
    /// Compare with the model of the dataset's recommender in this configuration too
    #[arg(long, value_name = "FILE")]
    hand_tuned: Option<PathBuf>,
    /// Judge by this metric [default: that of the first artifact's spec, or ndcg@10]
    #[arg(long, value_name = "METRIC", value_parser = metric)]
    metric: Option<Judge>,
    /// Cut-offs of the ranking metrics
    #[arg(long, value_name = "K,…", value_delimiter = ',', default_value = "5,10")]
    k: Vec<usize>,
    /// What the first artifact must be to pass
    #[arg(long, value_enum)]
    gate: Option<GateKind>,
    /// How much worse still passes --gate not-worse
    #[arg(long, value_name = "MARGIN", default_value_t = 0.005, requires = "gate")]
    margin: f64,
    /// Draw predicted against observed, for models that give probabilities
    #[arg(long, value_name = "FILE.svg")]
    reliability: Option<PathBuf>,
    /// One JSON object per model instead of the table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rows {
    /// The last part of the first artifact's split
    Unseen,
    /// All rows of the dataset: for days that no model learned from
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GateKind {
    Better,
    SurelyBetter,
    NotWorse,
}

/// A model with its scores.
struct Scored {
    name: String,
    kind: String,
    probabilities: bool,
    scores: Vec<f32>,
}

/// Runs `recommend evaluate`.
///
/// # Errors
/// When an artifact does not verify, or the dataset lacks what it reads.
pub(crate) async fn run(args: EvaluateArgs) -> Result<Exit> {
    tokio::task::spawn_blocking(move || blocking(&args)).await?
}

fn blocking(args: &EvaluateArgs) -> Result<Exit> {
    let store = args.store.open();
    let artifacts = args.artifact.iter().map(|text| find(&store, text)).collect::<Result<Vec<_>>>()?;
    let data = args.data.read()?;
    let spec = spec(&artifacts[0]);
    let judge = args.metric.or(spec.as_ref().map(|spec| spec.metric)).unwrap_or_default();
    let (part, data) = rows(args.part, spec.as_ref(), data)?;
    let first = artifacts[0].manifest().name.clone();
    let mut models = artifacts.iter().map(|artifact| scored(artifact, &data)).collect::<Result<Vec<_>>>()?;
    let current = match store.pointer(&first)? {
        None => None,
        Some(pointer) => Some(store.load_promoted(&first, &pointer.current)?),
    };
    let current = current.as_ref().map(|artifact| scored(artifact, &data)).transpose()?;
    if let Some(current) = &current
        && !models.iter().any(|model| model.name == current.name)
    {
        models.push(Scored {
            name: format!("{} (current)", current.name),
            kind: current.kind.clone(),
            scores: current.scores.clone(),
            ..*current
        });
    }
    if let Some(scores) = evaluate::served(&data) {
        let (name, kind) = ("as served".to_owned(), String::new());
        models.push(Scored { name, kind, probabilities: is_probability(scores), scores: scores.to_vec() });
    }
    if let Some(path) = &args.hand_tuned {
        models.push(hand_tuned(path, &data)?);
    }
    let options = Options { cutoffs: args.k.clone(), ..Options::default() };
    let lines: Vec<Line> = models
        .iter()
        .map(|model| Line {
            name: model.name.clone(),
            kind: model.kind.clone(),
            train: None,
            part,
            evaluation: Evaluation::of(&model.name, &data, &model.scores, model.probabilities, &options),
        })
        .collect();
    if let Some(path) = &args.reliability {
        let curves: Vec<_> = lines
            .iter()
            .filter(|line| !line.evaluation.reliability.is_empty())
            .map(|line| (line.name.as_str(), line.evaluation.reliability.as_slice()))
            .collect();
        std::fs::write(path, plot::reliability(&curves))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    show(args, &lines, judge, &models, &data);
    match (args.gate, current) {
        (None, _) => Ok(Exit::Ok),
        (Some(_), None) => {
            eprintln!("gate: passed, because no version of {first} is promoted yet");
            Ok(Exit::Ok)
        }
        (Some(kind), Some(current)) => Ok(gate(args, kind, judge, &data, &models[0], &current)),
    }
}

/// A version, or the newest one.
pub(crate) fn find(store: &ArtifactStore, text: &str) -> Result<Artifact> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version.to_owned())),
        None => (text, None),
    };
    let name = Name::new(name).map_err(|error| Usage(format!("--artifact {text}: {error}")))?;
    let version = match version {
        Some(version) => version,
        None => store.versions(&name)?.swap_remove(0).manifest.version,
    };
    Ok(store.load(&name, Some(&version))?)
}

/// The spec in a manifest; one that this program no longer reads is none.
fn spec(artifact: &Artifact) -> Option<Spec> {
    toml::Value::Table(artifact.manifest().spec.clone()?).try_into().ok()
}

/// The rows to evaluate on.
fn rows(rows: Rows, spec: Option<&Spec>, data: Dataset) -> Result<(Part, Dataset)> {
    match (rows, spec) {
        (Rows::All, _) => Ok((Part::Test, data)),
        (Rows::Unseen, Some(spec)) => {
            let parts = data.split(&spec.split)?;
            let part = named(&parts).last().map_or(Part::Validation, |(part, _)| part);
            Ok((part, parts.test.unwrap_or(parts.validation)))
        }
        (Rows::Unseen, None) => Err(Usage(
            "the artifact has no spec, so nothing says which rows it has not seen; give rows that it has not, and --part all"
                .to_owned(),
        )
        .into()),
    }
}

fn scored(artifact: &Artifact, data: &Dataset) -> Result<Scored> {
    let kind = artifact.manifest().kind;
    Ok(Scored {
        name: artifact.id().to_owned(),
        kind: kind.to_string(),
        probabilities: kind.is_probability(),
        scores: trainers::score(artifact, data)?,
    })
}

/// The model that a configuration gives the dataset's recommender.
fn hand_tuned(path: &std::path::Path, data: &Dataset) -> Result<Scored> {
    let config = Config::load(path)?;
    let (corpus, source) = (&data.about().corpus, &data.about().source);
    let recommender = config.recommenders.iter().find(|r| r.corpus == *corpus && r.source == *source);
    let recommender = recommender.with_context(|| {
        format!("{} has no recommender {corpus}/{source}, which the dataset is of", path.display())
    })?;
    let part = recommender.model.as_ref().context("the recommender has no model")?;
    // Before a promotion a configuration may have its hand-tuned model as the fallback of an artifact.
    let table = match part.table.get("fallback") {
        Some(toml::Value::Table(fallback)) => fallback.clone(),
        _ => part.table.clone(),
    };
    let (registry, resources) = (default_registry(), Resources::new());
    let stores = Stores::in_memory(recommend_core::IdCodec::new([0; 16]));
    let context = BuildContext {
        registry: &registry,
        resources: &resources,
        codec: stores.codec,
        corpus,
        source,
        fetchers: &[],
    };
    let model = registry.build_model(table, &context)?.into_part();
    let scores = trainers::score(&*model, data)?;
    let probabilities = is_probability(&scores);
    Ok(Scored { name: model.version().to_owned(), kind: model.kind().to_owned(), probabilities, scores })
}

fn show(args: &EvaluateArgs, lines: &[Line], judge: Judge, models: &[Scored], data: &Dataset) {
    if args.json {
        for line in lines {
            let found = &line.evaluation;
            let object = json!({
                "model": line.name, "kind": line.kind, "part": line.part, "rows": found.rows,
                "requests": found.requests, "metrics": found.figures, "reliability": found.reliability,
            });
            print(&object.to_string());
        }
        return;
    }
    print(&figures::table(lines, judge));
    let first = &models[0];
    for other in &models[1..] {
        let found = compare(judge, data, &first.scores, &other.scores, 0);
        let interval = found.difference;
        print(&format!(
            "{} against {}: {judge} {:+.4} [{:+.4}, {:+.4}], p = {:.4}",
            first.name, other.name, interval.mean, interval.low, interval.high, found.p_value
        ));
    }
}

fn gate(
    args: &EvaluateArgs,
    kind: GateKind,
    judge: Judge,
    data: &Dataset,
    first: &Scored,
    current: &Scored,
) -> Exit {
    let gate = match kind {
        GateKind::Better => Gate::Better,
        GateKind::SurelyBetter => Gate::SurelyBetter,
        GateKind::NotWorse => Gate::NotWorse(args.margin),
    };
    let outcome = gate.judge(compare(judge, data, &first.scores, &current.scores, 0));
    let interval = outcome.difference.difference;
    let paint = Paint::auto();
    let word = if outcome.passed { paint.green("passed") } else { paint.red("not passed") };
    eprintln!(
        "gate: {word}: {} against {}: {judge} {:+.4} [{:+.4}, {:+.4}]",
        first.name, current.name, interval.mean, interval.low, interval.high
    );
    if outcome.passed { Exit::Ok } else { Exit::NotBetter }
}
