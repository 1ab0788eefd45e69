//! Each kind of feature gives the value that its documentation promises, on a world small enough to count by hand.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use recommend_core::*;
use recommend_features::{Declarations, Feature, FeatureScope, FeatureSet, Interactions};
use recommend_stores::{Stores, WriteBatch};

const NAN: f32 = f32::NAN;

/// Channels 1, 2 and 3 (nothing is known of 3); user 7 asks.
async fn world() -> Stores {
    let stores = stores();
    let mut batch = interactions(
        TENANT,
        &[
            (7, "channel", 1, "message", 1.0, 3.0),
            (7, "channel", 1, "message", 2.0, 4.0),
            (8, "channel", 1, "message", 0.5, 5.0),
            (8, "channel", 1, "reaction", 0.25, 1.0),
            (8, "channel", 2, "message", 20.0, 2.0),
            (9, "channel", 2, "message", 40.0, 2.0),
            // What is to come does not count yet.
            (9, "channel", 2, "message", -1.0, 2.0),
        ],
    );
    let codec = stores.codec;
    let topic = |word: &str| Value::Id(EntityId(codec.encode(word).unwrap()));
    batch.entities = vec![
        entity(
            "channel",
            1,
            &[("members", Value::Number(12.0)), ("created", Value::Time(ago(10.0))), ("topic", topic("ops"))],
        ),
        entity("channel", 2, &[("private", Value::Bool(true)), ("topic", topic("sre"))]),
        entity("user", 7, &[("level", Value::Number(4.0)), ("team", Value::Id(EntityId(2)))]),
    ];
    batch.relations = vec![relation(7, "member", 2, 30.0, 0.5), relation(8, "member", 1, 3.0, 1.0)];
    batch.features = vec![stored(1, None, "quality", 0.75), stored(2, Some(7), "cosine", -0.5)];
    write(&stores, batch).await;
    stores
}

#[tokio::test]
async fn every_kind_gives_what_it_promises() {
    let stores = world().await;
    let mut query = query("channel");
    query.context = vec![(Name::literal("hour"), 9.0)];
    let table: &[(&str, [f32; 3])] = &[
        ("kind = 'attribute', attribute = 'members'", [12.0, NAN, NAN]),
        ("kind = 'attribute', attribute = 'members', default = 1", [12.0, 1.0, 1.0]),
        ("kind = 'attribute', attribute = 'private'", [NAN, 1.0, NAN]),
        ("kind = 'attribute', attribute = 'topic'", [NAN, NAN, NAN]),
        ("kind = 'attribute', attribute = 'created', as = 'age'", [10.0, NAN, NAN]),
        ("kind = 'attribute', attribute = 'level', scope = 'user'", [4.0, 4.0, 4.0]),
        ("kind = 'predicate', where = \"topic == 'ops'\"", [1.0, 0.0, NAN]),
        ("kind = 'predicate', where = 'level > 5', scope = 'user'", [0.0, 0.0, 0.0]),
        ("kind = 'context', key = 'hour'", [9.0, 9.0, 9.0]),
        ("kind = 'context', key = 'other', default = 2.0", [2.0, 2.0, 2.0]),
        ("kind = 'count', interactions = ['message'], window = '7d'", [3.0, 0.0, 0.0]),
        ("kind = 'count', window = '30d'", [4.0, 1.0, 0.0]),
        ("kind = 'count', scope = 'pair'", [2.0, 0.0, 0.0]),
        ("kind = 'count', scope = 'user'", [2.0, 2.0, 2.0]),
        ("kind = 'count', scope = 'tenant', interactions = ['reaction', 'message']", [6.0, 6.0, 6.0]),
        ("kind = 'sum', interactions = ['message']", [12.0, 4.0, 0.0]),
        ("kind = 'rate', window = '10d'", [0.4, 0.0, 0.0]),
        ("kind = 'recency', interactions = ['message']", [0.5, 20.0, NAN]),
        ("kind = 'recency', scope = 'pair', default = 99.0", [1.0, 99.0, 99.0]),
        ("kind = 'distinct', interactions = ['message']", [2.0, 2.0, 0.0]),
        ("kind = 'distinct', scope = 'user'", [1.0, 1.0, 1.0]),
        (
            "kind = 'ratio', numerator = { kind = 'count', interactions = ['reaction'] }, \
             denominator = { kind = 'count', interactions = ['message'] }",
            [1.0 / 3.0, 0.0, NAN],
        ),
        (
            "kind = 'ratio', numerator = { kind = 'count', interactions = ['reaction'] }, \
             denominator = { kind = 'count', interactions = ['message'] }, prior = 0.5, strength = 2",
            [0.4, 0.25, 0.5],
        ),
        ("kind = 'relation', relation = 'member'", [0.0, 1.0, 0.0]),
        ("kind = 'relation', relation = 'member', as = 'age'", [NAN, 30.0, NAN]),
        ("kind = 'relation', relation = 'member', as = 'weight', default = 0", [0.0, 0.5, 0.0]),
        ("kind = 'stored', name = 'quality'", [0.75, NAN, NAN]),
        ("kind = 'stored', name = 'cosine', scope = 'pair', default = 0", [0.0, -0.5, 0.0]),
    ];
    for (text, expected) in table {
        let values = feature(&stores, &query, text, &[1, 2, 3]).await;
        assert!(same(&values, expected), "{text}: {values:?}, not {expected:?}");
    }
}

