//! `recommend experiment report`: from flags to what is printed and drawn.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use recommend_core::Name;
use recommend_experiments::assignment::Unit;
use recommend_experiments::statistics::compare::Settings;
use recommend_server::Config;

use super::observe::{Of, Wanted, log_folder, observe};
use super::report::{Arms, MetricKind, report};
use super::{plot, show};
use crate::exit::{Exit, Usage};
use crate::render::{Paint, print};

/// What is shown at the end of `recommend experiment report --help`.
pub(super) const REPORT_HELP: &str = "\
Intervals and p-values are by user, whose answers are not independent of each other. `always` holds however often and
whenever you look, so stop as soon as it says enough; the other one is for a look that was planned in advance. Units that
have seen two variants, because a weight was changed, are left out of comparisons and counted. Shadows are shown to
nobody: the line about them says how high they would have put what was clicked.

Examples:
  recommend experiment report --log data/log --experiment browser-learned --objective click=1,join=3
  recommend experiment report --log data/log --experiment browser-learned --objective click=1 \\
      --config recommend.toml --json --plot lift.svg";

/// The flags of `recommend experiment report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The event log, or the data folder that it is in
    #[arg(long, value_name = "DIR")]
    log: PathBuf,
    /// Which experiment
    #[arg(long, value_name = "NAME")]
    experiment: Name,
    /// What each kind of interaction is worth: click=1,dismiss=-1; other kinds do not count
    #[arg(long, value_name = "KIND=WEIGHT,…", value_parser = objective)]
    objective: Objective,
    /// The kind of interaction that the click-through rate counts
    #[arg(long, value_name = "KIND", default_value = "click")]
    click: Name,
    /// How long after a request an interaction still answers it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = recommend_core::duration::parse)]
    window: Duration,
    /// The configuration with the experiment: its weights are checked, its unit is used, its control is the first
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What was assigned as one: user or tenant [default: the configuration's, or user]
    #[arg(long, value_name = "UNIT", value_parser = unit)]
    unit: Option<Unit>,
    /// The share that each variant should have: control=1,learned=2 [default: the configuration's, or equal ones]
    #[arg(long, value_name = "NAME=WEIGHT,…", value_parser = objective)]
    weights: Option<Objective>,
    /// What the others are compared with [default: the configuration's first, or control]
    #[arg(long, value_name = "NAME")]
    control: Option<Name>,
    /// One minus the confidence of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    alpha: f64,
    /// The size of lift that the test that allows early looks is most sensitive to
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = super::plan::share)]
    expected_lift: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw the lift over time, with the intervals that hold at all times together
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// What to draw: ctr, objective-per-request, objective-per-user or dcg
    #[arg(long, value_name = "METRIC", default_value = "objective-per-request")]
    metric: MetricKind,
}

type Objective = BTreeMap<Name, f32>;

/// An objective, or weights of variants, as people write them.
pub(super) fn objective(text: &str) -> Result<Objective, String> {
    recommend_training::dataset::parse_objective(text)
}

pub(super) fn unit(text: &str) -> Result<Unit, String> {
    match text {
        "user" => Ok(Unit::User),
        "tenant" => Ok(Unit::Tenant),
        other => Err(format!("{other:?} is no unit; write user or tenant")),
    }
}

/// Runs `recommend experiment report`.
///
/// # Errors
/// When the log cannot be read, has nothing of the experiment, or the plot cannot be written.
pub(super) fn run(args: &ReportArgs) -> Result<Exit> {
    if !(args.alpha > 0.0 && args.alpha < 1.0) {
        return Err(Usage(format!("--alpha {}: choose between 0 and 1, such as 0.05", args.alpha)).into());
    }
    if args.expected_lift <= 0.0 {
        return Err(Usage("--expected-lift: choose more than 0, such as 10%".into()).into());
    }
    let config = args.config.as_deref().map(Config::load).transpose()?;
    let configured = match &config {
        Some(config) => Some(
            config.experiments.iter().find(|known| *known.name() == args.experiment).with_context(|| {
                let known: Vec<&str> = config.experiments.iter().map(|known| known.name().as_str()).collect();
                format!(
                    "{} has no experiment {}; it has {}",
                    config.file(),
                    args.experiment,
                    known.join(", ")
                )
            })?,
        ),
        None => None,
    };
    let mut arms = configured.map(Arms::of).unwrap_or_default();
    if let Some(weights) = &args.weights {
        arms.weights = weights.iter().map(|(name, weight)| (name.clone(), f64::from(*weight))).collect();
    }
    arms.control = args.control.clone().or(arms.control);
    let unit = args.unit.or(configured.map(|configured| configured.assignment.unit)).unwrap_or_default();
    let wanted = Wanted {
        of: Of::Experiment(args.experiment.clone()),
        objective: args.objective.clone(),
        click: args.click.clone(),
        window: args.window,
        unit,
    };
    let observed = observe(&log_folder(&args.log), &wanted)?;
    let settings = Settings { alpha: args.alpha, expected_lift: args.expected_lift };
    let report = report(&observed, &wanted, &arms, &settings)?;
    if let Some(path) = &args.plot {
        std::fs::write(path, plot::draw(&report, args.metric)?)
            .with_context(|| format!("writing {}", path.display()))?;
    }
    match args.json {
        true => print(&serde_json::to_string_pretty(&report)?),
        false => print(&show::text(&report, Paint::auto())),
    }
    Ok(Exit::Ok)
}
