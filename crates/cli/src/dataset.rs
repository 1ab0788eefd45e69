//! `recommend dataset`: what is in a dataset, which of its features need a look, and what a policy would have earned.

mod value;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use recommend_core::Timestamp;
use recommend_training::Dataset;
use recommend_training::dataset::libsvm::{self, FirstIndex};
use recommend_training::dataset::{About, FeatureReport, LEAKAGE_AUC, ReadOptions, Report, Warning};

use crate::exit::{Exit, Usage};
use crate::render::{Paint, count, print, table};

/// The flags of `recommend dataset`.
#[derive(Debug, Args)]
pub(crate) struct DatasetArgs {
    #[command(subcommand)]
    command: DatasetCommand,
}

#[derive(Debug, Subcommand)]
enum DatasetCommand {
    /// Count rows, queries and labels, and look at every feature
    #[command(after_help = SHOW_HELP)]
    Show(ShowArgs),
    /// What another policy would have earned, by inverse propensities
    #[command(after_help = value::HELP)]
    Value(value::ValueArgs),
    /// Write learning-to-rank data (libsvm text with queries) as a dataset
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
}

const SHOW_HELP: &str = "\
AUC is of ranking all rows by the feature alone, whichever way round is better: 0.5 knows nothing. From 0.98 on, the
feature probably holds what only the interaction told, and a model trained on it is worth nothing in production.

Exit codes: 0 all is well, 1 a feature needs a look (with --strict), or an error

Examples:
  recommend dataset show set
  recommend dataset show set --from 2026-03-01 --to 2026-03-07 --strict";

const IMPORT_HELP: &str = "\
A file `NAME.query` beside it holds the number of rows of each query, one a line, as LightGBM has it; or rows have qid:.
Queries become requests in the order of the file.

Example:
  recommend dataset import rank.train --one-based --output set";

