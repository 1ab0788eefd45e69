//! The join: impressions a second on one core and on all, and its memory as the log grows; Polars and pandas beside it.
//!
//! ```text
//! make bench BENCH=join                                   1, 4 and 16 million impressions; brings the peers into .deps
//! make bench BENCH=join ARGS="1000000 50000000"           other sizes; the first one is the peers'
//! ```
//!
//! Each join runs in a process of its own, so that its peak memory is its own; what is compared with peers runs three
//! times in turns, and the least of CPU time and of memory counts, because other work on the machine only adds. The log is one day of requests with 10
//! impressions of 20 features, 5 % of which are answered, written by the event log itself. Everyone reads the same
//! Parquet files and writes one Parquet file of the same columns; that labels agree is checked.

mod child;
mod log;
mod peers;

use std::error::Error;
use std::path::Path;
use std::process::Command;

use recommend_benches::{Better, Report};
use serde::Deserialize;

/// As in the program that joins.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What one run of a join says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    /// By the clock.
    seconds: f64,
    /// Of all threads.
    cpu_seconds: f64,
    /// The most memory that it had.
    peak_mib: f64,
    rows: u64,
    positives: u64,
    /// The bytes that it wrote.
    bytes: u64,
}

impl Run {
    /// Keeps the smaller time and memory of two runs of the same.
    fn least(&mut self, other: &Run) {
        self.seconds = self.seconds.min(other.seconds);
        self.cpu_seconds = self.cpu_seconds.min(other.cpu_seconds);
        self.peak_mib = self.peak_mib.min(other.peak_mib);
    }
}

/// How often what is compared runs.
const TURNS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(log) = std::env::var_os(child::LOG) {
        return child::run(Path::new(&log));
    }
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000_000, 4_000_000, 16_000_000] } else { sizes };
    let mut report = Report::new("join");
    for (at, size) in sizes.iter().enumerate() {
        let case = format!("{:.0} million impressions", *size as f64 / 1e6);
        let folder = tempfile::tempdir()?;
        eprintln!("{case}: writing the log");
        log::write(folder.path(), *size)?;
        eprintln!("{case}: joining");
        let mut alone = ours(folder.path(), true)?;
        // Of CPU time: by the clock, whatever else the machine does would count too.
        let rate = |run: &Run| run.rows as f64 / run.cpu_seconds;
        if at == 0 {
            let mut theirs: Vec<(String, Run)> = Vec::new();
            for turn in 0..TURNS {
                if turn > 0 {
                    alone.least(&ours(folder.path(), true)?);
                }
                for (name, peer) in peers::run(folder.path())? {
                    if (peer.rows, peer.positives) != (alone.rows, alone.positives) {
                        return Err(format!("{name} disagrees: {peer:?}, ours {alone:?}").into());
                    }
                    match theirs.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, best)) => best.least(&peer),
                        None => theirs.push((name, peer)),
                    }
                }
            }
            for (name, peer) in theirs {
                report.versus(&case, "a second and core", rate(&alone), &name, rate(&peer), Better::More);
                report.versus(&case, "peak MiB", alone.peak_mib, &name, peer.peak_mib, Better::Less);
                report.versus(&case, "bytes a row", per_row(&alone), &name, per_row(&peer), Better::Less);
            }
        }
        let all = ours(folder.path(), false)?;
        report.versus(&case, "a second and core", rate(&alone), "the aim", 1.5e6, Better::More);
        report.figure(&case, "a second on all cores, by the clock", all.rows as f64 / all.seconds);
        report.figure(&case, "peak MiB, one core", alone.peak_mib);
        report.versus(&case, "peak MiB, all cores", all.peak_mib, "the bound", 512.0, Better::Less);
        report.figure(&case, "positive labels", alone.positives as f64);
    }
    report.finish()?;
    Ok(())
}

fn per_row(run: &Run) -> f64 {
    run.bytes as f64 / run.rows as f64
}

/// Our join in a process of its own.
fn ours(log: &Path, one_core: bool) -> Result<Run, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(child::LOG, log);
    if one_core {
        command.env(child::ONE_CORE, "1");
    }
    parse(command)
}

pub(crate) fn parse(mut command: Command) -> Result<Run, Box<dyn Error>> {
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
