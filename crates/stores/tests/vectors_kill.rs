//! `kill -9` while vectors are written: what was acknowledged is there, and what was deleted is not.
//!
//! The test starts itself as a child that writes as fast as it can and prints what was acknowledged. `KILL_ROUNDS` sets
//! how often it is killed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use recommend_core::{Name, TenantId};
use recommend_stores::vectors::{
    Comparison, EmbeddedVectors, GraphOptions, Place, Precision, Probe, Shape, VectorOptions, VectorStore,
};

const FOLDER: &str = "RECOMMEND_VECTORS_KILL_FOLDER";
const FIRST: &str = "RECOMMEND_VECTORS_KILL_FIRST";
/// Each round has numbers of its own.
const ROUND: u64 = 1_000_000;
/// How many vectors a write has.
const TOGETHER: u64 = 5;

fn open(folder: &Path) -> EmbeddedVectors {
    // A graph from the first vector on, so that the child is also killed while it links.
    let graph = GraphOptions { links: 8, build_width: 32, search_width: 32 };
    EmbeddedVectors::open(folder, VectorOptions { scan_up_to: 0, graph }).unwrap()
}

fn place() -> Place {
    Place::entities(TenantId(1), &Name::literal("films"))
}

fn vector(id: u64) -> Vec<f32> {
    (0..8).map(|at| ((id * 31 + at * 17) % 101) as f32 - 50.0).collect()
}

/// Not a test of its own: what the child does until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let store = open(folder.as_ref());
    let shape = Shape { dimension: 8, comparison: Comparison::Dot, precision: Precision::F32 };
    store.define(TenantId(1), &place().embedding, shape).await.unwrap();
    for write in first..first + ROUND / TOGETHER {
        let ids: Vec<u64> = (0..TOGETHER).map(|at| write * TOGETHER + at).collect();
        let vectors: Vec<(u64, Vec<f32>)> = ids.iter().map(|id| (*id, vector(*id))).collect();
        store.upsert(&place(), &vectors).await.unwrap();
        // The first of each write goes again.
        store.delete(&place(), &ids[..1]).await.unwrap();
        std::io::stderr().write_all(format!("acknowledged {write}\n").as_bytes()).unwrap();
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_comes_back_when_the_process_is_killed() {
    let rounds = std::env::var("KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6_u64);
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<u64> = Vec::new();
    for round in 0..rounds {
        let mut child = start(folder.path(), round * ROUND);
        // Killed after another number of lines each time, which is at another moment of its work.
        let lines = 1 + (round * 7_919) as usize % 61;
        let mut pipe = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut note = |line: std::io::Result<String>| {
            if let Some(n) = line.ok().as_deref().and_then(|line| line.strip_prefix("acknowledged ")) {
                acknowledged.push(n.parse().unwrap());
            }
        };
        pipe.by_ref().take(lines).for_each(&mut note);
        child.kill().unwrap();
        child.wait().unwrap();
        pipe.for_each(&mut note);

        let store = open(folder.path());
        let ids: Vec<u64> = acknowledged
            .iter()
            .flat_map(|write| (0..TOGETHER).map(move |at| write * TOGETHER + at))
            .collect();
        // The second axis alone, so that a similarity is the number that was written there.
        let axis: Vec<f32> = (0..8).map(|at| if at == 1 { 1.0 } else { 0.0 }).collect();
        let found = store.similarities(&place(), &Probe::Vector(axis), &ids).await.unwrap();
        for (id, found) in ids.iter().zip(found) {
            match id % TOGETHER {
                0 => assert!(found.is_nan(), "round {round}: {id} was deleted"),
                _ => assert!((found - vector(*id)[1]).abs() < 1e-3, "round {round}: {id} is {found}"),
            }
        }
    }
    assert!(acknowledged.len() as u64 >= rounds);
}
