//! Tables derived from all interactions of a tenant: built off the request path, swapped in whole.
//!
//! A [`Derived`] holds, for each tenant and corpus, the newest table (a *generation*) and serves it while the next one
//! is built. [`policy`] says when a generation is good enough for a query; here is how one comes to be:
//!
//! - the first is awaited by the queries that need it, within their deadlines; the build goes on when they give up;
//! - a small one is rebuilt by the query that finds it stale, at once;
//! - a large one is rebuilt on a blocking thread while it serves, as often as its [`policy::Budget`] allows;
//! - at most one build runs per tenant and corpus, and few in the whole process.
//!
//! A generation that knows less than the store, because its query was of the past, has a place of its own and never
//! displaces the one that serves the present. Tenants that are asked least are forgotten (S3-FIFO, Yang et al., SOSP
//! 2023), so that memory is bounded.

mod policy;

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use recommend_core::{ComponentError, Name, Query, TenantId, Timestamp};
use recommend_stores::InteractionStore;
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, Semaphore};

use policy::{Ask, Budget, Decision, Facts, Place, decide};

/// How many builds run on blocking threads at once, in the whole process: more would take the cores from requests.
static BUILDERS: Semaphore = Semaphore::const_new(2);

/// What a build made, and of how much.
pub(crate) struct Built<T> {
    /// The table.
    pub(crate) value: T,
    /// How many steps the build took besides going through the interactions of the corpus.
    pub(crate) steps: usize,
}

/// A table and the time as of which it was built.
pub(crate) struct Derivation<T> {
    /// The table.
    pub(crate) value: Arc<T>,
    /// It holds nothing later than this.
    pub(crate) as_of: Timestamp,
}

/// Tables of one kind and with one set of settings, by tenant and corpus.
pub(crate) struct Derived<T> {
    store: Arc<dyn InteractionStore>,
    window: Option<Duration>,
    slots: Cache<(TenantId, Name), Arc<Slot<T>>>,
}

struct Slot<T> {
    state: Mutex<State<T>>,
    building: Arc<tokio::sync::Mutex<()>>,
}

struct State<T> {
    present: Option<Generation<T>>,
    past: Option<Generation<T>>,
    budget: Budget,
}

struct Generation<T> {
    value: Arc<T>,
    facts: Facts,
}

impl<T: Send + Sync + 'static> Derived<T> {
    /// Holds tables over a window of interactions, for at most so many (tenant, corpus) pairs.
    pub(crate) fn new(store: Arc<dyn InteractionStore>, window: Option<Duration>, tenants: usize) -> Self {
        Derived { store, window, slots: Cache::new(tenants) }
    }

    /// The table for a query. `build` makes one as of the query's time; it may take long and may block.
    pub(crate) async fn get<F>(
        &self,
        query: &Query,
        build: impl FnOnce() -> F,
    ) -> Result<Derivation<T>, ComponentError>
    where
        F: Future<Output = Result<Built<T>, ComponentError>> + Send + 'static,
    {
        let (tenant, corpus) = (query.tenant, &query.corpus);
        let slot = self.slot(tenant, corpus);
        let version = self.store.version(tenant, corpus);
        let ask = Ask { now: query.now, version, window: self.window, at: Instant::now() };
        let job = |turn| Job {
            slot: slot.clone(),
            store: self.store.clone(),
            tenant,
            corpus: corpus.clone(),
            ask,
            _turn: turn,
        };
        match slot.look(&ask) {
            (Decision::Serve, Some(found)) => return Ok(found),
            (Decision::Refresh, Some(found)) => {
                if let Ok(turn) = slot.building.clone().try_lock_owned() {
                    let (job, build) = (job(turn), build());
                    tokio::spawn(async move {
                        if let Err(error) = job.apart(build).await {
                            tracing::warn!(%error, "a derived table could not be rebuilt; the old one serves");
                        }
                    });
                }
                return Ok(found);
            }
            _ => {}
        }
        let turn = slot.building.clone().lock_owned().await;
        // Whoever had the turn before may have built what is wanted.
        match slot.look(&ask) {
            (Decision::Serve | Decision::Refresh, Some(found)) => Ok(found),
            (Decision::Build { here: true }, _) => job(turn).run(build()).await,
            // A task of its own, so that the build goes on when the query's time is over.
            _ => tokio::spawn(job(turn).apart(build())).await.unwrap_or_else(|_| Err(stopped())),
        }
    }

    fn slot(&self, tenant: TenantId, corpus: &Name) -> Arc<Slot<T>> {
        let slot = || {
            let state = State { present: None, past: None, budget: Budget::new(Instant::now()) };
            Ok::<_, Infallible>(Arc::new(Slot { state: Mutex::new(state), building: Arc::default() }))
        };
        match self.slots.get_or_insert_with(&(tenant, corpus.clone()), slot) {
            Ok(slot) => slot,
            Err(never) => match never {},
        }
    }
}

