//! How a feature set goes to the stores: one call per store and request, and one store's failure stays its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use common::*;
use proptest::prelude::*;
use recommend_core::*;
use recommend_features::FeatureSet;
use recommend_stores::*;

/// Counts the calls that features make, and fails them when told to.
struct Watched {
    inner: Arc<dyn InteractionStore>,
    aggregates: AtomicUsize,
    specs: AtomicUsize,
    hours: AtomicUsize,
    away: bool,
}

impl Watched {
    fn over(stores: &Stores, away: bool) -> (Stores, Arc<Watched>) {
        let watched = Arc::new(Watched {
            inner: Arc::clone(&stores.interactions),
            aggregates: AtomicUsize::new(0),
            specs: AtomicUsize::new(0),
            hours: AtomicUsize::new(0),
            away,
        });
        (Stores { interactions: Arc::clone(&watched) as _, ..stores.clone() }, watched)
    }

    fn answer(&self) -> Result<(), StoreError> {
        if self.away { Err(StoreError::Closed("away".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl InteractionStore for Watched {
    async fn aggregate(
        &self,
        subject: &Subject<'_>,
        specs: &[AggregateSpec],
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        self.aggregates.fetch_add(1, Relaxed);
        self.specs.store(specs.len(), Relaxed);
        self.answer()?;
        self.inner.aggregate(subject, specs, out).await
    }
    async fn co_interactions(
        &self,
        subject: &Subject<'_>,
        partners: &[EntityId],
        wanted: &CoInteraction,
        out: &mut [f32],
    ) -> Result<(), StoreError> {
        self.answer()?;
        self.inner.co_interactions(subject, partners, wanted, out).await
    }
    async fn user_timeline(
        &self,
        tenant: TenantId,
        user: UserId,
        corpus: &Name,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.answer()?;
        self.inner.user_timeline(tenant, user, corpus, kinds, since, until, limit).await
    }
    async fn entity_timeline(
        &self,
        tenant: TenantId,
        corpus: &Name,
        entity: EntityId,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.answer()?;
        self.inner.entity_timeline(tenant, corpus, entity, kinds, since, until, limit).await
    }
    async fn popularity(
        &self,
        tenant: TenantId,
        corpus: &Name,
        kinds: &[Name],
        window: Option<Duration>,
        half_life: Option<Duration>,
        until: Timestamp,
    ) -> Result<Vec<(EntityId, f32)>, StoreError> {
        self.inner.popularity(tenant, corpus, kinds, window, half_life, until).await
    }
    async fn hours(
        &self,
        tenant: TenantId,
        corpus: &Name,
        whose: HourScope,
        kinds: &[Name],
        window: Option<Duration>,
        until: Timestamp,
    ) -> Result<Arc<[f32; 168]>, StoreError> {
        self.hours.fetch_add(1, Relaxed);
        self.answer()?;
        self.inner.hours(tenant, corpus, whose, kinds, window, until).await
    }
    fn scan_users(
        &self,
        tenant: TenantId,
        corpus: &Name,
        kinds: &[Name],
        since: Timestamp,
        until: Timestamp,
        each: &mut dyn FnMut(UserId, &[Event]),
    ) -> Result<(), StoreError> {
        self.inner.scan_users(tenant, corpus, kinds, since, until, each)
    }
    async fn entities(&self, tenant: TenantId, corpus: &Name) -> Result<Arc<[EntityId]>, StoreError> {
        self.inner.entities(tenant, corpus).await
    }
    fn version(&self, tenant: TenantId, corpus: &Name) -> u64 {
        self.inner.version(tenant, corpus)
    }
    async fn describe(&self, tenant: TenantId) -> Result<Vec<KindSummary>, StoreError> {
        self.inner.describe(tenant).await
    }
}

/// Something of every group.
const ALL: &str = "
    members = { kind = 'attribute', attribute = 'members', default = 3 }
    count = { kind = 'count', interactions = ['message', 'reaction'], window = '7d' }
    rate = { kind = 'rate', interactions = ['reaction', 'message'], window = '7d' }
    share = { kind = 'ratio', numerator = 'count', denominator = { kind = 'count', window = '7d' }, strength = 1 }
    mine = { kind = 'count', scope = 'pair' }
    now = { kind = 'hour-of-week' }
    then = { kind = 'hour-of-week', at = 'candidate', smoothing = 2 }
    tie = { kind = 'affinity', with = 'user' }
    shared = { kind = 'co-interaction', with = 'seeds', window = '9d' }
    alike = { kind = 'co-interaction', interactions = ['message'] }
    quality = { kind = 'stored', default = 0.5 }
";
const NAMES: [&str; 11] =
    ["members", "count", "rate", "share", "mine", "now", "then", "tie", "quality", "shared", "alike"];

#[tokio::test]
async fn a_request_is_one_call_whatever_the_number_of_candidates_and_equal_aggregates_are_one() {
    let (stores, watched) = Watched::over(&stores(), false);
    let set = FeatureSet::new(&stores, &declared(ALL), NAMES, &[]).unwrap();
    let ids: Vec<u64> = (0..500).collect();
    fill(&set, &stores, &query("channel"), &ids).await.1.unwrap();
    assert_eq!(watched.aggregates.load(Relaxed), 1);
    assert_eq!(watched.specs.load(Relaxed), 3, "count and rate share one, the ratio adds one, the pair one");
    assert_eq!(watched.hours.load(Relaxed), 1, "the same week read at two hours");
}

#[tokio::test]
async fn a_store_that_is_away_takes_only_its_own_features_along() {
    let (stores, _) = Watched::over(&stores(), true);
    let set = FeatureSet::new(&stores, &declared(ALL), NAMES, &[]).unwrap();
    let (matrix, result) = fill(&set, &stores, &query("channel"), &[1, 2]).await;
    assert!(matches!(result, Err(ComponentError::Unavailable { .. })));
    assert_eq!(matrix.column(0).to_vec(), [3.0, 3.0]);
    assert_eq!(matrix.column(8).to_vec(), [0.5, 0.5]);
    assert!(matrix.columns().into_iter().skip(1).take(7).flatten().all(|cell| cell.is_nan()));
}

#[tokio::test]
async fn nothing_wanted_asks_nothing() {
    let (stores, watched) = Watched::over(&stores(), true);
    let set = FeatureSet::new(&stores, &declared(ALL), ["members"], &[]).unwrap();
    assert!(fill(&set, &stores, &query("channel"), &[1]).await.1.is_ok());
    assert_eq!(watched.aggregates.load(Relaxed), 0);
}

/// (user, entity, kind, days ago) of interactions, for a corpus where people are entities too.
fn events() -> impl Strategy<Value = Vec<(u64, u64, bool, f64)>> {
    proptest::collection::vec((1_u64..10, 1_u64..10, any::<bool>(), 0.0_f64..20.0), 0..60)
}

async fn put(stores: &Stores, tenant: TenantId, events: &[(u64, u64, bool, f64)]) {
    let kind = |yes| if yes { "message" } else { "reaction" };
    let list: Vec<_> = events.iter().map(|(u, e, k, d)| (*u, "user", *e, kind(*k), *d, 1.0)).collect();
    let members = |(_, entity_id, _, days): &(u64, u64, bool, f64)| {
        entity("user", *entity_id, &[("members", Value::Number(days.round()))])
    };
    let entities = events.iter().map(members).collect();
    let batch = WriteBatch { entities, ..interactions(tenant, &list) };
    stores.writer.write(tenant, batch).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn together_is_as_one_by_one_and_no_other_tenant_is_seen(
        mine in events(),
        theirs in events(),
        ids in proptest::collection::btree_set(1_u64..14, 1..10),
        seeds in proptest::collection::vec(1_u64..10, 0..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let ids: Vec<u64> = ids.into_iter().collect();
            let query = Query { seeds: seeds.into_iter().map(EntityId).collect(), ..query("user") };
            let (alone, shared) = (stores(), stores());
            put(&alone, TENANT, &mine).await;
            put(&shared, TENANT, &mine).await;
            put(&shared, TenantId(2), &theirs).await;
            let set = |stores| FeatureSet::new(stores, &declared(ALL), NAMES, &[]).unwrap();
            let (matrix, result) = fill(&set(&alone), &alone, &query, &ids).await;
            result.unwrap();
            let (beside, result) = fill(&set(&shared), &shared, &query, &ids).await;
            result.unwrap();
            let cells = |m: &ndarray::Array2<f32>| m.iter().copied().collect::<Vec<_>>();
            prop_assert!(same(&cells(&matrix), &cells(&beside)), "{} {}", matrix, beside);
            for (row, id) in ids.iter().enumerate() {
                let (single, _) = fill(&set(&alone), &alone, &query, &[*id]).await;
                prop_assert!(same(&cells(&single), &matrix.row(row).to_vec()), "{}", id);
            }
            prop_assert!(cells(&matrix).iter().all(|cell| !cell.is_infinite()));
            Ok(())
        })?;
    }
}
