//! Features that live in stores: looked up for 100 candidates × 50 features, and kept up to date by interactions as they come.
//!
//! With `REDIS_URL` the same over that Redis, which must be empty. Updates are counted in CPU time of this process, so that
//! what else the machine does counts less; over Redis, whose own work is another process, in wall time.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use recommend_benches::Report;
use recommend_core::{
    EntityId, IdCodec, Interaction, InteractionId, Name, TenantId, Timestamp, UserId, days,
};
use recommend_stores::{
    Aggregate, AggregateSpec, FeaturePut, RedisOptions, Scope, Stores, Subject, WriteBatch,
};

type Failure = Box<dyn std::error::Error>;

const TENANT: TenantId = TenantId(1);
const ENTITIES: u64 = 2_000;
const USERS: u64 = 5_000;
const START: i64 = 1_700_000_000_000;
const INTERACTIONS: u64 = 200_000;
/// So many more interactions update what is held.
const UPDATES: u64 = 200_000;
const CANDIDATES: usize = 100;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn kinds() -> [Name; 5] {
    ["message", "join", "read", "reaction", "leave"].map(Name::literal)
}

/// The first of them take thirty days.
fn time_of(number: u64) -> Timestamp {
    Timestamp(START + (number * 30 * 86_400_000 / INTERACTIONS) as i64)
}

