//! The methods of the Web API that the app calls, each with a timeout and a typed error.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use slack_morphism::prelude::*;
use url::Url;

use super::connector::{Connector, connect};
use super::error::SlackError;
use super::history::Page;
use crate::store::{Installation, Posted, Secret, WorkspaceId};

/// Told of every call: its method, and `ok` or [`SlackError::word`].
pub type Observer = Arc<dyn Fn(&'static str, &'static str) + Send + Sync>;

/// Calls Slack. Cloning is reference counting.
#[derive(Clone)]
pub struct SlackApi {
    client: Arc<SlackClient<Connector>>,
    url: Url,
    timeout: Duration,
    observer: Observer,
}

impl fmt::Debug for SlackApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlackApi({})", self.url)
    }
}

/// What is to be read of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span<'a> {
    /// The channel.
    pub channel: &'a str,
    /// From here on, inclusive, as a Slack timestamp.
    pub oldest: &'a str,
    /// Up to here, inclusive.
    pub latest: &'a str,
    /// Where to go on; none at the start.
    pub cursor: Option<&'a str>,
    /// At most so many a page, 1 to 999. Slack may give fewer.
    pub limit: u16,
}

/// An answer of which nothing but its success matters.
#[derive(Deserialize)]
struct Done {}

#[derive(Deserialize)]
struct Info<T> {
    #[serde(alias = "channel", alias = "user")]
    of: T,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Zoned {
    #[serde(default)]
    tz: Option<String>,
}

#[derive(Deserialize)]
struct Place {
    channel: String,
    ts: String,
}

impl SlackApi {
    /// Calls the API at `url`, `https://slack.com/api` unless in tests; a call fails after `timeout`.
    ///
    /// # Errors
    /// When the system has no certificates to check Slack's with.
    pub fn new(url: Url, timeout: Duration, observer: Observer) -> io::Result<Self> {
        let client = Arc::new(SlackClient::new(connect(&url)?));
        Ok(SlackApi { client, url, timeout, observer })
    }

    /// A page of a channel's history, the newest message first.
    ///
    /// # Errors
    /// [`SlackError`], as every call here.
    pub async fn history(&self, token: &Secret, span: &Span<'_>) -> Result<Page, SlackError> {
        self.page("conversations.history", token, span, None).await
    }

    /// A page of a thread, the parent first.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn replies(&self, token: &Secret, span: &Span<'_>, thread: &str) -> Result<Page, SlackError> {
        self.page("conversations.replies", token, span, Some(thread)).await
    }

    async fn page(
        &self,
        method: &'static str,
        token: &Secret,
        span: &Span<'_>,
        thread: Option<&str>,
    ) -> Result<Page, SlackError> {
        let limit = span.limit.to_string();
        let parameters = vec![
            ("channel", Some(span.channel)),
            ("ts", thread),
            ("oldest", Some(span.oldest)),
            ("latest", Some(span.latest)),
            ("inclusive", Some("true")),
            ("limit", Some(limit.as_str())),
            ("cursor", span.cursor),
        ];
        self.get(method, token, parameters).await
    }

