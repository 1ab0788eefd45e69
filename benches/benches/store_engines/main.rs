//! The engines that could keep the embedded stores on disk: redb (a copy-on-write B+tree in one file) against fjall (a
//! journal and an LSM-tree), with a bare append-only file as the floor that neither can beat.
//!
//! Each does what the stores do: many callers with small batches share one transaction and one fsync; an import of a
//! million records; a full scan at open; and files that were cut short or have a bit flipped. Then the stores themselves,
//! with a million interactions.

mod engines;
mod stores;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engines::{Append, Engine, Fjall, Redb};
use hdrhistogram::Histogram;
use recommend_benches::{Better, Report};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A record as the stores write them: an interaction has some 60 bytes.
pub(crate) const RECORD: usize = 60;

/// How long each group-commit case runs.
const RUN: Duration = Duration::from_secs(2);

/// The records of the import.
const IMPORT: u64 = 1_000_000;

/// A record whose bytes follow from its key, so that a scan can tell what was damaged.
fn record(key: u64) -> [u8; RECORD] {
    let mut state = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    std::array::from_fn(|at| {
        if at % 8 == 0 {
            state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state ^= state >> 27;
        }
        (state >> (8 * (at % 8))) as u8
    })
}

struct Group {
    per_second: f64,
    p50: f64,
    p99: f64,
}

/// `writers` callers, each of which waits for its record to be durable before it sends the next.
fn group_commit<E: Engine + 'static>(writers: usize) -> Result<Group, Failure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut engine = E::open(folder.path())?;
    let (sender, receiver) = mpsc::channel::<mpsc::SyncSender<()>>();
    let writer = std::thread::spawn(move || -> Result<(), Failure> {
        let (mut next, mut waiting, mut records) = (0, Vec::new(), Vec::new());
        while let Ok(first) = receiver.recv() {
            waiting.push(first);
            waiting.extend(receiver.try_iter());
            records.extend((next..).take(waiting.len()).map(|key| (key, record(key))));
            next += waiting.len() as u64;
            engine.commit(&records)?;
            records.clear();
            // A caller that has gone needs no answer.
            for caller in waiting.drain(..) {
                let _ = caller.send(());
            }
        }
        Ok(())
    });
    let started = Instant::now();
    let callers: Vec<_> = (0..writers)
        .map(|_| {
            let sender = sender.clone();
            std::thread::spawn(move || -> Result<Histogram<u64>, Failure> {
                let (answer, answered) = mpsc::sync_channel(1);
                let mut times = Histogram::new(3)?;
                while started.elapsed() < RUN {
                    let sent = Instant::now();
                    sender.send(answer.clone())?;
                    answered.recv()?;
                    times.record(sent.elapsed().as_micros() as u64)?;
                }
                Ok(times)
            })
        })
        .collect();
    drop(sender);
    let mut times = Histogram::<u64>::new(3)?;
    for caller in callers {
        times.add(caller.join().map_err(|_| "a caller panicked")??)?;
    }
    writer.join().map_err(|_| "the writer panicked")??;
    Ok(Group {
        per_second: times.len() as f64 / started.elapsed().as_secs_f64(),
        p50: times.value_at_quantile(0.5) as f64 / 1000.0,
        p99: times.value_at_quantile(0.99) as f64 / 1000.0,
    })
}

struct Bulk {
    import: f64,
    open: f64,
    bytes: f64,
}

/// A million records, 10,000 to a transaction; then the process comes back and reads them all.
fn bulk<E: Engine>() -> Result<Bulk, Failure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut engine = E::open(folder.path())?;
    let started = Instant::now();
    for first in (0..IMPORT).step_by(10_000) {
        let records: Vec<_> = (first..first + 10_000).map(|key| (key, record(key))).collect();
        engine.commit(&records)?;
    }
    let import = started.elapsed().as_secs_f64();
    drop(engine);
    let started = Instant::now();
    let (mut engine, mut count) = (E::open(folder.path())?, 0);
    engine.scan(&mut |_, _| count += 1)?;
    let open = started.elapsed().as_secs_f64();
    if count != IMPORT {
        return Err(format!("{count} records came back").into());
    }
    drop(engine);
    Ok(Bulk { import, open, bytes: files(folder.path())?.iter().map(|(_, bytes)| bytes.len() as f64).sum() })
}

#[derive(Default)]
struct Damage {
    refused: usize,
    same: usize,
    prefix: usize,
    panicked: usize,
    wrong: usize,
}

