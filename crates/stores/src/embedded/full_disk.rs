//! Tests of a disk that is full, or fails, at any operation: nothing is half written, and reads go on.

use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use recommend_core::{EntityId, IdCodec, Interaction, InteractionId, Name, TenantId, Timestamp, UserId};
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::open::OpenOptions;
use crate::error::StoreError;
use crate::write::{WriteBatch, WriteOutcome};
use crate::{EntityPut, Stores};

const TENANT: TenantId = TenantId(1);

/// How many more operations that change the disk succeed.
#[derive(Debug, Clone)]
struct Fuel(Arc<AtomicI64>);

impl Fuel {
    fn set(&self, operations: i64) {
        self.0.store(operations, Ordering::SeqCst);
    }

    fn burn(&self) -> io::Result<()> {
        const ENOSPC: i32 = 28;
        match self.0.fetch_sub(1, Ordering::SeqCst) {
            left if left > 0 => Ok(()),
            _ => Err(io::Error::from_raw_os_error(ENOSPC)),
        }
    }
}

/// A file on a disk that may be full.
#[derive(Debug)]
struct FullDisk {
    file: FileBackend,
    fuel: Fuel,
}

impl StorageBackend for FullDisk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fuel.burn()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fuel.burn()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fuel.burn()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

fn open(folder: &Path, fuel: &Fuel) -> Stores {
    let fuel = fuel.clone();
    let on_full_disk = move |builder: &redb::Builder, path: &Path| {
        let file =
            std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let file = FileBackend::new(file)?;
        builder.create_with_backend(FullDisk { file, fuel: fuel.clone() })
    };
    let codec = IdCodec::new([3; 16]);
    Stores::open_with(folder, codec, OpenOptions::default(), Box::new(on_full_disk)).unwrap().0
}

/// A batch of 500 interactions and an entity, so that the file must grow now and then.
fn batch(number: u64) -> WriteBatch {
    let interaction = |at| Interaction {
        id: InteractionId(u128::from(number * 1000 + at)),
        request: None,
        tenant: TENANT,
        user: UserId(at),
        corpus: Name::literal("channel"),
        entity: EntityId(number),
        kind: Name::literal("message"),
        time: Timestamp(at as i64),
        value: 1.0,
    };
    let entity = EntityPut {
        corpus: Name::literal("channel"),
        entity: EntityId(number),
        attributes: Vec::new(),
        remove: false,
    };
    let interactions = (0..500).map(interaction).collect();
    WriteBatch { interactions, entities: vec![entity], ..WriteBatch::default() }
}

async fn write(stores: &Stores, number: u64) -> Result<WriteOutcome, StoreError> {
    stores.writer.write(TENANT, batch(number)).await
}

/// Which batches can be read, each of which is there whole or not at all.
async fn readable(stores: &Stores) -> Vec<u64> {
    let corpus = Name::literal("channel");
    let entities = stores.catalog.entities(TENANT, &corpus).await.unwrap();
    let kinds = stores.interactions.describe(TENANT).await.unwrap();
    let interactions: usize = kinds.iter().map(|kind| kind.count).sum();
    assert_eq!(interactions, entities.len() * 500);
    entities.iter().map(|entity| entity.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_at_any_operation_loses_doubles_and_halves_nothing() {
    let mut failures = 0;
    for operations in 0..25 {
        let (folder, fuel) = (tempfile::tempdir().unwrap(), Fuel(Arc::default()));
        fuel.set(i64::MAX);
        let stores = open(folder.path(), &fuel);
        write(&stores, 0).await.unwrap();
        fuel.set(operations);
        let mut acknowledged = vec![0];
        for number in 1..6 {
            match write(&stores, number).await {
                Ok(outcome) => {
                    assert_eq!(outcome.accepted, 500);
                    acknowledged.push(number);
                }
                Err(error) => {
                    assert!(matches!(error, StoreError::Io { .. } | StoreError::Closed(_)), "{error:?}");
                    failures += 1;
                }
            }
            assert_eq!(readable(&stores).await, acknowledged, "reads go on, and show what was acknowledged");
        }
        fuel.set(i64::MAX);
        for number in 1..8 {
            let outcome = write(&stores, number).await.unwrap();
            assert_eq!(outcome.accepted + outcome.duplicates, 500);
            if acknowledged.contains(&number) {
                assert_eq!(outcome.accepted, 0, "{operations}: {number} was acknowledged before");
            }
        }
        let all: Vec<_> = (0..8).collect();
        assert_eq!(readable(&stores).await, all);
        stores.close().await.unwrap();
        drop(stores);
        assert_eq!(readable(&open(folder.path(), &fuel)).await, all);
    }
    assert!(failures > 40, "{failures} writes failed");
}
