//! A disk that is full: nothing is acknowledged that is not on it, answers go on, and writes come back with the space.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use recommend_core::TenantId;
use recommend_server::proto::*;
use recommend_server::{Config, Deployment, Server};
use recommend_stores::{StoreError, WriteBatch, WriteOutcome, Writer};
use tonic::Code;

use crate::common::{CONFIG, ask, click, connect, entities};

/// Writes while there is space.
struct Filling {
    inner: Arc<dyn Writer>,
    full: Arc<AtomicBool>,
}

#[async_trait]
impl Writer for Filling {
    async fn write(&self, tenant: TenantId, batch: WriteBatch) -> Result<WriteOutcome, StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Io {
                doing: "writing",
                path: "/srv/secret/store".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
        self.inner.write(tenant, batch).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_with_the_reason_and_answers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse("test.toml", CONFIG).unwrap();
    let mut deployment = Deployment::open(folder.path(), &config.log).await.unwrap();
    let full = Arc::new(AtomicBool::new(false));
    deployment.stores.writer =
        Arc::new(Filling { inner: deployment.stores.writer.clone(), full: full.clone() });
    let server = Server::start(config, deployment).await.unwrap();
    let mut client = recommend_service_client::RecommendServiceClient::new(connect(&server).await);
    let general = Entity { corpus: "channel".into(), id: "general".into(), ..Entity::default() };
    let put = PutEntitiesRequest { tenant: "t".into(), entities: vec![general] };
    let mut catalog = catalog_service_client::CatalogServiceClient::new(connect(&server).await);
    catalog.put_entities(put).await.unwrap();
    let record = |second| RecordInteractionsRequest {
        tenant: "t".into(),
        interactions: vec![click("u", "general", second)],
    };
    client.record_interactions(record(1)).await.unwrap();

    full.store(true, Ordering::SeqCst);
    let status = client.record_interactions(record(2)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status.message().contains("no storage space") && !status.message().contains("secret"),
        "{status}"
    );
    let answer = client.recommend(ask("t", "u")).await.unwrap().into_inner();
    assert_eq!(entities(&answer), ["general"]);
    assert_eq!(answer.recommendations[0].score, 1.0, "what was refused does not count");

    full.store(false, Ordering::SeqCst);
    let retried = client.record_interactions(record(2)).await.unwrap().into_inner();
    assert_eq!((retried.accepted, retried.duplicates), (1, 0));
    let answer = client.recommend(ask("t", "u")).await.unwrap().into_inner();
    assert_eq!(answer.recommendations[0].score, 2.0);
    server.shutdown().await.unwrap();
}
