//! `recommend dataset value`: what another policy would have earned, by inverse propensities.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use recommend_core::Name;
use recommend_training::Dataset;
use recommend_training::metrics::Interval;
use recommend_training::off_policy::{Estimate, Logged, evaluate};
use rustc_hash::FxHashMap;

use crate::exit::{Exit, Usage};
use crate::render::{Paint, count, print, table};

/// What is shown at the end of `recommend dataset value --help`.
pub(super) const HELP: &str = "\
The policy is a CSV: `entity`, `probability` with which it shows that entity, and any features that the probability
depends on, by their names (a position, a segment of users). What it does not list it does not show. Entities are the
log's numbers: what was imported as a number below 2^62 is itself.

The mean weight should be about 1: otherwise propensities are wrong, or the serving policy never showed what this one
would. The effective size is how many impressions of the policy itself would tell as much.

Example:
  recommend dataset value set --policy policy.csv";

/// The flags of `recommend dataset value`.
#[derive(Debug, Args)]
pub(super) struct ValueArgs {
    /// The dataset's folder
    #[arg(value_name = "DIR")]
    dataset: PathBuf,
    /// With which probability the policy shows what: a CSV
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The largest weight of the clipped estimate
    #[arg(long, value_name = "WEIGHT", default_value_t = 20.0)]
    clip: f64,
    /// For the intervals
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `recommend dataset value`.
///
/// # Errors
/// When dataset or policy cannot be read, or something in them is no probability.
pub(super) fn run(args: &ValueArgs) -> Result<Exit> {
    let dataset = Dataset::read(&args.dataset)?;
    let policy = Policy::read(&args.policy, &dataset)?;
    let log = policy.of(&dataset);
    let shown = log.iter().filter(|row| row.target > 0.0).count();
    if shown == 0 {
        bail!(Usage(format!(
            "--policy {}: it shows nothing of what the dataset has; are its entities the log's numbers?",
            args.policy.display()
        )));
    }
    let estimate = evaluate(&log, args.clip, args.seed)?;
    match args.json {
        true => print(&serde_json::to_string_pretty(&estimate)?),
        false => print(&text(&estimate, args.clip, log.len(), shown, Paint::auto())),
    }
    Ok(Exit::Ok)
}

/// With which probability a policy shows an entity, depending on some features.
struct Policy {
    /// The features' columns in the dataset.
    columns: Vec<usize>,
    probabilities: FxHashMap<(u64, Vec<u32>), f32>,
}

impl Policy {
    fn read(path: &Path, dataset: &Dataset) -> Result<Self> {
        let shown = path.display();
        let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {shown}"))?;
        let header = reader.headers().with_context(|| format!("{shown}"))?.clone();
        let place = |name: &str| {
            let found = header.iter().position(|column| column == name);
            found.with_context(|| {
                format!("{shown}: it has no column {name:?}; it needs entity and probability")
            })
        };
        let (entity, probability) = (place("entity")?, place("probability")?);
        let keys: Vec<usize> = (0..header.len()).filter(|at| ![entity, probability].contains(at)).collect();
        let mut columns = Vec::new();
        for name in keys.iter().filter_map(|at| header.get(*at)) {
            columns.push(dataset.schema().position(name).with_context(|| {
                let known: Vec<&str> = dataset.features().iter().map(Name::as_str).collect();
                format!("{shown}: {name:?} is no feature of the dataset; it has {}", known.join(", "))
            })?);
        }
        let mut probabilities = FxHashMap::default();
        for record in reader.records() {
            let record = record.with_context(|| format!("{shown}"))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |at: usize| record.get(at).unwrap_or_default().trim();
            let number = |at: usize| {
                let parsed: Option<f32> = cell(at).parse().ok();
                parsed.with_context(|| format!("{shown} line {line}: {:?} is no number", cell(at)))
            };
            let id: u64 = cell(entity).parse().with_context(|| {
                format!("{shown} line {line}: the entity {:?} is no number", cell(entity))
            })?;
            let key = keys.iter().map(|at| number(*at).map(bits)).collect::<Result<Vec<u32>>>()?;
            let value = number(probability)?;
            if !(0.0..=1.0).contains(&value) {
                bail!("{shown} line {line}: {value} is no probability");
            }
            if probabilities.insert((id, key), value).is_some() {
                bail!("{shown} line {line}: this entity has a probability already");
            }
        }
        Ok(Policy { columns, probabilities })
    }

    /// Every row of a dataset with what either policy would do.
    fn of(&self, dataset: &Dataset) -> Vec<Logged> {
        let matrix = dataset.matrix();
        let mut log = Vec::with_capacity(dataset.len());
        for (group, at) in (0..).zip(dataset.groups()) {
            for row in at.rows.clone() {
                let key = self.columns.iter().map(|column| bits(matrix[[row, *column]])).collect();
                let target = self.probabilities.get(&(dataset.entities()[row].0, key));
                log.push(Logged {
                    reward: dataset.labels()[row],
                    propensity: dataset.propensities()[row],
                    target: target.copied().unwrap_or(0.0),
                    group,
                });
            }
        }
        log
    }
}

/// A number as a key; -0 is 0.
fn bits(value: f32) -> u32 {
    (value + 0.0).to_bits()
}

fn text(estimate: &Estimate, clip: f64, rows: usize, shown: usize, paint: Paint) -> String {
    let row = |name: &str, Interval { mean, low, high }: Interval| {
        vec![name.to_owned(), format!("{mean:.6}"), format!("{low:.6}"), format!("{high:.6}")]
    };
    let rows_of = [
        row("what served", estimate.logged),
        row("IPS", estimate.ips),
        row(&format!("IPS, weights up to {clip}"), estimate.clipped),
        row("SNIPS", estimate.snips),
    ];
    let weights = format!(
        "impressions {}, of which the policy shows {}; effective size {}; weights: mean {:.3}, largest {:.1}",
        count(rows as u64),
        count(shown as u64),
        count(estimate.effective as u64),
        estimate.mean_weight,
        estimate.largest
    );
    let mut parts =
        vec![table(&["reward per impression", "mean", "2.5 %", "97.5 %"], &rows_of, &[1, 2, 3]), weights];
    if !(0.8..=1.25).contains(&estimate.mean_weight) {
        parts.push(paint.yellow(
            "the mean weight is not about 1: check the propensities, and whether what served could have shown all of it",
        ));
    }
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use recommend_training::dataset::libsvm::{FirstIndex, parse};

    use super::*;

    #[test]
    fn a_policy_is_looked_up_by_entity_and_features() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.csv");
        let dataset = parse("1 0:1\n0 0:2\n0 0:1\n", None, FirstIndex::Zero).unwrap();
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Policy::read(&path, &dataset)
                .map(|policy| policy.of(&dataset))
                .map_err(|error| format!("{error:#}"))
        };
        let log = read("entity,0,probability\n0,1,0.5\n1,1,0.25\n2,1,1\n").unwrap();
        let targets: Vec<f32> = log.iter().map(|row| row.target).collect();
        assert_eq!(targets, [0.5, 0.0, 1.0], "entity 1 was shown with another value");
        assert!(read("entity,where,probability\n").unwrap_err().contains("\"where\" is no feature"));
        assert!(read("entity\n0\n").unwrap_err().contains("no column \"probability\""));
        assert!(read("entity,probability\n0,2\n").unwrap_err().contains("line 2: 2 is no probability"));
        assert!(read("entity,probability\n0,1\n0,1\n").unwrap_err().contains("already"));
    }
}
