//! The process that joins: once, and then it says what it took.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use recommend_core::Name;
use recommend_training::dataset::parse_objective;
use recommend_training::join::{JoinOptions, JoinSpec, join};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Names the log, and makes the bench this process.
pub(crate) const LOG: &str = "RECOMMEND_BENCH_JOIN_LOG";
/// Keeps it on one core.
pub(crate) const ONE_CORE: &str = "RECOMMEND_BENCH_JOIN_ONE_CORE";

pub(crate) fn run(log: &Path) -> Result<(), Box<dyn Error>> {
    let one_core = std::env::var_os(ONE_CORE).is_some();
    if one_core {
        let mut cores = CpuSet::new();
        cores.set(0);
        sched_setaffinity(None, &cores)?;
    }
    let output = tempfile::tempdir()?;
    let objective = parse_objective("click=1,message=3,dismiss=-1")?;
    let spec = JoinSpec::new(Name::literal("channel"), Name::literal("channel-browser"), objective);
    let threads = if one_core { 1 } else { std::thread::available_parallelism()?.get() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let started = Instant::now();
    let options = JoinOptions::default();
    let outcome = runtime.block_on(join(log, output.path(), &spec, &options, &|_| ()))?.total();
    let seconds = started.elapsed().as_secs_f64();
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    println!(
        "{}",
        serde_json::json!({
            "seconds": seconds,
            "cpu_seconds": cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            "peak_mib": peak_mib()?,
            "rows": outcome.rows,
            "positives": outcome.positives,
            "bytes": outcome.bytes,
        })
    );
    Ok(())
}

/// The most memory that this process had resident.
fn peak_mib() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
