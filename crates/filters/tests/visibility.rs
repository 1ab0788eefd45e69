//! Visibility in a whole run: whatever the catalog says or fails to say, nobody sees what is private to others.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use recommend_core::names::Name;
use recommend_core::{
    AttributeTable, CatalogReader, Cause, Component, ComponentError, Deadline, EntityId, Explanation,
    FeatureRows, Fetcher, Filter, Model, Outcome, Proposals, Query, Recommender, Relation, RelationSet,
    RequestId, RunError, RunOptions, TenantId, Timestamp, UserId, Value, days,
};
use recommend_filters::{Known, NotArchived, NotMember, NotPrivate, NotSeed, NotSelf, Owner, Related};

const ENTITIES: u64 = 12;

/// What the catalog knows of one entity; `None` is an entity that it does not hold.
type Entry = Option<[Option<Value>; 2]>;

/// A catalog of the attributes `private` and `archived` and the relation `member`, parts of which may be broken.
#[derive(Debug, Clone)]
struct Catalog {
    entries: Vec<Entry>,
    members: Vec<u64>,
    attributes_work: bool,
    relations_work: bool,
}

#[async_trait]
impl CatalogReader for Catalog {
    async fn attributes(
        &self,
        _: TenantId,
        _: &Name,
        ids: &[EntityId],
        names: &[Name],
    ) -> Result<AttributeTable, ComponentError> {
        if !self.attributes_work {
            return Err(ComponentError::Timeout);
        }
        let mut table = AttributeTable::new(ids.len(), names);
        for (row, id) in ids.iter().enumerate() {
            let Some(Some([private, archived])) = self.entries.get(id.0 as usize) else { continue };
            table.set_known(row);
            for (at, name) in names.iter().enumerate() {
                table.column_mut(at)[row] = match name.as_str() {
                    "private" => *private,
                    "archived" => *archived,
                    _ => None,
                };
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
        if !self.relations_work {
            return Err(ComponentError::Unavailable { dependency: "test", reason: "broken".into() });
        }
        let tie = |id: &u64| Relation { entity: EntityId(*id), since: Timestamp(0), weight: 1.0 };
        let set = |kind: &Name| match *kind == "member" {
            true => RelationSet::new(self.members.iter().map(tie).collect()),
            false => RelationSet::default(),
        };
        Ok(kinds.iter().map(|kind| Arc::new(set(kind))).collect())
    }
}

struct Everything;

#[async_trait]
impl Fetcher for Everything {
    fn kind(&self) -> &'static str {
        "everything"
    }

    async fn fetch(&self, _: &Query) -> Result<Proposals, ComponentError> {
        Ok(Proposals::unscored((0..ENTITIES).map(EntityId).collect()))
    }
}

/// Everybody scores the same.
struct Constant;

impl Model for Constant {
    fn kind(&self) -> &'static str {
        "constant"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn features(&self) -> &[Name] {
        &[]
    }

    fn score(&self, _: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        scores.fill(0.0);
        Ok(())
    }

    fn explain(&self, _: &FeatureRows<'_>, _: usize) -> Result<Explanation, ComponentError> {
        Err(ComponentError::Failed("there is nothing to explain".into()))
    }
}

fn run(catalog: &Catalog, filters: Vec<Component<dyn Filter>>) -> Result<Outcome, RunError> {
    let builder = Recommender::builder("channel", "test").fetcher(Everything).model(Constant);
    let builder = filters.into_iter().fold(builder, recommend_core::RecommenderBuilder::filter);
    let recommender = builder.catalog(Arc::new(catalog.clone())).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let query = Query {
            request: RequestId(1),
            tenant: TenantId(1),
            user: UserId(3),
            corpus: Name::literal("channel"),
            source: Name::literal("test"),
            limit: 100,
            context: Vec::new(),
            seeds: vec![EntityId(5)],
            given: Vec::new(),
            now: Timestamp::from_seconds(1_700_000_000),
            deadline: Deadline::after(days(1)),
            seed: 0,
        };
        recommender.run(&query, RunOptions::default()).await
    })
}