#[tokio::test]
async fn a_replay_in_the_past_sees_only_what_had_happened() {
    let stores = world().await;
    let query = Query { now: ago(10.0), ..query("channel") };
    assert_eq!(feature(&stores, &query, "kind = 'count'", &[1, 2]).await, [0.0, 2.0]);
    assert_eq!(feature(&stores, &query, "kind = 'recency'", &[2]).await, [10.0]);
}

#[tokio::test]
async fn fetchers_bring_their_score_and_rank_along() {
    let stores = stores();
    let fetchers = [Name::literal("popular"), Name::literal("recent")];
    let names = ["recent.rank", "popular.score", "recent.score"];
    let set = FeatureSet::new(&stores, &Declarations::new(), names, &fetchers).unwrap();
    let proposals = [
        Proposals::from_pairs([(EntityId(1), 0.5), (EntityId(2), f32::INFINITY)]),
        Proposals::from_pairs([(EntityId(2), 9.0), (EntityId(3), 8.0)]),
    ];
    let (query, candidates) = (query("channel"), Candidates::merge(&proposals));
    let view = View { query: &query, candidates: &candidates, attributes: None, user: None, relations: None };
    let mut matrix = ndarray::Array2::from_elem((3, 3), NAN);
    set.fill(&view, matrix.view_mut()).await.unwrap();
    assert!(same(&matrix.row(0).to_vec(), &[NAN, 0.5, NAN]));
    assert!(same(&matrix.row(1).to_vec(), &[0.0, NAN, 9.0]), "what is infinite is missing");
    assert!(same(&matrix.row(2).to_vec(), &[1.0, NAN, 8.0]));
}

#[tokio::test]
async fn without_a_catalog_what_it_holds_is_missing_and_no_default_stands_in() {
    let stores = stores();
    let declared = declared(
        "a = { kind = 'attribute', attribute = 'members', default = 1 }\n\
         b = { kind = 'relation', relation = 'member', default = 1 }\n\
         c = { kind = 'predicate', where = 'private', default = 1 }\n\
         d = { kind = 'attribute', attribute = 'level', scope = 'user', default = 1 }",
    );
    let set = FeatureSet::new(&stores, &declared, ["a", "b", "c", "d"], &[]).unwrap();
    let (query, candidates) =
        (query("channel"), Candidates::merge(&[Proposals::unscored(vec![EntityId(1)])]));
    let view = View { query: &query, candidates: &candidates, attributes: None, user: None, relations: None };
    let mut matrix = ndarray::Array2::from_elem((1, 4), NAN);
    set.fill(&view, matrix.view_mut()).await.unwrap();
    assert!(matrix.iter().all(|cell| cell.is_nan()), "{matrix}");
}

