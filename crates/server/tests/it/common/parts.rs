//! Components that misbehave, as another crate would register them.

use std::sync::Arc;

use async_trait::async_trait;
use recommend_core::{ComponentError, EntityId, Fetcher, Filter, Proposals, Query, Registry, Verdicts, View};
use serde::Deserialize;
use tokio::sync::Semaphore;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Never answers.
struct Stuck;

#[async_trait]
impl Fetcher for Stuck {
    fn kind(&self) -> &'static str {
        "stuck"
    }
    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        std::future::pending().await
    }
}

/// Answers with an error.
struct Failing;

#[async_trait]
impl Fetcher for Failing {
    fn kind(&self) -> &'static str {
        "failing"
    }
    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        Err(ComponentError::Unavailable { dependency: "the oracle", reason: "no line".into() })
    }
}

/// Panics.
struct Panicking;

#[async_trait]
impl Fetcher for Panicking {
    fn kind(&self) -> &'static str {
        "panicking"
    }
    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        panic!("this panic belongs to a test")
    }
}

/// Proposes an entity that nobody has ever named.
struct Inventing;

#[async_trait]
impl Fetcher for Inventing {
    fn kind(&self) -> &'static str {
        "inventing"
    }
    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        Ok(Proposals::unscored(vec![EntityId(u64::MAX), EntityId(12)]))
    }
}

/// Guards, and cannot decide.
struct Undecided;

#[async_trait]
impl Filter for Undecided {
    fn kind(&self) -> &'static str {
        "undecided"
    }
    fn fail_closed(&self) -> bool {
        true
    }
    async fn judge(&self, _: &View<'_>, _: &mut Verdicts) -> Result<(), ComponentError> {
        Err(ComponentError::Failed("no idea".into()))
    }
}

/// Proposes entity 1 once it is let go, and says when it has begun.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) begun: Arc<Semaphore>,
    pub(crate) go: Arc<Semaphore>,
}

impl Held {
    pub(crate) fn new() -> Self {
        Held { begun: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until so many calls have begun.
    pub(crate) async fn until_begun(&self, calls: u32) {
        self.begun.acquire_many(calls).await.unwrap().forget();
    }

    /// Lets so many calls go on.
    pub(crate) fn let_go(&self, calls: usize) {
        self.go.add_permits(calls);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let held = self.clone();
        registry.fetcher("held", move |_: Nothing, _| Ok(held.clone()));
    }
}

#[async_trait]
impl Fetcher for Held {
    fn kind(&self) -> &'static str {
        "held"
    }
    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        self.begun.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        Ok(Proposals::unscored(vec![EntityId(1)]))
    }
}

pub(crate) fn register(registry: &mut Registry) {
    registry.fetcher("stuck", |_: Nothing, _| Ok(Stuck));
    registry.fetcher("failing", |_: Nothing, _| Ok(Failing));
    registry.fetcher("panicking", |_: Nothing, _| Ok(Panicking));
    registry.fetcher("inventing", |_: Nothing, _| Ok(Inventing));
    registry.filter("undecided", |_: Nothing, _| Ok(Undecided));
}
