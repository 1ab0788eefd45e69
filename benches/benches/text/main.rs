//! Text to clusters beside scikit-learn: the same lines, the same settings, the same labels, in one run.
//!
//! `make bench BENCH=text`. scikit-learn is asked through `benches/peers/text.py` if `RECOMMEND_SKLEARN` names a Python that has
//! it; otherwise only ours is measured. Times are the process's own on all cores, the best of three, because the machine may be
//! busy with something else; memory is what the process grew by at its peak.

mod lines;

use std::error::Error;
use std::process::Command;

use recommend_benches::{Better, Report};
use recommend_text::{Analyzer, Dbscan, Documents, Frequency, Slots, Tfidf, TfidfOptions};
use serde::Deserialize;

const PEER: &str = "scikit-learn";
const EPS: f64 = 0.3;
const MIN_SAMPLES: usize = 5;
const TERMS: usize = 2000;

#[derive(Deserialize)]
struct Theirs {
    seconds: f64,
    peak_mb: f64,
    labels: Vec<i32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::new("text");
    let texts = lines::lines(32_000);
    let file = recommend_benches::report::output("text-lines.txt")?;
    std::fs::write(&file, texts.join("\n"))?;

    let before = megabytes("VmRSS");
    let (seconds, labels) = best(|| plain(&texts));
    let grown = megabytes("VmHWM") - before;
    let case = "32,000 lines, 2,000 terms, DBSCAN";
    match peer(&file)? {
        Some(theirs) => {
            assert_eq!(labels, theirs.labels, "labels differ from scikit-learn's");
            report.versus(case, "CPU s", seconds, PEER, theirs.seconds, Better::Less);
            report.versus(case, "MB at the peak", grown, PEER, theirs.peak_mb, Better::Less);
        }
        None => {
            report.figure(case, "CPU s", seconds);
            report.figure(case, "MB at the peak", grown);
        }
    }

    let megabytes_of_text = |texts: &[String]| texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let four: Vec<String> = {
        let mut size = 0;
        let enough = |line: &String| {
            size += line.len();
            size < 4_000_000
        };
        lines::lines(80_000).into_iter().take_while(enough).collect()
    };
    let case = format!("{:.1} MB in {} messages, masked", megabytes_of_text(&four), four.len());
    report.figure(case, "CPU s, text to labels", best(|| masked(&four)).0);

    let million = lines::lines(1_000_000);
    for count in [1_000, 10_000, 100_000, 1_000_000] {
        let texts = &million[..count];
        let runs = if count < 1_000_000 { 3 } else { 1 };
        growth(&mut report, format!("{count} messages, masked"), runs, || masked(texts));
        // Without masks nearly all messages differ.
        growth(&mut report, format!("{count} messages, as they are, 2,000 terms"), runs, || plain(texts));
    }
    let before = megabytes_of_text(&million);
    report.figure("1,000,000 messages", "MB of text", before);
    report.figure("1,000,000 messages", "MB at the peak, text included", megabytes("VmHWM"));
    report.finish()?;
    Ok(())
}

/// How long something takes by the processors and by the clock, and what the process has had at its peak by then.
fn growth(report: &mut Report, case: String, runs: u32, run: impl Fn() -> Vec<i32>) {
    let began = std::time::Instant::now();
    let (seconds, _) = best_of(runs, run);
    report.figure(&case, "CPU s, text to labels", seconds);
    report.figure(&case, "s, text to labels", began.elapsed().as_secs_f64() / f64::from(runs));
    report.figure(case, "MB at the peak so far, all texts included", megabytes("VmHWM"));
}

/// What scikit-learn is asked for: no masks, the 2,000 most frequent terms, cosine.
fn plain(texts: &[String]) -> Vec<i32> {
    let documents = Documents::of(&Analyzer::default(), texts);
    cluster(
        &documents,
        &TfidfOptions { max_features: Some(TERMS), ..TfidfOptions::default() },
        EPS,
        MIN_SAMPLES,
    )
}

/// What a digest does.
fn masked(texts: &[String]) -> Vec<i32> {
    let documents = Documents::of(&Analyzer::alerts(), texts).without_slots(Slots::default());
    cluster(&documents, &TfidfOptions { min_df: Frequency::Count(2), ..TfidfOptions::default() }, 0.15, 2)
}

fn cluster(documents: &Documents, options: &TfidfOptions, eps: f64, min_samples: usize) -> Vec<i32> {
    let rows = Tfidf::fit(documents, options).map(|(_, rows)| rows);
    let dbscan = Dbscan::new(eps, min_samples);
    match (rows, dbscan) {
        (Ok(rows), Ok(dbscan)) => dbscan.labels_repeated(&rows, documents.which()),
        _ => Vec::new(),
    }
}

fn best<T>(run: impl Fn() -> T) -> (f64, T) {
    best_of(3, run)
}

fn best_of<T>(runs: u32, run: impl Fn() -> T) -> (f64, T) {
    let timed = || {
        let start = processor_seconds();
        let result = run();
        (processor_seconds() - start, result)
    };
    let first = timed();
    (1..runs).map(|_| timed()).fold(first, |best, next| if next.0 < best.0 { next } else { best })
}

/// What all threads of this process have had of the processors.
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn peer(lines: &std::path::Path) -> Result<Option<Theirs>, Box<dyn Error>> {
    let python = std::env::var_os("RECOMMEND_SKLEARN").filter(|python| std::path::Path::new(python).exists());
    let Some(python) = python else {
        println!("text: without {PEER}: RECOMMEND_SKLEARN names no Python (`make bench BENCH=text` sets it)");
        return Ok(None);
    };
    let out = recommend_benches::report::output("text-sklearn.json")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/text.py");
    let status = Command::new(python).arg(script).arg("time").arg(lines).arg(&out).status()?;
    if !status.success() {
        return Err(format!("{script} ended with {status}").into());
    }
    Ok(Some(serde_json::from_slice(&std::fs::read(out)?)?))
}

/// A figure of this process in `/proc`, in MB; 0 where there is none.
fn megabytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let number =
        line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<f64>().ok());
    number.unwrap_or_default() / 1024.0
}
