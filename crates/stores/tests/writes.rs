//! What a write may hold, what it leaves alone, and that a refused batch leaves no trace.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod common;

use common::{codec, everything, run};
use recommend_core::{EntityId, Interaction, InteractionId, Name, TenantId, Timestamp, UserId, Value};
use recommend_stores::{EntityPut, FeaturePut, RelationPut, StoreError, Stores, WriteBatch, WriteOutcome};

const TENANT: TenantId = TenantId(1);

type Batch = dyn Fn(&[String]) -> WriteBatch;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn write(stores: &Stores, batch: WriteBatch) -> Result<WriteOutcome, StoreError> {
    run(stores.writer.write(TENANT, batch))
}

fn put(corpus: &str, entity: u64, attributes: &[(&str, Option<Value>)]) -> EntityPut {
    let attributes = attributes.iter().map(|(text, value)| (name(text), *value)).collect();
    EntityPut { corpus: name(corpus), entity: EntityId(entity), attributes, remove: false }
}

fn entities(puts: Vec<EntityPut>) -> WriteBatch {
    WriteBatch { entities: puts, ..WriteBatch::default() }
}

fn interaction(corpus: &str, kind: &str, id: u128) -> Interaction {
    Interaction {
        id: InteractionId(id),
        request: None,
        tenant: TENANT,
        user: UserId(1),
        corpus: name(corpus),
        entity: EntityId(2),
        kind: name(kind),
        time: Timestamp(3),
        value: 1.0,
    }
}

#[test]
fn a_batch_with_one_name_too_many_leaves_no_trace_and_the_names_that_fit_still_do() {
    let stores = Stores::in_memory(codec());
    let numbered = |from: usize, to: usize| (from..to).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let corpora = |names: &[String]| entities(names.iter().map(|corpus| put(corpus, 1, &[])).collect());
    let kinds = |names: &[String]| WriteBatch {
        interactions: names.iter().map(|kind| interaction("n0", kind, kind[1..].parse().unwrap())).collect(),
        ..WriteBatch::default()
    };
    let relations = |names: &[String]| {
        let put = |kind: &String| RelationPut {
            user: UserId(1),
            kind: name(kind),
            corpus: name("n0"),
            entity: EntityId(1),
            since: Timestamp(0),
            weight: 1.0,
            remove: false,
        };
        WriteBatch { relations: names.iter().map(put).collect(), ..WriteBatch::default() }
    };
    let features = |names: &[String]| {
        let values = names.iter().map(|feature| (name(feature), 1.0)).collect();
        let put = FeaturePut { corpus: name("n0"), entity: EntityId(1), user: None, values };
        WriteBatch { features: vec![put], ..WriteBatch::default() }
    };
    let attributes = |names: &[String]| {
        let flags: Vec<_> = names.iter().map(|text| (text.as_str(), Some(Value::Bool(true)))).collect();
        entities(vec![put("n0", 1, &flags)])
    };
    let cases: [(usize, &Batch); 5] =
        [(64, &corpora), (256, &kinds), (64, &relations), (256, &features), (256, &attributes)];
    for (limit, batch) in cases {
        write(&stores, batch(&numbered(0, 2))).unwrap();
        let before = everything(&stores);
        let refused = write(&stores, batch(&numbered(1, limit + 1)));
        assert!(
            matches!(&refused, Err(StoreError::TooManyNames { limit: found, .. }) if *found == limit),
            "{refused:?}"
        );
        assert_eq!(everything(&stores), before);
        write(&stores, batch(&numbered(1, limit))).unwrap();
        assert!(write(&stores, batch(&numbered(limit, limit + 1))).is_err());
    }
}

#[test]
fn two_strings_with_one_number_are_refused_with_both_of_them_in_the_message() {
    let stores = Stores::in_memory(codec());
    let named = |text: &str| WriteBatch {
        names: vec![(1 << 63, text.into())],
        interactions: vec![interaction("channel", "join", 7)],
        ..WriteBatch::default()
    };
    assert_eq!(write(&stores, named("sports")).unwrap().accepted, 1);
    assert_eq!(write(&stores, named("sports")).unwrap().duplicates, 1);
    let refused = write(&stores, named("music")).unwrap_err().to_string();
    assert!(refused.contains("sports") && refused.contains("music"), "{refused}");
    let mut both = named("art");
    both.names = vec![((1 << 63) | 1, "a".into()), ((1 << 63) | 1, "b".into())];
    assert!(write(&stores, both).is_err());
    let names = run(stores.catalog.names(TENANT, &[1 << 63, (1 << 63) | 1, 42])).unwrap();
    assert_eq!(names, [Some("sports".to_owned()), None, Some("42".to_owned())]);
}

