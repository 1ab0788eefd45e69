//! The flags of `recommend backtest`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use recommend_backtest::{Settings, Split};
use recommend_core::{Name, duration};

use super::without::Without;
use crate::exit::Usage;
use crate::import::args::ReadArgs;
use crate::import::mapping::Assignment;
use crate::import::time;

/// What is shown at the end of `recommend backtest --help`.
pub(crate) const HELP: &str = "\
What happens before the split is written into stores of the backtest's own; the recommender is assembled over them by
the code that serves, and asked for everybody who did something that counts afterwards. It ranks all entities that the
user had not touched (in any way); what it leaves out counts as not found.

What people turned to after the split may have been unknown until then, such as today's news. Nobody could have
recommended it from interactions alone; it counts as relevant all the same, because people wanted it, and the summary
says how much of it there was. --known-entities leaves it out. Users without any history count too.

Splits: at:TIME and time:0.8 cut all users at one moment, as in production. last:0.2 takes the last 20 % of each user's
own interactions as the future, as is customary for MovieLens; then what is learnt from others may be later than what
one user is asked about.

recall is of min(k, relevant), so that a perfect answer reaches 1; all_recall is of everything relevant. Intervals are
95 %, bootstrapped over users.

Baselines: random; popularity, the number of interactions of the label kinds; recent-popularity, the same within
--recent; item-cosine, cosines between the sets of users of all interactions, summed over the user's history, then
popularity. Every other line is compared with the recommender user by user: the difference with its interval, and the
p-value of a randomisation test that swaps the two within users.

Examples:
  recommend backtest --config recommend.toml --recommender channel/channel-browser --interactions events.csv \\
      --map entity=channel --map time=ts --label-kind channel_join --split time:0.8 --k 5,10
  recommend backtest --config examples/generic/recommend.toml --recommender item/generic --interactions ratings.tsv \\
      --map user=user_id --map entity=item_id --map time=timestamp --label-kind rating --split last:0.2 --json
  recommend backtest … --without each                     what each component is worth
  recommend backtest … --against other.toml --plot k.svg  two configurations, compared and drawn
  recommend backtest … --dataset replayed                 then: recommend train --spec lr.toml --data replayed";

/// The flags of `recommend backtest`.
#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    pub(crate) test: TestArgs,
    /// Retrain and rebuild everything after each so much time of the future, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    rolling: Option<Duration>,
    /// How many recommendations are looked at
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "5,10",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) k: Vec<u16>,
    /// How far back recent popularity looks [default: a tenth of the time before the split]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    recent: Option<Duration>,
    /// Leave the baselines out
    #[arg(long)]
    no_baselines: bool,
    /// Test the recommender of another configuration too, and compare the two user by user
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Which recommender to compare with [default: the one of the same name]
    #[arg(long, value_name = "CORPUS/SOURCE")]
    pub(crate) against_recommender: Option<String>,
    /// Test without a component too, to see what it is worth: fetcher:NAME, filter:NAME, feature:NAME, reranker:NAME,
    /// or each; may be repeated
    #[arg(long, value_name = "COMPONENT")]
    pub(crate) without: Vec<Without>,
    /// Draw the metrics against k, with intervals
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Write what was shown to whom, and what they did next, as JSON Lines
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) answers: Option<PathBuf>,
    /// Write what the recommender showed, with all features and whether it turned out to be relevant, as a dataset to
    /// train on
    #[arg(long, value_name = "DIR")]
    pub(crate) dataset: Option<PathBuf>,
    /// How many items of each answer become rows of the dataset
    #[arg(long, value_name = "NUMBER", default_value_t = 100, requires = "dataset",
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    depth: u16,
    /// Print JSON, one object for each name and k
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of everything that tests a recommender on interactions.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The recommender to test, as in the configuration
    #[arg(long, value_name = "CORPUS/SOURCE")]
    pub(crate) recommender: String,
    /// A kind of interaction to foretell; may be repeated [default: all kinds]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) label_kind: Vec<Name>,
    /// The least value with which an interaction is worth foretelling, such as 4 of 5 stars
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    min_value: Option<f32>,
    /// Where the future begins: at:2025-06-30, time:0.8, last:0.2
    #[arg(long, value_parser = split, default_value = "time:0.8")]
    pub(crate) split: Split,
    /// Let the recommender recommend what the user touched before, and count it
    #[arg(long)]
    repeats: bool,
    /// Count only entities that somebody had touched before the split
    #[arg(long)]
    pub(crate) known_entities: bool,
    /// Seeds all randomness
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many threads ask [default: one for each core]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<usize>,
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

