//! `recommend join`: the log's impressions with what answered them, as a dataset to train on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use recommend_core::Name;
use recommend_training::dataset::Combine;

use crate::exit::Exit;

/// What is shown at the end of `recommend join --help`.
pub(crate) const HELP: &str = "\
Each day of the log becomes one file of the dataset, replaced whole. A day whose part of the log has not changed since is
left alone, so run it as often as you like: interactions that came late make it join their days again. The newest minutes
of a running server are not in Parquet yet and take part in a later run.

Examples:
  recommend join --log data/log --corpus channel --source channel-browser --objective click=1,dismiss=-1 --output set
  recommend join --log data/log --corpus user --source people-browser --objective click=1,message=3 --window 6h \\
      --combine sum --above-last-positive --date 2026-03-01 --output set";

/// The flags of `recommend join`.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The event log, or the data folder that it is in
    #[arg(long, value_name = "DIR")]
    log: PathBuf,
    /// The type of entity
    #[arg(long, value_name = "NAME")]
    corpus: Name,
    /// The part of the product that asked
    #[arg(long, value_name = "NAME")]
    source: Name,
    /// What each kind of interaction is worth: click=1,dismiss=-1; other kinds do not count
    #[arg(long, value_name = "KIND=WEIGHT,…", value_parser = objective)]
    objective: Objective,
    /// The dataset to write or to bring up to date
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// How long after a request an interaction still answers it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = recommend_core::duration::parse)]
    window: Duration,
    /// What several interactions with one impression make of its label
    #[arg(long, default_value = "max")]
    combine: CombineArg,
    /// Leave out impressions below the last one of their request with a positive label
    #[arg(long)]
    above_last_positive: bool,
    /// A day to join, as 2026-03-01; several may be given [default: all that the log has]
    #[arg(long, value_name = "DAY")]
    date: Vec<String>,
    /// What the join's state may take in memory, in MiB; beyond it, it goes to disk
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    memory: u32,
    /// Where it goes to on disk [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    temporary: Option<PathBuf>,
    /// Join days again that are up to date
    #[arg(long)]
    force: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

type Objective = BTreeMap<Name, f32>;

fn objective(text: &str) -> Result<Objective, String> {
    recommend_training::dataset::parse_objective(text)
}

/// [`Combine`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CombineArg {
    /// The largest of their weights
    Max,
    /// The sum of their weights
    Sum,
    /// The weight of the first
    First,
    /// The weight of the last
    Last,
}

impl From<CombineArg> for Combine {
    fn from(arg: CombineArg) -> Self {
        match arg {
            CombineArg::Max => Combine::Max,
            CombineArg::Sum => Combine::Sum,
            CombineArg::First => Combine::First,
            CombineArg::Last => Combine::Last,
        }
    }
}

/// Runs `recommend join`.
///
/// # Errors
/// Always: this binary was built without the join.
#[cfg(not(feature = "training"))]
pub(crate) async fn run(args: JoinArgs) -> Result<Exit> {
    let JoinArgs { output, .. } = args;
    anyhow::bail!(
        "cannot join into {}: this binary was built without the join, which takes minutes to build; build it with \
         cargo build --release -p recommend --features training",
        output.display()
    )
}

/// Runs `recommend join`.
///
/// # Errors
/// When the log cannot be read, has nothing of the source, or the dataset cannot be written.
#[cfg(feature = "training")]
pub(crate) async fn run(args: JoinArgs) -> Result<Exit> {
    joined::run(args).await
}

#[cfg(feature = "training")]
mod joined {
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use anyhow::Result;
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    use recommend_training::join::{DayOutcome, JoinOptions, JoinOutcome, JoinSpec, Progress, join};

    use super::JoinArgs;
    use crate::exit::Exit;
    use crate::render::{Paint, count, print, table};

