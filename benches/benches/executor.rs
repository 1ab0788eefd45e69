//! The executor's own cost: a run with stub components, less the same components called one after the other by hand.
//!
//! Two fetchers (the second proposes a fifth of what the first does), a look-up of four attributes, two filters that keep
//! everything, one source of 50 features and a linear model that weighs them all. What is left after the components is merging,
//! the report, guards, the matrix, the order and the cut. Times are CPU times of the thread, so that a busy machine does not
//! count; allocations are counted the same way.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use ndarray::{Array2, ArrayViewMut2};
use recommend_benches::{Better, Report};
use recommend_core::*;
use recommend_models::{Linear, Transform, Weight};

const FEATURES: usize = 50;
/// What the executor may cost at 1,000 candidates.
const BUDGET_US: f64 = 60.0;

/// Counts what is allocated.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        // SAFETY: the caller's promises about the layout are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc`, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Proposing(Proposals);

#[async_trait]
impl Fetcher for Proposing {
    fn kind(&self) -> &'static str {
        "proposing"
    }
    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        Ok(self.0.clone())
    }
}

/// Keeps what an attribute says nothing against.
struct Keeping;

#[async_trait]
impl Filter for Keeping {
    fn kind(&self) -> &'static str {
        "keeping"
    }
    fn needs(&self) -> Needs {
        Needs::attributes(["private", "archived", "topic", "created"].map(Name::literal))
    }
    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let private = view.attribute("private").unwrap_or_default();
        verdicts.drop_where("private", |row| private[row] == Some(Value::Bool(true)));
        Ok(())
    }
}

struct Filling {
    names: Vec<Name>,
    values: Array2<f32>,
}

#[async_trait]
impl FeatureSource for Filling {
    fn kind(&self) -> &'static str {
        "filling"
    }
    fn features(&self) -> &[Name] {
        &self.names
    }
    async fn fill(&self, _: &View<'_>, mut block: ArrayViewMut2<'_, f32>) -> Result<(), ComponentError> {
        block.assign(&self.values);
        Ok(())
    }
}

/// Changes nothing, but makes the executor sort and check the whole slate.
struct Still;

impl Reranker for Still {
    fn kind(&self) -> &'static str {
        "still"
    }
    fn rerank(&self, _: &View<'_>, _: &mut Slate) -> Result<(), ComponentError> {
        Ok(())
    }
}

struct Catalog;

#[async_trait]
impl CatalogReader for Catalog {
    async fn attributes(
        &self,
        _: TenantId,
        _: &Name,
        ids: &[EntityId],
        names: &[Name],
    ) -> Result<AttributeTable, ComponentError> {
        Ok(AttributeTable::new(ids.len(), names))
    }
    async fn relations(
        &self,
        _: TenantId,
        _: UserId,
        _: &Name,
        kinds: &[Name],
    ) -> Result<Vec<Arc<RelationSet>>, ComponentError> {
        Ok(kinds.iter().map(|_| Arc::default()).collect())
    }
}