#[derive(Debug, Args)]
struct ShowArgs {
    /// The dataset's folder
    #[arg(value_name = "DIR")]
    dataset: PathBuf,
    /// Only days from this one, as 2026-03-01
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Only days up to and with this one
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// End with 1 when a feature needs a look
    #[arg(long)]
    strict: bool,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// libsvm text: `label [qid:n] index:value …`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The first feature is number 1
    #[arg(long)]
    one_based: bool,
    /// The dataset to write
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

/// Runs `recommend dataset`.
///
/// # Errors
/// When there is no dataset, or it cannot be read or written.
pub(crate) fn run(args: &DatasetArgs) -> Result<Exit> {
    match &args.command {
        DatasetCommand::Show(args) => show(args),
        DatasetCommand::Value(args) => value::run(args),
        DatasetCommand::Import(args) => import(args),
    }
}

fn show(args: &ShowArgs) -> Result<Exit> {
    let options = ReadOptions { from: args.from.clone(), to: args.to.clone(), features: None };
    let dataset = Dataset::read_with(&args.dataset, &options)?;
    let report = Report::of(&dataset);
    match args.json {
        true => print(&serde_json::to_string_pretty(&report)?),
        false => print(&text(&report, dataset.about(), Paint::auto())),
    }
    Ok(if args.strict && report.warnings().next().is_some() { Exit::Failed } else { Exit::Ok })
}

fn import(args: &ImportArgs) -> Result<Exit> {
    if args.output.exists() {
        bail!(Usage(format!("--output {}: is there already; choose another", args.output.display())));
    }
    let first = if args.one_based { FirstIndex::One } else { FirstIndex::Zero };
    let dataset = libsvm::read(&args.file, first)?;
    dataset.write(&args.output)?;
    let (rows, queries) = (count(dataset.len() as u64), count(dataset.groups().len() as u64));
    print(&format!(
        "{rows} rows of {queries} queries, {} features: {}",
        dataset.features().len(),
        shown(&args.output)
    ));
    Ok(Exit::Ok)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn text(report: &Report, about: &About, paint: Paint) -> String {
    let number = |n: usize| count(n as u64);
    let share = |n: usize, of: usize| format!("{} ({:.2} %)", number(n), n as f64 * 100.0 / of.max(1) as f64);
    let objective: Vec<String> =
        about.objective.iter().map(|(kind, weight)| format!("{kind}={weight}")).collect();
    let mut lines =
        vec![format!("{} / {}", paint.bold(about.corpus.as_str()), paint.bold(about.source.as_str()))];
    if !objective.is_empty() {
        let combine = format!("{:?}", about.combine).to_lowercase();
        let window = about.window.as_secs_f64() / 3600.0;
        lines.push(format!("labels: {combine} of {} within {window} h", objective.join(", ")));
    }
    if let Some((first, last)) = report.times.filter(|times| times.1.millis() > 1_000_000_000) {
        lines.push(format!("from {} to {} (UTC)", moment(first), moment(last)));
    }
    lines.push(format!(
        "rows {}, queries {} (median {} rows, largest {}), users {}, tenants {}",
        paint.bold(&number(report.rows)),
        number(report.queries),
        report.rows_per_query.0,
        report.rows_per_query.1,
        number(report.users),
        number(report.tenants)
    ));
    lines.push(format!(
        "positive {}, negative {}; queries with a contrast {}",
        share(report.positives, report.rows),
        share(report.negatives, report.rows),
        share(report.contrasting, report.queries)
    ));
    let models: Vec<String> = report
        .models
        .iter()
        .filter(|(model, _)| !model.is_empty())
        .map(|(model, rows)| format!("{model} {}", share(*rows, report.rows)))
        .collect();
    if !models.is_empty() {
        lines.push(format!("served by {}; least propensity {}", models.join(", "), report.least_propensity));
    }
    let rows: Vec<Vec<String>> = report.features.iter().map(|feature| row(feature, paint)).collect();
    let header =
        ["feature", "missing", "distinct", "mean", "deviation", "least", "median", "greatest", "AUC", ""];
    let features = table(&header, &rows, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let mut parts = vec![lines.join("\n"), features];
    let warnings: Vec<String> = report
        .warnings()
        .map(|(feature, warning)| paint.yellow(&format!("{}: {}", feature.name, sentence(feature, warning))))
        .collect();
    if !warnings.is_empty() {
        parts.push(warnings.join("\n"));
    }
    parts.join("\n\n")
}

fn row(feature: &FeatureReport, paint: Paint) -> Vec<String> {
    let [least, _, median, _, greatest] = feature.quantiles.map(|value| short(f64::from(value)));
    let mark = feature.warning.map(|warning| format!("{warning:?}").to_lowercase()).unwrap_or_default();
    vec![
        feature.name.to_string(),
        format!("{:.1} %", feature.missing * 100.0),
        count(feature.distinct as u64),
        short(feature.mean),
        short(feature.deviation),
        least,
        median,
        greatest,
        if feature.auc.is_nan() { "-".to_owned() } else { format!("{:.3}", feature.auc) },
        paint.yellow(&mark),
    ]
}

fn sentence(feature: &FeatureReport, warning: Warning) -> String {
    match warning {
        Warning::Absent => "no row has it; is it logged?".to_owned(),
        Warning::Constant => "has one value in all rows; nothing can be learned from it".to_owned(),
        Warning::Leakage => format!(
            "alone gives AUC {:.3}, {LEAKAGE_AUC} or more; does it know what the user did only afterwards?",
            feature.auc
        ),
    }
}

/// A number of any size in few characters.
fn short(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "-".to_owned(),
        size if size != 0.0 && !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    }
}

fn moment(time: Timestamp) -> String {
    crate::import::time::show(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_one_screen_and_names_what_needs_a_look() {
        let rows = "1 0:1 1:7 2:0.5\n0 0:0 1:7 2:0.25\n0 0:0 1:7\n".repeat(100);
        let dataset = libsvm::parse(&rows, Some(&"3\n".repeat(100)), FirstIndex::Zero).unwrap();
        let shown = text(&Report::of(&dataset), dataset.about(), Paint(false));
        assert!(shown.lines().count() < 20, "{shown}");
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "document / libsvm",
            "rows 300, queries 100 (median 3 rows, largest 3), users 100, tenants 1",
            "positive 100 (33.33 %), negative 0 (0.00 %); queries with a contrast 100 (100.00 %)",
            "0: alone gives AUC 1.000, 0.98 or more",
            "1: has one value in all rows",
            "2: alone gives AUC 1.000",
        ] {
            assert!(shown.contains(part), "no {part:?} in {shown}");
        }
    }

    #[test]
    fn numbers_of_any_size_stay_short() {
        assert_eq!(
            [0.0, 1e-9, 0.5, 1234.5, 1e12, f64::NAN].map(short),
            ["0.000", "1.00e-9", "0.500", "1234", "1.00e12", "-"]
        );
    }
}
