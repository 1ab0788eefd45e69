//! What logging costs: on the thread that serves, on the log's own threads, per durable interaction, and in bytes.
//!
//! CPU times of the log's threads are the kernel's (`/proc/self/task/*/schedstat`), so those figures need Linux.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use recommend_benches::{Better, Report};
use recommend_core::{
    EntityId, FeatureMatrix, FeatureSchema, Interaction, InteractionId, Name, Recommended, RequestId,
    TenantId, Timestamp, UserId,
};
use recommend_events::{EventLog, LogOptions, LogReader, RequestLog, Table};
use rustix::time::{ClockId, clock_gettime};

const REQUESTS: usize = 40_000;
/// Requests that are made ahead and logged without a pause.
const BURST: usize = 1000;
const START: i64 = 1_750_000_000_000;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let mut report = Report::new("event_log");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    for (items, features) in [(10, 20), (10, 50), (50, 50)] {
        runtime.block_on(requests(&mut report, items, features))?;
    }
    let plain = append_and_sync()?;
    for writers in [1, 16, 64] {
        runtime.block_on(interactions(&mut report, writers, plain))?;
    }
    report.finish()?;
    Ok(())
}

/// Logs requests as a server would, in bursts, and takes the time of the calls and of the log's threads.
async fn requests(report: &mut Report, items: usize, features: usize) -> Result<(), Error> {
    let case = format!("request with {items} impressions of {features} features");
    let folder = tempfile::tempdir()?;
    let (log, _) = EventLog::open(folder.path(), LogOptions::default(), [7; 16])?;
    let mut maker = Maker::new(items, features);
    let mut calling = 0;
    for burst in 0..REQUESTS / BURST {
        let made: Vec<RequestLog> = (0..BURST).map(|at| maker.request(burst * BURST + at)).collect();
        let started = own_cpu();
        for request in made {
            log.log_request(request);
        }
        calling += own_cpu() - started;
        while log.stats().queued > 100_000 {
            tokio::task::yield_now().await;
        }
    }
    log.flush().await?;
    let written = cpu("log-writer");
    log.roll().await?;
    let converted = cpu("log-converter");
    let stats = log.stats();
    log.close().await?;

    let each = |nanos: u64| nanos as f64 / REQUESTS as f64;
    report.figure(&case, "calling thread, ns of CPU", each(calling));
    report.figure(&case, "writer thread, ns of CPU", each(written));
    report.figure(&case, "converter thread, ns of CPU", each(converted));
    report.versus(
        &case,
        "all of them, ns of CPU",
        each(calling + written + converted),
        "5 % of a request of 125 µs",
        6250.0,
        Better::Less,
    );
    report.figure(&case, "shed, records", stats.shed as f64);
    report.figure(&case, "segment, bytes a request", stats.bytes as f64 / REQUESTS as f64);
    let impressions = bytes(folder.path(), Table::Impressions)? as f64;
    report.versus(
        &case,
        "Parquet, bytes an impression",
        impressions / (REQUESTS * items) as f64,
        "its features as raw f32",
        (features * 4) as f64,
        Better::Less,
    );
    let requests = bytes(folder.path(), Table::Requests)? as f64;
    report.figure(&case, "Parquet, bytes a request without impressions", requests / REQUESTS as f64);
    Ok(())
}

/// Durable interactions a second, when so many writers each wait for one before they send the next.
async fn interactions(report: &mut Report, writers: u64, plain: f64) -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let (log, _) = EventLog::open(folder.path(), LogOptions::default(), [7; 16])?;
    let started = Instant::now();
    let until = started + Duration::from_secs(3);
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut done = 0_u64;
                while Instant::now() < until {
                    log.log_interactions(vec![interaction(writer << 32 | done)]).await?;
                    done += 1;
                }
                Ok::<u64, recommend_events::LogError>(done)
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    let case = format!("durable interactions, {writers} writers");
    report.versus(&case, "a second", rate, "append and fdatasync each", plain, Better::More);
    report.figure(&case, "interactions a sync", done as f64 / log.stats().fsyncs as f64);
    log.close().await?;
    Ok(())
}

/// What one thread reaches that appends a line and syncs, over and over.
fn append_and_sync() -> Result<f64, Error> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("plain"))?;
    let (started, mut done) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(3) {
        file.write_all(&[7; 86])?;
        file.sync_data()?;
        done += 1;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

/// CPU time of this thread, in nanoseconds.
fn own_cpu() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// CPU time of the threads of this name, in nanoseconds.
fn cpu(name: &str) -> u64 {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").trim() == name {
            nanos += read("schedstat").split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
        }
    }
    nanos
}

fn bytes(log: &Path, table: Table) -> Result<u64, Error> {
    let files = LogReader::open(log)?.files(table)?;
    Ok(files.iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum())
}

fn interaction(n: u64) -> Interaction {
    Interaction {
        id: InteractionId(u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)),
        request: Some(RequestId(u128::from(n))),
        tenant: TenantId(1),
        user: UserId(n % 5000),
        corpus: Name::literal("channel"),
        entity: EntityId(n % 1000),
        kind: Name::literal("click"),
        time: Timestamp(START),
        value: 1.0,
    }
}

/// Makes requests whose features look like real ones: counts, scores, flags, ages, some missing.
struct Maker {
    rng: Xoshiro256PlusPlus,
    items: usize,
    schema: Arc<FeatureSchema>,
    fetchers: Arc<[Name]>,
    corpus: Name,
    source: Name,
    model: Arc<str>,
}

impl Maker {
    fn new(items: usize, features: usize) -> Self {
        let names = (0..features).filter_map(|n| Name::new(&format!("feature_{n}")).ok()).collect();
        Maker {
            rng: Xoshiro256PlusPlus::seed_from_u64(7),
            items,
            schema: Arc::new(FeatureSchema::new(names)),
            fetchers: ["popular", "related", "contacts"].map(Name::literal).into(),
            corpus: Name::literal("channel"),
            source: Name::literal("channel-browser"),
            model: "linear-1".into(),
        }
    }

    fn request(&mut self, n: usize) -> RequestLog {
        let rng = &mut self.rng;
        let features = FeatureMatrix::from_shape_fn((self.items, self.schema.len()), |(_, column)| {
            let uniform: f32 = rng.random();
            match column % 5 {
                0 => (uniform.powi(4) * 200.0).floor(),
                1 => f32::from(u8::from(uniform > 0.8)),
                2 if uniform > 0.7 => f32::NAN,
                2 => -uniform.ln() * 86_400.0,
                _ => uniform,
            }
        });
        let mut score = 10.0;
        let items = (0..self.items)
            .map(|_| {
                score -= rng.random::<f32>();
                Recommended {
                    entity: EntityId(rng.random_range(0..10_000)),
                    score,
                    propensity: 1.0,
                    fetched_by: rng.random_range(1..8),
                }
            })
            .collect();
        RequestLog {
            request: RequestId(rng.random()),
            time: Timestamp(START + n as i64),
            tenant: TenantId(1),
            user: UserId(rng.random_range(0..5000)),
            corpus: self.corpus.clone(),
            source: self.source.clone(),
            experiment: None,
            variant: None,
            shadow_of: None,
            drafted: Vec::new(),
            model: self.model.clone(),
            schema: self.schema.clone(),
            fetchers: self.fetchers.clone(),
            limit: self.items as u32,
            candidates: 100,
            scored: 100,
            latency: Duration::from_micros(rng.random_range(50..150)),
            seed: rng.random(),
            degraded: Vec::new(),
            items,
            features,
        }
    }
}
