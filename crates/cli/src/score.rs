//! `recommend score`: the scores of a model for the rows of a file.

pub(crate) mod input;
mod libsvm;
mod parquet;
mod text;

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use recommend_models::Explain;
use recommend_models::xgboost::{Booster, Iterations, LoadOptions};

use self::input::{Input, InputArgs};
use crate::exit::{Exit, Usage};

/// What is shown at the end of `recommend score --help`.
pub(crate) const HELP: &str = "\
One line of output a row, at full precision. Columns of CSV and Parquet are matched to the model's features by name, or by
position where a model or a file has no names; other columns are ignored. What is missing is an empty cell, `nan`, or,
in libsvm, absent. A model of several classes gives as many numbers a line, or the one that --class chooses.

Examples:
  recommend score --model model.ubj --input rows.csv
  recommend score --model model.json --input rows.libsvm --one-based --margin --output scores.txt
  recommend score --model model.ubj --input rows.parquet --contributions > shap.csv";

/// The flags of `recommend score`.
#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// The model, as XGBoost saved it (JSON or UBJSON)
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    input: InputArgs,
    /// Raw scores, before the objective's link
    #[arg(long)]
    margin: bool,
    /// What each feature adds to the raw score (SHAP), and last the bias
    #[arg(long, conflicts_with = "margin")]
    contributions: bool,
    /// The class to score, from 0
    #[arg(long, value_name = "K")]
    class: Option<usize>,
    #[command(flatten)]
    rounds: Rounds,
    /// Where to write to; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Which boosting rounds count.
#[derive(Debug, Args)]
pub(crate) struct Rounds {
    /// Which boosting rounds count: best (up to the best one, where training stopped early), all, or a number
    #[arg(long, value_name = "ROUNDS", default_value = "best", value_parser = rounds)]
    iterations: Iterations,
}

fn rounds(text: &str) -> Result<Iterations, String> {
    match text {
        "best" => Ok(Iterations::Best),
        "all" => Ok(Iterations::All),
        number => {
            number.parse().map(Iterations::First).map_err(|_| "write best, all, or a number".to_owned())
        }
    }
}

impl Rounds {
    pub(crate) fn options(&self) -> LoadOptions {
        LoadOptions { iterations: self.iterations, ..LoadOptions::default() }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated, with or without a header
    Csv,
    /// `label index:value …`
    Libsvm,
    /// Parquet
    Parquet,
}

/// Runs `recommend score`.
///
/// # Errors
/// When the model or the input cannot be read, or the output not be written.
pub(crate) fn run(args: &ScoreArgs) -> Result<Exit> {
    let booster = Booster::open(&args.model, &args.rounds.options())
        .with_context(|| format!("{}", args.model.display()))?;
    let groups = booster.groups();
    if let Some(class) = args.class.filter(|class| *class >= groups) {
        bail!(Usage(format!("--class {class}: the model's classes are 0 to {}", groups - 1)));
    }
    if args.contributions && groups > 1 && args.class.is_none() {
        bail!(Usage(format!(
            "--contributions of a model of {groups} classes need --class 0 to {}",
            groups - 1
        )));
    }
    let mut input = Input::open(&args.input, &booster)?;
    let stdout = args.output.as_os_str() == "-";
    let sink: Box<dyn Write> = if stdout {
        Box::new(std::io::stdout().lock())
    } else {
        let file = std::fs::File::create(&args.output);
        Box::new(file.with_context(|| format!("cannot write {}", args.output.display()))?)
    };
    match write(args, &booster, &mut input, BufWriter::new(sink)) {
        // A reader that has seen enough (`| head`) ends the output, not the program.
        Err(error) if is_closed_pipe(&error) => Ok(Exit::Ok),
        other => other.map(|()| Exit::Ok),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn write(args: &ScoreArgs, booster: &Booster, input: &mut Input, mut sink: impl Write) -> Result<()> {
    let (features, groups) = (booster.features(), booster.groups());
    let width = if args.contributions { groups * (features + 1) } else { groups };
    let mut values = Vec::new();
    while let Some(rows) = input.next_rows()? {
        values.clear();
        values.resize(rows.len() * width, 0.0);
        if args.contributions {
            booster.contributions(&rows, &mut values)?;
        } else if args.margin {
            booster.margins(&rows, &mut values);
        } else {
            booster.predict(&rows, &mut values);
        }
        for row in values.chunks_exact(width) {
            let part = width / groups;
            let shown = match args.class {
                Some(class) => &row[class * part..][..part],
                None => row,
            };
            let mut joint = "";
            for value in shown {
                // The shortest decimal that reads back as the same f32.
                write!(sink, "{joint}{value}")?;
                joint = ",";
            }
            writeln!(sink)?;
        }
    }
    sink.flush()?;
    Ok(())
}
