//! The command line: commands, common flags, help.

use clap::{Args, Parser, Subcommand};

use crate::artifacts::ArtifactsArgs;
use crate::backtest::BacktestArgs;
use crate::dataset::DatasetArgs;
use crate::demo::DemoArgs;
use crate::embed::EmbedArgs;
use crate::evaluate::EvaluateArgs;
use crate::exit;
use crate::experiment::ExperimentArgs;
use crate::features::FeaturesArgs;
use crate::import::args::ImportArgs;
use crate::inspect::InspectArgs;
use crate::join::JoinArgs;
use crate::new::NewArgs;
use crate::query::QueryArgs;
use crate::score::ScoreArgs;
use crate::serve::ServeArgs;
use crate::stores::StoresArgs;
use crate::train::TrainArgs;
use crate::tune::TuneArgs;
use crate::validate::ValidateArgs;
use crate::{
    artifacts, backtest, embed, evaluate, inspect, join, new, query, score, serve, train, tune, validate,
};

/// Recommendations for products: import what users did, serve, ask, look into the answers.
#[derive(Debug, Parser)]
#[command(name = "recommend", version, max_term_width = 120, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// What to log to standard error: error, warn, info, debug, trace, or what RUST_LOG takes [default: warn, info
    /// for serve]
    #[arg(long, global = true, value_name = "LEVEL", env = "RUST_LOG", help_heading = "Common")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve recommendations over gRPC and HTTP
    #[command(after_help = serve::HELP)]
    Serve(ServeArgs),
    /// Ask for recommendations and see why they are what they are
    #[command(after_help = query::HELP)]
    Query(Box<QueryArgs>),
    /// Write entities, relations and interactions from files or a Slack export
    Import(Box<ImportArgs>),
    /// Check a configuration, and whether it fits the data
    #[command(after_help = validate::HELP)]
    Validate(ValidateArgs),
    /// Write a recommender that runs at once
    #[command(after_help = new::HELP)]
    New(NewArgs),
    /// Prove a recommender on recorded interactions: how much of what people did next would it have shown?
    #[command(after_help = backtest::HELP)]
    Backtest(Box<BacktestArgs>),
    /// Learn vectors of users and entities, and load them into the vector store
    #[command(after_help = embed::HELP)]
    Embed(Box<EmbedArgs>),
    /// Join the log's impressions with what answered them: a dataset to train on
    #[command(after_help = join::HELP)]
    Join(Box<JoinArgs>),
    /// What is in a dataset, which features need a look, what another policy would have earned
    Dataset(DatasetArgs),
    /// Train models on a dataset, compare and publish them
    #[command(after_help = train::HELP)]
    Train(Box<TrainArgs>),
    /// Compare published models with each other, with what serves and with hand-tuned ones; gate a promotion
    #[command(after_help = evaluate::HELP)]
    Evaluate(Box<EvaluateArgs>),
    /// List, show, promote, roll back and verify published models
    #[command(after_help = artifacts::HELP)]
    Artifacts(ArtifactsArgs),
    /// What an experiment has shown so far, and how long the next one will take
    Experiment(ExperimentArgs),
    /// Search for better settings of a recommender, on the past alone
    #[command(after_help = tune::HELP)]
    Tune(Box<TuneArgs>),
    /// What the declared features are, and computing them from the log
    Features(FeaturesArgs),
    /// Move the stores to another place
    Stores(StoresArgs),
    /// Score the rows of a file with a model
    #[command(after_help = score::HELP)]
    Score(ScoreArgs),
    /// What a model is, and which features matter to it
    #[command(after_help = inspect::HELP)]
    Inspect(InspectArgs),
    /// A simulated workspace, served and asked: everything in one screen
    Demo(DemoArgs),
}

impl Command {
    /// How much is logged when nobody says.
    pub(crate) fn log_level(&self) -> &'static str {
        match self {
            Command::Serve(_) => "info",
            _ => "warn",
        }
    }
}
