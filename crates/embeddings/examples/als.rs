//! Trains ALS on a file of (user, item, weight) and says how long each iteration took and what the loss was after it:
//! our side of `make peers-als`.
//!
//! The file is a header of two u32 (users, items) and then triples of u32, u32 and f32, all little-endian. What is printed
//! is one JSON object; the vectors go to two files of f32, row by row.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use recommend_embeddings::Sparse;
use recommend_embeddings::als::{AlsSettings, Confidence, Factors, Solver, Trainer};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let text = std::env::args().nth(1).context("give the settings as a JSON object")?;
    let given: Value = serde_json::from_str(&text)?;
    let number = |key: &str| given[key].as_f64().with_context(|| format!("the setting {key:?}"));
    let path = |key: &str| given[key].as_str().with_context(|| format!("the file {key:?}"));
    let matrix = read(Path::new(path("matrix")?))?;
    let settings = AlsSettings {
        factors: number("factors")? as usize,
        regularization: number("regularization")? as f32,
        frequency_scaling: number("frequency_scaling")? as f32,
        confidence: Confidence::Linear { alpha: number("alpha")? as f32 },
        solver: match number("cg_steps")? as usize {
            0 => Solver::Cholesky,
            steps => Solver::ConjugateGradient { steps },
        },
        seed: number("seed")? as u64,
        threads: number("threads")? as usize,
    };
    let mut trainer = Trainer::new(&matrix, settings)?;
    let (mut seconds, mut cpu, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..number("iterations")? as usize {
        let (start, cpu_start) = (Instant::now(), cpu_time());
        trainer.step()?;
        seconds.push(start.elapsed().as_secs_f64());
        cpu.push((cpu_time() - cpu_start).as_secs_f64());
        losses.push(if given["losses"] == true { trainer.loss() } else { f64::NAN });
    }
    let loss = trainer.loss();
    if given["users"].is_string() {
        write(Path::new(path("users")?), trainer.users())?;
        write(Path::new(path("items")?), trainer.items())?;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("").trim().to_owned();
    println!("{}", json!({"seconds": seconds, "cpu": cpu, "losses": losses, "loss": loss, "peak": peak}));
    Ok(())
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn read(path: &Path) -> Result<Sparse> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let words: Vec<[u8; 4]> =
        bytes.chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]).collect();
    let header =
        |at: usize| words.get(at).map(|word| u32::from_le_bytes(*word) as usize).context("the header");
    let triplets = words.get(2..).unwrap_or_default().chunks_exact(3);
    let triplets =
        triplets.map(|t| (u32::from_le_bytes(t[0]), u32::from_le_bytes(t[1]), f32::from_le_bytes(t[2])));
    Ok(Sparse::from_triplets(header(0)?, header(1)?, triplets))
}

fn write(path: &Path, factors: &Factors) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    for row in 0..factors.rows() {
        for value in factors.row(row) {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(out.flush()?)
}
