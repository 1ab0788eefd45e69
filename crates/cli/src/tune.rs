//! `recommend tune`: searches for better settings of a recommender on a validation part of the past.

mod document;
mod space;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recommend_backtest::tune::{Method, Point, Search, search};
use recommend_backtest::{Backtest, Contestant, NoProgress, Session, Split};
use recommend_server::{Config, default_registry};
use recommend_training::Metric;

use self::document::Document;
use self::space::Space;
use crate::backtest::args::TestArgs;
use crate::backtest::{assemble, explained, find, progress::Bars, read};
use crate::exit::{Exit, Usage};
use crate::render::print;

/// What is shown at the end of `recommend tune --help`.
pub(crate) const HELP: &str = "\
The space is a TOML file of the shape of the recommender: where the configuration has a setting, the space has what it
may be. A list is a choice; from and to are a range, of numbers or of durations (and then on a logarithmic scale), with
scale = \"log\" where a step is a factor. Components are called by their names.

  [fetchers.popular]
  half_life = { from = \"6h\", to = \"60d\" }
  [fetchers.related]
  neighbours = [20, 50, 100]
  shrinkage = { from = 1.0, to = 100.0, scale = \"log\" }
  [model.weights]
  \"popular.score\" = { from = 0.0, to = 2.0 }

What lies after --split is never looked at: the past alone is split once more, in the same way, and the search learns
from the first part and asks about the second. The result is the configuration with all its comments, and never worse
there than the one that it started from; `recommend backtest` with the same --split then says what it is worth.

Methods: random; halving, which drops two thirds of the points each time that it asks for three times as many users;
coordinate, which moves along one setting at a time from where it is, for the weights of linear models.

Example:
  recommend tune --config recommend.toml --recommender item/generic --space space.toml --interactions ratings.csv \\
      --label-kind rating --split last:0.2 --method halving --trials 60 --output tuned.toml";

/// The flags of `recommend tune`.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    test: TestArgs,
    /// What may be changed, and to what
    #[arg(long, value_name = "FILE")]
    space: PathBuf,
    /// How to search
    #[arg(long, default_value = "halving")]
    method: Way,
    /// How many points to try at most
    #[arg(long, value_name = "NUMBER", default_value_t = 40, value_parser = clap::value_parser!(u16).range(2..))]
    trials: u16,
    /// What to make large
    #[arg(long, default_value = "recall")]
    metric: Wanted,
    /// Of how many recommendations
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    k: u16,
    /// Where the configuration goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Way {
    Random,
    Halving,
    Coordinate,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Wanted {
    /// Of min(k, relevant)
    Recall,
    Ndcg,
    Map,
    Mrr,
    HitRate,
}

impl Way {
    fn method(self) -> Method {
        match self {
            Way::Random => Method::Random,
            Way::Halving => Method::Halving,
            Way::Coordinate => Method::Coordinate,
        }
    }
}

impl Wanted {
    fn metric(self) -> Metric {
        match self {
            Wanted::Recall => Metric::RecallCapped,
            Wanted::Ndcg => Metric::Ndcg,
            Wanted::Map => Metric::Map,
            Wanted::Mrr => Metric::Mrr,
            Wanted::HitRate => Metric::HitRate,
        }
    }
}

/// Runs `recommend tune`.
///
/// # Errors
/// When a file cannot be read, the space does not fit the configuration, or a point cannot be evaluated.
pub(crate) async fn run(args: TuneArgs) -> Result<Exit> {
    tokio::task::spawn_blocking(move || blocking(&args)).await?
}

fn blocking(args: &TuneArgs) -> Result<Exit> {
    let text = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let (file, config) = (args.test.config.display().to_string(), text(&args.test.config)?);
    let parsed = Config::parse(&file, &config)?;
    let chosen = find(&parsed, &args.test.recommender)?;
    let (corpus, source) = (chosen.corpus.clone(), chosen.source.clone());
    let document = Document::parse(&file, &config, &corpus, &source)?;
    let space = Space::parse(&args.space.display().to_string(), &text(&args.space)?, &document)?;
    // What does not fit is better said before a large file is read.
    space.check(&document)?;

    let history = read::history(&args.test.input, &corpus, &args.test.label_kind)?;
    let settings = args.test.settings(vec![usize::from(args.k)])?;
    let past = Backtest::new(&history, settings.clone(), read::codec()).and_then(|test| test.past());
    let past = past.map_err(explained)?;
    drop(history);
    let split = match settings.split {
        Split::At(_) => Split::Time(0.8),
        other => other,
    };
    let validation = recommend_backtest::Settings { split, ..settings };
    let backtest = Backtest::new(&past, validation, read::codec()).map_err(explained)?;
    let session = backtest.session(&Bars::default()).map_err(explained)?;

    let tried = Tried { args, file: &file, document: &document, space: &space, session: &session };
    let bar = bar(u64::from(args.trials));
    let of = Search {
        space: space.dimensions(),
        start: space.start(&document),
        users: session.users(),
        trials: usize::from(args.trials),
        seed: args.test.seed,
    };
    let found = search(args.method.method(), &of, |point, users| {
        let score = tried.evaluate(point, users, &of.start)?;
        bar.inc(1);
        Ok::<f64, anyhow::Error>(score)
    });
    bar.finish_and_clear();
    let (trials, best) = found?;
    eprintln!("{}", table::show(&trials, &best, &space, args.k, session.users()));
    let tuned = if best.point == of.start { config } else { space.apply(&document, &best.point)?.text() };
    match &args.output {
        Some(path) => {
            std::fs::write(path, tuned).with_context(|| format!("writing {}", path.display()))?;
            eprintln!("written to {}", path.display());
        }
        None => print(tuned.trim_end()),
    }
    Ok(Exit::Ok)
}

/// What points are tried on.
struct Tried<'a> {
    args: &'a TuneArgs,
    file: &'a str,
    document: &'a Document,
    space: &'a Space,
    session: &'a Session<'a>,
}

impl Tried<'_> {
    /// How good a point is. What is tried is the very text that would be written.
    fn evaluate(&self, point: &[Option<f64>], users: usize, start: &Point) -> Result<f64> {
        let text = match point == start.as_slice() {
            true => self.document.text(),
            false => self.space.apply(self.document, point)?.text(),
        };
        let config = Config::parse(self.file, &text)?;
        let chosen = find(&config, &self.args.test.recommender)?;
        let registry = default_registry();
        let assemble = assemble(&config, chosen, &registry);
        let contestant = Contestant { name: "trial".to_owned(), assemble: &assemble };
        let evaluation = self.session.evaluate(&contestant, users, &NoProgress).map_err(explained)?;
        let at = evaluation.at.first().ok_or_else(|| Usage("--k: at least one".into()))?;
        Ok(at.mean(self.args.metric.metric()))
    }
}

fn bar(trials: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(trials), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("trying {bar:30} {pos}/{len}  {eta} left") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}
