//! What was acknowledged is there: after closing, after `kill -9`, and never as anything else after damage.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{batch, codec, everything, run};
use rand::{RngExt, SeedableRng};
use recommend_core::TenantId;
use recommend_stores::{OpenOptions, Recovered, StoreError, Stores, WriteOutcome};

fn open(folder: &Path) -> Result<(Stores, Recovered), StoreError> {
    Stores::open(folder, codec(), OpenOptions::default())
}

fn write(stores: &Stores, number: u64) -> WriteOutcome {
    let (tenant, batch) = batch(number);
    run(stores.writer.write(tenant, batch)).unwrap()
}

#[test]
fn closing_and_opening_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let in_memory = Stores::in_memory(codec());
    for round in 0..4 {
        let (stores, recovered) = open(folder.path()).unwrap();
        assert_eq!(everything(&stores), everything(&in_memory));
        assert_eq!(recovered.interactions > 0, round > 0);
        for number in round * 40..(round + 1) * 40 {
            assert_eq!(write(&stores, number), write(&in_memory, number));
        }
        assert_eq!(everything(&stores), everything(&in_memory));
        if round % 2 == 0 {
            run(stores.close()).unwrap();
        }
    }
}

#[test]
fn writing_everything_again_changes_nothing_and_leaves_the_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (stores, _) = open(folder.path()).unwrap();
    // The last state of each thing, once: a history that goes back and forth would not settle.
    let numbers = [1, 3, 7, 13];
    for number in numbers {
        write(&stores, number);
    }
    let before = everything(&stores);
    run(stores.close()).unwrap();
    let bytes = std::fs::read(folder.path().join("stores.redb")).unwrap();
    let (stores, _) = open(folder.path()).unwrap();
    let opened = std::fs::read(folder.path().join("stores.redb")).unwrap();
    assert_eq!(write(&stores, 13).accepted, 0);
    assert_eq!(everything(&stores), before);
    assert_eq!(std::fs::read(folder.path().join("stores.redb")).unwrap(), opened);
    assert_eq!(bytes.len(), opened.len());
}

#[test]
fn batches_of_many_callers_share_transactions_and_all_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let (stores, _) = open(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let writes = (0..200).map(|number| {
            let (stores, (tenant, mut batch)) = (stores.clone(), batch(number));
            // Interactions do not depend on the order in which the batches arrive.
            batch.entities.clear();
            batch.relations.clear();
            batch.features.clear();
            tokio::spawn(async move { stores.writer.write(tenant, batch).await })
        });
        for write in writes.collect::<Vec<_>>() {
            write.await.unwrap().unwrap();
        }
    });
    let before = everything(&stores);
    drop(stores);
    assert_eq!(everything(&open(folder.path()).unwrap().0), before);
}

#[test]
fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let (stores, _) = open(folder.path()).unwrap();
    let second = open(folder.path()).map(drop);
    assert!(matches!(&second, Err(StoreError::InUse(path)) if path == folder.path()), "{second:?}");
    run(stores.close()).unwrap();
    open(folder.path()).unwrap();
    let (tenant, late) = batch(1);
    let late = run(stores.writer.write(tenant, late));
    assert!(matches!(late, Err(StoreError::Closed(_))), "{late:?}");
}

/// Cuts and flips at many places of the file: it is refused, or all is there.
#[test]
fn a_damaged_file_is_refused_or_harmless_and_never_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (stores, _) = open(folder.path()).unwrap();
    for number in 0..120 {
        write(&stores, number);
    }
    let held = everything(&stores);
    run(stores.close()).unwrap();
    let path = folder.path().join("stores.redb");
    let good = std::fs::read(&path).unwrap();
    let mut random = rand::rngs::StdRng::seed_from_u64(5);
    let (mut refused, mut harmless) = (0, 0);
    for round in 0..150 {
        let mut bad = good.clone();
        match round % 3 {
            0 => bad.truncate(random.random_range(0..good.len())),
            1 => {
                let at = random.random_range(0..good.len());
                bad[at] ^= 1 << random.random_range(0..8);
            }
            _ => {
                let at = random.random_range(0..good.len() - 600);
                bad[at..at + 600].fill(random.random());
            }
        }
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("stores.redb"), &bad).unwrap();
        match open(copy.path()) {
            Ok((stores, _)) => {
                assert_eq!(everything(&stores), held);
                harmless += 1;
            }
            Err(StoreError::Damaged { path, reason }) => {
                assert!(path.ends_with("stores.redb") && !reason.is_empty());
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0, "{refused} refused, {harmless} harmless");
}

