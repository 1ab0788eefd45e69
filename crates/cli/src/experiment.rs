//! `recommend experiment`: what an experiment has shown so far, and how long the next one will take.

mod args;
mod interleaved;
mod observe;
mod plan;
mod plot;
mod report;
mod show;
mod tally;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::exit::Exit;

use args::ReportArgs;

/// The flags of `recommend experiment`.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    #[command(subcommand)]
    command: ExperimentCommand,
}

#[derive(Debug, Subcommand)]
enum ExperimentCommand {
    /// What each variant has earned, by how much it is better, and whether to believe it
    #[command(after_help = args::REPORT_HELP)]
    Report(Box<ReportArgs>),
    /// How many users and days a lift needs, by the variance of what is logged
    #[command(after_help = plan::HELP)]
    Plan(plan::PlanArgs),
}

/// Runs `recommend experiment`.
///
/// # Errors
/// When the log cannot be read or has nothing of the experiment.
pub(crate) fn run(args: &ExperimentArgs) -> Result<Exit> {
    match &args.command {
        ExperimentCommand::Report(args) => args::run(args),
        ExperimentCommand::Plan(args) => plan::run(args),
    }
}

#[cfg(test)]
mod tests;
