//! Builds a vector store from a file of f32 and searches it with others: our side of `make peers-vectors`.
//!
//! The settings are one JSON object, and what is printed is one; for each width the ids that were found go to a file of
//! u32, `k` for each query.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use recommend_core::{Name, TenantId};
use recommend_stores::vectors::{
    Among, Comparison, EmbeddedVectors, GraphOptions, Place, Precision, Probe, Shape, VectorOptions,
    VectorStore,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

fn cpu(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32).as_secs_f64()
}

fn floats(path: &str, dimension: usize) -> Result<Vec<Vec<f32>>> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {path}"))?;
    let rows = bytes.chunks_exact(4 * dimension);
    Ok(rows.map(|row| row.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect()).collect())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let text = std::env::args().nth(1).context("give the settings as a JSON object")?;
    let given: Value = serde_json::from_str(&text)?;
    let number =
        |key: &str| given[key].as_u64().map(|n| n as usize).with_context(|| format!("the setting {key:?}"));
    let word = |key: &str| given[key].as_str().with_context(|| format!("the setting {key:?}"));
    let (dimension, k) = (number("dimension")?, number("k")?);
    let precision = match word("precision")? {
        "f32" => Precision::F32,
        "f16" => Precision::F16,
        _ => Precision::I8,
    };
    let (tenant, name) = (TenantId(1), Name::literal("bench"));
    let queries = floats(word("queries")?, dimension)?;
    let mut built = None;
    let mut found = Vec::new();
    for width in given["widths"].as_array().context("the widths")? {
        let width = width.as_u64().context("a width")? as usize;
        // The width of searches is a setting of the store; the graph is built once, at the first.
        if built.is_none() {
            let graph = GraphOptions {
                links: number("links")?,
                build_width: number("build_width")?,
                search_width: width,
            };
            let store =
                EmbeddedVectors::in_memory(VectorOptions { scan_up_to: number("scan_up_to")?, graph });
            let place = Place::entities(tenant, &name);
            store
                .define(tenant, &name, Shape { dimension, comparison: Comparison::Cosine, precision })
                .await?;
            let base = floats(word("base")?, dimension)?;
            let (start, cpu_start) = (Instant::now(), cpu(ClockId::ProcessCPUTime));
            for (at, piece) in base.chunks(10_000).enumerate() {
                let from = at * 10_000;
                let piece: Vec<(u64, Vec<f32>)> = piece
                    .iter()
                    .enumerate()
                    .map(|(at, vector)| ((from + at) as u64, vector.clone()))
                    .collect();
                store.upsert(&place, &piece).await?;
            }
            while !store.settled() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            built = Some((store, start.elapsed().as_secs_f64(), cpu(ClockId::ProcessCPUTime) - cpu_start));
        }
        let Some((store, ..)) = &mut built else { continue };
        store.search_width(width);
        let place = Place::entities(tenant, &name);
        let mut ids = Vec::with_capacity(queries.len() * k);
        let mut fastest = f64::MAX;
        for _ in 0..number("repeats")? {
            ids.clear();
            let start = cpu(ClockId::ThreadCPUTime);
            for query in &queries {
                let near = store.nearest(&place, &Probe::Vector(query.clone()), k, Among::All).await?;
                ids.extend(near.iter().map(|near| near.id as u32));
                ids.resize(ids.len().next_multiple_of(k), u32::MAX);
            }
            fastest = fastest.min(cpu(ClockId::ThreadCPUTime) - start);
        }
        let path = format!("{}.{width}", word("found")?);
        let mut out = std::io::BufWriter::new(std::fs::File::create(&path)?);
        ids.iter().try_for_each(|id| out.write_all(&id.to_le_bytes()))?;
        out.flush()?;
        found.push(json!({"width": width, "seconds": fastest / queries.len() as f64, "file": path}));
    }
    let (_, seconds, cpu) = built.context("no width to search with")?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("").trim().to_owned();
    println!(
        "{}",
        json!({"build_seconds": seconds, "build_cpu": cpu, "resident": resident, "searches": found})
    );
    Ok(())
}