#[tokio::test]
async fn the_hour_of_week_is_a_share_of_whose_activity_it_says() {
    let stores = stores();
    // NOW is a Tuesday, 22:13 UTC; 7 days before it is the same hour.
    let batch = interactions(
        TENANT,
        &[
            (7, "channel", 1, "message", 7.0, 1.0),
            (7, "channel", 1, "message", 14.0, 1.0),
            (7, "channel", 1, "message", 6.5, 1.0),
            (8, "channel", 2, "message", 7.5, 1.0),
            (9, "team", 2, "message", 7.0, 1.0),
        ],
    );
    let team = entity("user", 7, &[("team", Value::Id(EntityId(2)))]);
    write(&stores, WriteBatch { entities: vec![team], ..batch }).await;
    let mut query = query("time-slot");
    query.seeds = vec![EntityId(7), EntityId(8)];
    // Slots: this hour, half a day before it.
    let slots = [1_700_000_000 / 3600 * 3600, 1_700_000_000 / 3600 * 3600 - 12 * 3600];
    for (text, expected) in [
        ("smoothing = 0.0, corpus = 'channel'", [2.0 / 3.0, 2.0 / 3.0]),
        ("smoothing = 0.0, corpus = 'channel', at = 'candidate'", [2.0 / 3.0, 0.0]),
        ("smoothing = 1.0, corpus = 'channel', at = 'candidate'", [3.0 / 171.0, 1.0 / 171.0]),
        ("smoothing = 0.0, corpus = 'channel', at = 'candidate', of = 'tenant'", [0.5, 0.25]),
        ("smoothing = 0.0, corpus = 'channel', at = 'candidate', of = 'seeds'", [0.5, 0.25]),
        ("smoothing = 0.0, corpus = 'channel', at = 'candidate', window = '10d'", [0.5, 0.0]),
        ("smoothing = 0.0, corpus = 'team', at = 'candidate', of = 'group', group = 'team'", [1.0, 0.0]),
        ("corpus = 'channel', of = 'group', group = 'office'", [NAN, NAN]),
    ] {
        let values = feature(&stores, &query, &format!("kind = 'hour-of-week', {text}"), &slots).await;
        assert!(same(&values, &expected), "{text}: {values:?}, not {expected:?}");
    }
}

#[tokio::test]
async fn affinity_counts_decayed_interactions_in_each_direction() {
    let stores = stores();
    let batch = interactions(
        TENANT,
        &[
            (10, "user", 1, "dm", 0.0, 1.0),
            (10, "user", 1, "mention", 30.0, 1.0),
            (1, "user", 11, "dm", 60.0, 1.0),
            (2, "user", 10, "dm", 0.0, 1.0),
            (3, "user", 99, "dm", 0.0, 1.0),
            (7, "user", 3, "dm", 30.0, 1.0),
        ],
    );
    write(&stores, batch).await;
    let mut query = query("user");
    query.seeds = vec![EntityId(10), EntityId(11), EntityId(10)];
    for (text, expected) in [
        ("with = 'seeds'", [1.75, 1.0, 0.0]),
        ("direction = 'from'", [1.5, 0.0, 0.0]),
        ("direction = 'to'", [0.25, 1.0, 0.0]),
        ("interactions = ['dm']", [1.25, 1.0, 0.0]),
        ("window = '45d'", [1.5, 1.0, 0.0]),
        ("half_life = '60d'", [1.0 + 0.5_f32.sqrt() + 0.5, 1.0, 0.0]),
        ("with = 'user'", [0.0, 0.0, 0.5]),
    ] {
        let values = feature(&stores, &query, &format!("kind = 'affinity', {text}"), &[1, 2, 3]).await;
        assert!(same(&values, &expected), "{text}: {values:?}, not {expected:?}");
    }
}

