//! Who is not Slack, who copies what Slack sent, and who guesses links.

use alert_digest::slack::signature::sign;
use alert_digest::store::Secret;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use crate::app::{SIGNING, command, form, installed, send, submission};

#[tokio::test]
async fn an_unsigned_wrongly_signed_or_old_request_changes_nothing() {
    let (_directory, app) = installed().await;
    let body = command(&app.fake, "T1", "24h");
    let now = Timestamp::now().as_second();
    let good = || Secret::new(SIGNING);
    let cases = [
        ("unsigned", HeaderMap::new()),
        ("another secret", sign(&Secret::new("guess"), now, &body)),
        ("another body", sign(&good(), now, "team_id=T1")),
        ("ten minutes old", sign(&good(), now - 600, &body)),
        ("from the future", sign(&good(), now + 600, &body)),
    ];
    for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
        for (case, headers) in &cases {
            let answer = send(app.address(), Method::POST, path, headers.clone(), body.clone()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case} at {path}");
        }
    }
    assert!(app.fake.with(|slack| slack.called("conversations.history").is_empty()));
    assert_eq!(app.metric("alert_digest_requests_total{kind=\"command\",outcome=\"stale\"}").await, 2.0);
}

#[tokio::test]
async fn a_copied_request_is_refused_and_a_repeated_submission_makes_no_second_digest() {
    let (_directory, app) = installed().await;
    let body = form(&[("payload", &submission("T1", "V1", json!({})).to_string())]);
    let headers = sign(&Secret::new(SIGNING), Timestamp::now().as_second(), &body);
    let post = || send(app.address(), Method::POST, "/slack/interactions", headers.clone(), body.clone());
    let first = post().await;
    assert_eq!(first.json()["response_action"], "update");
    assert_eq!(post().await.status, StatusCode::UNAUTHORIZED);
    // Slack itself may deliver it again, signed anew.
    assert_eq!(app.submit("T1", "V1", json!({})).await.body, "");
    app.finished(&first.link()).await;
    assert_eq!(app.fake.with(|slack| slack.called("chat.postMessage").len()), 1);
}

#[tokio::test]
async fn a_repeated_event_is_acknowledged_and_done_once() {
    let (_directory, app) = installed().await;
    let gone = json!({ "type": "app_uninstalled" });
    for _ in 0..3 {
        assert_eq!(app.event("T1", "Ev1", gone.clone()).await.status, StatusCode::OK);
    }
    assert_eq!(app.metric("alert_digest_requests_total{kind=\"event\",outcome=\"repeated\"}").await, 2.0);
}

#[tokio::test]
async fn slacks_challenge_is_answered_only_when_slack_asks() {
    let (_directory, app) = installed().await;
    let body = json!({ "type": "url_verification", "challenge": "3eZb" }).to_string();
    assert_eq!(app.signed("/slack/events", body.clone()).await.body, "3eZb");
    let unsigned = send(app.address(), Method::POST, "/slack/events", HeaderMap::new(), body).await;
    assert_eq!(unsigned.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bodies_that_are_garbage_or_too_large_are_refused_without_harm() {
    let (_directory, app) = installed().await;
    for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
        for body in ["", "%%%", "payload={", "payload=[]", "{\"type\":", "team_id=../T1&channel_id=C1"] {
            // The same body in the same second would be a copy.
            let body = format!("{body}&nonce={}", crate::app::unique());
            let answer = app.signed(path, body.clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body} at {path}");
        }
        assert_eq!(
            app.signed(path, format!("{path}{}", "x".repeat(2_000_000))).await.status,
            StatusCode::PAYLOAD_TOO_LARGE
        );
    }
    app.digest("T1").await;
}

#[tokio::test]
async fn a_link_that_was_changed_or_has_ended_shows_nothing() {
    let (_directory, app) = installed().await;
    let link = app.command("T1", "24h").await.link();
    app.finished(&link).await;
    let url: url::Url = link.parse().unwrap();
    let mut unsigned = url.clone();
    unsigned.set_query(None);
    let longer = link.replace("e=1", "e=9");
    let end = link.len();
    let other = format!("{}{}", &link[..end - 1], if link.ends_with('0') { '1' } else { '0' });
    let none = link.replace(url.path(), &format!("/r/T1/{}", "0".repeat(32)));
    for changed in [unsigned.as_str(), &longer, &other, &none] {
        for file in ["", "/status", "/digest.csv", "/digest.json"] {
            let mut url: url::Url = changed.parse().unwrap();
            let path = format!("{}{file}", url.path());
            url.set_path(&path);
            let answer = app.open(url.as_str()).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{url}");
            assert!(answer.body.contains("No report here"));
        }
    }
    app.clock.store(8 * 86_400, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(app.open(&link).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_installation_that_was_not_begun_in_this_browser_is_refused() {
    let (_directory, app) = installed().await;
    let begun = app.get("/slack/install").await;
    let to: url::Url = begun.headers["location"].to_str().unwrap().parse().unwrap();
    let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let path = format!("/slack/oauth?code=code-for-x&state={state}");
    assert_eq!(app.get(&path).await.status, StatusCode::BAD_REQUEST);
    let mut headers = HeaderMap::new();
    headers.insert("cookie", format!("alert_digest_install={}", "0".repeat(32)).parse().unwrap());
    let answer = send(app.address(), Method::GET, &path, headers, String::new()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        app.fake.with(|slack| slack.called("oauth.v2.access").len()),
        1,
        "only the one of the test's own installation"
    );
    assert!(app.get("/slack/oauth?error=access_denied&state=").await.body.contains("Nothing was installed"));
}