/// One figure of a damage, by name.
type Count = (&'static str, fn(&Damage) -> usize);

/// Damages one file at a time in a copy of a small store, and looks at what opening it gives.
fn damage<E: Engine>(flips: bool) -> Result<Damage, Failure> {
    const RECORDS: u64 = 5_000;
    const ROUNDS: usize = 300;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut engine = E::open(folder.path())?;
    for first in (0..RECORDS).step_by(50) {
        let records: Vec<_> = (first..first + 50).map(|key| (key, record(key))).collect();
        engine.commit(&records)?;
    }
    drop(engine);
    let files = files(folder.path())?;
    // Space that was set aside and never written is not worth damaging.
    let written = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let total: usize = files.iter().map(|(_, bytes)| written(bytes)).sum();
    let mut found = Damage::default();
    for round in 0..ROUNDS {
        let copy = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut place = (total / ROUNDS) * round + (round * 7919) % (total / ROUNDS);
        for (path, bytes) in &files {
            let (mut bytes, len) = (bytes.clone(), written(bytes));
            if place < len {
                if flips {
                    bytes[place] ^= 1 << (round % 8);
                } else {
                    bytes.truncate(place);
                }
            }
            // Past the end of all files once the place was found.
            place = place.checked_sub(len).unwrap_or(usize::MAX);
            let target = copy.path().join(path);
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(target, bytes)?;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| -> Result<(u64, bool), Failure> {
            let (mut next, mut right) = (0, true);
            E::open(copy.path())?.scan(&mut |key, value| {
                right &= key == next && value == record(key);
                next += 1;
            })?;
            Ok((next, right))
        }));
        match outcome {
            Err(_) => found.panicked += 1,
            Ok(Err(_)) => found.refused += 1,
            Ok(Ok((RECORDS, true))) => found.same += 1,
            Ok(Ok((_, true))) => found.prefix += 1,
            Ok(Ok((_, false))) => found.wrong += 1,
        }
    }
    Ok(found)
}

/// All files below a folder, by their path within it.
fn files(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(folder)?.to_path_buf(), std::fs::read(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The best of three runs of each, in turns: a shared disk has bad moments, and they should not decide.
fn best_of_turns(
    writers: usize,
    ours: fn(usize) -> Result<Group, Failure>,
    peer: fn(usize) -> Result<Group, Failure>,
) -> Result<(Group, Group), Failure> {
    let better = |a: Group, b: Group| if a.per_second >= b.per_second { a } else { b };
    let mut best = (ours(writers)?, peer(writers)?);
    for _ in 0..2 {
        best = (better(best.0, ours(writers)?), better(best.1, peer(writers)?));
    }
    Ok(best)
}

/// Adds what `ours` and `peer` measured, one row per figure.
fn compare<E: Engine + 'static, P: Engine + 'static>(report: &mut Report) -> Result<(), Failure> {
    for writers in [1, 16, 64] {
        let (ours, peer) = best_of_turns(writers, group_commit::<E>, group_commit::<P>)?;
        let case = format!("group commit, {writers} writers");
        report.versus(&case, "durable writes/s", ours.per_second, P::NAME, peer.per_second, Better::More);
        report.versus(&case, "p50 ms", ours.p50, P::NAME, peer.p50, Better::Less);
        report.versus(&case, "p99 ms", ours.p99, P::NAME, peer.p99, Better::Less);
    }
    let (ours, peer) = (bulk::<E>()?, bulk::<P>()?);
    report.versus("import of 1 M records", "s", ours.import, P::NAME, peer.import, Better::Less);
    report.versus("open and scan 1 M records", "s", ours.open, P::NAME, peer.open, Better::Less);
    let (mine, theirs) = (ours.bytes / IMPORT as f64, peer.bytes / IMPORT as f64);
    report.versus("on disk, 60-byte records", "bytes/record", mine, P::NAME, theirs, Better::Less);
    for (case, flips) in [("300 truncations", false), ("300 bit flips", true)] {
        let (ours, peer) = (damage::<E>(flips)?, damage::<P>(flips)?);
        let counts: [Count; 5] = [
            ("refused", |damage| damage.refused),
            ("opened, all there", |damage| damage.same),
            ("opened, a prefix", |damage| damage.prefix),
            ("panicked", |damage| damage.panicked),
            ("opened, wrong data", |damage| damage.wrong),
        ];
        for (metric, count) in counts {
            report.versus(case, metric, count(&ours) as f64, P::NAME, count(&peer) as f64, Better::Less);
        }
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    // Panics are an outcome here, not news.
    std::panic::set_hook(Box::new(|_| {}));
    let mut report = Report::new("store_engines");
    println!("ours is {}", Redb::NAME);
    compare::<Redb, Fjall>(&mut report)?;
    compare::<Redb, Append>(&mut report)?;
    stores::measure(&mut report)?;
    Ok(report.finish()?)
}
