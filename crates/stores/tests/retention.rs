//! The bounds of a tenant in embedded stores: what is let go of, what is not, and that features do not notice.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;
use std::time::Duration;

use recommend_core::{EntityId, IdCodec, Interaction, InteractionId, Name, TenantId, Timestamp, UserId};
use recommend_stores::{
    Aggregate, AggregateSpec, CoInteraction, OpenOptions, Retention, RetentionSnapshot, Scope, StoreError,
    Stores, Subject, WriteBatch,
};

const HOUR: i64 = 3_600_000;
/// Long over, so that no clock matters.
const START: i64 = 1_600_000_000_000 / HOUR * HOUR;
const MINE: TenantId = TenantId(1);
const THEIRS: TenantId = TenantId(2);

fn codec() -> IdCodec {
    IdCodec::new([1; 16])
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

fn open(folder: &Path, retention: Retention) -> Stores {
    let options = OpenOptions { retention, ..OpenOptions::default() };
    Stores::open(folder, codec(), options).unwrap().0
}

/// The interaction of a number: one each ten minutes.
fn interaction(tenant: TenantId, number: u64) -> Interaction {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Interaction {
        id: InteractionId(u128::from(mixed) << 64 | u128::from(number)),
        request: None,
        tenant,
        user: UserId(mixed >> 20 & 15),
        corpus: Name::literal(if number.is_multiple_of(5) { "user" } else { "channel" }),
        entity: EntityId(mixed >> 30 & 31),
        kind: Name::literal(["message", "join", "read"][(mixed >> 40) as usize % 3]),
        time: Timestamp(START + number as i64 * HOUR / 6 + (mixed >> 50) as i64),
        value: (mixed >> 55) as f32 / 8.0,
    }
}

async fn write(stores: &Stores, tenant: TenantId, numbers: impl Iterator<Item = u64>) -> usize {
    let interactions = numbers.map(|number| interaction(tenant, number)).collect();
    let batch = WriteBatch { interactions, ..WriteBatch::default() };
    let accepted = stores.writer.write(tenant, batch).await.unwrap().accepted;
    // The writer tidies up before it looks at its next message.
    stores.writer.recorded(tenant, &[]).await.unwrap();
    accepted
}

/// How many interactions are held of a tenant, and when the oldest was.
async fn held(stores: &Stores, tenant: TenantId) -> (usize, i64) {
    let kinds = stores.interactions.describe(tenant).await.unwrap();
    let oldest = kinds.iter().map(|kind| kind.first.0).min().unwrap_or(i64::MAX);
    (kinds.iter().map(|kind| kind.count).sum(), oldest)
}

fn on_disk(folder: &Path) -> usize {
    let mut count = 0;
    let each = &mut |_, batch: WriteBatch| {
        count += batch.interactions.len();
        Ok::<_, StoreError>(())
    };
    Stores::export(folder, each).unwrap();
    count
}

/// The bits of all aggregates with windows of up to 90 hours.
async fn features(stores: &Stores, now: Timestamp) -> Vec<u32> {
    let mut specs = Vec::new();
    for scope in [Scope::Entity, Scope::User, Scope::Pair, Scope::Tenant] {
        for aggregate in [Aggregate::Count, Aggregate::Sum, Aggregate::Recency, Aggregate::Distinct] {
            for (kinds, window) in [(&[][..], 3), (&["message"], 25), (&["join", "read"], 90)] {
                specs.push(AggregateSpec {
                    scope,
                    corpus: None,
                    kinds: kinds.iter().copied().map(Name::literal).collect(),
                    window: Some(hours(window)),
                    resolution: None,
                    aggregate,
                });
            }
        }
    }
    let entities: Vec<EntityId> = (0..34).map(EntityId).collect();
    let mut bits = Vec::new();
    for corpus in ["channel", "user"].map(Name::literal) {
        for user in (0..17).map(UserId) {
            let subject = Subject { tenant: MINE, user, corpus: &corpus, entities: &entities, now };
            let mut out = vec![0.0; entities.len() * specs.len()];
            stores.interactions.aggregate(&subject, &specs, &mut out).await.unwrap();
            bits.extend(out.iter().map(|x| x.to_bits()));
            let wanted = CoInteraction { window: Some(hours(90)), ..CoInteraction::default() };
            let mut shared = vec![0.0; entities.len()];
            let partners = [EntityId(user.0), EntityId(3)];
            stores.interactions.co_interactions(&subject, &partners, &wanted, &mut shared).await.unwrap();
            bits.extend(shared.iter().map(|x| x.to_bits()));
        }
    }
    bits
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_is_kept_is_dropped_and_no_feature_notices() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { keep: Some(hours(100)), most: None };
    let stores = open(folder.path(), retention);
    let all = Stores::in_memory(codec());
    let mut number = 0;
    for _ in 0..60 {
        let next = number..number + 60;
        write(&stores, MINE, next.clone()).await;
        write(&all, MINE, next.clone()).await;
        number = next.end;
        let now = interaction(MINE, number).time;
        assert_eq!(features(&stores, now).await, features(&all, now).await, "after {number}");
    }
    // Six an hour for a hundred hours, and for the two hours more in which it is not worth the work.
    let (count, oldest) = held(&stores, MINE).await;
    let newest = START + number as i64 * HOUR / 6;
    assert!((600..=630).contains(&count), "{count}");
    assert!(oldest > newest - 104 * HOUR, "{}", (newest - oldest) / HOUR);
    let counted = stores.retention.as_ref().unwrap().snapshot();
    assert_eq!(counted, RetentionSnapshot { expired: (3_600 - count) as u64, crowded_out: 0, late: 0 });

    // What comes late is acknowledged and not held, and no id of what was dropped is known any more.
    let ids = [0, 3_599].map(|number| interaction(MINE, number).id);
    assert_eq!(stores.writer.recorded(MINE, &ids).await.unwrap(), [false, true]);
    assert_eq!(write(&stores, MINE, 0..10).await, 10);
    assert_eq!(held(&stores, MINE).await, (count, oldest));
    assert_eq!(stores.retention.as_ref().unwrap().snapshot().late, 10);

    // The disk holds about a block more, and what was dropped does not come back.
    stores.close().await.unwrap();
    drop(stores);
    let disk = on_disk(folder.path());
    assert!((count..count + 120).contains(&disk), "{disk} on disk, {count} in memory");
    let stores = open(folder.path(), retention);
    write(&stores, MINE, number..number + 1).await;
    write(&all, MINE, number..number + 1).await;
    let (again, _) = held(&stores, MINE).await;
    assert!((600..=630).contains(&again), "{again}");
    let now = interaction(MINE, number + 1).time;
    assert_eq!(features(&stores, now).await, features(&all, now).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_too_much_loses_its_oldest_and_no_other_tenant_anything() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { keep: None, most: Some(1_000) };
    let stores = open(folder.path(), retention);
    write(&stores, THEIRS, 0..900).await;
    for first in (0..5_000).step_by(50) {
        write(&stores, MINE, first..first + 50).await;
        let (count, oldest) = held(&stores, MINE).await;
        assert!(count <= 1_000, "{count} after {first}");
        // Of what is held nothing newer than something dropped is missing.
        let newer = (0..first + 50).filter(|number| interaction(MINE, *number).time.0 >= oldest).count();
        assert_eq!(count, newer);
        assert!(count >= 890.min(first as usize + 50), "{count} after {first}");
    }
    assert_eq!(held(&stores, THEIRS).await.0, 900);
    let counted = stores.retention.as_ref().unwrap().snapshot();
    assert_eq!((counted.crowded_out, counted.expired), (5_000 - held(&stores, MINE).await.0 as u64, 0));
    let entities = stores.interactions.entities(MINE, &Name::literal("channel")).await.unwrap();
    assert!(!entities.is_empty());
    stores.close().await.unwrap();
    drop(stores);
    let disk = on_disk(folder.path());
    assert!((900 + 890..=900 + 1_100).contains(&disk), "{disk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_to_be_of_the_far_future_takes_nothing_along() {
    let folder = tempfile::tempdir().unwrap();
    let stores = open(folder.path(), Retention { keep: Some(hours(24 * 365 * 200)), most: None });
    write(&stores, MINE, 0..100).await;
    let future = Interaction { time: Timestamp(i64::MAX), ..interaction(MINE, 7_000) };
    let batch = WriteBatch { interactions: vec![future], ..WriteBatch::default() };
    stores.writer.write(MINE, batch).await.unwrap();
    stores.writer.recorded(MINE, &[]).await.unwrap();
    assert_eq!(held(&stores, MINE).await.0, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_bounds_everything_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let stores = open(folder.path(), Retention::default());
    write(&stores, MINE, (0..3_000).step_by(100)).await;
    assert_eq!(held(&stores, MINE).await.0, 30);
    assert_eq!(stores.retention.as_ref().unwrap().snapshot(), RetentionSnapshot::default());
}
