//! Which address is what.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};

use super::app::App;
use super::{inbound, install, reports};
use crate::report;

/// Slack's requests are small; the largest carry a message of ours.
const LARGEST: usize = 1024 * 1024;
/// No answer takes longer, a slow sender's body included.
const LONGEST: Duration = Duration::from_secs(10);

/// What the public listener serves.
pub(super) fn public(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/", get(home))
        .route("/slack/commands", post(inbound::command))
        .route("/slack/interactions", post(inbound::interaction))
        .route("/slack/events", post(inbound::event))
        .route("/slack/install", get(install::begin))
        .route("/slack/oauth", get(install::finish))
        .route("/r/{workspace}/{job}", get(reports::page))
        .route("/r/{workspace}/{job}/status", get(reports::status))
        .route("/r/{workspace}/{job}/digest.csv", get(reports::csv))
        .route("/r/{workspace}/{job}/digest.json", get(reports::json))
        .fallback(|| async { reports::document(StatusCode::NOT_FOUND, report::missing()) });
    router = router.merge(health());
    if app.settings.metrics_listen.is_none() {
        router = router.route("/metrics", get(metrics));
    }
    router.layer(DefaultBodyLimit::max(LARGEST)).layer(middleware::from_fn(in_time)).with_state(app)
}

/// What the listener for the operators' network serves.
pub(super) fn private(app: Arc<App>) -> Router {
    health().route("/metrics", get(metrics)).with_state(app)
}

fn health() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready))
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.is_ready() {
        "ready".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping").into_response()
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn home() -> Response {
    let words =
        "This is the address of a Slack app. Type /alert-digest in Slack, or install it at /slack/install.";
    reports::document(StatusCode::OK, report::notice("Alert Digest", words))
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LONGEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}
