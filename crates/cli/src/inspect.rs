//! `recommend inspect`: what a model is, and which features matter to it.

mod plot;

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use recommend_models::Explain;
use recommend_models::explain::{Importance, importances, mean_absolute_shap};
use recommend_models::forest::{Forest, Node, Test};
use recommend_models::xgboost::{Booster, Ensemble};

use crate::exit::Exit;
use crate::render::{Paint, count, print, table};
use crate::score::Rounds;
use crate::score::input::{Input, InputArgs};

/// What is shown at the end of `recommend inspect --help`.
pub(crate) const HELP: &str = "\
Gain is what a feature's splits gained in training on average, total gain all of it; cover is the training weight that
passed its splits on average; splits counts them. With rows, mean |SHAP| is how much a feature moves the raw score of one.

Examples:
  recommend inspect model.ubj
  recommend inspect model.json --rows rows.csv --plot importances.svg";

/// The flags of `recommend inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The model, as XGBoost saved it (JSON or UBJSON)
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Rows to take mean |SHAP| over: .csv, .libsvm, .parquet
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// The first feature of a libsvm file is number 1
    #[arg(long, requires = "rows")]
    one_based: bool,
    /// The class whose scores mean |SHAP| is about, from 0
    #[arg(long, value_name = "K", default_value_t = 0)]
    class: usize,
    /// How many features to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// Draw the importances
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    rounds: Rounds,
}

/// One feature, its importance, and its mean |SHAP| where rows were given.
struct Line {
    name: String,
    importance: Importance,
    shap: Option<f64>,
    /// The weight of a linear booster.
    weight: f64,
}

impl Line {
    /// What the list is sorted by, and what is drawn.
    fn key(&self) -> f64 {
        self.shap.unwrap_or(self.importance.total_gain.max(self.weight.abs()))
    }
}

/// Runs `recommend inspect`.
///
/// # Errors
/// When the model or the rows cannot be read, or the picture not be written.
pub(crate) fn run(args: &InspectArgs) -> Result<Exit> {
    let booster = Booster::open(&args.model, &args.rounds.options())
        .with_context(|| format!("{}", args.model.display()))?;
    let shap = match &args.rows {
        Some(rows) => Some(shap(args, rows, &booster)?),
        None => None,
    };
    let mut lines: Vec<Line> = booster
        .feature_names()
        .into_iter()
        .zip(importances(&booster))
        .enumerate()
        .map(|(feature, (name, importance))| {
            let weight = match booster.ensemble() {
                Ensemble::Linear(weights) if args.class < booster.groups() => {
                    f64::from(weights.weight(feature, args.class))
                }
                _ => 0.0,
            };
            Line { name, importance, shap: shap.as_ref().map(|shap| shap[feature]), weight }
        })
        .collect();
    lines.sort_by(|a, b| b.key().total_cmp(&a.key()));
    let mut text = summary(args, &booster)?;
    let listed: Vec<&Line> = lines.iter().filter(|line| line.key() != 0.0).take(args.top).collect();
    write!(text, "\n{}", listing(&listed, &booster))?;
    let used = lines.iter().filter(|line| line.key() != 0.0).count();
    if used > listed.len() {
        write!(text, "\n… {} more; --top {used} lists all", used - listed.len())?;
    }
    print(&text);
    if let Some(path) = &args.plot {
        let unit = match (&shap, booster.forest()) {
            (Some(_), _) => "mean |SHAP|",
            (None, Some(_)) => "total gain",
            (None, None) => "|weight|",
        };
        let bars: Vec<(&str, f64)> = listed.iter().map(|line| (line.name.as_str(), line.key())).collect();
        let title =
            args.model.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        std::fs::write(path, plot::bars(&title, unit, &bars))
            .with_context(|| format!("cannot write {}", path.display()))?;
        print(&format!("drawn in {}", path.display()));
    }
    Ok(Exit::Ok)
}

fn shap(args: &InspectArgs, rows: &std::path::Path, booster: &Booster) -> Result<Vec<f64>> {
    let input = InputArgs {
        input: rows.to_owned(),
        format: None,
        no_header: false,
        zero_based: !args.one_based,
        one_based: args.one_based,
    };
    if args.class >= booster.groups() {
        anyhow::bail!(crate::exit::Usage(format!(
            "--class {}: the model's classes are 0 to {}",
            args.class,
            booster.groups() - 1
        )));
    }
    let mut input = Input::open(&input, booster)?;
    let (mut sums, mut total) = (vec![0.0; Explain::features(booster)], 0);
    while let Some(rows) = input.next_rows()? {
        let means = mean_absolute_shap(booster, &rows, args.class)?;
        for (sum, mean) in sums.iter_mut().zip(means) {
            *sum += mean * rows.len() as f64;
        }
        total += rows.len();
    }
    sums.iter_mut().for_each(|sum| *sum /= total.max(1) as f64);
    Ok(sums)
}

