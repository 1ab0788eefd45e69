//! `alert-digest cluster`: the messages of a file in, their clusters out.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::digest::{Cluster, Message, Options, digest};

/// Cluster the messages of a file or of standard input.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file, one message a line; `-` is standard input.
    file: PathBuf,
    /// The radius as cosine distance, in (0, 2].
    #[arg(long)]
    eps: Option<f64>,
    /// How many messages make a cluster.
    #[arg(long, default_value_t = Options::default().min_samples)]
    min_samples: usize,
    /// Compare the messages as they are, numbers and ids included.
    #[arg(long)]
    no_mask: bool,
}

#[derive(Serialize)]
struct Output<'a> {
    labels: &'a [i32],
    clusters: &'a [Cluster],
}

/// Runs it.
///
/// # Errors
/// When the file cannot be read, or an option makes no sense.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let text = if arguments.file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
        text
    } else {
        std::fs::read_to_string(&arguments.file).with_context(|| arguments.file.display().to_string())?
    };
    let messages: Vec<Message> =
        text.lines().enumerate().map(|(at, line)| Message::new((at + 1).to_string(), line)).collect();
    let options = Options {
        eps: arguments.eps,
        min_samples: arguments.min_samples,
        mask: !arguments.no_mask,
        ..Options::default()
    };
    let digest = digest(&messages, &options, None)?;
    let output = Output { labels: &digest.labels, clusters: &digest.clusters };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &output)?;
    writeln!(out)?;
    Ok(())
}
