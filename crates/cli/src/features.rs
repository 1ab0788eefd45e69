//! `recommend features`: what each declared feature is, and computing from the log what the stores should hold.

mod backfill;
mod describe;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::exit::Exit;

/// Flags of `recommend features`.
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every declared feature: kind, scope, what it reads, how it is computed, who uses it
    #[command(after_help = describe::HELP)]
    Describe(describe::DescribeArgs),
    /// Write the interactions of the event log into the stores, from which all windowed features are computed
    #[command(after_help = backfill::HELP)]
    Backfill(backfill::BackfillArgs),
}

/// Runs `recommend features`.
///
/// # Errors
/// Those of the subcommand.
pub(crate) async fn run(args: FeaturesArgs) -> Result<Exit> {
    match args.command {
        Command::Describe(args) => describe::run(&args),
        Command::Backfill(args) => backfill::run(args).await,
    }
}