#[tokio::test]
async fn co_interactions_count_the_users_that_two_have_in_common() {
    let stores = stores();
    let batch = interactions(
        TENANT,
        &[
            // The seeds 10 and 11, and who did something with them.
            (1, "channel", 10, "join", 1.0, 1.0),
            (2, "channel", 10, "message", 2.0, 1.0),
            (2, "channel", 11, "join", 2.0, 1.0),
            (3, "channel", 11, "join", 50.0, 1.0),
            (7, "channel", 10, "join", 3.0, 1.0),
            // The candidates.
            (1, "channel", 1, "join", 0.5, 1.0),
            (1, "channel", 1, "join", 60.0, 1.0),
            (2, "channel", 1, "message", 0.5, 1.0),
            (3, "channel", 1, "join", 0.5, 1.0),
            (9, "channel", 1, "join", 0.5, 1.0),
            (3, "channel", 2, "join", 50.0, 1.0),
            (7, "channel", 3, "join", 100.0, 1.0),
        ],
    );
    write(&stores, batch).await;
    let mut query = query("channel");
    query.seeds = vec![EntityId(10), EntityId(11), EntityId(10), EntityId(99)];
    for (text, expected) in [
        ("with = 'seeds'", [3.0, 1.0, 0.0, 3.0]),
        ("with = 'seeds', window = '30d'", [2.0, 0.0, 0.0, 3.0]),
        ("with = 'seeds', window = '1000d'", [3.0, 1.0, 1.0, 3.0]),
        ("with = 'seeds', interactions = ['message']", [1.0, 0.0, 0.0, 1.0]),
        ("with = 'seeds', corpus = 'elsewhere'", [0.0; 4]),
        // The user who asks, 7, has been in 10; and, long ago, in 3.
        ("with = 'user'", [2.0, 0.0, 0.0, 3.0]),
        ("window = '1000d'", [2.0, 0.0, 1.0, 3.0]),
        ("interactions = ['message']", [0.0; 4]),
    ] {
        let values =
            feature(&stores, &query, &format!("kind = 'co-interaction', {text}"), &[1, 2, 3, 10]).await;
        assert!(same(&values, &expected), "{text}: {values:?}, not {expected:?}");
    }
    query.seeds.clear();
    let values = feature(&stores, &query, "kind = 'co-interaction', with = 'seeds'", &[1, 10]).await;
    assert_eq!(values, [0.0, 0.0]);
}

#[tokio::test]
async fn features_written_in_code_are_those_written_in_toml() {
    let stores = world().await;
    let week = |kind| Interactions::of([kind]).window(days(7)).count();
    let in_code = Declarations::new()
        .with("a", Feature::age("created").or(0.0))
        .with("b", Interactions::of(["message"]).per(FeatureScope::Pair).recency())
        .with("c", Feature::ratio(week("reaction"), week("message"), 0.1, 3.0))
        .with("d", Feature::relation_age("member"))
        .with("e", Feature::matches("members > 3"));
    let in_toml = declared(
        "a = { kind = 'attribute', attribute = 'created', as = 'age', default = 0 }\n\
         b = { kind = 'recency', interactions = ['message'], scope = 'pair' }\n\
         f = { kind = 'count', interactions = ['reaction'], window = '7d' }\n\
         c = { kind = 'ratio', numerator = 'f', prior = 0.1, strength = 3, \
             denominator = { kind = 'count', interactions = ['message'], window = '1week' } }\n\
         d = { kind = 'relation', relation = 'member', as = 'age' }\n\
         e = { kind = 'predicate', where = 'members > 3' }",
    );
    let names = ["a", "b", "c", "d", "e"];
    let mut filled = Vec::new();
    for declared in [in_code, in_toml] {
        let set = FeatureSet::new(&stores, &declared, names, &[]).unwrap();
        filled.push(fill(&set, &stores, &query("channel"), &[3, 1, 2]).await.0);
    }
    let cells = |at: usize| filled[at].iter().copied().collect::<Vec<_>>();
    assert!(same(&cells(0), &cells(1)), "{} {}", filled[0], filled[1]);
}