impl<T> Slot<T> {
    /// What to do for a query, and the generation to serve if there is one.
    fn look(&self, ask: &Ask) -> (Decision, Option<Derivation<T>>) {
        let mut state = self.state.lock();
        let affordable = state.budget.affords(Instant::now());
        let facts = |generation: &Option<Generation<T>>| generation.as_ref().map(|g| g.facts);
        let (decision, place) = decide(facts(&state.present), facts(&state.past), ask, affordable);
        let generation = match place {
            Place::Present => &state.present,
            Place::Past => &state.past,
        };
        let found = generation.as_ref().map(|g| Derivation { value: g.value.clone(), as_of: g.facts.as_of });
        (decision, found)
    }

    fn install(&self, value: T, facts: Facts) -> Derivation<T> {
        let value = Arc::new(value);
        let derivation = Derivation { value: value.clone(), as_of: facts.as_of };
        let generation = Some(Generation { value, facts });
        let mut state = self.state.lock();
        match facts.complete() {
            true => state.present = generation,
            false => state.past = generation,
        }
        derivation
    }
}

/// One build: what it is for, where its table goes, and the turn that keeps others waiting.
struct Job<T> {
    slot: Arc<Slot<T>>,
    store: Arc<dyn InteractionStore>,
    tenant: TenantId,
    corpus: Name,
    ask: Ask,
    _turn: OwnedMutexGuard<()>,
}

