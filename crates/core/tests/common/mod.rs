//! Stub components whose behaviour a test chooses, and the query that it asks.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::panic, reason = "a stub that panics is what some tests are about")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ndarray::ArrayViewMut2;
use recommend_core::*;

/// What a stub does when it is called.
#[derive(Debug, Clone)]
pub enum Does {
    /// Its work.
    Work,
    /// Its work, after this long.
    WorkAfter(Duration),
    /// An error.
    Fail,
    /// A panic.
    Panic,
    /// Nothing, for ever.
    Hang,
}

impl Does {
    async fn play(&self) -> Result<(), ComponentError> {
        match self {
            Does::Work => Ok(()),
            Does::WorkAfter(time) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Does::Fail => Err(failure()),
            Does::Panic => panic!("boom"),
            Does::Hang => std::future::pending().await,
        }
    }
}

pub fn failure() -> ComponentError {
    ComponentError::Unavailable { dependency: "the store", reason: "gone".into() }
}

/// Proposes these entities with these scores.
pub struct Fetch(pub Vec<(u64, f32)>, pub Does);

#[async_trait]
impl Fetcher for Fetch {
    fn kind(&self) -> &'static str {
        "stub"
    }
    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        self.1.play().await?;
        Ok(self.0.iter().map(|(id, score)| (EntityId(*id), *score)).collect())
    }
}

/// Proposes `ids` with falling scores.
pub fn fetch(ids: impl IntoIterator<Item = u64>) -> Fetch {
    Fetch(ids.into_iter().enumerate().map(|(rank, id)| (id, 1.0 / (1 + rank) as f32)).collect(), Does::Work)
}

/// Drops these entities as "listed", before or after it behaves.
pub struct Drop {
    pub ids: Vec<u64>,
    pub does: Does,
    pub guards: bool,
}

pub fn drop_ids(ids: impl IntoIterator<Item = u64>) -> Drop {
    Drop { ids: ids.into_iter().collect(), does: Does::Work, guards: false }
}

#[async_trait]
impl Filter for Drop {
    fn kind(&self) -> &'static str {
        "listed"
    }
    fn fail_closed(&self) -> bool {
        self.guards
    }
    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let ids = view.candidates.ids();
        verdicts.drop_where("listed", |row| self.ids.contains(&ids[row].0));
        self.does.play().await
    }
}

/// Drops what the catalog says is private, and everything when it says nothing: a guard.
pub struct Guard;

#[async_trait]
impl Filter for Guard {
    fn kind(&self) -> &'static str {
        "guard"
    }
    fn needs(&self) -> Needs {
        Needs::attributes([Name::literal("private")])
    }
    fn fail_closed(&self) -> bool {
        true
    }
    async fn judge(&self, view: &View<'_>, verdicts: &mut Verdicts) -> Result<(), ComponentError> {
        let private = view.attribute("private").ok_or_else(failure)?;
        verdicts.drop_where("private", |row| private[row] != Some(Value::Bool(false)));
        Ok(())
    }
}

/// Provides features by a function of the entity's id and the feature's place.
pub struct Fill {
    pub names: Vec<Name>,
    pub value: fn(u64, usize) -> f32,
    pub does: Does,
}

pub fn fill(names: &[&'static str], value: fn(u64, usize) -> f32) -> Fill {
    Fill { names: names.iter().map(|name| Name::literal(name)).collect(), value, does: Does::Work }
}

#[async_trait]
impl FeatureSource for Fill {
    fn kind(&self) -> &'static str {
        "fill"
    }
    fn features(&self) -> &[Name] {
        &self.names
    }
    async fn fill(&self, view: &View<'_>, mut block: ArrayViewMut2<'_, f32>) -> Result<(), ComponentError> {
        for ((row, column), cell) in block.indexed_iter_mut() {
            *cell = (self.value)(view.candidates.ids()[row].0, column);
        }
        self.does.play().await
    }
}

/// Scores by a function of a row of the features that it names; with none, of the id as the first fetcher scored it.
pub struct Sum {
    pub names: Vec<Name>,
    pub does: Does,
    pub change: fn(usize, f32) -> f32,
}

