//! The embedded stores with a million interactions: import, open, and what a request asks.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use recommend_benches::Report;
use recommend_core::{
    EntityId, IdCodec, Interaction, InteractionId, Name, TenantId, Timestamp, UserId, days,
};
use recommend_stores::{Aggregate, AggregateSpec, OpenOptions, Scope, Stores, Subject, WriteBatch};

use crate::Failure;

const INTERACTIONS: u64 = 1_000_000;
const ENTITIES: u64 = 10_000;
const USERS: u64 = 5_000;
const TENANT: TenantId = TenantId(1);
const START: i64 = 1_700_000_000_000;

/// Ninety days of interactions, with busy entities and users and quiet ones.
fn batch(random: &mut StdRng, first: u64, kinds: &[Name]) -> WriteBatch {
    let mut skewed = |most: u64| (most as f64 * random.random::<f64>() * random.random::<f64>()) as u64;
    let interactions = (first..first + 10_000).map(|number| Interaction {
        id: InteractionId(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        request: None,
        tenant: TENANT,
        user: UserId(skewed(USERS)),
        corpus: Name::literal("channel"),
        entity: EntityId(skewed(ENTITIES)),
        kind: kinds[skewed(kinds.len() as u64) as usize].clone(),
        time: Timestamp(START + (number * 90 * 86_400_000 / INTERACTIONS) as i64),
        value: 1.0,
    });
    WriteBatch { interactions: interactions.collect(), ..WriteBatch::default() }
}

/// Adds the figures of the stores.
pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let open = || Stores::open(folder.path(), IdCodec::new([1; 16]), OpenOptions::default());
    let kinds = ["message", "join", "reaction"].map(Name::literal);
    let mut random = StdRng::seed_from_u64(7);
    let case = "the stores, 1 M interactions";
    let (stores, _) = open()?;
    let started = Instant::now();
    for first in (0..INTERACTIONS).step_by(10_000) {
        runtime.block_on(stores.writer.write(TENANT, batch(&mut random, first, &kinds)))?;
    }
    report.figure(case, "import s", started.elapsed().as_secs_f64());
    runtime.block_on(stores.close())?;
    drop(stores);
    let bytes = std::fs::metadata(folder.path().join("stores.redb"))?.len();
    report.figure(case, "on disk, bytes/interaction", bytes as f64 / INTERACTIONS as f64);
    let started = Instant::now();
    let (stores, recovered) = open()?;
    report.figure(case, "open s", started.elapsed().as_secs_f64());
    if recovered.interactions as u64 != INTERACTIONS {
        return Err(format!("{} interactions came back", recovered.interactions).into());
    }
    for candidates in [100, 1_000] {
        let time = runtime.block_on(aggregates(&stores, &kinds, candidates, &mut random))?;
        report.figure(case, format!("6 aggregates × {candidates} candidates, µs"), time);
    }
    Ok(())
}

/// The median time of what the features of one request ask, in microseconds; the candidates are any entities.
async fn aggregates(
    stores: &Stores,
    kinds: &[Name],
    candidates: usize,
    random: &mut StdRng,
) -> Result<f64, Failure> {
    let spec = |scope, kinds: &[Name], window: Option<u64>, aggregate| AggregateSpec {
        scope,
        corpus: None,
        kinds: kinds.to_vec(),
        window: window.map(days),
        resolution: None,
        aggregate,
    };
    let specs = [
        spec(Scope::Entity, &kinds[..1], Some(7), Aggregate::Count),
        spec(Scope::Entity, &kinds[..1], Some(30), Aggregate::Count),
        spec(Scope::Entity, &kinds[1..2], Some(30), Aggregate::Count),
        spec(Scope::Entity, &[], None, Aggregate::Recency),
        spec(Scope::Entity, &kinds[..1], Some(7), Aggregate::Distinct),
        spec(Scope::Pair, &[], Some(30), Aggregate::Count),
    ];
    let corpus = Name::literal("channel");
    let now = Timestamp(START).after(days(90));
    let mut out = vec![0.0; candidates * specs.len()];
    let mut times = Vec::new();
    // The first rounds gather the distinct users of entities that nobody asked about before.
    for round in 0..1_200 {
        let entities: Vec<_> = (0..candidates).map(|_| EntityId(random.random_range(0..ENTITIES))).collect();
        let user = UserId(random.random_range(0..USERS));
        let subject = Subject { tenant: TENANT, user, corpus: &corpus, entities: &entities, now };
        let started = Instant::now();
        stores.interactions.aggregate(&subject, &specs, &mut out).await?;
        if round >= 200 {
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
