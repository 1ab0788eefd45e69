//! The flags of `recommend embed text`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use recommend_core::{Name, duration};

use crate::exit::Usage;
use crate::import::args::ReadArgs;
use crate::import::mapping::Assignment;

/// What is shown at the end of `recommend embed text --help`.
pub(crate) const HELP: &str = "\
Fields: text, time, and user or entity or both: a message counts for who wrote it and for what it was written in. A field
that is not mapped is read from the column of its own name, if there is one. Of an export of Slack, what people wrote in
channels is read; what they wrote to each other is not.

A text is held in memory while it is embedded. What is stored is one vector for each user and entity: the mean of their
messages, in which older ones count less. A feature of the kind `cosine` says how near two of them are; nothing gives out a
vector. Running it again on all messages gives the same; --add counts further ones.

Examples:
  recommend embed text --input messages.csv --map entity=channel --map time=ts --model all-MiniLM-L6-v2 \\
      --embedding topics --tenant acme --config recommend.toml
  recommend embed text --slack export.zip --model all-MiniLM-L6-v2 --embedding topics --tenant acme --data data";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct TextArgs {
    /// CSV, TSV, JSON Lines (each also gzipped) or Parquet; may be repeated
    #[arg(long, value_name = "FILE", required_unless_present = "slack")]
    pub(crate) input: Vec<PathBuf>,
    /// An export of Slack: a folder, its zip, or a file of Events API payloads (one JSON per line)
    #[arg(long, value_name = "PATH", conflicts_with = "input")]
    pub(crate) slack: Option<PathBuf>,
    /// Of an export of Slack: what the entities are
    #[arg(long, value_enum, default_value_t = Of::Channel, requires = "slack")]
    pub(crate) of: Of,
    /// Where a field comes from: FIELD=COLUMN, or FIELD==CONSTANT
    #[arg(long, value_name = "FIELD=COLUMN", conflicts_with = "slack")]
    pub(crate) map: Vec<Assignment>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// The folder of the model: config.json, tokenizer.json, model.safetensors
    #[arg(long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// What the vector store calls it
    #[arg(long, value_name = "NAME")]
    pub(crate) embedding: Name,
    /// The tenant whose messages these are
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// The data folder to write into; no server may have it open
    #[arg(long, value_name = "DIR", required_unless_present = "config")]
    pub(crate) data: Option<PathBuf>,
    /// A configuration, for its data folder
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// After how long a message counts half
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration::parse)]
    pub(crate) half_life: Duration,
    /// Count these messages on top of those that are in the vectors already, instead of anew
    #[arg(long)]
    pub(crate) add: bool,
    /// Where file, line and reason go of rows that cannot be read [default: FILE.rejects.csv in the current folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) rejects: Option<PathBuf>,
}

/// What the entities of an export of Slack are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Of {
    /// The channels that messages are in
    Channel,
    /// The people who wrote them, for a corpus of people
    User,
}

impl TextArgs {
    /// # Errors
    /// When flags do not fit together.
    pub(crate) fn check(&self) -> Result<()> {
        if self.half_life.is_zero() {
            return Err(Usage(
                "--half-life 0: choose for example 90d, or 100y for messages that never age".into(),
            )
            .into());
        }
        Ok(())
    }
}
