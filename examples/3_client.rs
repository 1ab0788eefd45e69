//! 3. A client: asks for recommendations, shows them, and tells what the user did with them.
//!
//! With an address it asks the server there (`make serve` starts one); without, it starts one for itself:
//!
//! ```text
//! cargo run -p recommend-examples --example 3_client [http://127.0.0.1:50051 TENANT USER]
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use recommend_core::ManualClock;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::{
    Interaction, RecommendRequest, RecordInteractionsRequest, RecordInteractionsResponse,
};
use recommend_server::{Config, Deployment, RunningServer, Server};
use tonic::{Code, Request};

async fn talk(address: String, tenant: String, user: String) -> Result<RecordInteractionsResponse> {
    // One connection, made once and shared; cloning the client is cheap.
    let mut client = RecommendServiceClient::connect(address).await.context("connecting")?;

    let mut request = Request::new(RecommendRequest {
        tenant: tenant.clone(),
        user: user.clone(),
        corpus: "channel".to_owned(),
        source: "channel-browser".to_owned(),
        limit: 5,
        ..RecommendRequest::default()
    });
    // The deadline travels with the request: the server stops working when nobody waits any more.
    request.set_timeout(Duration::from_secs(5));
    let answer = match client.recommend(request).await {
        Ok(answer) => answer.into_inner(),
        // A page without recommendations is better than no page. Retry what is overloaded, with back-off.
        Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::DeadlineExceeded) => {
            println!("no recommendations this time: {}", status.message());
            return Ok(RecordInteractionsResponse::default());
        }
        Err(status) => return Err(status).context("asking"),
    };
    for (at, item) in answer.recommendations.iter().enumerate() {
        println!("{}. {} {:.3}", at + 1, item.entity, item.score);
    }
    for degraded in &answer.degraded {
        println!("degraded: {} {}: {}", degraded.stage, degraded.component, degraded.message);
    }

    // The user clicks the second one. The request's id ties the click to what was shown.
    let clicked = answer.recommendations.get(1).context("there were fewer than two recommendations")?;
    let click = Interaction {
        request_id: answer.request_id.clone(),
        user,
        corpus: "channel".to_owned(),
        entity: clicked.entity.clone(),
        kind: "click".to_owned(),
        ..Interaction::default()
    };
    let record = RecordInteractionsRequest { tenant, interactions: vec![click] };
    let told = client.record_interactions(record).await.context("recording")?.into_inner();
    println!("recorded {} interaction", told.accepted);
    Ok(told)
}

/// A server for this example alone, with the configuration that `recommend demo` serves.
async fn own_server(folder: &Path) -> Result<(RunningServer, String, String)> {
    let mut config =
        Config::parse("examples/workspace/recommend.toml", include_str!("workspace/recommend.toml"))?;
    config.server.grpc.set_port(0);
    config.server.http.set_port(0);
    let deployment = Deployment::open(folder, &config.log).await?;
    let workspace = recommend_examples::write_workspace(&deployment.stores).await?;
    let (tenant, user) = (workspace.settings().tenant.clone(), workspace.people()[3].id.clone());
    // The simulated history has its own present.
    let clock = Arc::new(ManualClock::at(workspace.settings().end));
    Ok((Server::builder().clock(clock).start(config, deployment).await?, tenant, user))
}

async fn alone() -> Result<RecordInteractionsResponse> {
    let folder = tempfile::tempdir()?;
    let (server, tenant, user) = own_server(folder.path()).await?;
    let told = talk(format!("http://{}", server.grpc_addr()), tenant, user).await;
    server.shutdown().await?;
    told
}

#[tokio::main]
async fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.as_slice() {
        [address, tenant, user] => talk(address.clone(), tenant.clone(), user.clone()).await?,
        _ => alone().await?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_client_asks_and_its_click_is_recorded() {
        assert_eq!(super::alone().await.unwrap().accepted, 1);
    }
}
