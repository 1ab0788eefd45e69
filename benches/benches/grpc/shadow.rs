//! What a shadow costs those who are answered: the same server with and without one, asked in turns.
//!
//! `make bench BENCH=grpc ARGS=shadow`. The shadow runs the whole pipeline once more for every request, and the server has
//! one core, so that nothing but its priority keeps it out of the way.

use recommend_benches::{Better, Report};

use crate::load::{Answers, Load, median};
use crate::process::ServerProcess;
use crate::serve::Case;

type Failure = Box<dyn std::error::Error>;

/// Turns that each server has. The median turn is reported: a stall of the machine falls into one of them.
const TURNS: usize = 15;

pub(crate) fn run(report: &mut Report, seconds: f64) -> Result<(), Failure> {
    for (name, case) in Case::all().into_iter().filter(|(_, case)| case.is_logged_and_small()) {
        let servers = [ServerProcess::start(&case)?, ServerProcess::start(&case.clone().with_shadow())?];
        let loads = [Load::new(&servers[0])?, Load::new(&servers[1])?];
        for load in &loads {
            load.closed(16, seconds / 3.0)?;
        }
        let peak = loads[0].closed(64, seconds)?.per_second();
        for (load_name, share) in [("a tenth", 0.1), ("a quarter", 0.25), ("half", 0.5)] {
            let mut turns: [Vec<Answers>; 2] = [Vec::new(), Vec::new()];
            let mut cpu = [0.0; 2];
            for turn in 0..TURNS {
                // Who goes first changes, so that what drifts is shared.
                for at in [turn % 2, 1 - turn % 2] {
                    let before = servers[at].cpu()?;
                    turns[at].push(loads[at].open(peak * share, seconds / 4.0)?);
                    cpu[at] += servers[at].cpu()? - before;
                }
            }
            for (metric, of) in [
                ("p50", (|answers| answers.milliseconds(0.5)) as fn(&Answers) -> f64),
                ("p99", |answers| answers.milliseconds(0.99)),
                ("p99, the median tenth of a second", |answers| answers.calm_milliseconds(0.99)),
            ] {
                let [without, with] = turns.each_ref().map(|turns| median(turns.iter().map(of).collect()));
                let metric = format!("{metric} at {load_name} of the peak, ms");
                report.versus(
                    format!("{name}, with a shadow"),
                    metric,
                    with,
                    "without",
                    without,
                    Better::Less,
                );
            }
            let requests =
                turns.each_ref().map(|turns| turns.iter().map(|turn| turn.answered).sum::<u64>() as f64);
            report.versus(
                format!("{name}, with a shadow"),
                format!("server CPU at {load_name} of the peak, µs/request"),
                cpu[1] / requests[1] * 1e6,
                "without",
                cpu[0] / requests[0] * 1e6,
                Better::Less,
            );
        }
        let [without, with] = servers;
        without.stop()?;
        let ended = with.stop()?;
        let all = (ended.shadows_run + ended.shadows_dropped) as f64;
        report.figure(
            format!("{name}, with a shadow"),
            "shadow runs dropped, the closed-loop warm-up included, %",
            ended.shadows_dropped as f64 / all * 100.0,
        );
    }
    Ok(())
}
