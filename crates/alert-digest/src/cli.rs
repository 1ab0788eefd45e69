//! The command line, one file per subcommand.

pub mod cluster;
pub mod demo;
mod input;
mod table;

use clap::{Parser, Subcommand};

/// Turns a flooded alert channel into a short report.
#[derive(Debug, Parser)]
#[command(name = "alert-digest", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Cluster the messages of a file or of standard input.
    Cluster(cluster::Arguments),
    /// Make up a day of alerts, digest it, and open the report.
    Demo(demo::Arguments),
    /// Serve the Slack app.
    ///
    /// Each secret is a variable, or a file named by the variable with _FILE at its end, as container platforms mount
    /// them. Secrets are no flags: those can be read by everybody on the machine.
    Serve(Box<crate::server::arguments::Arguments>),
}
