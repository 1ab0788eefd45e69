//! `recommend stores`: what is done with the stores themselves.

mod migrate;
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
    /// Copy catalog, features and interactions of a data folder into a Redis or another folder, and compare them
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
