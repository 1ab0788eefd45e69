//! One day of a log, with features like real ones, written by the event log itself.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use recommend_core::{
    EntityId, FeatureMatrix, FeatureSchema, Interaction, InteractionId, Name, Recommended, RequestId,
    TenantId, Timestamp, UserId,
};
use recommend_events::{EventLog, LogOptions, RequestLog};

/// Impressions of a request.
const ITEMS: usize = 10;
const FEATURES: usize = 20;
/// The share of impressions that are answered.
const ANSWERED: f64 = 0.05;
/// 2026-03-01T00:00:00Z.
const MIDNIGHT: i64 = 1_772_323_200_000;
const DAY: i64 = 86_400_000;

/// Writes a day of so many impressions.
pub(crate) fn write(folder: &Path, impressions: usize) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let (log, _) = EventLog::open(folder, LogOptions::default(), [7; 16])?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let names = (0..FEATURES).filter_map(|n| Name::new(&format!("feature_{n}")).ok()).collect();
        let maker = Maker {
            schema: Arc::new(FeatureSchema::new(names)),
            fetchers: ["popular", "related", "contacts"].map(Name::literal).into(),
        };
        let requests = impressions / ITEMS;
        let mut answers = Vec::new();
        for n in 0..requests {
            let time = MIDNIGHT + (n as i64 * (DAY / 1000) / requests as i64) * 1000;
            let request = maker.request(&mut rng, time);
            for item in &request.items {
                if rng.random::<f64>() < ANSWERED {
                    answers.push(answer(&mut rng, &request, item.entity));
                }
            }
            log.log_request(request);
            if n.is_multiple_of(4000) || n + 1 == requests {
                log.log_interactions(std::mem::take(&mut answers)).await?;
            }
            while log.stats().queued > 100_000 {
                tokio::task::yield_now().await;
            }
        }
        log.roll().await?;
        log.close().await?;
        Ok(())
    })
}

fn answer(rng: &mut Xoshiro256PlusPlus, request: &RequestLog, entity: EntityId) -> Interaction {
    let kind = ["click", "click", "message", "dismiss"][rng.random_range(0..4)];
    Interaction {
        id: InteractionId(rng.random()),
        request: Some(request.request),
        tenant: request.tenant,
        user: request.user,
        corpus: request.corpus.clone(),
        entity,
        kind: Name::literal(kind),
        time: Timestamp(request.time.0 + rng.random_range(1000..7_200_000)),
        value: 1.0,
    }
}

struct Maker {
    schema: Arc<FeatureSchema>,
    fetchers: Arc<[Name]>,
}

impl Maker {
    fn request(&self, rng: &mut Xoshiro256PlusPlus, time: i64) -> RequestLog {
        let features = FeatureMatrix::from_shape_fn((ITEMS, FEATURES), |(_, column)| {
            let uniform: f32 = rng.random();
            match column % 5 {
                0 => (uniform.powi(4) * 200.0).floor(),
                1 => f32::from(u8::from(uniform > 0.8)),
                2 if uniform > 0.7 => f32::NAN,
                2 => -uniform.ln() * 86_400.0,
                _ => uniform,
            }
        });
        let first = rng.random_range(0..10_000_u64);
        let mut score = 10.0;
        let items = (0..ITEMS as u64)
            .map(|at| {
                score -= rng.random::<f32>();
                let entity = EntityId((first + at * 997) % 10_000);
                Recommended { entity, score, propensity: 1.0, fetched_by: rng.random_range(1..8) }
            })
            .collect();
        RequestLog {
            request: RequestId(rng.random()),
            time: Timestamp(time),
            tenant: TenantId(1),
            user: UserId(rng.random_range(0..5000)),
            corpus: Name::literal("channel"),
            source: Name::literal("channel-browser"),
            experiment: None,
            variant: None,
            shadow_of: None,
            drafted: Vec::new(),
            model: "linear-1".into(),
            schema: self.schema.clone(),
            fetchers: self.fetchers.clone(),
            limit: ITEMS as u32,
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
