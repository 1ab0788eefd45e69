//! What the tests of the stores share: writing, and reading back all that is held.

#![allow(dead_code, reason = "not every test uses all of it")]

pub(crate) mod oracle;
pub(crate) mod redis_server;

use recommend_core::{
    EntityId, IdCodec, Interaction, InteractionId, Name, TenantId, Timestamp, UserId, Value,
};
use recommend_stores::{EntityPut, FeaturePut, RelationPut, Stores, WriteBatch};

pub(crate) fn codec() -> IdCodec {
    IdCodec::new([9; 16])
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Batch `number` of a history that follows from its numbers: a bit of everything, in two tenants.
pub(crate) fn batch(number: u64) -> (TenantId, WriteBatch) {
    let name = Name::literal;
    let mut batch = WriteBatch::default();
    if number == 0 {
        batch.tenant_name = Some("acme".into());
    }
    batch.names.push(((1 << 63) | (number % 7), format!("word {}", number % 7).into()));
    for at in 0..number % 4 {
        let entity = EntityId((number * 3 + at) % 40);
        batch.entities.push(EntityPut {
            corpus: name("channel"),
            entity,
            attributes: vec![
                (name("size"), Some(Value::Number((number % 9) as f64))),
                (name("created"), Some(Value::Time(Timestamp(number as i64 * 1000)))),
                (
                    name("private"),
                    (!number.is_multiple_of(5)).then_some(Value::Bool(number.is_multiple_of(2))),
                ),
                (name("topic"), Some(Value::Id(EntityId((1 << 63) | (number % 7))))),
            ],
            remove: number % 11 == 10,
        });
        batch.relations.push(RelationPut {
            user: UserId(number % 6),
            kind: name(if at == 0 { "member" } else { "dismissed" }),
            corpus: name("channel"),
            entity,
            since: Timestamp(number as i64),
            weight: 1.0,
            remove: number % 7 == 6,
        });
        batch.features.push(FeaturePut {
            corpus: name("channel"),
            entity,
            user: (at == 1).then_some(UserId(number % 6)),
            values: vec![
                (name("quality"), number as f32),
                (name("old"), if number.is_multiple_of(3) { f32::NAN } else { 1.0 }),
            ],
        });
    }
    for at in 0..number % 5 {
        batch.interactions.push(Interaction {
            // Every third is one that came before.
            id: InteractionId(
                u128::from(if number % 3 == 2 { number - 1 } else { number }) * 16 + u128::from(at),
            ),
            request: None,
            tenant: TenantId(1 + number % 2),
            user: UserId(at),
            corpus: name("channel"),
            entity: EntityId((number + at) % 40),
            kind: name(if at == 0 { "join" } else { "message" }),
            time: Timestamp(number as i64 * 60_000 + at as i64),
            value: at as f32,
        });
    }
    (TenantId(1 + number % 2), batch)
}

/// All that the stores hold, as text: two stores with the same text hold the same.
pub(crate) fn everything(stores: &Stores) -> String {
    run(async {
        let mut lines = Vec::new();
        let name = Name::literal;
        for (tenant, text) in stores.catalog.tenants().await.unwrap() {
            lines.push(format!("{tenant:?} {text}"));
            lines.push(format!("{:?}", stores.catalog.describe(tenant).await.unwrap()));
            lines.push(format!("{:?}", stores.interactions.describe(tenant).await.unwrap()));
            let words: Vec<_> = (0..7).map(|n| (1 << 63) | n).collect();
            lines.push(format!("{:?}", stores.catalog.names(tenant, &words).await.unwrap()));
            let corpus = name("channel");
            let entities = stores.catalog.entities(tenant, &corpus).await.unwrap();
            let attributes = ["size", "created", "private", "topic"].map(name);
            let table = stores.catalog.attributes(tenant, &corpus, &entities, &attributes).await.unwrap();
            for (row, entity) in entities.iter().enumerate() {
                let values = attributes.each_ref().map(|attribute| table.get(row, attribute.as_str()));
                lines.push(format!("{entity:?} {} {values:?}", table.known(row)));
            }
            let all: Vec<_> = (0..40).map(EntityId).collect();
            for user in (0..6).map(UserId) {
                let kinds = ["member", "dismissed"].map(name);
                lines.push(format!(
                    "{:?}",
                    stores.catalog.relations(tenant, user, &corpus, &kinds).await.unwrap()
                ));
                for whose in [None, Some(user)] {
                    let mut values = vec![0.0; 80];
                    let names = ["quality", "old"].map(name);
                    stores.features.rows(tenant, &corpus, whose, &all, &names, &mut values).await.unwrap();
                    lines.push(format!("{values:?}"));
                }
                let kinds = ["join", "message"].map(name);
                let (since, until) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
                let events = stores.interactions.user_timeline(
                    tenant,
                    user,
                    &corpus,
                    &kinds,
                    since,
                    until,
                    usize::MAX,
                );
                lines.push(format!("{:?}", events.await.unwrap()));
            }
            let created = name("created");
            let newest =
                stores.catalog.newest(tenant, &corpus, &created, Timestamp(0), Timestamp(i64::MAX), 20).await;
            lines.push(format!("{:?}", newest.unwrap()));
        }
        lines.join("\n")
    })
}
