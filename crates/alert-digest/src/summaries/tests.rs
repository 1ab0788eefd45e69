use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::digest::{Message, Options, digest, summarize};

type Heard = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A model on loopback that answers all alike.
async fn model(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> (Url, Heard) {
    let heard = Heard::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/v1/", listener.local_addr().unwrap())).unwrap();
    let ears = Arc::clone(&heard);
    let hear = move |headers: HeaderMap, body: String| async move {
        ears.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
        answer
    };
    let router = Router::new().route("/v1/chat/completions", post(hear));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

fn client(url: &Url) -> ChatCompletions {
    ChatCompletions::new(url, "small", Some(Secret::new("k-1")), Duration::from_secs(30)).unwrap()
}

fn messages() -> Vec<Message> {
    let line = |at| Message::new(format!("{at}"), format!("disk sda{at} of canary-host-{at} is full"));
    (0..9).map(line).collect()
}

#[tokio::test]
async fn a_model_is_asked_once_per_cluster_with_its_template_and_its_key() {
    let answer = json!({"choices": [{"message": {"role": "assistant", "content": " Disks\n are full. "}}]});
    let (url, heard) = model(answer.to_string()).await;
    let mut digest = digest(&messages(), &Options::default(), None).unwrap();
    let errors = summarize(&mut digest, &client(&url)).await;
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(digest.clusters[0].summary.as_deref(), Some("Disks are full."));
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), digest.clusters.len());
    let (headers, question) = &heard[0];
    assert_eq!(headers["authorization"], "Bearer k-1");
    assert_eq!(question["model"], "small");
    let said = question["messages"][1]["content"].as_str().unwrap();
    assert!(said.starts_with(&digest.clusters[0].template), "{said}");
    assert!(!question.to_string().contains("canary-host-3"), "what varies between messages stays here");
}

#[tokio::test]
async fn a_refusal_is_told_and_the_digest_stays_whole() {
    let (url, _) = model((StatusCode::TOO_MANY_REQUESTS, "slow down")).await;
    let mut digest = digest(&messages(), &Options::default(), None).unwrap();
    let errors = summarize(&mut digest, &client(&url)).await;
    assert_eq!(errors.len(), digest.clusters.len());
    assert!(errors[0].to_string().ends_with("answered 429: slow down"), "{}", errors[0]);
    assert_eq!(digest.clusters[0].summary, None);
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    for answer in ["<html>", "{\"choices\": []}", "{\"choices\": [{\"message\": {\"content\": null}}]}"] {
        let (url, _) = model(answer).await;
        let mut digest = digest(&messages(), &Options::default(), None).unwrap();
        let errors = summarize(&mut digest, &client(&url)).await;
        assert!(matches!(errors[0], SummaryError::Unusable { .. }), "{answer}: {errors:?}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_asked_once() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = Url::parse(&format!("http://{free}")).unwrap();
    let mut lines = messages();
    lines.extend(
        (0..9).map(|at| Message::new(format!("b{at}"), format!("payment {at} was declined by the bank"))),
    );
    let mut digest = digest(&lines, &Options::default(), None).unwrap();
    assert!(digest.clusters.len() > 1);
    let errors = summarize(&mut digest, &client(&url)).await;
    assert_eq!(errors.len(), 1);
    assert!(matches!(errors[0], SummaryError::Unreachable { .. }), "{errors:?}");
}

#[test]
fn long_answers_are_cut() {
    let line = one_line(&"word ".repeat(200));
    assert_eq!(line.chars().count(), LONGEST + 1);
    assert!(line.ends_with('…'));
}

#[test]
fn an_address_that_is_none_is_refused() {
    let error =
        ChatCompletions::new(&Url::parse("file:///etc/passwd").unwrap(), "m", None, Duration::from_secs(1));
    assert!(error.unwrap_err().to_string().contains("https://api.openai.com/v1"));
}