/// Spreads numbers evenly.
fn mix(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

fn proposals(range: std::ops::Range<u64>) -> Proposing {
    Proposing(range.map(|n| (EntityId(mix(n)), 1.0 / (n + 1) as f32)).collect())
}

fn source(candidates: usize) -> anyhow::Result<Filling> {
    let names = (0..FEATURES).map(|n| Name::new(&format!("feature_{n:02}"))).collect::<Result<_, _>>()?;
    let value = |(row, column): (usize, usize)| (mix((row * FEATURES + column) as u64) % 1000) as f32 / 100.0;
    Ok(Filling { names, values: Array2::from_shape_fn((candidates, FEATURES), value) })
}

fn model(names: &[Name]) -> anyhow::Result<Linear> {
    let transform = |at: usize| match at % 5 {
        0 => Transform::Log1p,
        1 => Transform::Clip { min: 0.0, max: 5.0 },
        _ => Transform::Identity,
    };
    let weights = names.iter().enumerate().map(|(at, feature)| Weight {
        feature: feature.clone(),
        weight: 0.1 + at as f32 * 0.01,
        transform: transform(at),
        missing: None,
    });
    Ok(Linear::from_weights("bench", 0.0, weights)?)
}

fn query() -> Query {
    Query {
        request: RequestId(1),
        tenant: TenantId(1),
        user: UserId(1),
        corpus: Name::literal("channel"),
        source: Name::literal("bench"),
        limit: 20,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now: Timestamp::from_seconds(1_700_000_000),
        deadline: Deadline::after(days(1)),
        seed: 1,
    }
}

/// Time in microseconds, allocations and bytes of one call.
#[derive(Clone, Copy, Default)]
struct Cost {
    time: f64,
    allocations: f64,
    bytes: f64,
}

fn measured<T>(call: impl FnOnce() -> T) -> (T, Cost) {
    let (allocations, bytes) = (ALLOCATIONS.load(Relaxed), BYTES.load(Relaxed));
    let start = cpu_time();
    let value = call();
    let time = cpu_time() - start;
    let allocations = (ALLOCATIONS.load(Relaxed) - allocations) as f64;
    (value, Cost { time, allocations, bytes: (BYTES.load(Relaxed) - bytes) as f64 })
}

/// Microseconds that this thread has worked.
fn cpu_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The parts of a recommender, called by hand.
struct Parts {
    fetchers: [Proposing; 2],
    source: Filling,
    model: Linear,
    columns: Vec<usize>,
    /// What the executor makes before it calls them.
    candidates: Candidates,
    matrix: Array2<f32>,
    scores: Vec<f32>,
}

impl Parts {
    fn new(count: u64) -> anyhow::Result<Self> {
        let fetchers = [proposals(0..count), proposals(0..count / 5)];
        let candidates = Candidates::merge(&[fetchers[0].0.clone(), fetchers[1].0.clone()]);
        let source = source(candidates.len())?;
        let model = model(&source.names)?;
        let matrix = Array2::zeros((candidates.len(), FEATURES));
        let scores = vec![0.0; candidates.len()];
        Ok(Parts { fetchers, source, model, columns: (0..FEATURES).collect(), candidates, matrix, scores })
    }

    async fn call(&mut self, query: &Query, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        for fetcher in &self.fetchers {
            black_box(fetcher.fetch(query).await?);
        }
        let needs = Keeping.needs();
        let ids = self.candidates.ids();
        let attributes = Catalog.attributes(query.tenant, &query.corpus, ids, &needs.attributes).await?;
        let candidates = &self.candidates;
        let view = View { query, candidates, attributes: Some(&attributes), user: None, relations: None };
        for _ in 0..2 {
            Keeping.judge(&view, verdicts).await?;
        }
        self.source.fill(&view, self.matrix.view_mut()).await?;
        self.model.score(&FeatureRows::new(self.matrix.view(), &self.columns), &mut self.scores)?;
        black_box(&self.scores);
        Ok(())
    }
}

fn recommender(count: u64, reranked: bool) -> anyhow::Result<Recommender> {
    let parts = Parts::new(count)?;
    let [first, second] = parts.fetchers;
    let mut builder = Recommender::builder("channel", "bench")
        .catalog(Arc::new(Catalog))
        .fetcher(first)
        .fetcher(second)
        .filter(Keeping)
        .filter(Keeping)
        .features(parts.source)
        .model(parts.model);
    if reranked {
        builder = builder.reranker(Still);
    }
    Ok(builder.build()?)
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut report = Report::new("executor");
    for (count, reranked) in [(10, false), (100, false), (1_000, false), (1_000, true), (10_000, false)] {
        let recommender = recommender(count, reranked)?;
        let mut parts = Parts::new(count)?;
        let query = query();
        let rounds = (2_000_000 / count).clamp(200, 5_000) as usize;
        let (mut whole, mut apart, mut own) = (Vec::new(), Vec::new(), Vec::new());
        let (mut all, mut theirs) = (Cost::default(), Cost::default());
        let mut stages: Vec<(Stage, Vec<f64>)> =
            Stage::ALL.iter().map(|stage| (*stage, Vec::new())).collect();
        for round in 0..rounds + rounds / 10 {
            let run = || runtime.block_on(recommender.run(&query, RunOptions::default()));
            let (outcome, run) = measured(run);
            let outcome = outcome?;
            let mut verdicts = Verdicts::keep_all(parts.candidates.len());
            let (called, hand) = measured(|| runtime.block_on(parts.call(&query, &mut verdicts)));
            called?;
            // The first tenth warms up.
            if round >= rounds / 10 {
                whole.push(run.time);
                apart.push(hand.time);
                own.push(run.time - hand.time);
                (all, theirs) = (run, hand);
                for (stage, times) in &mut stages {
                    times.push(outcome.report.stage(*stage).map_or(0.0, |s| s.time.as_secs_f64() * 1e6));
                }
            }
        }
        let case = format!("{count} × {FEATURES}{}", if reranked { ", one reranker" } else { "" });
        match count {
            1_000 => {
                report.versus(&case, "executor's own, µs", median(own), "budget", BUDGET_US, Better::Less);
            }
            _ => report.figure(&case, "executor's own, µs", median(own)),
        }
        report.figure(&case, "components, µs", median(apart));
        report.figure(&case, "whole run, µs", median(whole));
        report.figure(&case, "executor's allocations", all.allocations - theirs.allocations);
        report.figure(&case, "executor's bytes allocated", all.bytes - theirs.bytes);
        for (stage, times) in stages.into_iter().filter(|_| count == 1_000) {
            report.figure(&case, format!("stage {}, elapsed µs", stage.name()), median(times));
        }
    }
    Ok(report.finish()?)
}
