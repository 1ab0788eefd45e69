//! What every fetcher promises: built from TOML by its kind, the same answer to the same query, best first, and never
//! an entity of another tenant.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use recommend_core::report::Stage;
use recommend_core::{
    BuildContext, Component, Deadline, EntityId, Fetcher, IdCodec, Interaction, InteractionId, Name, Query,
    Registry, RequestId, Resources, TenantId, Timestamp, UserId, Value, days, hours,
};
use recommend_stores::vectors::{Comparison, Place, Precision, Shape};
use recommend_stores::{EntityPut, RelationPut, Stores, WriteBatch};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Every kind with all of its settings, as the documentation lists them.
const ALL: &[&str] = &[
    "kind = 'all'\nfrom = 'both'\nlimit = 1000",
    "kind = 'all'\nwhere = 'members >= 0'",
    "kind = 'popular'\ninteractions = ['join']\nwindow = '30d'\nhalf_life = '7d'\nlimit = 200",
    "kind = 'popular'\ninteractions = { join = 3, message = -0.5 }",
    "kind = 'recent'\nby = 'created'\nwindow = '30d'\nhalf_life = '7d'\nlimit = 50",
    "kind = 'related'\nfrom = 'history'\ninteractions = ['join', 'message']\nwindow = '90d'\nhalf_life = '30d'
     history = 20\nneighbours = 20\nshrinkage = 0.5\nlimit = 100",
    "kind = 'related'\nfrom = 'seeds'",
    "kind = 'related'\ndecay = 0.8\nnearness = 20",
    "kind = 'ease'\ninteractions = ['join']\nwindow = '90d'\nlambda = 0.5\nitems = 100\nhistory = 20\ndecay = 0.9\nlimit = 9",
    "kind = 'ease'",
    "kind = 'als'\ninteractions = { join = 2, message = 1 }\nwindow = '90d'\nfactors = 3\nregularization = 0.5\nfrequency_scaling = 0.5
     alpha = 2\nepsilon = 1\nhalf_life = '30d'\niterations = 3\nitems = 100\nhistory = 20\ndecay = 0.9\nlimit = 9",
    "kind = 'als'\nfactors = 4\niterations = 2",
    "kind = 'neighbours'\nembedding = 'taste'\nof = 'history'\ninteractions = ['join']\nwindow = '90d'\nhistory = 20\ndecay = 0.9\nlimit = 9",
    "kind = 'neighbours'\nembedding = 'taste'",
    "kind = 'neighbours'\nembedding = 'taste'\nof = 'seeds'",
    "kind = 'user-neighbours'\ninteractions = ['join']\nwindow = '90d'\nneighbours = 5\nshrinkage = 1\nhistory = 20\ndecay = 0.9\nlimit = 9",
    "kind = 'own-activity'\ninteractions = { join = 2, message = 1 }\nwindow = '90d'\nforgetting = 1\nlimit = 9",
    "kind = 'adaptive'\ninteractions = ['join', 'message']\ntarget = ['join']\nwindow = '90d'\nitems = 100\nlimit = 9",
    "kind = 'adaptive'",
    "kind = 'adaptive'\ntarget = ['join']",
    "kind = 'relations'\nrelation = 'member'\nby = 'newest'\nhalf_life = '30d'\nlimit = 100",
    "kind = 'relations'\nby = 'weight'",
    "kind = 'contacts'\ninteractions = ['message']\nwindow = '90d'\nhalf_life = '30d'\ndirection = 'both'\nlimit = 9",
    "kind = 'co-participants'\npeople = true\ninteractions = ['message']\nwindow = '90d'\nhalf_life = '30d'
     direction = 'both'\nbonus = 0.5\nlimit = 100",
    "kind = 'co-participants'\nneighbours = 20\nshrinkage = 1",
    "kind = 'given'",
    "kind = 'time-slots'\nhorizon = '2d'\nstep = '30m'\nhours = [8, 18]\nweekdays = ['mon', 'tue', 'wed', 'thu', 'fri']",
    "kind = 'fallback'\nat_least = 5\nfetchers = ['related', { kind = 'popular', window = '30d' }]",
];

fn build(text: &str, stores: &Stores) -> Result<Component<dyn Fetcher>, String> {
    let mut registry = Registry::new();
    recommend_fetchers::register(&mut registry);
    let (resources, codec) = (Resources::new().with(stores.clone()), stores.codec);
    let (corpus, source) = (&Name::literal("channel"), &Name::literal("test"));
    let context =
        BuildContext { registry: &registry, resources: &resources, codec, corpus, source, fetchers: &[] };
    registry.build_fetcher(toml::from_str(text).unwrap(), &context).map_err(|error| error.to_string())
}

fn empty() -> Stores {
    Stores::in_memory(IdCodec::new([0; 16]))
}

#[test]
fn every_kind_is_built_from_toml() {
    let mut registry = Registry::new();
    recommend_fetchers::register(&mut registry);
    let mut kinds: Vec<&str> = Vec::new();
    for text in ALL {
        let fetcher = build(text, &empty()).unwrap_or_else(|error| panic!("{text}\n{error}"));
        kinds.push(fetcher.part().kind());
        let wrong = format!("{text}\nlimt = 3");
        assert!(build(&wrong, &empty()).unwrap_err().contains("unknown field `limt`"), "{wrong}");
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, registry.kinds(Stage::Fetch));
}

