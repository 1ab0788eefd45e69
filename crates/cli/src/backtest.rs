//! `recommend backtest`: replays recorded interactions through a recommender and measures what it would have shown.

mod args;
mod json;
mod progress;
mod read;
mod table;

use std::path::Path;

use anyhow::{Context, Result};
use recommend_backtest::{Backtest, BacktestResult, Contestant, History};
use recommend_core::error::closest;
use recommend_core::{Recommender, Registry};
use recommend_server::config::RecommenderConfig;
use recommend_server::{Config, default_registry};
use recommend_stores::Stores;

pub(crate) use self::args::{BacktestArgs, HELP};
use self::progress::Bars;
use crate::exit::{Exit, Usage};
use crate::render::print;

/// The name under which the tested recommender stands in the results.
const RECOMMENDER: &str = "recommender";

/// Runs `recommend backtest`.
///
/// # Errors
/// When the configuration or the interactions cannot be read, or the split leaves nothing to ask.
pub(crate) async fn run(args: BacktestArgs) -> Result<Exit> {
    // The engine has threads of its own and blocks.
    tokio::task::spawn_blocking(move || blocking(&args)).await?
}

fn blocking(args: &BacktestArgs) -> Result<Exit> {
    let config = load(&args.config)?;
    let (corpus, source) = args.place()?;
    let chosen = find(&config, corpus.as_str(), source.as_str())?;
    let registry = default_registry();
    // What is wrong with the configuration is better said before a large file is read.
    assemble(&config, chosen, &registry)(&Stores::in_memory(read::codec())).map_err(anyhow::Error::msg)?;
    let history = read::history(&args.input, &corpus, &args.label_kind)?;
    let result = test(args, &history, &config, chosen, &registry)?;
    if args.json {
        for line in json::lines(&result, args.seed) {
            print(&line);
        }
    } else {
        print(&table::show(args, &result, &history));
    }
    for warning in table::warnings(&result) {
        eprintln!("warning: {warning}");
    }
    Ok(Exit::Ok)
}

fn test(
    args: &BacktestArgs,
    history: &History,
    config: &Config,
    chosen: &RecommenderConfig,
    registry: &Registry,
) -> Result<BacktestResult> {
    let backtest = Backtest::new(history, args.settings()?, read::codec())?;
    let build = assemble(config, chosen, registry);
    let contestants = [Contestant { name: RECOMMENDER.to_owned(), assemble: &build }];
    Ok(backtest.run(&contestants, &Bars::default())?)
}

/// Reads a configuration.
///
/// # Errors
/// Everything that is wrong with it.
fn load(path: &Path) -> Result<Config> {
    Config::load(path).with_context(|| format!("the configuration {}", path.display()))
}

/// The recommender of a configuration that is meant.
///
/// # Errors
/// With those that there are.
fn find<'c>(config: &'c Config, corpus: &str, source: &str) -> Result<&'c RecommenderConfig> {
    let is = |r: &&RecommenderConfig| r.corpus.as_str() == corpus && r.source.as_str() == source;
    if let Some(found) = config.recommenders.iter().find(is) {
        return Ok(found);
    }
    let known: Vec<String> =
        config.recommenders.iter().map(|r| format!("{}/{}", r.corpus, r.source)).collect();
    let wanted = format!("{corpus}/{source}");
    let hint = closest(known.iter().map(String::as_str), &wanted);
    let hint = hint.map(|close| format!("did you mean {close}? ")).unwrap_or_default();
    let reason =
        format!("{} has no recommender {wanted}; {hint}there are {}", config.file(), known.join(", "));
    Err(Usage(reason).into())
}

/// How the server would put it together.
fn assemble<'c>(
    config: &'c Config,
    chosen: &'c RecommenderConfig,
    registry: &'c Registry,
) -> impl Fn(&Stores) -> std::result::Result<Recommender, String> + Sync + 'c {
    move |stores| {
        let built = config.build_one(chosen, stores, registry);
        built.map(|built| built.recommender).map_err(|errors| errors.to_string())
    }
}
