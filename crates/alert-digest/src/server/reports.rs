//! Pages of reports. Without a signed link there is nothing to see, not even whether a report is there.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::app::{App, Restarting};
use super::links;
use crate::report::{self, Exports, Html};
use crate::store::{Job, JobId, Report, Stage, StoreError, WorkspaceId};

/// The signature of a link.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Signature {
    #[serde(default)]
    e: String,
    #[serde(default)]
    s: String,
}

type Link = (Path<(String, String)>, Query<Signature>);

/// What a link leads to.
struct Found {
    job: Job,
    report: Option<Report>,
    /// The link's path and query, from the page itself: `JOB/status?e=…&s=…`.
    query: String,
}

/// Why a link leads nowhere.
enum Lost {
    Missing,
    Restarting,
    Store(StoreError),
}

/// `GET /r/{workspace}/{job}`: the report, or how far it is.
pub(super) async fn page(State(app): State<Arc<App>>, link: Link) -> Response {
    match find(&app, link).await {
        Ok(Found { job, report: Some(report), query }) => {
            let at = |file: &str| format!("{}/{file}{query}", job.id);
            let exports = Exports { csv: at("digest.csv"), json: at("digest.json") };
            document(StatusCode::OK, report::ready(&report, &exports))
        }
        Ok(Found { job, report: None, query }) => match &job.stage {
            Stage::Failed { reason } => document(StatusCode::OK, report::failed(&job, reason)),
            _ => document(StatusCode::OK, report::progress(&job, &format!("{}/status{query}", job.id))),
        },
        Err(lost) => lost.into_response(),
    }
}

/// `GET /r/{workspace}/{job}/status`: how far it is, for the page.
pub(super) async fn status(State(app): State<Arc<App>>, link: Link) -> Response {
    match find(&app, link).await {
        Ok(Found { job, report, .. }) => {
            let over = report.is_some() || job.stage.is_final();
            let words = report::words(&job);
            let answer = json!({
                "stage": job.stage.word(), "words": words, "messages": job.messages, "threads": job.threads.len(), "final": over,
            });
            with_headers(Json(answer).into_response())
        }
        Err(lost) => lost.into_response(),
    }
}

/// `GET /r/{workspace}/{job}/digest.csv`.
pub(super) async fn csv(State(app): State<Arc<App>>, link: Link) -> Response {
    export(&app, link, "text/csv; charset=utf-8; header=present", "digest.csv", report::csv).await
}

/// `GET /r/{workspace}/{job}/digest.json`.
pub(super) async fn json(State(app): State<Arc<App>>, link: Link) -> Response {
    export(&app, link, "application/json", "digest.json", report::json).await
}

async fn export(
    app: &App,
    link: Link,
    kind: &'static str,
    name: &'static str,
    write: fn(&Report) -> String,
) -> Response {
    match find(app, link).await {
        Ok(Found { report: Some(report), .. }) => {
            let disposition = format!("attachment; filename=\"{name}\"");
            let headers =
                [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
            with_headers((headers, write(&report)).into_response())
        }
        Ok(_) => Lost::Missing.into_response(),
        Err(lost) => lost.into_response(),
    }
}

async fn find(app: &App, (Path((workspace, job)), Query(signature)): Link) -> Result<Found, Lost> {
    let Signature { e, s } = signature;
    let (workspace, id): (WorkspaceId, JobId) =
        links::check(&app.settings.keys, app.now(), &workspace, &job, &e, &s).ok_or(Lost::Missing)?;
    let active = app.active().await.map_err(|Restarting| Lost::Restarting)?;
    let found = active.rows(&workspace, move |rows| Ok((rows.job(&id)?, rows.report(&id)?))).await;
    let (job, report) = found.map_err(Lost::Store)?;
    Ok(Found { job: job.ok_or(Lost::Missing)?, report, query: format!("?e={e}&s={s}") })
}

impl IntoResponse for Lost {
    fn into_response(self) -> Response {
        match self {
            Lost::Missing => document(StatusCode::NOT_FOUND, report::missing()),
            Lost::Restarting => {
                let mut response = document(StatusCode::SERVICE_UNAVAILABLE, report::moment());
                response.headers_mut().insert("refresh", HeaderValue::from_static("2"));
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
                response
            }
            Lost::Store(error) => {
                tracing::error!(%error, "reading a report");
                document(StatusCode::INTERNAL_SERVER_ERROR, report::moment())
            }
        }
    }
}

/// A page with its policy.
pub(super) fn document(status: StatusCode, page: Html) -> Response {
    let mut response = (status, axum::response::Html(page.body)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&page.policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    with_headers(response)
}

/// A signed link must not leak by the referrer, and a report not by a cache.
fn with_headers(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}
