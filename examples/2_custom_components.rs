//! 2. Components of your own, in your own crate: a fetcher and a reranker, joined to the TOML by one line each.
//!
//! The fetcher proposes the channels that your manager is in; the reranker sees to it that something new stands among
//! the first three. Both are served over gRPC beside the components of the workspace.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use recommend_core::{
    BuildError, ComponentError, Fetcher, ManualClock, Name, Needs, Proposals, Query, Registry, Reranker,
    Slate, Value, View, days,
};
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::{RecommendRequest, RecommendResponse};
use recommend_server::{Config, Deployment, Server};
use recommend_stores::Stores;
use serde::Deserialize;

const CONFIG: &str = r#"
    [server]
    grpc = "127.0.0.1:0"
    http = "127.0.0.1:0"
    timeout = "10s"

    [[recommender]]
    corpus = "channel"
    source = "my-product"
    fetchers = [ { kind = "managers-channels", limit = 50 }, { kind = "popular", window = "30d" } ]
    filters = [ "not-private", { kind = "not-related", relation = "member" } ]
    rerankers = [ { kind = "something-new", within_days = 60 } ]

    [recommender.model]
    kind = "linear"
    weights."managers-channels.score" = 1.0
    weights."popular.score" = { weight = 0.1, transform = "log1p" }
"#;

/// The line that a host writes: `Server::builder().register(my_crate::register)`.
fn register(registry: &mut Registry) {
    registry.fetcher("managers-channels", |settings: ManagersSettings, context| {
        Ok(ManagersChannels { stores: context.resources.get::<Stores>()?.clone(), limit: settings.limit })
    });
    registry.reranker("something-new", |settings: SomethingNew, _| match settings.within_days {
        0 => Err(BuildError::Invalid("`within_days` must be at least 1".into())),
        _ => Ok(settings),
    });
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManagersSettings {
    limit: usize,
}

/// The channels that the manager of the user is in, those joined last first.
struct ManagersChannels {
    stores: Stores,
    limit: usize,
}

#[async_trait]
impl Fetcher for ManagersChannels {
    fn kind(&self) -> &'static str {
        "managers-channels"
    }

    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let (catalog, tenant) = (&self.stores.catalog, query.tenant);
        let user = [query.user.as_entity()];
        let about =
            catalog.attributes(tenant, &Name::literal("user"), &user, &[Name::literal("manager")]).await?;
        let Some(manager) = about.get(0, "manager").and_then(Value::as_id) else {
            return Ok(Proposals::default());
        };
        let member = [Name::literal("member")];
        let sets = catalog.relations(tenant, manager.as_user(), &query.corpus, &member).await?;
        let score = |since| 1.0 / (1.0 + query.now.since(since).as_secs_f32() / days(30).as_secs_f32());
        let proposed = sets.iter().flat_map(|set| set.iter()).map(|tie| (tie.entity, score(tie.since)));
        Ok(Proposals::from_pairs(proposed).top(self.limit))
    }
}

/// Lifts the best young candidate to the third place, unless one stands above it already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SomethingNew {
    within_days: u64,
}

impl Reranker for SomethingNew {
    fn kind(&self) -> &'static str {
        "something-new"
    }

    fn needs(&self) -> Needs {
        Needs::attributes([Name::literal("created")])
    }

    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        let Some(created) = view.attribute("created") else { return Ok(()) };
        let since = view.query.now.before(days(self.within_days));
        let young =
            |row: u32| created[row as usize].and_then(Value::as_time).is_some_and(|time| time >= since);
        if let Some(place) = slate.entries.iter().position(|entry| young(entry.row))
            && place > 2
        {
            slate.entries[2..=place].rotate_right(1);
        }
        Ok(())
    }
}

async fn ask() -> Result<RecommendResponse> {
    let folder = tempfile::tempdir()?;
    let config = Config::parse("2_custom_components.rs", CONFIG)?;
    let deployment = Deployment::open(folder.path(), &config.log).await?;
    let workspace = recommend_examples::write_workspace(&deployment.stores).await?;
    let codec = deployment.stores.codec;
    // The simulated history has its own present.
    let clock = Arc::new(ManualClock::at(workspace.settings().end));
    let server = Server::builder().register(register).clock(clock).start(config, deployment).await?;

    let mut client = RecommendServiceClient::connect(format!("http://{}", server.grpc_addr())).await?;
    let request = RecommendRequest {
        tenant: workspace.settings().tenant.clone(),
        user: workspace.people()[5].id.clone(),
        corpus: "channel".to_owned(),
        source: "my-product".to_owned(),
        limit: 5,
        explain: true,
        ..RecommendRequest::default()
    };
    let answer = client.recommend(request).await?.into_inner();
    for (at, item) in answer.recommendations.iter().enumerate() {
        let explanation = item.explanation.as_ref().context("the request asked for an explanation")?;
        let fetchers: Vec<&str> = explanation.fetched_by.iter().map(|by| by.fetcher.as_str()).collect();
        let entity = recommend_core::EntityId(codec.encode(&item.entity)?);
        let lifted = explanation.moves.iter().any(|moved| moved.to_rank < moved.from_rank);
        let why = if lifted { ", lifted for being new" } else { "" };
        println!(
            "{}. {:<28} {:>6.3}  from {}{why}",
            at + 1,
            workspace.label("channel", entity),
            item.score,
            fetchers.join(", ")
        );
    }
    server.shutdown().await?;
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<()> {
    ask().await.map(|_| ())
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn components_from_outside_serve_beside_those_of_the_workspace() {
        let answer = super::ask().await.unwrap();
        assert_eq!(answer.recommendations.len(), 5);
        assert!(answer.degraded.is_empty());
        let own = |item: &recommend_server::proto::Recommendation| {
            item.explanation.as_ref().unwrap().fetched_by.iter().any(|by| by.fetcher == "managers-channels")
        };
        assert!(answer.recommendations.iter().any(own));
    }
}