/// What it is, one fact a line.
fn summary(args: &InspectArgs, booster: &Booster) -> Result<String> {
    let paint = Paint::auto();
    let mut text = String::new();
    let mut fact =
        |name: &str, value: String| writeln!(text, "{} {value}", paint.bold(&format!("{name:<11}")));
    fact("model", args.model.display().to_string())?;
    let version =
        booster.version().map_or("an unknown version".to_owned(), |[a, b, c]| format!("{a}.{b}.{c}"));
    fact("saved by", format!("XGBoost {version}"))?;
    fact("objective", booster.objective_name().to_owned())?;
    let names = if booster.has_feature_names() { "named" } else { "unnamed" };
    fact("features", format!("{}, {names}", count(booster.features() as u64)))?;
    if booster.groups() > 1 {
        fact("classes", booster.groups().to_string())?;
    }
    let base: Vec<String> = booster.base_margins().iter().map(ToString::to_string).collect();
    fact("intercept", format!("{} (margin)", base.join(", ")))?;
    let (rounds, kept) = booster.rounds();
    let kept = if kept == rounds { String::new() } else { format!(", of which the first {kept} count") };
    match booster.forest() {
        Some(forest) => {
            fact("booster", format!("{}, {} rounds{kept}", booster.booster_name(), count(rounds as u64)))?;
            for (name, value) in shape(forest) {
                fact(name, value)?;
            }
        }
        None => fact("booster", booster.booster_name().to_owned())?,
    }
    if let Some(best) = booster.best_iteration() {
        fact("best round", format!("{} (from 1)", best + 1))?;
    }
    Ok(text)
}

/// Trees, leaves, depths, and splits.
fn shape(forest: &Forest) -> Vec<(&'static str, String)> {
    let trees = forest.trees();
    let range = |values: &mut dyn Iterator<Item = usize>| {
        let (mut least, mut most, mut sum) = (usize::MAX, 0, 0);
        for value in values {
            (least, most, sum) = (least.min(value), most.max(value), sum + value);
        }
        let mean = sum as f64 / trees.len().max(1) as f64;
        format!("{} to {most}, {mean:.1} on average", least.min(most))
    };
    let (mut numeric, mut categorical) = (0u64, 0u64);
    for node in trees.iter().flat_map(|tree| &forest.nodes()[tree.nodes()]) {
        match node {
            Node::Split { test: Test::Below(_), .. } => numeric += 1,
            Node::Split { test: Test::NotIn(_), .. } => categorical += 1,
            Node::Leaf { .. } => {}
        }
    }
    let categories =
        if categorical > 0 { format!(", {} categorical", count(categorical)) } else { String::new() };
    vec![
        ("trees", count(trees.len() as u64)),
        ("depth", range(&mut trees.iter().map(|tree| tree.depth))),
        ("leaves", range(&mut trees.iter().map(recommend_models::forest::Tree::leaves))),
        ("splits", format!("{} numeric{categories}", count(numeric))),
    ]
}

fn listing(lines: &[&Line], booster: &Booster) -> String {
    let shap = lines.iter().any(|line| line.shap.is_some());
    let forest = booster.forest().is_some();
    let mut header = vec!["feature"];
    if shap {
        header.push("mean |SHAP|");
    }
    header.extend(if forest { &["total gain", "gain", "cover", "splits"][..] } else { &["weight"] });
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let mut row = vec![line.name.clone()];
            row.extend(line.shap.map(number));
            let importance = &line.importance;
            if forest {
                row.extend([importance.total_gain, importance.gain, importance.cover].map(number));
                row.push(count(importance.splits as u64));
            } else {
                row.push(number(line.weight));
            }
            row
        })
        .collect();
    table(&header, &rows, &(1..header.len()).collect::<Vec<_>>())
}

/// Four digits that matter.
fn number(value: f64) -> String {
    let digits = (3 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 8) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(
            [1234.56, 12.3456, 0.001_234_56, 0.0, -0.5].map(number),
            ["1235", "12.35", "0.001235", "0.00000000", "-0.5000"]
        );
    }
}