impl<T: Send + Sync + 'static> Job<T> {
    /// Builds on this thread.
    async fn run<F>(self, build: F) -> Result<Derivation<T>, ComponentError>
    where
        F: Future<Output = Result<Built<T>, ComponentError>>,
    {
        let started = Instant::now();
        let built = AssertUnwindSafe(self.measured(build)).catch_unwind().await;
        let cost = started.elapsed();
        let work = built.as_ref().ok().and_then(|b| b.as_ref().ok()).map(|(_, work, _)| *work);
        self.slot.state.lock().budget.charge(cost, work);
        match built {
            Ok(Ok((value, work, newest))) => {
                let Ask { now: as_of, version, at, .. } = self.ask;
                Ok(self.slot.install(value, Facts { as_of, version, newest, work, cost, at }))
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ComponentError::Panicked("while a table was derived from interactions".into())),
        }
    }

    /// The table, the work that it took, and the time of the newest interaction that the store holds.
    async fn measured<F>(&self, build: F) -> Result<(T, usize, Timestamp), ComponentError>
    where
        F: Future<Output = Result<Built<T>, ComponentError>>,
    {
        // Before the build: what comes in later has a later version.
        let summaries = self.store.describe(self.tenant).await?;
        let kinds = || summaries.iter().filter(|kind| kind.corpus == self.corpus);
        let newest = kinds().map(|kind| kind.last).max().unwrap_or(Timestamp(i64::MIN));
        let Built { value, steps } = build.await?;
        Ok((value, steps + kinds().map(|kind| kind.count).sum::<usize>(), newest))
    }

    /// Builds on a blocking thread, when there is room.
    async fn apart<F>(self, build: F) -> Result<Derivation<T>, ComponentError>
    where
        F: Future<Output = Result<Built<T>, ComponentError>> + Send + 'static,
    {
        let _room = BUILDERS.acquire().await.map_err(|_| stopped())?;
        let handle = Handle::current();
        let built = tokio::task::spawn_blocking(move || handle.block_on(self.run(build))).await;
        built.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> ComponentError {
    ComponentError::Failed("the build of a table was stopped, because the process ends".into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::sync::oneshot;

    use super::*;
    use crate::testing::{NOW, TENANT, World, query, query_of};

    const LARGE: usize = 1_000_000;

    fn derived(world: &World, tenants: usize) -> Derived<u64> {
        Derived::new(world.stores.interactions.clone(), None, tenants)
    }

    async fn built(value: u64) -> Result<Built<u64>, ComponentError> {
        Ok(Built { value, steps: LARGE })
    }

    /// A build that ends when the sender says so.
    fn gated() -> (oneshot::Sender<u64>, impl Future<Output = Result<Built<u64>, ComponentError>> + Send) {
        let (gate, value) = oneshot::channel();
        (gate, async { built(value.await.expect("the test opens the gate")).await })
    }

    async fn value_of(derived: &Derived<u64>, build: impl FnOnce() -> u64) -> u64 {
        *derived.get(&query(), || built(build())).await.expect("the build does not fail").value
    }

    fn never() -> u64 {
        panic!("there is nothing to build")
    }

    #[tokio::test]
    async fn the_old_serves_while_the_new_is_built() {
        let world = World::new().events([(1, 10, "join", NOW)]).await;
        let derived = derived(&world, 8);
        assert_eq!(value_of(&derived, || 1).await, 1);
        assert_eq!(value_of(&derived, never).await, 1);
        let _world = world.events([(2, 10, "join", NOW)]).await;
        let (gate, build) = gated();
        assert_eq!(*derived.get(&query(), || build).await.unwrap().value, 1);
        assert_eq!(value_of(&derived, never).await, 1, "one build at a time");
        gate.send(2).unwrap();
        while value_of(&derived, never).await == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(value_of(&derived, never).await, 2);
    }

    #[tokio::test]
    async fn the_first_build_goes_on_when_the_query_gives_up() {
        let derived = derived(&World::new(), 8);
        let (gate, build) = gated();
        let query = query();
        let asked = derived.get(&query, || build).now_or_never();
        assert!(asked.is_none(), "and the future is dropped");
        gate.send(7).unwrap();
        assert_eq!(value_of(&derived, never).await, 7);
    }

    #[tokio::test]
    async fn those_who_wait_share_one_build() {
        let (derived, builds) = (derived(&World::new(), 8), AtomicUsize::new(0));
        let count = || builds.fetch_add(1, Ordering::SeqCst) as u64;
        let values = join_all((0..20).map(|_| value_of(&derived, count))).await;
        assert_eq!(values, [0; 20]);
    }

    #[tokio::test]
    async fn a_build_that_fails_or_panics_is_an_error_and_then_tried_again() {
        let derived = derived(&World::new(), 8);
        let failed = ComponentError::Failed("as told".into());
        let result = derived.get(&query(), || async { Err(ComponentError::Failed("as told".into())) }).await;
        assert_eq!(result.err(), Some(failed));
        let result = derived.get(&query(), || async { panic!("as told") }).await;
        assert!(matches!(result.err(), Some(ComponentError::Panicked(_))));
        assert_eq!(value_of(&derived, || 3).await, 3);
    }

    #[tokio::test]
    async fn the_tenants_asked_least_are_forgotten() {
        let derived = derived(&World::new(), 3);
        for tenant in 0..100 {
            let table = derived.get(&query_of(TenantId(tenant)), || built(tenant)).await.unwrap();
            assert_eq!(*table.value, tenant);
        }
        assert!(derived.slots.len() <= 3, "{}", derived.slots.len());
        assert_eq!(value_of(&derived, || TENANT.0).await, TENANT.0);
    }
}
