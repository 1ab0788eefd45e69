//! The whole server: gRPC `Recommend` over loopback with embedded stores, a linear model and the log on.
//!
//! The server runs in a process of its own, pinned to one core; the load comes from the other one, over several
//! connections, and a Redis, if there is one, belongs there too. First closed-loop for the peak, then open-loop (Poisson
//! arrivals, latency from the intended start) at half of it. The peers are Metarank's published chart (7 ms p50 and 10 ms p99 for 100 items) and, in the same run and at the same
//! rate, a tonic service in the server's place that answers at once: what it takes is the machine's, and no server's.

mod floor;
mod forest;
mod load;
mod log;
mod process;
mod serve;
mod shadow;

use recommend_benches::{Better, Report};

use crate::load::Load;
use crate::process::ServerProcess;

/// As in the `recommend` binary.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Metarank's own chart for 100 items, in milliseconds.
const METARANK: (f64, f64) = (7.0, 10.0);

/// Seconds before each measured load, of the same load.
const WARM_UP: f64 = 1.5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(case) = serve::Case::from_environment() {
        return serve::run(&case);
    }
    process::pin(1)?;
    let seconds: f64 = std::env::var("SECONDS_PER_CASE").ok().and_then(|s| s.parse().ok()).unwrap_or(6.0);
    if std::env::args().any(|argument| argument == "shadow") {
        let mut report = Report::new("shadow");
        shadow::run(&mut report, seconds)?;
        return Ok(report.finish()?);
    }
    if std::env::args().any(|argument| argument == "log") {
        let mut report = Report::new("grpc-log");
        log::run(&mut report, seconds)?;
        return Ok(report.finish()?);
    }
    let mut report = Report::new("grpc");
    let at_once = ServerProcess::start(&serve::Case::floor())?;
    let floor = Load::new(&at_once)?;
    floor.closed(64, seconds / 3.0)?;
    for (name, case) in serve::Case::all() {
        let server = ServerProcess::start(&case)?;
        let load = Load::new(&server)?;
        load.closed(64, seconds / 3.0)?;
        let (before, log_before) = (server.cpu()?, server.cpu_of("log-")?);
        let peak = load.closed(64, seconds)?;
        let cpu = (server.cpu()? - before) / peak.answered as f64;
        let log = (server.cpu_of("log-")? - log_before) / peak.answered as f64;
        report.figure(name, "peak, requests/s on one core", peak.per_second());
        report.figure(name, "server CPU, µs/request", cpu * 1e6);
        report.figure(name, "of it the log's own threads, %", log / cpu * 100.0);
        let mut failed = peak.failed;
        for (load_name, share) in [("a tenth", 0.1), ("a quarter", 0.25), ("half", 0.5)] {
            // What was in its caches has gone while others were measured.
            load.open(peak.per_second() * share, WARM_UP)?;
            let before = server.cpu()?;
            let open = load.open(peak.per_second() * share, seconds)?;
            let busy = (server.cpu()? - before) / open.seconds() * 100.0;
            failed += open.failed;
            let least = floor.open(peak.per_second() * share, seconds)?;
            report.figure(name, format!("server busy at {load_name} of the peak, %"), busy);
            for (metric, quantile, peer) in [("p50", 0.5, METARANK.0), ("p99", 0.99, METARANK.1)] {
                let metric = format!("{metric} at {load_name} of the peak, ms");
                let ours = open.milliseconds(quantile);
                match case.candidates {
                    100 => report.versus(name, metric, ours, "Metarank's chart", peer, Better::Less),
                    _ => report.figure(name, metric, ours),
                }
            }
            for (metric, of) in [
                ("p50", (|answers| answers.milliseconds(0.5)) as fn(&load::Answers) -> f64),
                ("p99", |answers| answers.milliseconds(0.99)),
                ("p99 of the median tenth of a second", |answers| answers.calm_milliseconds(0.99)),
            ] {
                let metric = format!("{metric} at {load_name}, beside the machine's own, ms");
                report.versus(name, metric, of(&open), "tonic answering at once", of(&least), Better::Less);
            }
        }
        report.figure(name, "refused or failed", failed as f64);
        let ended = server.stop()?;
        report.figure(name, "records shed by the log", ended.shed as f64);
    }
    at_once.stop()?;
    // Two servers need two Redis.
    if std::env::var_os("REDIS_URL").is_none() {
        log::run(&mut report, seconds)?;
    }
    report.finish()?;
    Ok(())
}
