//! Embeds a list of texts and says how long it took: our side of `make peers-embed-text`.
//!
//! `text MODEL TEXTS.json VECTORS`: the texts are a JSON list; the vectors go to a file of little-endian f32, row by row. What
//! is printed is one JSON object. It takes as many threads as `RAYON_NUM_THREADS` says.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result};
use recommend_embeddings::text::TextModel;
use rustix::time::{ClockId, clock_gettime};

/// As many as `recommend embed text` embeds together.
const TOGETHER: usize = 512;

fn main() -> Result<()> {
    let [model, texts, vectors] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().ok().context("give three paths")?;
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(texts)?)?;
    let opening = Instant::now();
    let model = TextModel::open(model.as_ref())?;
    let opening = opening.elapsed().as_secs_f64();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut all = Vec::with_capacity(texts.len());
    for texts in texts.chunks(TOGETHER) {
        all.extend(model.embed(texts)?);
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let mut file = std::io::BufWriter::new(std::fs::File::create(vectors)?);
    for number in all.iter().flatten() {
        file.write_all(&number.to_le_bytes())?;
    }
    file.flush()?;
    let result = serde_json::json!({"opening": opening, "seconds": seconds, "cpu": cpu, "dimension": model.dimension()});
    println!("{result}");
    Ok(())
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
