//! `alert-digest demo`: a day of alerts, its digest, and the report.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context;
use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::table;
use crate::demo::{self, Day, Style};
use crate::digest::{Message, Options, digest};
use crate::report;
use crate::store::Report;

/// Make up a day of alerts, digest it, and open the report.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where the report is written.
    #[arg(long, default_value = "alert-digest-demo.html")]
    out: PathBuf,
    /// Fire the alert rules of a Prometheus rule file, or of a folder with some, instead of those that are built in.
    #[arg(long, value_name = "FILE|FOLDER")]
    rules: Option<PathBuf>,
    /// How many messages the day has.
    #[arg(long, default_value_t = 4000)]
    messages: usize,
    /// Another number makes another day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only print where the report is.
    #[arg(long)]
    no_open: bool,
}

/// Runs it.
///
/// # Errors
/// When rules cannot be read or the report cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rules = match &arguments.rules {
        Some(path) => demo::read(path)?,
        None => demo::built_in(),
    };
    let length = SignedDuration::from_hours(24);
    let today = Timestamp::now() - length;
    let texts = |day: Day, rules: &[demo::Rule]| -> Vec<Message> {
        day.alerts(rules).into_iter().map(|alert| alert.message).collect()
    };
    let day = |from, messages, seed| Day { from, length, messages, style: Style::Both, seed };
    // The day before knows some rules not yet, and others fire only then.
    let part = rules.len().div_ceil(8);
    let before =
        texts(day(today - length, arguments.messages, arguments.seed), &rules[part.min(rules.len() - 1)..]);
    let messages = texts(
        day(today, arguments.messages, arguments.seed + 1),
        &rules[..rules.len().saturating_sub(part).max(1)],
    );

    let options = Options::default();
    let before = digest(&before, &options, None)?;
    let digest = digest(&messages, &options, Some(&before))?;
    print!("{}", table::table(&digest));
    let page = report::file(&Report::of("a day that was made up", digest, Timestamp::now()));
    std::fs::write(&arguments.out, page).with_context(|| {
        format!("{} cannot be written: give another path with --out", arguments.out.display())
    })?;
    let path = arguments.out.canonicalize().unwrap_or_else(|_| arguments.out.clone());
    println!("The report is at {}", path.display());
    if !arguments.no_open {
        open(&path);
    }
    Ok(())
}

/// Opens a file as a double click would. Where there is no one to look at it, nothing happens: the path is printed.
fn open(path: &std::path::Path) {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        Command::new("explorer")
    } else if std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some() {
        Command::new("xdg-open")
    } else {
        return;
    };
    let quiet = command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = quiet.spawn() {
        eprintln!("it cannot be opened from here ({error}): open it in a browser");
    }
}
