//! Which interactions are recorded already: asked before a log is written beside the stores.

#![allow(clippy::unwrap_used, reason = "a test may")]

use recommend_core::{EntityId, IdCodec, Interaction, InteractionId, Name, TenantId, Timestamp, UserId};
use recommend_stores::{OpenOptions, Stores, WriteBatch};

fn batch(ids: &[u128]) -> WriteBatch {
    let interaction = |id: &u128| Interaction {
        id: InteractionId(*id),
        request: None,
        tenant: TenantId(1),
        user: UserId(7),
        corpus: Name::literal("channel"),
        entity: EntityId(42),
        kind: Name::literal("join"),
        time: Timestamp(0),
        value: 1.0,
    };
    WriteBatch { interactions: ids.iter().map(interaction).collect(), ..WriteBatch::default() }
}

async fn recorded(stores: &Stores, tenant: u64) -> Vec<bool> {
    let ids = [1, 2, 3].map(InteractionId);
    stores.writer.recorded(TenantId(tenant), &ids).await.unwrap()
}

#[tokio::test]
async fn what_was_written_is_recorded_in_its_tenant_and_nowhere_else() {
    let stores = Stores::in_memory(IdCodec::new([7; 16]));
    assert_eq!(recorded(&stores, 1).await, [false; 3]);
    stores.writer.write(TenantId(1), batch(&[1, 3])).await.unwrap();
    assert_eq!(recorded(&stores, 1).await, [true, false, true]);
    assert_eq!(recorded(&stores, 2).await, [false; 3]);
}

#[tokio::test]
async fn it_is_still_recorded_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Stores::open(folder.path(), IdCodec::new([7; 16]), OpenOptions::default()).unwrap().0;
    let stores = open();
    stores.writer.write(TenantId(1), batch(&[2])).await.unwrap();
    assert_eq!(recorded(&stores, 1).await, [false, true, false]);
    stores.close().await.unwrap();
    drop(stores);
    assert_eq!(recorded(&open(), 1).await, [false, true, false]);
}
