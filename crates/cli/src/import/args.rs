//! The flags of `recommend import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use recommend_core::Name;

use super::attributes::AttributeRule;
use super::condition::Condition;
use super::mapping::Assignment;
use super::table::{Format, TableOptions};
use super::ties::TieKinds;
use super::time::{TimeRule, TimeUnit, zone};
use crate::exit::Usage;
use crate::target::Destination;

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) command: ImportCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// What users did: clicks, joins, messages, ratings…
    #[command(after_help = INTERACTIONS_HELP)]
    Interactions(InteractionArgs),
    /// Entities with their attributes.
    #[command(after_help = ENTITIES_HELP)]
    Entities(EntityArgs),
    /// Ties between users and entities: member, dismissed…
    #[command(after_help = RELATIONS_HELP)]
    Relations(RelationArgs),
    /// What another system showed, with propensities, features and what came of it, for training
    #[command(after_help = super::impressions::HELP)]
    Impressions(Box<super::impressions::ImpressionArgs>),
    /// A Slack workspace export: users, channels, messages, joins, reactions.
    #[command(after_help = SLACK_HELP)]
    Slack(SlackArgs),
}

const INTERACTIONS_HELP: &str = "\
Fields: user, entity, kind, time (needed), corpus (or --corpus), value, request, id. A field that is not mapped is read
from the column of its own name, if there is one. Kinds become names: \"Page View\" is page_view.

An interaction is recorded once under its id. Without --map id=COLUMN the id is a hash of the mapped fields and of how
many identical rows came before in the file, so importing a file again adds nothing.

Examples:
  recommend import interactions events.csv --data data --tenant acme --corpus channel \\
      --map entity=channel --map time=ts --map value=text_len \\
      --relation-add member=channel_join --relation-remove member=channel_leave
  recommend import interactions ratings.csv --config recommend.toml --tenant news --corpus article --kind rating \\
      --map user=reader --map entity=articleId --map time=createdAt --map value=answer --where removedAt=NA
  recommend import interactions clicks.jsonl.gz --to 127.0.0.1:50051 --tenant acme --corpus channel \\
      --map user=actor.id --map entity=item.channel --map kind==click --map time=at";

const ENTITIES_HELP: &str = "\
Examples:
  recommend import entities channels.csv --data data --tenant acme --corpus channel --map id=channel \\
      --attr created:time=created --attr private:bool==false
  recommend import entities users.csv --data data --tenant acme --corpus user --map id=user_id \\
      --all-attributes --except name --except email";

const RELATIONS_HELP: &str = "\
Examples:
  recommend import relations members.csv --data data --tenant acme --corpus channel --kind member --map since=joined";

const SLACK_HELP: &str = "\
Writes users (deactivated, bot, admin, guest, tz_offset; no names, no addresses), channels (private, archived, general,
created, owner) with their members, and interactions: message and reply (their value is the length of the text),
channel_join, channel_leave and reaction on channels; mention, reply, reaction and dm between users. Of the texts
nothing but length and mentioned ids is kept.

Examples:
  recommend import slack export.zip --data data --tenant acme
  recommend import slack ./export --to 127.0.0.1:50051 --tenant acme";

/// How a file is read as a table: flags of everything that reads one.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Read only rows where COLUMN=VALUE or COLUMN!=VALUE; several must all hold
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub(crate) conditions: Vec<Condition>,
    /// The files' format [default: by their names]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// What separates the cells of a CSV
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// A word that stands for a missing value, besides the empty cell
    #[arg(long, value_name = "WORD", default_values = ["NA", "NULL", "null"])]
    pub(crate) missing: Vec<String>,
    /// What numbers mean as times
    #[arg(long, default_value = "auto")]
    pub(crate) time_unit: TimeUnit,
    /// The zone of times that do not say: UTC, Europe/Berlin, +02:00
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) timezone: String,
}

impl ReadArgs {
    /// How to read times.
    ///
    /// # Errors
    /// When the zone is none.
    pub(crate) fn times(&self) -> Result<TimeRule> {
        Ok(TimeRule { unit: self.time_unit, zone: zone(&self.timezone).map_err(Usage)? })
    }

    /// How to read the files.
    pub(crate) fn table_options(&self) -> TableOptions {
        TableOptions { format: self.format, delimiter: self.delimiter, missing: self.missing.clone() }
    }
}

/// Flags of all imports from tables.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// CSV, TSV, JSON Lines (each also gzipped) or Parquet files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where a field comes from: FIELD=COLUMN, or FIELD==CONSTANT
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub(crate) map: Vec<Assignment>,
    /// The corpus of the entities; short for --map corpus==NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) corpus: Option<Name>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Where rows go that cannot be imported [default: FILE.rejects.csv in the current folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) rejects: Option<PathBuf>,
    /// Read and check everything, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InteractionArgs {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// The kind of all interactions; short for --map kind==NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) kind: Option<Name>,
    /// Kinds that tie the user to the entity: member=channel_join,message
    #[arg(long, value_name = "RELATION=KINDS")]
    pub(crate) relation_add: Vec<TieKinds>,
    /// Kinds that end the tie: member=channel_leave
    #[arg(long, value_name = "RELATION=KINDS")]
    pub(crate) relation_remove: Vec<TieKinds>,
    /// What identical rows of a file without ids are
    #[arg(long, default_value = "each")]
    pub(crate) identical_rows: IdenticalRows,
}

/// What identical rows of one file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IdenticalRows {
    /// Each is an interaction of its own.
    Each,
    /// They are one interaction that was delivered more than once.
    Once,
}

#[derive(Debug, Args)]
pub(crate) struct EntityArgs {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// An attribute: NAME[:TYPE]=COLUMN or NAME[:TYPE]==CONSTANT; types are bool, number, time, word, id
    #[arg(long, value_name = "NAME:TYPE=COLUMN")]
    pub(crate) attr: Vec<AttributeRule>,
    /// Make every other column an attribute too, its type told from its values
    #[arg(long)]
    pub(crate) all_attributes: bool,
    /// A column that --all-attributes leaves out
    #[arg(long, value_name = "COLUMN", requires = "all_attributes")]
    pub(crate) except: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RelationArgs {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// The kind of all relations; short for --map kind==NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) kind: Option<Name>,
}

#[derive(Debug, Args)]
pub(crate) struct SlackArgs {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// The export: a folder, its zip, or a file of Events API payloads (one JSON per line)
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Where go what cannot be read [default: PATH.rejects.csv in the current folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) rejects: Option<PathBuf>,
    /// Read and check everything, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [b'\\', b't'] => Ok(b'\t'),
        [byte] => Ok(*byte),
        _ => Err("a delimiter is one ASCII character, or \\t".into()),
    }
}
