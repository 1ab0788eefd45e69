//! What the log costs: the same server with and without one, asked in turns. Who goes first changes, and of all pairs of
//! turns the median counts, so that neither a drift of the machine nor a stall decides. Conversions to Parquet run when a
//! segment is full, in whosever turn that is, and are counted where they belong.

use recommend_benches::{Better, Report};

use crate::load::{Load, median};
use crate::process::ServerProcess;
use crate::serve::Case;

type Failure = Box<dyn std::error::Error>;

/// Turns that each server has.
const TURNS: usize = 30;

pub(crate) fn run(report: &mut Report, seconds: f64) -> Result<(), Failure> {
    for (name, case) in Case::all().into_iter().filter(|(_, case)| case.is_logged_and_small()) {
        let servers = [ServerProcess::start(&case.clone().without_log())?, ServerProcess::start(&case)?];
        let loads = [Load::new(&servers[0])?, Load::new(&servers[1])?];
        for load in &loads {
            load.closed(64, seconds / 3.0)?;
        }
        // The requests' own, the conversions', and what else the log does, of all turns so far.
        let used = |server: &ServerProcess| -> Result<[f64; 3], Failure> {
            let (all, log, converting) =
                (server.cpu()?, server.cpu_of("log-")?, server.cpu_of("log-convert")?);
            Ok([all - log, converting, log - converting])
        };
        let (mut requests, mut log, mut answered) = ([Vec::new(), Vec::new()], [0.0; 2], 0);
        let mut before = [used(&servers[0])?, used(&servers[1])?];
        for turn in 0..TURNS {
            for at in [turn % 2, 1 - turn % 2] {
                let asked = loads[at].closed(64, seconds / 4.0)?.answered;
                let after = used(&servers[at])?;
                requests[at].push((after[0] - before[at][0]) / asked as f64 * 1e6);
                if at == 1 {
                    answered += asked;
                    log = [0, 1].map(|of| log[of] + after[of + 1] - before[at][of + 1]);
                }
                before[at] = after;
            }
        }
        let more: Vec<f64> =
            requests[1].iter().zip(&requests[0]).map(|(with, without)| with - without).collect();
        let without = median(requests[0].clone());
        let handing = median(more);
        let [converting, writing] = log.map(|seconds| seconds / answered as f64 * 1e6);
        let all = handing + converting + writing;
        let case = format!("{name}, in turns with no log");
        let with = without + all;
        report.versus(&case, "server CPU, µs/request", with, "without a log", without, Better::Less);
        report.figure(&case, "share of a request's CPU that the log takes, %", all / with * 100.0);
        report.figure(&case, "of it on the threads that serve, µs/request", handing);
        report.figure(&case, "of it the thread that writes, µs/request", writing);
        report.figure(&case, "of it conversions to Parquet, µs/request", converting);
        for server in servers {
            server.stop()?;
        }
    }
    Ok(())
}
