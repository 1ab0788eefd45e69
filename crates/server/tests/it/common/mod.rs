//! A real server on free ports over a temporary folder, and clients for it.

pub(crate) mod parts;
pub(crate) mod raw;

use std::collections::HashMap;

use recommend_core::Registry;
use recommend_server::proto::attribute_value::Kind;
use recommend_server::proto::catalog_service_client::CatalogServiceClient;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::*;
use recommend_server::{Config, Deployment, RunningServer, Server};
use tempfile::TempDir;
use tonic::transport::Channel;

/// Channels by popularity, private ones for members only.
pub(crate) const CONFIG: &str = r#"
[server]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
timeout = "20s"
drain = "5s"

[features.clicks]
kind = "count"
interactions = ["click"]

[[recommender]]
corpus = "channel"
source = "browser"
fetchers = [ { kind = "all" }, { kind = "popular" } ]
filters = [ "not-private", { kind = "not-related", name = "not-member", relation = "member" } ]
features = [ "popular.score" ]
model = { kind = "linear", weights = { clicks = 1.0 } }
"#;

/// One server with its folder.
pub(crate) struct TestServer {
    pub(crate) server: RunningServer,
    pub(crate) folder: TempDir,
    pub(crate) channel: Channel,
}

impl TestServer {
    pub(crate) async fn start(config: &str) -> Self {
        TestServer::with(config, |_| {}).await
    }

    /// With components from outside the workspace's crates.
    pub(crate) async fn with(config: &str, register: impl FnOnce(&mut Registry)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse("test.toml", config).unwrap_or_else(|errors| panic!("{errors}"));
        let deployment = Deployment::open(folder.path(), &config.log).await.unwrap();
        let server = Server::builder()
            .register(register)
            .start(config, deployment)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let channel = connect(&server).await;
        TestServer { server, folder, channel }
    }

    pub(crate) fn recommend(&self) -> RecommendServiceClient<Channel> {
        RecommendServiceClient::new(self.channel.clone()).max_encoding_message_size(usize::MAX)
    }

    pub(crate) fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn put_channels(&self, tenant: &str, channels: &[(&str, &[(&str, Kind)])]) {
        let entity = |(id, attributes): &(&str, &[(&str, Kind)])| Entity {
            corpus: "channel".into(),
            id: (*id).into(),
            attributes: attributes
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), AttributeValue { kind: Some(kind.clone()) }))
                .collect(),
            remove: false,
        };
        let entities = channels.iter().map(entity).collect();
        self.catalog().put_entities(PutEntitiesRequest { tenant: tenant.into(), entities }).await.unwrap();
    }

    pub(crate) async fn put_member(&self, tenant: &str, user: &str, channel: &str) {
        let relation = Relation {
            user: user.into(),
            kind: "member".into(),
            corpus: "channel".into(),
            entity: channel.into(),
            ..Relation::default()
        };
        let request = PutRelationsRequest { tenant: tenant.into(), relations: vec![relation] };
        self.catalog().put_relations(request).await.unwrap();
    }

    /// The metrics as text.
    pub(crate) async fn metrics(&self) -> String {
        raw::http(self.server.http_addr(), "GET", "/metrics", &[], "").await.body
    }
}

pub(crate) async fn connect(server: &RunningServer) -> Channel {
    Channel::from_shared(format!("http://{}", server.grpc_addr())).unwrap().connect().await.unwrap()
}

/// A request of the recommender in [`CONFIG`].
pub(crate) fn ask(tenant: &str, user: &str) -> RecommendRequest {
    RecommendRequest {
        tenant: tenant.into(),
        user: user.into(),
        corpus: "channel".into(),
        source: "browser".into(),
        limit: 10,
        context: HashMap::new(),
        ..RecommendRequest::default()
    }
}

/// A click on a channel at a second of the year 2001.
pub(crate) fn click(user: &str, channel: &str, second: i64) -> Interaction {
    Interaction {
        user: user.into(),
        corpus: "channel".into(),
        entity: channel.into(),
        kind: "click".into(),
        time: Some(prost_types::Timestamp { seconds: 1_000_000_000 + second, nanos: 0 }),
        ..Interaction::default()
    }
}

/// What was recommended, in order.
pub(crate) fn entities(response: &RecommendResponse) -> Vec<&str> {
    response.recommendations.iter().map(|r| r.entity.as_str()).collect()
}
