//! `kill -9` under load: everything that was acknowledged is there, once.
//!
//! The test starts itself as a child that logs as fast as it can and prints what was acknowledged. `KILL_ROUNDS` sets
//! how often it is killed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::*;
use recommend_events::{EventLog, LogOptions, LogReader};

const FOLDER: &str = "RECOMMEND_EVENTS_KILL_FOLDER";
const FIRST: &str = "RECOMMEND_EVENTS_KILL_FIRST";
/// Each round has numbers of its own.
const ROUND: u64 = 1_000_000;

fn options() -> LogOptions {
    // Rolls now and then, so that the child is also killed while it converts.
    LogOptions { flush_interval: Duration::from_millis(2), roll_bytes: 64 << 10, ..LogOptions::default() }
}

/// Not a test of its own: what the child does until it is killed.
#[test]
fn child() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let (log, _) = EventLog::open(folder, options(), KEY).unwrap();
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let log = log.clone();
                tokio::spawn(async move {
                    for n in (first + writer..).step_by(8).take(ROUND as usize / 8) {
                        log.log_request(request(n, 5));
                        log.log_interactions(vec![interaction(n)]).await.unwrap();
                        // A line at a time, straight to the pipe.
                        std::io::stderr().write_all(format!("acknowledged {n}\n").as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

fn start(folder: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_process_is_killed() {
    let rounds = std::env::var("KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12_u64);
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: HashMap<u64, usize> = HashMap::new();
    for round in 0..rounds {
        let mut child = start(folder.path(), round * ROUND);
        // Killed after another number of lines each time, which is at another moment of its work.
        let lines = 1 + (round * 7919) as usize % 997;
        let mut pipe = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut note = |line: std::io::Result<String>| {
            if let Some(n) = line.ok().as_deref().and_then(|line| line.strip_prefix("acknowledged ")) {
                acknowledged.insert(n.parse().unwrap(), 0);
            }
        };
        pipe.by_ref().take(lines).for_each(&mut note);
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still had acknowledged; so short a write to a pipe is whole or not at all.
        pipe.for_each(&mut note);

        let (log, recovery) = EventLog::open(folder.path(), options(), KEY).unwrap();
        assert!(recovery.loss.is_some(), "round {round} was not closed: {recovery}");
        assert!(recovery.unread.is_empty() && recovery.missing == 0, "round {round}: {recovery}");
        log.close().await.unwrap();
    }
    let reader = LogReader::open(folder.path()).unwrap();
    let mut unasked = 0;
    for row in reader.interactions().unwrap() {
        match acknowledged.get_mut(&((row.id.0 - (1 << 100)) as u64)) {
            Some(count) => *count += 1,
            None => unasked += 1,
        }
    }
    let lost: Vec<_> = acknowledged.iter().filter(|(_, count)| **count != 1).collect();
    assert!(lost.is_empty(), "of {} acknowledged, not once: {lost:?}", acknowledged.len());
    // A caller has one call on its way, so a kill leaves at most these written and not answered.
    assert!(unasked <= 8 * rounds, "{unasked} interactions that nobody acknowledged");
    // The request was queued before its interaction, and both went to disk together.
    let requests: std::collections::HashSet<_> =
        reader.requests().unwrap().iter().map(|row| (row.request.0 >> 64) as u64).collect();
    assert!(acknowledged.keys().all(|n| requests.contains(n)));
}
