//! Gets an answer: from a server, or from the recommenders of a configuration run in this process.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use recommend_core::Deadline;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::{RecommendRequest, RecommendResponse};
use recommend_server::{Deployment, Offline, default_registry};
use tonic::{Request, Status};

use super::Whom;
use crate::target::{connect, in_use, load};

/// Asks whom the flags name.
pub(super) async fn ask(
    whom: &Whom,
    request: RecommendRequest,
    timeout: Duration,
) -> Result<RecommendResponse> {
    if let Some(address) = &whom.to {
        return remote(address, request, timeout).await;
    }
    let (config, folder) = load(whom.config.as_deref(), whom.data.as_deref())?;
    if !folder.exists() {
        bail!(
            "there is no data folder {}; `recommend import` makes one, or give another --data",
            folder.display()
        );
    }
    let deployment = match Deployment::open_for(&folder, &config).await {
        Err(error) if in_use(&error) => {
            let address = config.server.grpc.to_string();
            tracing::info!("{} is held by a server; asking it at {address}", folder.display());
            return remote(&address, request, timeout).await.with_context(|| {
                format!(
                    "{} is held by another process; is it a server at another address? Use --to",
                    folder.display()
                )
            });
        }
        other => other?,
    };
    let answer = match Offline::new(config, &deployment.stores, &default_registry()) {
        Ok(offline) => {
            offline.recommend(&request, Some(Deadline::after(timeout))).await.map_err(|s| failed(&s))
        }
        Err(error) => Err(error.into()),
    };
    deployment.close().await?;
    answer
}

async fn remote(address: &str, request: RecommendRequest, timeout: Duration) -> Result<RecommendResponse> {
    let mut client = RecommendServiceClient::new(connect(address).await?);
    let mut request = Request::new(request);
    request.set_timeout(timeout);
    client.recommend(request).await.map(tonic::Response::into_inner).map_err(|status| failed(&status))
}

fn failed(status: &Status) -> anyhow::Error {
    anyhow!("{}: {}", status.code(), status.message())
}
