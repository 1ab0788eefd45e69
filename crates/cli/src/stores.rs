//! `recommend stores`: what is done with the stores themselves.

mod migrate;
mod vectors;
mod verify;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::exit::Exit;

/// Flags of `recommend stores`.
#[derive(Debug, Args)]
pub(crate) struct StoresArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy what a data folder holds into a Redis, a Qdrant (its vectors) or another folder, and compare them
    #[command(after_help = migrate::HELP)]
    Migrate(migrate::MigrateArgs),
}

/// Runs `recommend stores`.
///
/// # Errors
/// Those of the subcommand.
pub(crate) async fn run(args: StoresArgs) -> Result<Exit> {
    match args.command {
        Command::Migrate(args) => migrate::run(args).await,
    }
}