#[test]
fn a_put_changes_what_it_names_and_a_removal_everything() {
    let stores = Stores::in_memory(codec());
    let corpus = name("channel");
    let number = |n: f64| Some(Value::Number(n));
    let held = |entity: u64| {
        let names = ["size", "topic"].map(Name::literal);
        let table = run(stores.catalog.attributes(TENANT, &corpus, &[EntityId(entity)], &names)).unwrap();
        table.known(0).then(|| (table.get(0, "size"), table.get(0, "topic")))
    };
    write(&stores, entities(vec![put("channel", 1, &[("size", number(1.0)), ("topic", number(2.0))])]))
        .unwrap();
    // Of one entity in one batch, the later put wins.
    write(
        &stores,
        entities(vec![
            put("channel", 1, &[("size", number(3.0))]),
            put("channel", 1, &[("size", number(4.0))]),
        ]),
    )
    .unwrap();
    assert_eq!(held(1), Some((number(4.0), number(2.0))));
    write(&stores, entities(vec![put("channel", 1, &[("topic", None)]), put("channel", 2, &[])])).unwrap();
    assert_eq!((held(1), held(2)), (Some((number(4.0), None)), Some((None, None))));
    let snapshot = run(stores.catalog.entities(TENANT, &corpus)).unwrap();
    let gone = EntityPut { remove: true, ..put("channel", 1, &[]) };
    write(&stores, entities(vec![gone, put("channel", 0, &[])])).unwrap();
    assert_eq!(held(1), None);
    assert_eq!(*snapshot, [EntityId(1), EntityId(2)], "a snapshot stays what it was");
    assert_eq!(*run(stores.catalog.entities(TENANT, &corpus)).unwrap(), [EntityId(0), EntityId(2)]);
    let summary = run(stores.catalog.describe(TENANT)).unwrap();
    assert_eq!((summary[0].entities, summary[0].attributes.len()), (2, 0));
}

#[test]
fn the_newest_come_first_within_the_bounds_and_follow_what_is_put() {
    let stores = Stores::in_memory(codec());
    let created = |entity, time| put("channel", entity, &[("created", Some(Value::Time(Timestamp(time))))]);
    write(
        &stores,
        entities([(1, 10), (2, 30), (3, 20), (4, 30), (5, 40)].map(|(e, t)| created(e, t)).to_vec()),
    )
    .unwrap();
    let newest = |since, until, limit| {
        let (corpus, by) = (name("channel"), name("created"));
        let found =
            run(stores.catalog.newest(TENANT, &corpus, &by, Timestamp(since), Timestamp(until), limit))
                .unwrap();
        found.iter().map(|(entity, time)| (entity.0, time.0)).collect::<Vec<_>>()
    };
    assert_eq!(newest(10, 30, 9), [(2, 30), (4, 30), (3, 20), (1, 10)]);
    assert_eq!(newest(11, 99, 2), [(5, 40), (2, 30)]);
    assert_eq!(newest(50, 40, 2), []);
    write(&stores, entities(vec![created(2, 5), EntityPut { remove: true, ..put("channel", 5, &[]) }]))
        .unwrap();
    assert_eq!(newest(0, 99, 9), [(4, 30), (3, 20), (1, 10), (2, 5)]);
}

#[test]
fn a_request_keeps_the_relations_that_it_loaded() {
    let stores = Stores::in_memory(codec());
    let tie = |entity, remove| RelationPut {
        user: UserId(1),
        kind: name("member"),
        corpus: name("channel"),
        entity: EntityId(entity),
        since: Timestamp(5),
        weight: 2.0,
        remove,
    };
    let relations = |relations| WriteBatch { relations, ..WriteBatch::default() };
    let load =
        || run(stores.catalog.relations(TENANT, UserId(1), &name("channel"), &[name("member")])).unwrap();
    write(&stores, relations(vec![tie(2, false), tie(1, false)])).unwrap();
    let loaded = load();
    write(&stores, relations(vec![tie(1, true), tie(2, true), tie(3, false), tie(9, true)])).unwrap();
    assert_eq!(loaded[0].iter().map(|tie| tie.entity.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(load()[0].iter().map(|tie| tie.entity.0).collect::<Vec<_>>(), [3]);
    let summary = run(stores.catalog.describe(TENANT)).unwrap();
    assert_eq!(summary[0].relations, [(name("member"), 1)]);
}