/// The plain sum of these features.
pub fn sum(names: &[&'static str]) -> Sum {
    let names = names.iter().map(|name| Name::literal(name)).collect();
    Sum { names, does: Does::Work, change: |_, score| score }
}

impl Model for Sum {
    fn kind(&self) -> &'static str {
        "sum"
    }
    fn version(&self) -> &str {
        "sum@1"
    }
    fn features(&self) -> &[Name] {
        &self.names
    }
    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        match self.does {
            Does::Fail => return Err(failure()),
            Does::Panic => panic!("boom"),
            _ => {}
        }
        for (row, score) in scores.iter_mut().enumerate() {
            *score = (self.change)(row, (0..rows.width()).map(|at| rows.get(row, at)).sum());
        }
        Ok(())
    }
    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        let contributions: Vec<f32> = (0..rows.width()).map(|at| rows.get(row, at)).collect();
        let raw = contributions.iter().sum();
        Ok(Explanation { bias: 0.0, contributions, raw })
    }
}

/// Does to the slate what a function does.
pub struct Change<F>(pub F);

impl<F> Reranker for Change<F>
where
    F: Fn(&View<'_>, &mut Slate) -> Result<(), ComponentError> + Send + Sync,
{
    fn kind(&self) -> &'static str {
        "change"
    }
    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        (self.0)(view, slate)
    }
}

/// Lets the compiler see the closure's lifetimes.
pub fn change<F>(f: F) -> Change<F>
where
    F: Fn(&View<'_>, &mut Slate) -> Result<(), ComponentError> + Send + Sync + 'static,
{
    Change(f)
}

/// Odd entities are private; tenant 2 sees the opposite.
pub struct StubCatalog(pub Does);

#[async_trait]
impl CatalogReader for StubCatalog {
    async fn attributes(
        &self,
        tenant: TenantId,
        _: &Name,
        ids: &[EntityId],
        names: &[Name],
    ) -> Result<AttributeTable, ComponentError> {
        self.0.play().await?;
        let mut table = AttributeTable::new(ids.len(), names);
        for (at, name) in names.iter().enumerate().filter(|(_, name)| *name == "private") {
            assert_eq!(name, "private");
            for (cell, id) in table.column_mut(at).iter_mut().zip(ids) {
                *cell = Some(Value::Bool((id.0 + tenant.0).is_multiple_of(2)));
            }
        }
        Ok(table)
    }
    async fn relations(
        &self,
        _: TenantId,
        _: UserId,
        _: &Name,
        kinds: &[Name],
    ) -> Result<Vec<Arc<RelationSet>>, ComponentError> {
        self.0.play().await?;
        Ok(kinds.iter().map(|_| Arc::default()).collect())
    }
}

pub fn query(limit: usize) -> Query {
    Query {
        request: RequestId(1),
        tenant: TenantId(1),
        user: UserId(1),
        corpus: Name::literal("channel"),
        source: Name::literal("test"),
        limit,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now: Timestamp::from_seconds(1_700_000_000),
        deadline: Deadline::after(Duration::from_millis(100)),
        seed: 42,
    }
}

/// A recommender whose feature `id` is the entity's id and whose model scores by it.
pub fn by_id() -> RecommenderBuilder {
    Recommender::builder("channel", "test").features(fill(&["id"], |id, _| id as f32)).model(sum(&["id"]))
}

pub async fn run(recommender: &Recommender) -> Result<Outcome, RunError> {
    recommender.run(&query(10), RunOptions::default()).await
}

pub fn ids(outcome: &Outcome) -> Vec<u64> {
    outcome.items.iter().map(|item| item.entity.0).collect()
}

/// Where, who, why: of everything that was degraded.
pub fn degraded(outcome: &Outcome) -> Vec<(Stage, &str, Cause)> {
    let degraded = outcome.report.degraded.iter();
    degraded.map(|d| (d.stage, d.component.as_str(), Cause::from(&d.error))).collect()
}
