//! `RecordInteractions` and the calls of the catalog: what they return as done is on disk.

use recommend_core::TenantId;
use recommend_stores::{IdBatch, WriteBatch, WriteOutcome};
use tonic::Status;

use super::Api;
use super::recommend::count;
use crate::proto::{
    PutEntitiesRequest, PutEntitiesResponse, PutFeaturesRequest, PutFeaturesResponse, PutRelationsRequest,
    PutRelationsResponse, RecordInteractionsRequest, RecordInteractionsResponse,
};
use crate::request;
use crate::status::{of_log, of_store};

impl Api {
    /// Writes the log first and the store second. What a crash leaves between them is in the log alone; the client
    /// sends it again, and the interactions' ids make one of the two.
    pub(crate) async fn record_interactions(
        &self,
        sent: &RecordInteractionsRequest,
    ) -> Result<RecordInteractionsResponse, Status> {
        let codec = self.stores.codec;
        let (tenant, batch) = request::interactions(self.ids(), codec, sent, self.clock.now())?;
        self.log.log_interactions(batch.interactions.clone()).await.map_err(|error| {
            tracing::error!(%error, "interactions not logged");
            of_log(&error)
        })?;
        let outcome = self.write(tenant, batch).await?;
        self.metrics.recorded(outcome.accepted, outcome.duplicates);
        Ok(RecordInteractionsResponse {
            accepted: count(outcome.accepted),
            duplicates: count(outcome.duplicates),
        })
    }

    pub(crate) async fn put_entities(
        &self,
        sent: &PutEntitiesRequest,
    ) -> Result<PutEntitiesResponse, Status> {
        let (tenant, batch) = request::entities(self.ids(), sent)?;
        self.write(tenant, batch).await?;
        Ok(PutEntitiesResponse { accepted: count(sent.entities.len()) })
    }

    pub(crate) async fn put_relations(
        &self,
        sent: &PutRelationsRequest,
    ) -> Result<PutRelationsResponse, Status> {
        let (tenant, batch) = request::relations(self.ids(), sent, self.clock.now())?;
        self.write(tenant, batch).await?;
        Ok(PutRelationsResponse { accepted: count(sent.relations.len()) })
    }

    pub(crate) async fn put_features(
        &self,
        sent: &PutFeaturesRequest,
    ) -> Result<PutFeaturesResponse, Status> {
        let (tenant, batch) = request::features(self.ids(), sent)?;
        self.write(tenant, batch).await?;
        Ok(PutFeaturesResponse { accepted: count(sent.rows.len()) })
    }

    fn ids(&self) -> IdBatch {
        IdBatch::new(self.stores.codec)
    }

    async fn write(&self, tenant: TenantId, batch: WriteBatch) -> Result<WriteOutcome, Status> {
        self.stores.writer.write(tenant, batch).await.map_err(|error| {
            tracing::error!(%error, "not written");
            of_store(&error)
        })
    }
}