/// Where interactions come from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Interactions")]
pub(crate) struct InputArgs {
    /// CSV, TSV, JSON Lines (each also gzipped) or Parquet; may be repeated
    #[arg(long = "interactions", value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where a field (user, entity, kind, time, value, corpus) comes from: FIELD=COLUMN, or FIELD==CONSTANT; a field
    /// that is not mapped is read from the column of its own name, if there is one
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub(crate) map: Vec<Assignment>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

fn split(text: &str) -> Result<Split, String> {
    Split::parse(text, |moment| time::argument(moment).ok()).map_err(|error| error.to_string())
}

/// The corpus and the source of `channel/channel-browser`.
///
/// # Errors
/// When the text is not two names.
pub(super) fn place(text: &str) -> Result<(Name, Name)> {
    let parts = text.split_once('/');
    let names = parts.and_then(|(corpus, source)| Some((Name::new(corpus).ok()?, Name::new(source).ok()?)));
    let usage =
        || Usage(format!("{text:?} is no recommender; write CORPUS/SOURCE, such as channel/channel-browser"));
    Ok(names.ok_or_else(usage)?)
}

impl TestArgs {
    /// What the engine wants to know.
    ///
    /// # Errors
    /// When the recommender is not two names.
    pub(crate) fn settings(&self, cutoffs: Vec<usize>) -> Result<Settings> {
        let (corpus, source) = place(&self.recommender)?;
        Ok(Settings {
            corpus,
            source,
            label_kinds: self.label_kind.clone(),
            min_value: self.min_value,
            split: self.split,
            rolling: None,
            cutoffs,
            repeats: self.repeats,
            known_only: self.known_entities,
            recent: None,
            baselines: false,
            answers: false,
            impressions: 0,
            seed: self.seed,
            threads: self.threads.unwrap_or(0),
        })
    }
}

/// Where a plot looks, up to the largest `--k`.
const PLOTTED: [usize; 11] = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100];

impl BacktestArgs {
    /// The cut-offs that were asked for.
    pub(crate) fn cutoffs(&self) -> Vec<usize> {
        let mut cutoffs: Vec<usize> = self.k.iter().map(|k| usize::from(*k)).collect();
        cutoffs.sort_unstable();
        cutoffs.dedup();
        cutoffs
    }

    /// What the engine wants to know.
    ///
    /// # Errors
    /// When the recommender is not two names.
    pub(crate) fn settings(&self) -> Result<Settings> {
        if let (Some(_), Split::Last(_)) = (self.rolling, self.test.split) {
            let reason = "--rolling walks through time, which --split last:… has no end of; write --split time:0.8 or at:…";
            return Err(Usage(reason.into()).into());
        }
        let mut cutoffs = self.cutoffs();
        if self.plot.is_some() {
            let most = cutoffs.last().copied().unwrap_or(0);
            cutoffs.extend(PLOTTED.iter().filter(|k| **k <= most));
            cutoffs.sort_unstable();
            cutoffs.dedup();
        }
        let (rolling, recent, baselines) = (self.rolling, self.recent, !self.no_baselines);
        let answers = self.answers.is_some();
        let impressions = if self.dataset.is_some() { usize::from(self.depth) } else { 0 };
        Ok(Settings { rolling, recent, baselines, answers, impressions, ..self.test.settings(cutoffs)? })
    }
}