/// The first page says which transaction was the last. A flip there may at worst bring back the one before.
#[test]
fn a_flip_in_the_first_page_is_refused_or_brings_back_a_whole_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let (stores, _) = open(folder.path()).unwrap();
    let mut states = Vec::new();
    for number in 0..20 {
        write(&stores, number);
        states.push(everything(&stores));
    }
    run(stores.close()).unwrap();
    let good = std::fs::read(folder.path().join("stores.redb")).unwrap();
    let step = if std::env::var("RECOMMEND_FLIPS").is_ok() { 1 } else { 19 };
    let mut found = BTreeMap::new();
    for bit in (0..512 * 8).step_by(step) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("stores.redb"), &bad).unwrap();
        let what = match open(copy.path()) {
            Ok((stores, _)) => {
                let held = everything(&stores);
                let at = states.iter().rposition(|state| *state == held);
                format!("after batch {}", at.unwrap_or_else(|| panic!("bit {bit}: garbage")))
            }
            Err(StoreError::Damaged { .. }) => "refused".to_owned(),
            Err(other) => panic!("bit {bit}: {other}"),
        };
        *found.entry(what).or_insert(0) += 1;
    }
    println!("{found:?}");
    assert!(found.contains_key("refused") && found.contains_key("after batch 19"), "{found:?}");
}

#[test]
fn a_file_of_something_else_is_refused() {
    for content in [&b""[..], b"hello", &[0; 100_000]] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stores.redb"), content).unwrap();
        let opened = open(folder.path()).map(drop);
        let Err(StoreError::Damaged { .. }) = &opened else { panic!("{opened:?}") };
        assert_eq!(std::fs::read(folder.path().join("stores.redb")).unwrap(), content);
    }
}

const FOLDER: &str = "RECOMMEND_STORES_KILLED_FOLDER";

/// Not a test of its own: what the next test starts, and kills. Says which batch was acknowledged.
#[test]
fn writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let (stores, _) = open(Path::new(&folder)).unwrap();
    let (from, out) = (std::env::var("FROM").unwrap().parse().unwrap(), std::io::stdout());
    for number in from..u64::MAX {
        write(&stores, number);
        let mut out = out.lock();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

/// `RECOMMEND_KILLS` sets how many rounds.
#[test]
fn what_was_acknowledged_survives_kill_9_and_nothing_is_doubled() {
    let rounds = std::env::var("RECOMMEND_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().unwrap();
    let mut random = rand::rngs::StdRng::seed_from_u64(11);
    // What the stores must hold after each number of batches; the history grows as long as the killed ones get.
    let (in_memory, mut known, mut written) = (Stores::in_memory(codec()), BTreeMap::new(), 0_u64);
    known.insert(0, everything(&in_memory));
    let mut from = 0_u64;
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .env("FROM", from.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let patience = random.random_range(0..30);
        let mut acknowledged = None;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some(number) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = Some(number.parse::<u64>().unwrap());
                seen += 1;
                if seen > patience {
                    break;
                }
            }
        }
        // At a moment within some write, not just after an answer.
        let spin = random.random_range(0..20_000_u32);
        for n in 0..spin {
            std::hint::black_box(n);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Answers that were on their way when it was killed count.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = Some(number.parse::<u64>().unwrap());
            }
        }
        let acknowledged = acknowledged.map_or(from, |number| number + 1);
        let (stores, _) = open(folder.path()).unwrap();
        let held = everything(&stores);
        for number in written..=acknowledged {
            write(&in_memory, number);
            known.insert(number + 1, everything(&in_memory));
        }
        written = written.max(acknowledged + 1);
        // The batch after the last acknowledged one may have made it, too; nothing else.
        let fits: Vec<_> =
            [acknowledged, acknowledged + 1].into_iter().filter(|n| known[n] == held).collect();
        assert!(
            !fits.is_empty(),
            "round {round}: {acknowledged} acknowledged, and the stores hold something else"
        );
        from = acknowledged;
        known.retain(|number, _| *number >= from);
    }
    assert!(from > u64::from(rounds as u32), "{from} batches were written");
    let (stores, _) = open(folder.path()).unwrap();
    let tenants = run(stores.catalog.tenants()).unwrap();
    assert_eq!(tenants.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [TenantId(1), TenantId(2)]);
}
