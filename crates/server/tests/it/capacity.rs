//! Deadlines, capacity, components that misbehave, and stopping.

use std::time::Duration;

use crate::common::parts::{self, Held};
use crate::common::{CONFIG, TestServer, ask, entities, raw};
use recommend_server::proto::*;
use tonic::{Code, Request};

fn timed(request: RecommendRequest, timeout: Duration) -> Request<RecommendRequest> {
    let mut request = Request::new(request);
    request.set_timeout(timeout);
    request
}

fn with_fetchers(fetchers: &str) -> String {
    CONFIG
        .replace("[ { kind = \"all\" }, { kind = \"popular\" } ]", fetchers)
        .replace("features = [ \"popular.score\" ]", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_capacity_are_refused_at_once_and_the_others_finish() {
    let held = Held::new();
    let config =
        with_fetchers("[ { kind = \"held\" } ]").replace("timeout =", "max_in_flight = 2\ntimeout =");
    let config = config.replace("\"not-private\",", "");
    let server = TestServer::with(&config, |registry| held.register(registry)).await;
    let call = || {
        let mut client = server.recommend();
        tokio::spawn(async move { client.recommend(ask("t", "u")).await })
    };
    let (first, second) = (call(), call());
    held.until_begun(2).await;

    let refused = server.recommend().recommend(ask("t", "u")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("2 calls are in flight"), "{refused}");
    // The bound is over all connections and transports.
    let other =
        recommend_service_client::RecommendServiceClient::new(crate::common::connect(&server.server).await);
    assert_eq!(other.clone().recommend(ask("t", "u")).await.unwrap_err().code(), Code::ResourceExhausted);
    let json = raw::http(server.server.http_addr(), "POST", "/v1/recommend", &[], "{}").await;
    assert_eq!((json.status, json.json()["code"].as_str()), (429, Some("RESOURCE_EXHAUSTED")));
    // Who looks after the server gets through.
    assert_eq!(raw::http(server.server.http_addr(), "GET", "/readyz", &[], "").await.status, 200);
    assert!(server.metrics().await.contains("recommend_in_flight_requests 2"));

    held.let_go(2);
    for call in [first, second] {
        assert_eq!(entities(call.await.unwrap().unwrap().get_ref()), ["1"]);
    }
    held.let_go(1);
    assert!(server.recommend().recommend(ask("t", "u")).await.is_ok(), "there is room again");
    let refused = "recommend_calls_total{code=\"resource_exhausted\",method=\"Recommend\"} 3";
    assert!(server.metrics().await.contains(refused));
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_gives_its_place_back() {
    let held = Held::new();
    let config =
        with_fetchers("[ { kind = \"held\" } ]").replace("timeout =", "max_in_flight = 1\ntimeout =");
    let config = config.replace("\"not-private\",", "");
    let server = TestServer::with(&config, |registry| held.register(registry)).await;
    let mut client = server.recommend();
    let call = tokio::spawn(async move { client.recommend(ask("t", "u")).await });
    held.until_begun(1).await;
    call.abort();
    // The cancellation travels; until it has arrived the place is taken.
    let mut client = server.recommend();
    let next = tokio::spawn(async move {
        loop {
            match client.recommend(ask("t", "u")).await {
                Err(status) if status.code() == Code::ResourceExhausted => {}
                answer => break answer,
            }
        }
    });
    held.until_begun(1).await;
    held.let_go(1);
    assert!(next.await.unwrap().is_ok());
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_deadline_is_kept_also_by_a_component_that_never_answers() {
    let server =
        TestServer::with(&with_fetchers("[ { kind = \"stuck\", required = true } ]"), parts::register).await;
    let status =
        server.recommend().recommend(timed(ask("t", "u"), Duration::from_millis(30))).await.unwrap_err();
    // The client's own timer may be the first to notice.
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
    // A deadline that the client does not watch itself: the server's answer.
    let headers = [("grpc-timeout", "20m")];
    let body = "{\"tenant\": \"t\", \"user\": \"u\", \"corpus\": \"channel\", \"source\": \"browser\", \"limit\": 1}";
    let json = raw::http(server.server.http_addr(), "POST", "/v1/recommend", &headers, body).await;
    assert_eq!((json.status, json.json()["code"].as_str()), (504, Some("DEADLINE_EXCEEDED")));
    let json =
        raw::http(server.server.http_addr(), "POST", "/v1/recommend", &[("grpc-timeout", "0m")], body).await;
    assert_eq!(json.status, 504, "{json:?}");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_deadline_of_the_clients_the_recommenders_counts() {
    let config = with_fetchers("[ { kind = \"stuck\" }, { kind = \"all\" } ]")
        .replace("source = \"browser\"", "source = \"browser\"\ntimeout = \"60ms\"");
    let server = TestServer::with(&config, parts::register).await;
    server.put_channels("t", &[("general", &[])]).await;
    let answer = server.recommend().recommend(ask("t", "u")).await.unwrap().into_inner();
    assert_eq!(entities(&answer), ["general"]);
    assert_eq!(answer.degraded[0].cause, "timeout");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn optional_components_that_misbehave_mark_the_answer_the_log_and_a_metric() {
    let fetchers = "[ { kind = \"failing\" }, { kind = \"panicking\" }, { kind = \"stuck\", timeout = \"5ms\" }, { kind = \"all\" } ]";
    let server = TestServer::with(&with_fetchers(fetchers), parts::register).await;
    server.put_channels("t", &[("general", &[])]).await;
    let answer = server.recommend().recommend(ask("t", "u")).await.unwrap().into_inner();
    assert_eq!(entities(&answer), ["general"]);
    let degraded: Vec<_> =
        answer.degraded.iter().map(|d| (d.stage.as_str(), d.component.as_str(), d.cause.as_str())).collect();
    assert_eq!(
        degraded,
        [("fetch", "failing", "unavailable"), ("fetch", "panicking", "panic"), ("fetch", "stuck", "timeout")]
    );
    let metrics = server.metrics().await;
    for (component, cause) in [("failing", "unavailable"), ("panicking", "panic"), ("stuck", "timeout")] {
        let line = format!(
            "recommend_degradations_total{{cause=\"{cause}\",component=\"{component}\",corpus=\"channel\",source=\"browser\",stage=\"fetch\"}} 1"
        );
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    let TestServer { server, folder, .. } = server;
    server.shutdown().await.unwrap();
    let log = recommend_events::LogReader::open(folder.path().join("log")).unwrap();
    assert_eq!(log.requests().unwrap()[0].degraded.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn required_components_that_misbehave_fail_the_call_and_nothing_else() {
    for (fetcher, code) in [("failing", Code::Unavailable), ("panicking", Code::Internal)] {
        let fetchers = format!("[ {{ kind = \"{fetcher}\", required = true }}, {{ kind = \"all\" }} ]");
        let server = TestServer::with(&with_fetchers(&fetchers), parts::register).await;
        for _ in 0..3 {
            let status = server.recommend().recommend(ask("t", "u")).await.unwrap_err();
            assert_eq!(status.code(), code, "{status}");
            assert!(status.message().contains(fetcher), "{status}");
        }
        server.recommend().list_recommenders(ListRecommendersRequest {}).await.unwrap();
        server.server.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_cannot_decide_lets_nothing_through() {
    let config = CONFIG.replace("[ \"not-private\",", "[ \"undecided\",");
    let server = TestServer::with(&config, parts::register).await;
    server.put_channels("t", &[("general", &[])]).await;
    let request = RecommendRequest { why_not: "general".into(), ..ask("t", "u") };
    let answer = server.recommend().recommend(request).await.unwrap().into_inner();
    assert!(answer.recommendations.is_empty());
    assert_eq!(answer.why_not, "general was dropped by the filter undecided: undecided");
    assert_eq!(answer.degraded[0].component, "undecided");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_without_a_name_is_left_out_and_the_answer_marked() {
    let config = with_fetchers("[ { kind = \"inventing\" } ]").replace("\"not-private\",", "");
    let server = TestServer::with(&config, parts::register).await;
    let request = RecommendRequest { explain: true, ..ask("t", "u") };
    let answer = server.recommend().recommend(request).await.unwrap().into_inner();
    assert_eq!(entities(&answer), ["12"]);
    assert_eq!(
        (answer.degraded[0].component.as_str(), answer.degraded[0].cause.as_str()),
        ("names", "contract")
    );
    let TestServer { server, folder, .. } = server;
    server.shutdown().await.unwrap();
    let log = recommend_events::LogReader::open(folder.path().join("log")).unwrap();
    assert_eq!(log.impressions().unwrap().len(), 1, "the log holds what was returned");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_calls_in_flight_finish_and_takes_no_new_ones() {
    let held = Held::new();
    // The bound is so long that the test would not end if anything but the call were waited for.
    let config = with_fetchers("[ { kind = \"held\" } ]").replace("\"not-private\",", "");
    let config = config.replace("drain = \"5s\"", "drain = \"10m\"");
    let TestServer { server, folder, channel } =
        TestServer::with(&config, |registry| held.register(registry)).await;
    let client = recommend_service_client::RecommendServiceClient::new(channel.clone());
    let call = tokio::spawn({
        let mut client = client.clone();
        async move { client.recommend(ask("t", "u")).await }
    });
    held.until_begun(1).await;
    // Somebody watches the health of the server, as load balancers do.
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let mut watched =
        health.watch(tonic_health::pb::HealthCheckRequest::default()).await.unwrap().into_inner();
    watched.message().await.unwrap();
    let (grpc, http) = (server.grpc_addr(), server.http_addr());
    let stopping = tokio::spawn(server.shutdown());
    // Nobody listens any more once it has begun to stop.
    while tokio::net::TcpStream::connect(grpc).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished(), "it waits for the call");
    held.let_go(1);
    assert_eq!(entities(call.await.unwrap().unwrap().get_ref()), ["1"], "the call in flight is answered");
    stopping.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(http).await.is_err());
    let log = recommend_events::LogReader::open(folder.path().join("log")).unwrap();
    assert_eq!(log.requests().unwrap().len(), 1, "and is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_has_a_hard_bound() {
    let config = with_fetchers("[ { kind = \"stuck\", required = true } ]")
        .replace("drain = \"5s\"", "drain = \"50ms\"");
    let TestServer { server, folder: _folder, channel } = TestServer::with(&config, parts::register).await;
    let mut client = recommend_service_client::RecommendServiceClient::new(channel);
    let call = tokio::spawn(async move { client.recommend(ask("t", "u")).await });
    let address = server.http_addr();
    while !raw::http(address, "GET", "/metrics", &[], "")
        .await
        .body
        .contains("recommend_in_flight_requests 1")
    {
        tokio::task::yield_now().await;
    }
    server.shutdown().await.unwrap();
    call.abort();
}