fn public() -> Catalog {
    let entries = (0..ENTITIES).map(|_| Some([Some(Value::Bool(false)), None])).collect();
    Catalog { entries, members: Vec::new(), attributes_work: true, relations_work: true }
}

#[test]
fn without_the_catalog_nothing_is_shown_and_the_answer_says_so() {
    let outcome = run(&Catalog { attributes_work: false, ..public() }, vec![NotPrivate.into()]).unwrap();
    assert!(outcome.items.is_empty());
    let drops: Vec<_> =
        outcome.report.drops.iter().map(|d| (d.component.as_str(), d.reason, d.count)).collect();
    assert_eq!(drops, [("not-private", "undecided", ENTITIES as usize)]);
    let degraded: Vec<_> =
        outcome.report.degraded.iter().map(|d| (d.component.as_str(), Cause::from(&d.error))).collect();
    assert_eq!(degraded, [("attributes", Cause::Timeout), ("not-private", Cause::Unavailable)]);
}

#[test]
fn a_required_guard_fails_the_request_instead() {
    let guard = Component::from(NotPrivate).required();
    let error = run(&Catalog { attributes_work: false, ..public() }, vec![guard]).unwrap_err();
    assert!(matches!(error, RunError::Required { component, .. } if component == "not-private"));
}

#[test]
fn filters_that_do_not_guard_let_everything_pass_when_they_cannot_decide() {
    let catalog = Catalog { attributes_work: false, relations_work: false, ..public() };
    let outcome = run(&catalog, vec![NotArchived.into(), NotMember.into(), Known.into()]).unwrap();
    assert_eq!(outcome.items.len() as u64, ENTITIES);
    assert_eq!(outcome.report.degraded.len(), 5, "two look-ups and three filters");
    for keeps_the_exception in [Component::from(Owner::only()), Related::to("member").unwrap().into()] {
        assert!(run(&catalog, vec![keeps_the_exception]).unwrap().items.is_empty());
    }
}

fn any_value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        2 => Just(None),
        4 => any::<bool>().prop_map(|b| Some(Value::Bool(b))),
        1 => Just(Some(Value::Number(0.0))),
        1 => Just(Some(Value::Time(Timestamp(0)))),
    ]
}

fn other_filter(which: u8) -> Component<dyn Filter> {
    match which {
        0 => NotArchived.into(),
        1 => NotMember.into(),
        2 => NotSeed.into(),
        3 => NotSelf.into(),
        4 => Known.into(),
        5 => Owner::without().into(),
        _ => Related::to("member").unwrap().into(),
    }
}

proptest! {
    #[test]
    fn a_private_entity_is_never_returned_to_others(
        entries in prop::collection::vec(
            prop::option::weighted(0.8, (any_value(), any_value()).prop_map(|(p, a)| [p, a])),
            ENTITIES as usize,
        ),
        members in prop::collection::vec(0..ENTITIES, 0..8),
        attributes_work: bool,
        relations_work: bool,
        before in prop::collection::vec(0_u8..7, 0..3),
        after in prop::collection::vec(0_u8..7, 0..3),
    ) {
        let catalog = Catalog { entries, members, attributes_work, relations_work };
        let mut filters: Vec<_> = before.iter().map(|which| other_filter(*which)).collect();
        filters.push(NotPrivate.into());
        filters.extend(after.iter().map(|which| other_filter(*which)));
        let outcome = run(&catalog, filters).unwrap();
        for item in &outcome.items {
            let entry = &catalog.entries[item.entity.0 as usize];
            let public = matches!(entry, Some([None | Some(Value::Bool(false)), _]));
            let own = entry.is_some() && relations_work && catalog.members.contains(&item.entity.0);
            prop_assert!(attributes_work && (public || own), "{:?} {entry:?}", item.entity);
        }
    }
}