#[tokio::test]
async fn a_cosine_says_how_near_two_vectors_are_and_shows_neither() {
    use recommend_stores::vectors::{Comparison, Place, Precision, Shape};
    let stores = stores();
    let (name, query) = (Name::literal("user-channel"), query("channel"));
    let declared = "kind = 'cosine', embedding = 'user-channel'";
    let none = feature(&stores, &query, declared, &[1, 2]).await;
    assert!(same(&none, &[f32::NAN; 2]), "nothing is known of the embedding yet");
    let shape = Shape { dimension: 2, comparison: Comparison::Cosine, precision: Precision::F32 };
    stores.vectors.define(TENANT, &name, shape).await.unwrap();
    let channels = [(1, vec![2.0, 0.0]), (2, vec![0.0, 1.0])];
    stores.vectors.upsert(&Place::entities(TENANT, &name), &channels).await.unwrap();
    stores.vectors.upsert(&Place::users(TENANT, &name), &[(7, vec![3.0, 0.0])]).await.unwrap();
    assert!(same(&feature(&stores, &query, declared, &[1, 2, 3]).await, &[1.0, 0.0, f32::NAN]));
    let seeded = Query { seeds: vec![EntityId(2)], ..query };
    let of_seeds = feature(&stores, &seeded, &format!("{declared}, with = 'seeds'"), &[1, 2]).await;
    assert!(same(&of_seeds, &[0.0, 1.0]));
}

#[test]
fn names_without_a_feature_are_told_all_at_once_with_the_nearest_or_the_way_to_declare_one() {
    let fetchers = [Name::literal("popular")];
    let declared = declared(
        "messages_7d = { kind = 'count' }\nx = { kind = 'ratio', numerator = 'nope', denominator = 'messages_7d' }",
    );
    let wanted = ["mesages_7d", "popular.scor", "zebra", "x", "messages_7d"];
    let message = FeatureSet::new(&stores(), &declared, wanted, &fetchers).unwrap_err().to_string();
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines.len(), 4, "{message}");
    assert_eq!(lines[0], "there is no feature \"mesages_7d\"; did you mean \"messages_7d\"?");
    assert_eq!(lines[1], "there is no feature \"popular.scor\"; did you mean \"popular.score\"?");
    assert!(lines[2].contains("[features.zebra]") && lines[2].contains("popular.rank"), "{}", lines[2]);
    assert_eq!(lines[3], "features.x: `numerator`: \"nope\" is not declared");
}

#[test]
fn a_declared_feature_cannot_hide_what_a_fetcher_provides() {
    let declared = declared("'popular.score' = { kind = 'count' }");
    let error =
        FeatureSet::new(&stores(), &declared, ["popular.score"], &[Name::literal("popular")]).unwrap_err();
    assert!(error.to_string().contains("rename"), "{error}");
}

#[test]
fn the_kind_declared_keeps_features_to_one_recommender() {
    let mut registry = Registry::new();
    recommend_features::register(&mut registry);
    let resources = Resources::new().with(stores());
    let (name, codec) = (Name::literal("x"), IdCodec::new([0; 16]));
    let context = BuildContext {
        registry: &registry,
        resources: &resources,
        codec,
        corpus: &name,
        source: &name,
        fetchers: &[],
    };
    let build = |text: &str| registry.build_feature_source(toml::from_str(text).unwrap(), &context);
    let source = build("kind = 'declared'\nfeatures.a = { kind = 'count' }").unwrap();
    assert_eq!(source.part().features(), ["a"]);
    let error = build("kind = 'declared'\nfeatures.a = { kind = 'cont' }").unwrap_err().to_string();
    assert!(error.contains("features.a") && error.contains("\"count\""), "{error}");
}
