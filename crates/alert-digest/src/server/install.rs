//! Installing: to Slack with a state, and back with a code.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use url::Url;

use super::app::App;
use super::reports::document;
use crate::report;
use crate::slack::oauth;

#[derive(Debug, Deserialize)]
pub(super) struct Return {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// `GET /slack/install`: to Slack.
pub(super) async fn begin(State(app): State<Arc<App>>) -> Response {
    let settings = &app.settings;
    let Some(redirect) = redirect(&settings.public_url) else {
        return refused("The public address is wrong.");
    };
    match oauth::begin(&settings.keys, &settings.authorize, &settings.client_id, &redirect, app.now()) {
        Ok((to, nonce)) => {
            let secure = if settings.public_url.scheme() == "https" { "; Secure" } else { "" };
            let cookie = format!(
                "{}={nonce}; Path={}; Max-Age=900; HttpOnly; SameSite=Lax{secure}",
                oauth::COOKIE,
                redirect.path(),
            );
            let mut response = Redirect::to(to.as_str()).into_response();
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, "beginning an installation");
            refused("The installation could not begin. Try again.")
        }
    }
}

/// `GET /slack/oauth`: back with a code.
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(back): Query<Return>,
) -> Response {
    if back.error == "access_denied" {
        return refused("You decided against it. Nothing was installed.");
    }
    let cookie = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
    let nonce = cookie.split(';').filter_map(|one| one.trim().split_once('='));
    let nonce = nonce.filter(|(name, _)| *name == oauth::COOKIE).map(|(_, nonce)| nonce).next();
    let ours = nonce.is_some_and(|nonce| oauth::is_ours(&app.settings.keys, &back.state, nonce, app.now()));
    let Some(redirect) = redirect(&app.settings.public_url).filter(|_| ours && !back.code.is_empty()) else {
        return refused("This installation was not begun here, or it took too long. Begin again.");
    };
    let client = (app.settings.client_id.as_str(), &app.settings.client_secret);
    let installation = match app.slack.install(client, &back.code, &redirect, app.now()).await {
        Ok(installation) => installation,
        Err(error) => {
            tracing::warn!(%error, "an installation failed");
            return refused("Slack did not confirm the installation. Begin again.");
        }
    };
    let name = installation.name.clone();
    let stored = match app.active().await {
        Ok(active) => {
            let workspace = installation.workspace.clone();
            active.rows(&workspace, move |rows| rows.install(&installation)).await
        }
        Err(_) => Err(crate::store::StoreError::Interrupted),
    };
    match stored {
        Ok(()) => {
            tracing::info!("the app was installed");
            let words = format!("Alert Digest is installed in {name}. Type /alert-digest in a channel.");
            document(StatusCode::OK, report::notice("Installed", &words))
        }
        Err(error) => {
            tracing::error!(%error, "storing an installation");
            refused("The installation could not be stored. Begin again.")
        }
    }
}

fn refused(words: &str) -> Response {
    document(StatusCode::BAD_REQUEST, report::notice("Not installed", words))
}

/// Where Slack sends people back to.
fn redirect(public: &Url) -> Option<Url> {
    let mut url = public.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(["slack", "oauth"]);
    Some(url)
}