#[test]
fn settings_that_cannot_be_are_refused_with_the_reason() {
    for (text, reason) in [
        ("kind = 'popular'\nlimit = 0", "1 or more"),
        ("kind = 'popular'\nwindow = 'soon'", "\"30d\""),
        ("kind = 'related'\nshrinkage = -1", "0 or more"),
        ("kind = 'related'\nnearness = 0", "above 0"),
        ("kind = 'ease'\ndecay = 1.5", "0 to 1"),
        ("kind = 'ease'\nitems = 100000", "8000"),
        ("kind = 'als'\nfactors = 1000", "1 to 256"),
        ("kind = 'als'\nalpha = 0", "above 0"),
        ("kind = 'neighbours'\nlimit = 9", "embedding"),
        ("kind = 'contacts'\ndirection = 'up'", "`out`"),
        ("kind = 'all'\nwhere = 'members => 3'", "column 9"),
        ("kind = 'time-slots'\nstep = '1ms'", "whole number of seconds"),
        ("kind = 'popular'\ninteractions = 'join'", "a list of kinds"),
    ] {
        let error = build(text, &empty()).unwrap_err();
        assert!(error.contains(reason), "{text}\n{error}");
    }
}

fn query(tenant: TenantId, user: u64, seeds: &[u64], now: Timestamp) -> Query {
    Query {
        request: RequestId(1),
        tenant,
        user: UserId(user),
        corpus: Name::literal("channel"),
        source: Name::literal("test"),
        limit: 10,
        context: Vec::new(),
        seeds: seeds.iter().copied().map(EntityId).collect(),
        given: Vec::new(),
        now,
        deadline: Deadline::after(days(1)),
        seed: 0,
    }
}

/// The same people do much the same in two tenants; what is odd belongs to the first, what is even to the second.
async fn two_tenants(events: &[(bool, u64, u64, bool, u64)]) -> Stores {
    let stores = empty();
    let corpus = Name::literal("channel");
    for (at, (first, user, entity, join, hour)) in events.iter().enumerate() {
        let tenant = TenantId(u64::from(*first));
        let (id, time) = (entity * 2 + u64::from(*first), NOW.before(hours(*hour)));
        let (user, entity, corpus) = (UserId(user * 2 + u64::from(*first)), EntityId(id), corpus.clone());
        let kind = Name::literal(if *join { "join" } else { "message" });
        let attributes = vec![
            (Name::literal("created"), Some(Value::Time(time))),
            (Name::literal("members"), Some(Value::Number(id as f64))),
        ];
        let put = EntityPut { corpus: corpus.clone(), entity, attributes, remove: false };
        let member = Name::literal("member");
        let (since, weight) = (time, 1.0);
        let tie =
            RelationPut { user, kind: member, corpus: corpus.clone(), entity, since, weight, remove: false };
        let id = InteractionId(at as u128);
        let event = Interaction { id, request: None, tenant, user, corpus, entity, kind, time, value: 1.0 };
        let (taste, shape) = (
            Name::literal("taste"),
            Shape { dimension: 2, comparison: Comparison::Cosine, precision: Precision::F32 },
        );
        stores.vectors.define(tenant, &taste, shape).await.unwrap();
        let vector = |id: u64| vec![(id, vec![1.0 + (id % 5) as f32, 1.0 + (id % 3) as f32])];
        stores.vectors.upsert(&Place::entities(tenant, &taste), &vector(entity.0)).await.unwrap();
        stores.vectors.upsert(&Place::users(tenant, &taste), &vector(user.0)).await.unwrap();
        let batch = WriteBatch {
            entities: vec![put],
            relations: vec![tie],
            interactions: vec![event],
            ..WriteBatch::default()
        };
        stores.writer.write(tenant, batch).await.unwrap();
    }
    stores
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn answers_are_sorted_repeatable_and_of_one_tenant(
        events in prop::collection::vec((any::<bool>(), 1_u64..9, 1_u64..20, any::<bool>(), 0_u64..200), 1..60),
        user in 1_u64..20,
        seeds in prop::collection::vec(1_u64..40, 0..4),
        ago in 0_u64..100,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let stores = two_tenants(&events).await;
            let now = NOW.before(hours(ago));
            for text in ALL.iter().filter(|text| !text.contains("time-slots")) {
                let fetcher = build(text, &stores).unwrap();
                for tenant in [0, 1] {
                    let query = query(TenantId(tenant), user, &seeds, now);
                    let proposals = fetcher.part().fetch(&query).await.unwrap();
                    let of_tenant = proposals.ids().iter().all(|id| id.0 % 2 == tenant);
                    prop_assert!(of_tenant, "{text}: {proposals:?}");
                    let pairs: Vec<_> = proposals.iter().collect();
                    prop_assert!(pairs.iter().all(|(_, score)| score.is_finite()), "{text}: {proposals:?}");
                    prop_assert!(pairs.is_sorted_by(|a, b| a.1 >= b.1), "{text}: {proposals:?}");
                    let again = build(text, &stores).unwrap().part().fetch(&query).await.unwrap();
                    prop_assert_eq!(again, proposals, "{}", text);
                }
            }
            Ok(())
        })?;
    }
}