    pub(super) async fn run(args: JoinArgs) -> Result<Exit> {
        let spec = JoinSpec {
            combine: args.combine.into(),
            window: args.window,
            above_last_positive: args.above_last_positive,
            ..JoinSpec::new(args.corpus, args.source, args.objective)
        };
        let options = JoinOptions {
            dates: args.date,
            memory: args.memory as usize * (1 << 20),
            temporary: args.temporary,
            force: args.force,
        };
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(
            "{msg} {bar:30} {percent:>3} %  {human_pos} impressions, {per_sec}  {eta} left",
        ) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        let tell = |progress: Progress<'_>| match progress {
            Progress::Begin { impressions } => bar.set_length(impressions),
            Progress::Day(date) => bar.set_message(date.to_owned()),
            Progress::Impressions(rows) => bar.inc(rows),
        };
        let start = Instant::now();
        let joined = join(&log(&args.log), &args.output, &spec, &options, &tell).await;
        bar.finish_and_clear();
        let outcome = joined?;
        match args.json {
            true => print(&serde_json::to_string_pretty(&outcome)?),
            false => print(&text(&outcome, &args.output, start.elapsed(), Paint::auto())),
        }
        Ok(Exit::Ok)
    }

    /// A data folder's log, when that is what was given.
    fn log(given: &Path) -> PathBuf {
        let inside = given.join("log");
        if !given.join("impressions").exists() && inside.is_dir() { inside } else { given.to_owned() }
    }

    /// What was done, as people read it.
    pub(super) fn text(outcome: &JoinOutcome, output: &Path, elapsed: Duration, paint: Paint) -> String {
        let mut parts = Vec::new();
        let total = outcome.total();
        if !outcome.days.is_empty() {
            let share =
                |day: &DayOutcome| format!("{:.2} %", day.positives as f64 * 100.0 / day.rows.max(1) as f64);
            let row = |name: &str, day: &DayOutcome| {
                let counts =
                    [day.impressions, day.rows, day.requests, day.answers, day.positives, day.negatives];
                let cells = counts.into_iter().map(count);
                [name.to_owned()].into_iter().chain(cells).chain([share(day)]).collect::<Vec<_>>()
            };
            let mut rows: Vec<Vec<String>> = outcome.days.iter().map(|day| row(&day.date, day)).collect();
            if rows.len() > 1 {
                rows.push(row("all", &total));
            }
            let header = [
                "day (UTC)",
                "impressions",
                "rows",
                "requests",
                "interactions",
                "positive",
                "negative",
                "share",
            ];
            parts.push(table(&header, &rows, &[1, 2, 3, 4, 5, 6, 7]));
        }
        let mut lines = Vec::new();
        if outcome.up_to_date > 0 {
            lines.push(format!("days left alone, nothing new for them: {}", outcome.up_to_date));
        }
        if total.duplicates > 0 {
            lines.push(format!("requests that the log held more than once: {}", count(total.duplicates)));
        }
        if total.spilled > 0 {
            let advice = "more --memory makes it faster";
            lines.push(format!(
                "parts that did not fit into memory and went to disk: {}; {advice}",
                total.spilled
            ));
        }
        if outcome.open_segments > 0 {
            let segments = outcome.open_segments;
            lines.push(paint.yellow(&format!(
                "segments of the log that are not Parquet yet: {segments}; they take part in a later run"
            )));
        }
        if !outcome.days.is_empty() && total.answers == 0 {
            lines.push(paint.yellow(
                "no interaction answers any of these: are the kinds of --objective right, and do interactions carry their request's id?",
            ));
        }
        if total.rows > 0 {
            let seconds = elapsed.as_secs_f64().max(1e-3);
            lines.push(paint.dim(&format!(
                "{}: {:.1} MB written in {seconds:.1} s, {} impressions a second",
                output.display(),
                total.bytes as f64 / 1e6,
                count((total.impressions as f64 / seconds) as u64)
            )));
        }
        parts.push(lines.join("\n"));
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_summary_says_what_was_joined_and_what_needs_a_look() {
            let day = |date: &str, answers| DayOutcome {
                date: date.to_owned(),
                impressions: 120_000,
                rows: 119_990,
                requests: 12_000,
                positives: answers / 2,
                negatives: answers / 4,
                answers,
                duplicates: 1,
                spilled: 0,
                bytes: 2_345_678,
            };
            let outcome = JoinOutcome {
                days: vec![day("2026-03-01", 3_000), day("2026-03-02", 5_000)],
                up_to_date: 3,
                open_segments: 1,
            };
            let shown = text(&outcome, Path::new("set"), Duration::from_millis(500), Paint(false));
            let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in [
                "2026-03-01 120,000 119,990 12,000 3,000 1,500 750 1.25 %",
                "all 240,000 239,980 24,000 8,000 4,000 2,000 1.67 %",
                "days left alone, nothing new for them: 3",
                "requests that the log held more than once: 2",
                "segments of the log that are not Parquet yet: 1",
                "set: 4.7 MB written in 0.5 s, 480,000 impressions a second",
            ] {
                assert!(shown.contains(part), "no {part:?} in {shown}");
            }
            let silent = JoinOutcome { days: vec![day("2026-03-01", 0)], ..JoinOutcome::default() };
            let shown = text(&silent, Path::new("set"), Duration::from_secs(1), Paint(false));
            assert!(shown.contains("are the kinds of --objective right"), "{shown}");
        }
    }
}
