//! `recommend backtest`: replays recorded interactions through a recommender and measures what it would have shown.

mod answers;
pub(crate) mod args;
mod compare;
mod json;
mod plot;
pub(crate) mod progress;
pub(crate) mod read;
mod table;
mod without;

use std::path::Path;

use anyhow::{Context, Result};
use recommend_backtest::{Backtest, BacktestError, Contestant};
use recommend_core::error::closest;
use recommend_core::{Recommender, Registry};
use recommend_server::config::RecommenderConfig;
use recommend_server::{Config, default_registry};
use recommend_stores::Stores;

pub(crate) use self::args::{BacktestArgs, HELP};
use self::progress::Bars;
use self::without::Without;
use crate::exit::{Exit, Usage};
use crate::render::print;

/// The name under which the tested recommender stands in the results.
pub(crate) const RECOMMENDER: &str = "recommender";
/// And the one that it is compared with.
const AGAINST: &str = "against";

/// Runs `recommend backtest`.
///
/// # Errors
/// When the configuration or the interactions cannot be read, or the split leaves nothing to ask.
pub(crate) async fn run(args: BacktestArgs) -> Result<Exit> {
    // The engine has threads of its own and blocks.
    tokio::task::spawn_blocking(move || blocking(&args)).await?
}

fn blocking(args: &BacktestArgs) -> Result<Exit> {
    let registry = default_registry();
    let tested = tested(args)?;
    // What is wrong with a configuration is better said before a large file is read.
    for one in &tested {
        one.assemble(&registry)(&Stores::in_memory(read::codec())).map_err(anyhow::Error::msg)?;
    }
    if let Some(folder) = args.dataset.as_ref().filter(|folder| folder.exists()) {
        return Err(Usage(format!("--dataset {}: is there already; choose another", folder.display())).into());
    }
    let (corpus, _) = args::place(&args.test.recommender)?;
    let (history, strings) =
        read::read(&args.test.input, &corpus, &args.test.label_kind, args.answers.is_some())?;
    let backtest = Backtest::new(&history, args.settings()?, read::codec()).map_err(explained)?;
    let parts: Vec<_> = tested.iter().map(|one| (one.name.clone(), one.assemble(&registry))).collect();
    let contestants: Vec<Contestant<'_>> =
        parts.iter().map(|(name, assemble)| Contestant { name: name.clone(), assemble }).collect();
    let result = backtest.run(&contestants, &Bars::default()).map_err(explained)?;
    if let Some(file) = &args.plot {
        let drawn = plot::draw(&result, args.test.seed)?;
        std::fs::write(file, drawn).with_context(|| format!("writing {}", file.display()))?;
    }
    if let Some(file) = &args.answers {
        answers::write(file, &result.answers, &history, &strings)?;
    }
    if let Some(folder) = &args.dataset {
        let shown =
            result.impressions.as_ref().context("nothing was shown, so there is no dataset to write")?;
        shown.write(folder)?;
    }
    if args.json {
        for line in json::lines(&result, &args.cutoffs(), args.test.seed) {
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

/// One recommender that is tested, as its configuration spells it.
struct Tested {
    name: String,
    config: Config,
    chosen: RecommenderConfig,
}

impl Tested {
    fn assemble<'c>(
        &'c self,
        registry: &'c Registry,
    ) -> impl Fn(&Stores) -> std::result::Result<Recommender, String> + Sync + 'c {
        assemble(&self.config, &self.chosen, registry)
    }
}

/// The recommender, the one to compare with, and what is left of it without each component.
fn tested(args: &BacktestArgs) -> Result<Vec<Tested>> {
    let config = load(&args.test.config)?;
    let chosen = find(&config, &args.test.recommender)?.clone();
    let mut tested = Vec::new();
    if args.against.is_some() || args.against_recommender.is_some() {
        let other = args.against.as_deref().unwrap_or(&args.test.config);
        let config = load(other)?;
        let place = args.against_recommender.as_deref().unwrap_or(&args.test.recommender);
        let chosen = find(&config, place)?.clone();
        tested.push(Tested { name: AGAINST.to_owned(), config, chosen });
    }
    for without in Without::each(&args.without, &chosen) {
        let chosen = without.from(&chosen).map_err(Usage)?;
        tested.push(Tested { name: without.to_string(), config: config.clone(), chosen });
    }
    tested.insert(0, Tested { name: RECOMMENDER.to_owned(), config, chosen });
    Ok(tested)
}

/// What a person can mend by other flags is wrong usage.
pub(crate) fn explained(error: BacktestError) -> anyhow::Error {
    match error {
        BacktestError::NoQuestions { .. }
        | BacktestError::NothingBefore
        | BacktestError::UnknownKind { .. } => Usage(error.to_string()).into(),
        other => other.into(),
    }
}

/// Reads a configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load(path: &Path) -> Result<Config> {
    Ok(Config::load(path)?)
}

/// The recommender of a configuration that is meant.
///
/// # Errors
/// With those that there are.
pub(crate) fn find<'c>(config: &'c Config, wanted: &str) -> Result<&'c RecommenderConfig> {
    let (corpus, source) = args::place(wanted)?;
    if let Some(found) = config.recommenders.iter().find(|r| r.corpus == corpus && r.source == source) {
        return Ok(found);
    }
    let known: Vec<String> =
        config.recommenders.iter().map(|r| format!("{}/{}", r.corpus, r.source)).collect();
    let hint = closest(known.iter().map(String::as_str), wanted);
    let hint = hint.map(|close| format!("did you mean {close}? ")).unwrap_or_default();
    let known = known.join(", ");
    Err(Usage(format!("{} has no recommender {wanted}; {hint}there are {known}", config.file())).into())
}

/// Puts a recommender together as the server would.
pub(crate) fn assemble<'c>(
    config: &'c Config,
    chosen: &'c RecommenderConfig,
    registry: &'c Registry,
) -> impl Fn(&Stores) -> std::result::Result<Recommender, String> + Sync + 'c {
    move |stores| {
        let built = config.build_one(chosen, stores, registry);
        built.map(|built| built.recommender).map_err(|errors| errors.to_string())
    }
}
