//! What was read, into the event log of a data folder that no server has open.

use std::path::Path;

use anyhow::{Context, Result};
use recommend_core::{IdCodec, TenantId};
use recommend_events::LogOptions;
use recommend_server::Deployment;
use recommend_stores::{IdBatch, WriteBatch};

use super::rows::Made;
use crate::exit::Usage;
use crate::target;

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) impressions: u64,
    pub(super) interactions: u64,
}

/// Where it is written: a data folder, or nowhere in a dry run.
pub(super) struct Writing(Option<Open>);

struct Open {
    deployment: Deployment,
    tenant: TenantId,
    tenant_name: Option<Box<str>>,
}

impl Writing {
    pub(super) fn nowhere() -> Self {
        Writing(None)
    }

    pub(super) async fn open(config: Option<&Path>, data: Option<&Path>, tenant: &str) -> Result<Self> {
        let (config, folder) = target::load(config, data)?;
        // A server may log a sample; what is imported was meant to be there.
        let options = LogOptions { sample: 1.0, ..config.log };
        let deployment = match Deployment::open(&folder, &options).await {
            Err(error) if target::in_use(&error) => {
                return Err(anyhow::Error::new(error).context("stop the server first"));
            }
            other => other?,
        };
        let (tenant, tenant_name) = IdBatch::new(deployment.stores.codec)
            .tenant(tenant)
            .map_err(|error| Usage(format!("--tenant: {error}")))?;
        Ok(Writing(Some(Open { deployment, tenant, tenant_name })))
    }

    /// How strings become numbers there.
    pub(super) fn codec(&self) -> IdCodec {
        self.0.as_ref().map_or_else(|| IdCodec::new([0; 16]), |open| open.deployment.stores.codec)
    }

    /// Whose data it is.
    pub(super) fn tenant(&self) -> TenantId {
        self.0.as_ref().map_or(TenantId(0), |open| open.tenant)
    }

    /// Writes; all of it is durable on return.
    pub(super) async fn write(&self, made: Made, counts: &mut Counts) -> Result<()> {
        let Made { requests, interactions, ids } = made;
        counts.requests += requests.len() as u64;
        counts.impressions += requests.iter().map(|request| request.items.len() as u64).sum::<u64>();
        counts.interactions += interactions.len() as u64;
        let Some(Open { deployment, tenant, tenant_name }) = &self.0 else { return Ok(()) };
        let names = WriteBatch {
            tenant_name: tenant_name.clone(),
            names: ids.into_names(),
            entities: Vec::new(),
            relations: Vec::new(),
            interactions: Vec::new(),
            features: Vec::new(),
        };
        deployment.stores.writer.write(*tenant, names).await?;
        for request in requests {
            let records = request.items.len() + 1;
            if !deployment.log.log_request(request) {
                anyhow::bail!(
                    "the event log has no room for a request of {records} records; raise [log] queue"
                );
            }
            // The queue is bounded, and a server would shed what does not fit.
            if deployment.log.stats().queued > 20_000 {
                deployment.log.flush().await.context("writing the event log")?;
            }
        }
        deployment.log.log_interactions(interactions).await.context("writing the event log")?;
        deployment.log.flush().await.context("writing the event log")
    }

    /// Brings everything into Parquet and releases the folder.
    pub(super) async fn close(self) -> Result<()> {
        let Some(Open { deployment, .. }) = self.0 else { return Ok(()) };
        let rolled = deployment.log.roll().await;
        deployment.close().await?;
        rolled.context("writing the event log")
    }
}
