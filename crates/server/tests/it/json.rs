//! The same calls as JSON, with the same checks.

use crate::common::raw::http;
use crate::common::{CONFIG, TestServer};
use serde_json::{Value, json};

async fn post(server: &TestServer, path: &str, body: &Value) -> (u16, Value) {
    let answer = http(server.server.http_addr(), "POST", path, &[], &body.to_string()).await;
    (answer.status, answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_works_as_json() {
    let server = TestServer::start(CONFIG).await;
    let entities = json!({"tenant": "t", "entities": [
        {"corpus": "channel", "id": "general", "attributes": {
            "private": {"flag": false}, "size": {"number": 3.5}, "topic": {"word": "news"},
            "created": {"time": "2024-01-02T03:04:05Z"}, "gone": {},
        }},
        {"corpus": "channel", "id": "old"},
    ]});
    assert_eq!(post(&server, "/v1/entities", &entities).await, (200, json!({"accepted": 2})));
    let relations = json!({"tenant": "t", "relations": [
        {"user": "ada", "kind": "member", "corpus": "channel", "entity": "old", "weight": 2}
    ]});
    assert_eq!(post(&server, "/v1/relations", &relations).await, (200, json!({"accepted": 1})));
    let features = json!({"tenant": "t", "rows": [
        {"corpus": "channel", "entity": "general", "values": {"quality": 0.5, "dropped": "NaN"}}
    ]});
    assert_eq!(post(&server, "/v1/features", &features).await, (200, json!({"accepted": 1})));

    let ask = json!({"tenant": "t", "user": "ada", "corpus": "channel", "source": "browser", "limit": 5});
    let (status, answer) = post(&server, "/v1/recommend", &ask).await;
    assert_eq!(status, 200);
    assert_eq!(answer["recommendations"][0]["entity"], "general");
    let request_id = answer["requestId"].as_str().unwrap();
    let click = json!({"tenant": "t", "interactions": [{
        "request_id": request_id, "user": "ada", "corpus": "channel", "entity": "general", "kind": "click",
        "time": "2024-01-02T03:04:05.678+02:00"
    }]});
    assert_eq!(
        post(&server, "/v1/interactions", &click).await,
        (200, json!({"accepted": 1, "duplicates": 0}))
    );
    assert_eq!(
        post(&server, "/v1/interactions", &click).await,
        (200, json!({"accepted": 0, "duplicates": 1}))
    );
    let (_, answer) = post(&server, "/v1/recommend", &ask).await;
    assert_eq!(answer["recommendations"][0]["score"], 1.0, "the click counts");

    let list = http(server.server.http_addr(), "GET", "/v1/recommenders", &[], "").await.json();
    assert_eq!(list["recommenders"][0]["source"], "browser");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_json_with_the_code_and_the_status() {
    let server = TestServer::start(CONFIG).await;
    let address = server.server.http_addr();
    for (method, path, body, status, code, message) in [
        ("POST", "/v1/recommend", "{", 400, "INVALID_ARGUMENT", "is not a RecommendRequest in JSON"),
        ("POST", "/v1/recommend", "{\"usr\": 1}", 400, "INVALID_ARGUMENT", "usr"),
        ("POST", "/v1/recommend", "{}", 404, "NOT_FOUND", "there are channel/browser"),
        (
            "POST",
            "/v1/interactions",
            "{\"tenant\": \"t\"}",
            400,
            "INVALID_ARGUMENT",
            "`interactions`: is empty",
        ),
        ("POST", "/v1/interactions", "\u{0}", 400, "INVALID_ARGUMENT", "line 1 column 1"),
        ("GET", "/v1/recommend", "", 405, "UNIMPLEMENTED", "POST"),
        ("GET", "/v1/nothing", "", 404, "NOT_FOUND", "the calls are"),
        ("GET", "/", "", 404, "NOT_FOUND", "the calls are"),
    ] {
        let answer = http(address, method, path, &[], body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let json = answer.json();
        assert_eq!(json["code"], code, "{json}");
        assert!(json["message"].as_str().unwrap().contains(message), "{json}");
    }
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_json_is_refused_and_does_not_overflow_the_stack() {
    let server = TestServer::start(CONFIG).await;
    let body = "[".repeat(100_000);
    let answer = http(server.server.http_addr(), "POST", "/v1/recommend", &[], &body).await;
    assert_eq!(answer.status, 400);
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_when_it_stops() {
    let server = TestServer::start(CONFIG).await;
    let address = server.server.http_addr();
    assert_eq!(http(address, "GET", "/healthz", &[], "").await.body, "ok\n");
    assert_eq!(http(address, "GET", "/readyz", &[], "").await.status, 200);
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_may_call_when_their_origin_is_configured() {
    let server = TestServer::start(CONFIG).await;
    let headers = [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST")];
    let answer = http(server.server.http_addr(), "OPTIONS", "/v1/interactions", &headers, "").await;
    assert!(!answer.headers.contains("access-control-allow-origin"), "off by default: {answer:?}");
    server.server.shutdown().await.unwrap();

    let config = CONFIG.replace("drain =", "cors = [\"https://app.example.com\"]\ndrain =");
    let server = TestServer::start(&config).await;
    let answer = http(server.server.http_addr(), "OPTIONS", "/v1/interactions", &headers, "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains("access-control-allow-origin: https://app.example.com"), "{answer:?}");
    let other = [("Origin", "https://evil.example.com"), ("Access-Control-Request-Method", "POST")];
    let answer = http(server.server.http_addr(), "OPTIONS", "/v1/interactions", &other, "").await;
    assert!(!answer.headers.contains("evil"), "{answer:?}");
    server.server.shutdown().await.unwrap();
}
