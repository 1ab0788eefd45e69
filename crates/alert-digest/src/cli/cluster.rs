//! `alert-digest cluster`: the messages of a file in, their clusters out.

use std::io::Write;
use std::path::PathBuf;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use recommend_text::Language;
use serde::Serialize;

use super::input::Input;
use super::table;
use crate::digest::{Algorithm, Cluster, Options, digest};
use crate::report;
use crate::store::Report;

/// Cluster the messages of a file or of standard input.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file; `-` is standard input.
    file: PathBuf,
    #[command(flatten)]
    input: Input,
    /// How to cluster: DBSCAN has one radius for all, HDBSCAN none.
    #[arg(long, value_enum, default_value_t = Choice::Dbscan)]
    algorithm: Choice,
    /// DBSCAN's radius as cosine distance, in (0, 2], or `auto` for the knee of the distances to the nearest neighbours.
    /// By default 0.15.
    #[arg(long)]
    eps: Option<Eps>,
    /// How many messages make a cluster.
    #[arg(long, default_value_t = Options::default().min_samples)]
    min_samples: usize,
    /// Compare the messages as they are, numbers and ids included, as scikit-learn's `TfidfVectorizer` and `DBSCAN` do.
    #[arg(long)]
    no_mask: bool,
    /// Only so many words, the most frequent ones.
    #[arg(long)]
    max_features: Option<usize>,
    /// Leave out the stop words of a language, such as `en`.
    #[arg(long, value_name = "LANGUAGE")]
    stop_words: Option<Language>,
    /// Compare the stems of words in a language, such as `en`.
    #[arg(long, value_name = "LANGUAGE")]
    stem: Option<Language>,
    /// Compare runs of up to so many words too.
    #[arg(long, default_value_t = 1)]
    ngrams: usize,
    #[cfg(feature = "summaries")]
    #[command(flatten)]
    summaries: crate::summaries::Arguments,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    Dbscan,
    Hdbscan,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// A table for a terminal.
    Table,
    /// `{"labels": […], "clusters": […]}`: one label per message in input order, -1 for none.
    Json,
    /// The report as a page, for a browser.
    Html,
}

/// A radius, or that it should be found.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Eps {
    Auto,
    Given(f64),
}

impl std::str::FromStr for Eps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Eps::Auto),
            number => {
                number.parse().map(Eps::Given).map_err(|_| format!("{text:?} is neither a number nor `auto`"))
            }
        }
    }
}

#[derive(Serialize)]
struct Json<'a> {
    labels: &'a [i32],
    clusters: &'a [Cluster],
}

impl Arguments {
    fn options(&self) -> Options {
        Options {
            algorithm: match self.algorithm {
                Choice::Dbscan => Algorithm::Dbscan,
                Choice::Hdbscan => Algorithm::Hdbscan,
            },
            eps: match self.eps {
                Some(Eps::Given(eps)) => Some(eps),
                Some(Eps::Auto) | None => None,
            },
            auto_eps: self.eps == Some(Eps::Auto),
            min_samples: self.min_samples,
            mask: !self.no_mask,
            max_features: self.max_features,
            stop_words: self.stop_words,
            stems: self.stem,
            ngrams: self.ngrams,
            ..Options::default()
        }
    }
}

/// Runs it.
///
/// # Errors
/// When the input cannot be read, an option makes no sense, or the output cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(
        arguments.eps.is_none() || matches!(arguments.algorithm, Choice::Dbscan),
        "--eps is DBSCAN's, HDBSCAN has no radius: leave it out; --min-samples says how dense a cluster is"
    );
    let messages = arguments.input.read(&arguments.file)?;
    #[cfg(feature = "summaries")]
    let summarizer = arguments.summaries.client()?;
    #[allow(unused_mut, reason = "summaries are added to it")]
    let mut digest = digest(&messages, &arguments.options(), None)?;
    #[cfg(feature = "summaries")]
    if let Some(summarizer) = summarizer {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for error in runtime.block_on(crate::digest::summarize(&mut digest, &summarizer)) {
            eprintln!("alert-digest: a cluster has no summary: {error}");
        }
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match arguments.output {
        Output::Table => write!(out, "{}", table::table(&digest))?,
        Output::Json => {
            serde_json::to_writer(&mut out, &Json { labels: &digest.labels, clusters: &digest.clusters })?;
            writeln!(out)?;
        }
        Output::Html => {
            let title = arguments.file.file_name().map(|name| name.to_string_lossy().into_owned());
            let title = title.filter(|name| name != "-").unwrap_or_else(|| "standard input".to_owned());
            write!(out, "{}", report::file(&Report::of(&title, digest, Timestamp::now())))?;
        }
    }
    out.flush()?;
    Ok(())
}
