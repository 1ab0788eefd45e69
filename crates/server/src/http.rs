//! HTTP beside gRPC: metrics, health, and the calls of the API as JSON.
//!
//! | path | what |
//! |---|---|
//! | `GET /metrics` | Prometheus text |
//! | `GET /healthz` | 200 while the process runs |
//! | `GET /readyz` | 200 while it takes calls, 503 while it stops |
//! | `POST /v1/recommend` | `Recommend` |
//! | `POST /v1/interactions` | `RecordInteractions` |
//! | `POST /v1/entities`, `/v1/relations`, `/v1/features` | the calls of the catalog |
//! | `GET /v1/recommenders` | `ListRecommenders` |
//!
//! Bodies are the messages of `proto/` in proto3's JSON mapping: `requestId` and `request_id` are both read, times are
//! RFC 3339 (what `JSON.stringify(new Date())` gives), 64-bit numbers and NaN are strings. A header `grpc-timeout`
//! (`250m` is 250 ms) sets the deadline. An error is `{"code": "INVALID_ARGUMENT", "message": "…"}` with the HTTP
//! status of [`crate::status`].

pub(crate) mod json;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use recommend_monitoring::CONTENT_TYPE;
use tonic::Status;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::api::Api;
use crate::front::{CallDeadline, FrontLayer, Gate};
use crate::limits::MAX_REQUEST_BYTES;
use crate::{proto, status};

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    api: Arc<Api>,
    ready: Arc<AtomicBool>,
}

/// All routes.
pub(crate) fn router(api: Arc<Api>, gate: Arc<Gate>, ready: Arc<AtomicBool>, cors: &[String]) -> Router {
    let front = FrontLayer { gate, answer: error };
    let calls = Router::new()
        .route("/v1/recommend", post(recommend))
        .route("/v1/interactions", post(interactions))
        .route("/v1/entities", post(entities))
        .route("/v1/relations", post(relations))
        .route("/v1/features", post(features))
        .route("/v1/recommenders", get(recommenders))
        .method_not_allowed_fallback(|| async {
            let status = Status::unimplemented("calls with a body are POST, /v1/recommenders is GET");
            (StatusCode::METHOD_NOT_ALLOWED, error(status))
        })
        .layer(front)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES));
    let calls = match cors.is_empty() {
        true => calls,
        false => calls.layer(cross_origin(cors)),
    };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .merge(calls)
        .fallback(|request: Request| async move {
            let message = format!(
                "there is no {} {}; the calls are POST /v1/recommend, /v1/interactions, /v1/entities, /v1/relations, \
                 /v1/features and GET /v1/recommenders",
                request.method(),
                request.uri().path()
            );
            error(Status::not_found(message))
        })
        .with_state(Shared { api, ready })
}

fn cross_origin(origins: &[String]) -> CorsLayer {
    let allowed = match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())),
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::HeaderName::from_static("grpc-timeout")])
        .max_age(std::time::Duration::from_secs(3600))
}

async fn metrics(State(shared): State<Shared>) -> Response {
    shared.api.scrape();
    match shared.api.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn readiness(State(shared): State<Shared>) -> Response {
    match shared.ready.load(Ordering::SeqCst) {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
    }
}

/// What axum could read of a body.
type Received = Result<Bytes, BytesRejection>;

async fn recommend(
    State(shared): State<Shared>,
    deadline: axum::Extension<CallDeadline>,
    body: Received,
) -> Response {
    let answer = async {
        let request: proto::RecommendRequest = read(body)?;
        shared.api.recommend(&request, deadline.0.0).await
    };
    write(answer.await)
}

async fn interactions(State(shared): State<Shared>, body: Received) -> Response {
    let answer = async { shared.api.record_interactions(&read(body)?).await };
    write(answer.await)
}

async fn entities(State(shared): State<Shared>, body: Received) -> Response {
    let answer = async { shared.api.put_entities(&read(body)?).await };
    write(answer.await)
}

async fn relations(State(shared): State<Shared>, body: Received) -> Response {
    let answer = async { shared.api.put_relations(&read(body)?).await };
    write(answer.await)
}

async fn features(State(shared): State<Shared>, body: Received) -> Response {
    let answer = async { shared.api.put_features(&read(body)?).await };
    write(answer.await)
}

async fn recommenders(State(shared): State<Shared>) -> Response {
    write(shared.api.list_recommenders(&proto::ListRecommendersRequest {}))
}

fn read<M: prost::Message + prost::Name + Default>(body: Received) -> Result<M, Status> {
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Status::invalid_argument(format!(
            "a request has at most {MAX_REQUEST_BYTES} bytes; send it in parts"
        )),
        _ => Status::invalid_argument(format!("the body cannot be read: {rejection}")),
    })?;
    json::read(&bytes)
}

fn write<M: prost::Message + prost::Name>(answer: Result<M, Status>) -> Response {
    match answer.and_then(|message| json::write(&message)) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(status) => error(status),
    }
}

/// `{"code": …, "message": …}`; the status goes along for those who count.
fn error(status: Status) -> Response {
    let body = serde_json::json!({ "code": status::name(status.code()), "message": status.message() });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(status::http(status.code())).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.extensions_mut().insert(status);
    response
}