    /// A channel's name; none if it has none, as a direct message.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn channel_name(&self, token: &Secret, channel: &str) -> Result<Option<String>, SlackError> {
        let info: Info<Named> =
            self.get("conversations.info", token, vec![("channel", Some(channel))]).await?;
        Ok(info.of.name)
    }

    /// Joins a public channel.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn join(&self, token: &Secret, channel: &str) -> Result<(), SlackError> {
        let Done {} =
            self.post("conversations.join", token, &serde_json::json!({ "channel": channel })).await?;
        Ok(())
    }

    /// A person's time zone, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn zone(&self, token: &Secret, user: &str) -> Result<Option<String>, SlackError> {
        let info: Info<Zoned> = self.get("users.info", token, vec![("user", Some(user))]).await?;
        Ok(info.of.tz)
    }

    /// Where the workspace is, such as `https://acme.slack.com/`.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn workspace_url(&self, token: &Secret) -> Result<String, SlackError> {
        const METHOD: &str = "auth.test";
        let token = api_token(token);
        let answer = self.call(METHOD, async { self.client.open_session(&token).auth_test().await }).await?;
        Ok(answer.url.value().to_string())
    }

    /// Posts a message.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn post_message(
        &self,
        token: &Secret,
        channel: &str,
        content: &SlackMessageContent,
    ) -> Result<Posted, SlackError> {
        let request = SlackApiChatPostMessageRequest::new(channel.into(), content.clone())
            .with_unfurl_links(false)
            .with_unfurl_media(false);
        let Place { channel, ts } = self.post("chat.postMessage", token, &request).await?;
        Ok(Posted { channel, ts })
    }

    /// Changes a message that the app posted.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn update_message(
        &self,
        token: &Secret,
        posted: &Posted,
        content: &SlackMessageContent,
    ) -> Result<(), SlackError> {
        let request = SlackApiChatUpdateRequest::new(
            posted.channel.as_str().into(),
            content.clone(),
            posted.ts.as_str().into(),
        );
        let Done {} = self.post("chat.update", token, &request).await?;
        Ok(())
    }

    /// Opens a modal; the trigger is good for three seconds.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn open_view(&self, token: &Secret, trigger: &str, view: &SlackView) -> Result<(), SlackError> {
        let request = SlackApiViewsOpenRequest::new(trigger.into(), view.clone());
        let Done {} = self.post("views.open", token, &request).await?;
        Ok(())
    }

    /// Answers a command or a click where it happened, for its person's eyes only.
    ///
    /// # Errors
    /// [`SlackError::Refused`] with `not_slack` for an address that is not Slack's, and as every call.
    pub async fn respond(&self, url: &Url, content: &SlackMessageContent) -> Result<(), SlackError> {
        const METHOD: &str = "response_url";
        let is_slacks = url.scheme() == "https" && url.host_str() == Some("hooks.slack.com");
        if !is_slacks && url.origin() != self.url.origin() {
            return Err(SlackError::Refused { method: METHOD, code: String::from("not_slack") });
        }
        let request = SlackApiPostWebhookMessageRequest::new(content.clone()).with_replace_original(false);
        self.call(METHOD, self.client.post_webhook_message(url, &request)).await?;
        Ok(())
    }

    /// Exchanges the code of an installation for its token.
    ///
    /// # Errors
    /// [`SlackError`].
    pub async fn install(
        &self,
        client: (&str, &Secret),
        code: &str,
        redirect: &Url,
        now: jiff::Timestamp,
    ) -> Result<Installation, SlackError> {
        const METHOD: &str = "oauth.v2.access";
        let request = SlackOAuthV2AccessTokenRequest::new(
            client.0.into(),
            SlackClientSecret(client.1.expose().to_owned()),
            SlackOAuthCode(code.to_owned()),
        )
        .with_redirect_uri(redirect.clone());
        let granted = self.call(METHOD, self.client.oauth2_access(&request)).await?;
        let workspace = WorkspaceId::new(granted.team.id.value().clone())
            .map_err(|_| SlackError::Malformed { method: METHOD })?;
        let token = Secret::new(granted.access_token.value().clone());
        // Permalinks are worth a call, but no failure.
        let url = self.workspace_url(&token).await.ok();
        Ok(Installation {
            name: granted.team.name.unwrap_or_else(|| workspace.to_string()),
            workspace,
            url,
            bot_user: granted.bot_user_id.map(|user| user.value().clone()),
            app: granted.app_id.value().clone(),
            token,
            scopes: granted.scope.value().clone(),
            at: now,
        })
    }

    async fn get<T>(
        &self,
        method: &'static str,
        token: &Secret,
        parameters: Vec<(&str, Option<&str>)>,
    ) -> Result<T, SlackError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let token = api_token(token);
        let session = self.client.open_session(&token);
        self.call(method, session.http_session_api.http_get(method, &parameters, None)).await
    }

    async fn post<T>(
        &self,
        method: &'static str,
        token: &Secret,
        request: &(impl serde::Serialize + Send + Sync),
    ) -> Result<T, SlackError>
    where
        T: for<'de> Deserialize<'de> + Send,
    {
        let token = api_token(token);
        let session = self.client.open_session(&token);
        self.call(method, session.http_session_api.http_post(method, request, None)).await
    }

    async fn call<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = ClientResult<T>>,
    ) -> Result<T, SlackError> {
        let result = match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(SlackError::of(method, &error)),
            Err(_) => Err(SlackError::Timeout { method, after: self.timeout }),
        };
        (self.observer)(method, result.as_ref().err().map_or("ok", SlackError::word));
        result
    }
}

fn api_token(token: &Secret) -> SlackApiToken {
    SlackApiToken::new(SlackApiTokenValue(token.expose().to_owned()))
}
