//! `recommend query`: asks a recommender and shows the answer, with the reasons on request.

mod ask;
mod json;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use recommend_core::Name;
use recommend_server::proto::RecommendRequest;

use crate::exit::Exit;
use crate::import::time;
use crate::render::{Paint, print};
use crate::sink::timestamp;

/// What is shown at the end of `recommend query --help`.
pub(crate) const HELP: &str = "\
Examples:
  recommend query --config recommend.toml --tenant acme --corpus channel --source channel-browser --user U024BE7LH
  recommend query --to 127.0.0.1:50051 --tenant acme --corpus channel --source channel-browser --user U024BE7LH --explain
  recommend query --to 127.0.0.1:50051 … --why-not C024BE91L";

/// The flags of `recommend query`.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// The type of entity wanted
    #[arg(long)]
    corpus: Name,
    /// The part of the product that asks
    #[arg(long)]
    source: Name,
    /// The tenant whose data may be used
    #[arg(long)]
    tenant: String,
    /// Who asks
    #[arg(long)]
    user: String,
    /// How many at most
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// An entity already chosen, such as a person in the conversation; may be repeated
    #[arg(long, value_name = "ID")]
    seed_entity: Vec<String>,
    /// A candidate that the product proposes itself; may be repeated
    #[arg(long, value_name = "ID")]
    candidate: Vec<String>,
    /// A number that the product knows about this request; may be repeated
    #[arg(long, value_name = "NAME=NUMBER", value_parser = context)]
    context: Vec<(String, f32)>,
    /// Show for each recommendation who proposed it, what each feature added, and who moved it
    #[arg(long)]
    explain: bool,
    /// Tell in a sentence what became of this entity
    #[arg(long, value_name = "ID")]
    why_not: Option<String>,
    /// Answer as of this time: 2024-01-31, "2024-01-31 12:00:00" (UTC), epoch seconds [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<recommend_core::Timestamp>,
    /// The seed of all randomness, to get the same answer again
    #[arg(long, value_name = "NUMBER")]
    random_seed: Option<u64>,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = recommend_core::duration::parse)]
    timeout: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    whom: Whom,
}

/// Whom to ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whom to ask")]
pub(crate) struct Whom {
    /// The gRPC address of a running server
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["config", "data"])]
    pub(crate) to: Option<String>,
    /// A configuration: its recommenders are run here over its data folder, or by the server that holds the folder
    #[arg(long, value_name = "FILE", required_unless_present = "to")]
    pub(crate) config: Option<PathBuf>,
    /// Another data folder than the configuration's
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

fn context(text: &str) -> Result<(String, f32), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=NUMBER")?;
    let value: f32 = value.parse().map_err(|_| format!("{value:?} is no number"))?;
    if value.is_finite() { Ok((name.to_owned(), value)) } else { Err("must be finite".into()) }
}

fn moment(text: &str) -> Result<recommend_core::Timestamp, String> {
    time::argument(text)
}

impl QueryArgs {
    fn request(&self) -> RecommendRequest {
        RecommendRequest {
            tenant: self.tenant.clone(),
            user: self.user.clone(),
            corpus: self.corpus.to_string(),
            source: self.source.to_string(),
            limit: self.limit,
            context: self.context.iter().cloned().collect(),
            seeds: self.seed_entity.clone(),
            candidates: self.candidate.clone(),
            explain: self.explain,
            why_not: self.why_not.clone().unwrap_or_default(),
            time: self.at.map(timestamp),
            seed: self.random_seed,
        }
    }
}

/// Runs `recommend query`.
///
/// # Errors
/// When nobody can be asked, or the answer is an error.
pub(crate) async fn run(args: QueryArgs) -> Result<Exit> {
    let request = args.request();
    let response = ask::ask(&args.whom, request.clone(), args.timeout).await?;
    if args.json {
        print(&serde_json::to_string_pretty(&json::response(&response))?);
    } else {
        print(&show::response(&request, &response, Paint::auto()));
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_value_is_a_name_and_a_finite_number() {
        assert_eq!(context("hour=9.5"), Ok(("hour".to_owned(), 9.5)));
        for bad in ["hour", "hour=", "hour=noon", "hour=inf"] {
            assert!(context(bad).is_err(), "{bad}");
        }
    }
}