/// Interactions from one number to another.
fn interactions(random: &mut StdRng, numbers: std::ops::Range<u64>) -> WriteBatch {
    let mut skewed = |most: u64| (most as f64 * random.random::<f64>() * random.random::<f64>()) as u64;
    let kinds = kinds();
    let interaction = |number: u64| Interaction {
        id: InteractionId(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        request: None,
        tenant: TENANT,
        user: UserId(skewed(USERS)),
        corpus: Name::literal("channel"),
        entity: EntityId(skewed(ENTITIES)),
        kind: kinds[skewed(5) as usize].clone(),
        time: time_of(number),
        value: 1.0,
    };
    WriteBatch { interactions: numbers.map(interaction).collect(), ..WriteBatch::default() }
}

/// Fifty windows: five kinds, five lengths, counts and recencies.
fn windows() -> Vec<AggregateSpec> {
    let mut specs = Vec::new();
    for kind in kinds() {
        for window in [1, 2, 7, 14, 30] {
            for aggregate in [Aggregate::Count, Aggregate::Recency] {
                let kinds = vec![kind.clone()];
                let (window, resolution) = (Some(days(window)), None);
                specs.push(AggregateSpec {
                    scope: Scope::Entity,
                    corpus: None,
                    kinds,
                    window,
                    resolution,
                    aggregate,
                });
            }
        }
    }
    specs
}

fn stored_names() -> Vec<Name> {
    (0..50).filter_map(|n| Name::new(&format!("f{n}")).ok()).collect()
}

async fn fill(stores: &Stores, random: &mut StdRng) -> Result<(), Failure> {
    for first in (0..INTERACTIONS).step_by(5_000) {
        stores.writer.write(TENANT, interactions(random, first..first + 5_000)).await?;
    }
    let values = |entity: u64| stored_names().into_iter().map(|name| (name, entity as f32)).collect();
    let put = |entity: u64| FeaturePut {
        corpus: Name::literal("channel"),
        entity: EntityId(entity),
        user: None,
        values: values(entity),
    };
    for first in (0..ENTITIES).step_by(500) {
        let features = (first..first + 500).map(put).collect();
        stores.writer.write(TENANT, WriteBatch { features, ..WriteBatch::default() }).await?;
    }
    Ok(())
}

/// p50 and p99 in microseconds of looking 50 features of 100 entities up, after so many interactions.
async fn look_up(
    stores: &Stores,
    random: &mut StdRng,
    stored: bool,
    written: u64,
) -> Result<(f64, f64), Failure> {
    let (specs, names, corpus) = (windows(), stored_names(), Name::literal("channel"));
    let mut out = vec![0.0; CANDIDATES * 50];
    let mut times = Vec::new();
    for round in 0..2_200 {
        let entities: Vec<_> = (0..CANDIDATES).map(|_| EntityId(random.random_range(0..ENTITIES))).collect();
        let started = Instant::now();
        if stored {
            stores.features.rows(TENANT, &corpus, None, &entities, &names, &mut out).await?;
        } else {
            let now = time_of(written);
            let subject =
                Subject { tenant: TENANT, user: UserId(1), corpus: &corpus, entities: &entities, now };
            stores.interactions.aggregate(&subject, &specs, &mut out).await?;
        }
        if round >= 200 {
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Interactions a second, in batches of `size` of which `abreast` are on their way: by wall time, and by CPU time.
async fn updates(
    stores: &Stores,
    random: &mut StdRng,
    from: u64,
    size: u64,
    abreast: u64,
) -> Result<(f64, f64), Failure> {
    let mut waves = Vec::new();
    for first in (from..from + UPDATES).step_by((size * abreast) as usize) {
        let wave: Vec<_> =
            (0..abreast).map(|at| interactions(random, first + at * size..first + (at + 1) * size)).collect();
        waves.push(wave);
    }
    let (started, before) = (Instant::now(), cpu());
    for wave in waves {
        let mut writing = tokio::task::JoinSet::new();
        for batch in wave {
            let writer = stores.writer.clone();
            writing.spawn(async move { writer.write(TENANT, batch).await });
        }
        while let Some(written) = writing.join_next().await {
            written??;
        }
    }
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu() - before);
    Ok((UPDATES as f64 / wall, UPDATES as f64 / cpu))
}

fn main() -> Result<(), Failure> {
    let mut report = Report::new("live");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let codec = IdCodec::new([1; 16]);
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let embedded = Stores::open(folder.path(), codec, recommend_stores::OpenOptions::default())?.0;
        let written = measure(&mut report, "embedded", &embedded).await?;
        embedded.close().await?;
        if let Ok(url) = std::env::var("REDIS_URL") {
            let cold = RedisOptions { ttl: Duration::ZERO, ..RedisOptions::at(&url) };
            let runtime = tokio::runtime::Handle::current();
            let redis = Stores::redis_serving(codec, cold, runtime.clone()).await?;
            measure(&mut report, "Redis, every row read", &redis).await?;
            let warm = Stores::redis_serving(
                codec,
                RedisOptions { ttl: Duration::from_secs(60), ..RedisOptions::at(&url) },
                runtime,
            )
            .await?;
            let mut random = StdRng::seed_from_u64(9);
            for stored in [true, false] {
                let (p50, p99) = look_up(&warm, &mut random, stored, written).await?;
                let what = if stored { "stored values" } else { "windows" };
                report.figure("Redis, rows known", format!("100 × 50 {what}, p50 µs"), p50);
                report.figure("Redis, rows known", format!("100 × 50 {what}, p99 µs"), p99);
            }
        }
        Ok::<_, Failure>(())
    })?;
    report.finish()?;
    Ok(())
}

/// Returns how many interactions there are in the end.
async fn measure(report: &mut Report, case: &str, stores: &Stores) -> Result<u64, Failure> {
    let mut random = StdRng::seed_from_u64(7);
    fill(stores, &mut random).await?;
    for stored in [true, false] {
        let (p50, p99) = look_up(stores, &mut random, stored, INTERACTIONS).await?;
        let what = if stored { "stored values" } else { "windows" };
        report.figure(case, format!("100 × 50 {what}, p50 µs"), p50);
        report.figure(case, format!("100 × 50 {what}, p99 µs"), p99);
    }
    let mut from = INTERACTIONS;
    for (size, abreast) in [(10, 32), (1_000, 4)] {
        let (wall, cpu) = updates(stores, &mut random, from, size, abreast).await?;
        from += UPDATES;
        report.figure(case, format!("updates/s, batches of {size}, {abreast} at once"), wall);
        report.figure(case, format!("updates/s and core of this process, batches of {size}"), cpu);
    }
    Ok(from)
}
