//! The `alert-digest` binary: a command line for those without Slack, and the Slack app.

use std::process::ExitCode;

use clap::Parser;

use alert_digest::cli::{self, Command};

fn main() -> ExitCode {
    let result = match cli::Cli::parse().command {
        Command::Cluster(arguments) => cli::cluster::run(&arguments),
        Command::Demo(arguments) => cli::demo::run(&arguments),
        Command::Serve(arguments) => alert_digest::server::arguments::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("alert-digest: {error:#}");
            ExitCode::FAILURE
        }
    }
}
