//! The way through: entities in, recommendations out, interactions back, everything logged and counted.

use crate::common::{CONFIG, TestServer, ask, click, entities};
use recommend_events::LogReader;
use recommend_server::proto::attribute_value::Kind;
use recommend_server::proto::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_recommended_and_what_is_recorded_ranks() {
    let server = TestServer::start(CONFIG).await;
    let private: &[(&str, Kind)] = &[("private", Kind::Flag(true))];
    server
        .put_channels("acme", &[("general", &[]), ("random", &[]), ("secret", private), ("mine", &[])])
        .await;
    server.put_member("acme", "ada", "mine").await;
    let interactions = vec![click("bob", "random", 1), click("bob", "random", 2), click("eve", "general", 3)];
    let request = RecordInteractionsRequest { tenant: "acme".into(), interactions };
    let recorded = server.recommend().record_interactions(request.clone()).await.unwrap().into_inner();
    assert_eq!((recorded.accepted, recorded.duplicates), (3, 0));
    let again = server.recommend().record_interactions(request).await.unwrap().into_inner();
    assert_eq!((again.accepted, again.duplicates), (0, 3), "a retry is no double");

    let answer = server.recommend().recommend(ask("acme", "ada")).await.unwrap().into_inner();
    assert_eq!(entities(&answer), ["random", "general"], "not the private one, not the own one");
    assert_eq!(answer.recommendations[0].score, 2.0);
    assert_eq!(answer.recommendations[0].propensity, 1.0);
    assert!(answer.degraded.is_empty() && answer.report.is_none() && answer.why_not.is_empty());
    assert_eq!(answer.request_id.len(), 32);

    // A member sees the private channel.
    server.put_member("acme", "bob", "secret").await;
    let bob = RecommendRequest { why_not: "secret".into(), ..ask("acme", "bob") };
    let answer = server.recommend().recommend(bob).await.unwrap().into_inner();
    assert_eq!(answer.why_not, "secret was dropped by the filter not-member: related");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_adds_up_and_says_who_proposed_and_what_was_dropped() {
    let server = TestServer::start(CONFIG).await;
    server.put_channels("acme", &[("general", &[]), ("secret", &[("private", Kind::Flag(true))])]).await;
    let request =
        RecordInteractionsRequest { tenant: "acme".into(), interactions: vec![click("bob", "general", 1)] };
    server.recommend().record_interactions(request).await.unwrap();
    let request = RecommendRequest { explain: true, why_not: "secret".into(), ..ask("acme", "ada") };
    let answer = server.recommend().recommend(request).await.unwrap().into_inner();
    assert_eq!(answer.why_not, "secret was dropped by the filter not-private: private");
    let explanation = answer.recommendations[0].explanation.as_ref().unwrap();
    let sum: f32 = explanation.contributions.iter().map(|part| part.contribution).sum();
    assert!((explanation.bias + sum - explanation.raw_score).abs() < 1e-5);
    let fetchers: Vec<_> = explanation.fetched_by.iter().map(|by| by.fetcher.as_str()).collect();
    assert_eq!(fetchers, ["all", "popular"]);
    assert_eq!(explanation.fetched_by[1].rank, 1, "ranks start at 1");
    let report = answer.report.unwrap();
    let stages: Vec<_> = report.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!(stages, ["fetch", "lookup", "filter", "features", "score", "rerank"]);
    assert_eq!((report.drops[0].filter.as_str(), report.drops[0].count), ("not-private", 1));
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_and_time_give_the_same_answer() {
    let config = CONFIG.to_owned() + "rerankers = [ { kind = \"shuffle-top\", top = 8 } ]\n";
    let server = TestServer::start(&config).await;
    let names: Vec<String> = (0..8).map(|n| format!("channel-{n}")).collect();
    let channels: Vec<(&str, &[(&str, Kind)])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
    server.put_channels("acme", &channels).await;
    let time = Some(prost_types::Timestamp { seconds: 1_000_000_000, nanos: 0 });
    let request = |seed| RecommendRequest { seed: Some(seed), time, ..ask("acme", "ada") };
    let mut orders = Vec::new();
    for seed in [1, 1, 2, 3, 4] {
        let answer = server.recommend().recommend(request(seed)).await.unwrap().into_inner();
        orders.push(entities(&answer).iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    assert_eq!(orders[0], orders[1]);
    assert!(orders[2..].iter().any(|order| *order != orders[0]), "another seed, another order");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_in_the_log_with_its_features_and_without_names() {
    let server = TestServer::start(CONFIG).await;
    server.put_channels("acme-corporation", &[("general", &[]), ("random", &[])]).await;
    let answer =
        server.recommend().recommend(ask("acme-corporation", "ada-lovelace")).await.unwrap().into_inner();
    let mut clicked = click("ada-lovelace", "random", 1);
    clicked.request_id = answer.request_id.clone();
    let request =
        RecordInteractionsRequest { tenant: "acme-corporation".into(), interactions: vec![clicked] };
    server.recommend().record_interactions(request).await.unwrap();
    let TestServer { server, folder, .. } = server;
    server.shutdown().await.unwrap();

    let log = LogReader::open(folder.path().join("log")).unwrap();
    let requests = log.requests().unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].request.to_string(), answer.request_id);
    let impressions = log.impressions().unwrap();
    assert_eq!(impressions.len(), 2);
    assert_eq!(impressions[0].features.len(), 2, "{:?}", impressions[0]);
    assert_eq!(log.interactions().unwrap()[0].request.map(|id| id.to_string()), Some(answer.request_id));
    let mut files = vec![folder.path().join("log")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            for name in ["acme-corporation", "ada-lovelace"] {
                let found = bytes.windows(name.len()).any(|window| window == name.as_bytes());
                assert!(!found, "{name} is in {}", path.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recommenders_are_listed_and_health_and_reflection_answer() {
    let server = TestServer::start(CONFIG).await;
    let list = server.recommend().list_recommenders(ListRecommendersRequest {}).await.unwrap().into_inner();
    let browser = &list.recommenders[0];
    assert_eq!((browser.corpus.as_str(), browser.source.as_str()), ("channel", "browser"));
    assert_eq!(browser.fetchers, ["all", "popular"]);
    assert_eq!(browser.filters, ["not-private", "not-member"]);
    assert_eq!(browser.features, ["popular.score", "clicks"]);
    assert_eq!(browser.schema.len(), 16);

    let mut health = tonic_health::pb::health_client::HealthClient::new(server.channel.clone());
    for service in ["", "recommend.v1.RecommendService", "recommend.v1.CatalogService"] {
        let request = tonic_health::pb::HealthCheckRequest { service: service.into() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, tonic_health::pb::health_check_response::ServingStatus::Serving, "{service:?}");
    }

    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let mut reflection = tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(
        server.channel.clone(),
    );
    let request = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        reflection.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(services)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services");
    };
    let names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
    assert!(
        names.contains(&"recommend.v1.RecommendService") && names.contains(&"grpc.health.v1.Health"),
        "{names:?}"
    );
    drop(answers);
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_counted_by_recommender_stage_and_reason() {
    let server = TestServer::start(CONFIG).await;
    server.put_channels("acme", &[("general", &[]), ("secret", &[("private", Kind::Flag(true))])]).await;
    server.recommend().recommend(ask("acme", "ada")).await.unwrap();
    server.recommend().recommend(RecommendRequest { limit: 0, ..ask("acme", "ada") }).await.unwrap_err();
    let metrics = server.metrics().await;
    let of = "corpus=\"channel\"";
    for line in [
        format!("recommend_requests_total{{code=\"ok\",{of},source=\"browser\"}} 1"),
        format!("recommend_requests_total{{code=\"invalid_argument\",{of},source=\"browser\"}} 1"),
        format!(
            "recommend_drops_total{{component=\"not-private\",{of},reason=\"private\",source=\"browser\"}} 1"
        ),
        format!("recommend_candidates_total{{{of},source=\"browser\",stage=\"rerank\"}} 1"),
        "recommend_calls_total{code=\"ok\",method=\"PutEntities\"} 1".into(),
        "recommend_calls_total{code=\"invalid_argument\",method=\"Recommend\"} 1".into(),
        "recommend_in_flight_requests 0".into(),
        "recommend_ready_info 1".into(),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains("acme") && !metrics.contains("ada"), "no tenant and no user in metrics");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_what_was_acknowledged() {
    let server = TestServer::start(CONFIG).await;
    server.put_channels("acme", &[("general", &[])]).await;
    let interactions = vec![click("bob", "general", 1)];
    let request = RecordInteractionsRequest { tenant: "acme".into(), interactions };
    server.recommend().record_interactions(request.clone()).await.unwrap();
    let TestServer { server, folder, .. } = server;
    server.shutdown().await.unwrap();

    let config = recommend_server::Config::parse("test.toml", CONFIG).unwrap();
    let deployment = recommend_server::Deployment::open(folder.path(), &config.log).await.unwrap();
    let server = recommend_server::Server::start(config, deployment).await.unwrap();
    let channel = crate::common::connect(&server).await;
    let mut client = recommend_service_client::RecommendServiceClient::new(channel);
    let answer = client.recommend(ask("acme", "ada")).await.unwrap().into_inner();
    assert_eq!(entities(&answer), ["general"]);
    let again = client.record_interactions(request).await.unwrap().into_inner();
    assert_eq!((again.accepted, again.duplicates), (0, 1));
    server.shutdown().await.unwrap();
}
