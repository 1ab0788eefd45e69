//! A sentence per cluster from a language model that speaks OpenAI's chat completions, as most servers of models do.
//!
//! Off unless an address is given. What leaves the process is a cluster's template and its heaviest words, never a message, a
//! name, a channel or a link; a template does hold the words that a cluster's messages have in common.

use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use clap::Args;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::digest::{Cluster, Summarizer, SummaryError};
use crate::server::arguments::secret_if_set;
use crate::store::Secret;
use crate::tls;

/// A longer answer is cut.
const LONGEST: usize = 300;
/// More of an answer is not read.
const ANSWER_BYTES: usize = 1 << 20;
/// How much of a refusal is told.
const REFUSAL: usize = 200;

const TASK: &str = "You help the engineer on call. You get what many alert messages of one kind have in common; <*> stands for what \
    differs between them. Say in one plain sentence of at most 30 words what they report. No advice, no markup.";

/// Flags that name a model.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// Ask a language model for a sentence per cluster: the base of an API that speaks OpenAI's chat completions, such as
    /// http://127.0.0.1:11434/v1. It is sent templates and words, no messages. The key, if it wants one, is in
    /// ALERT_DIGEST_SUMMARIES_KEY.
    #[arg(long, env = "ALERT_DIGEST_SUMMARIES_URL", value_name = "URL")]
    summaries_url: Option<Url>,
    /// The model to ask for.
    #[arg(long, env = "ALERT_DIGEST_SUMMARIES_MODEL", value_name = "NAME", requires = "summaries_url")]
    summaries_model: Option<String>,
    /// Seconds that an answer may take.
    #[arg(long, env = "ALERT_DIGEST_SUMMARIES_SECONDS", value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    summaries_seconds: u64,
}

impl Arguments {
    /// The client, if an address was given. The key is in the environment: flags can be read by everybody on the machine.
    ///
    /// # Errors
    /// When the address is no base of an API, no model is named, the key can't be read, or the system has no certificates.
    pub fn client(&self) -> anyhow::Result<Option<ChatCompletions>> {
        let Some(url) = &self.summaries_url else { return Ok(None) };
        let Some(model) = &self.summaries_model else {
            anyhow::bail!("--summaries-url is set and --summaries-model is not: name the model to ask for");
        };
        let key = secret_if_set("ALERT_DIGEST_SUMMARIES_KEY")?.map(Secret::new);
        ChatCompletions::new(url, model, key, Duration::from_secs(self.summaries_seconds)).map(Some)
    }
}

/// A model behind an API that speaks OpenAI's chat completions.
#[derive(Clone)]
pub struct ChatCompletions {
    endpoint: Url,
    model: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl fmt::Debug for ChatCompletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChatCompletions({} at {})", self.model, self.endpoint)
    }
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    messages: [Said<'a>; 2],
    temperature: f32,
    max_tokens: u32,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Content,
}

#[derive(Deserialize)]
struct Content {
    content: Option<String>,
}

impl ChatCompletions {
    /// A model of the API at `base`, such as `https://api.openai.com/v1`; each answer may take `timeout`.
    ///
    /// # Errors
    /// When `base` is no HTTP address, the key holds what a header can't, or the system has no certificates.
    pub fn new(base: &Url, model: &str, key: Option<Secret>, timeout: Duration) -> anyhow::Result<Self> {
        anyhow::ensure!(
            matches!(base.scheme(), "http" | "https") && base.has_host(),
            "the summaries' address {base} is no base of an API: give one such as https://api.openai.com/v1"
        );
        let authorization = key.map(|key| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose()))?;
            value.set_sensitive(true);
            Ok::<_, http::header::InvalidHeaderValue>(value)
        });
        let authorization = authorization
            .transpose()
            .map_err(|_| anyhow::anyhow!("ALERT_DIGEST_SUMMARIES_KEY holds characters that no key has"))?;
        let mut endpoint = base.clone();
        endpoint.set_path(&format!("{}/chat/completions", base.path().trim_end_matches('/')));
        let certificates = |error: io::Error| {
            anyhow::anyhow!(
                "the system's certificates can't be read: {error}: install the package ca-certificates"
            )
        };
        let client = Client::builder(TokioExecutor::new()).build(tls::connector(base).map_err(certificates)?);
        Ok(ChatCompletions { endpoint, model: model.to_owned(), authorization, timeout, client })
    }

    fn unreachable(&self, reason: impl fmt::Display) -> SummaryError {
        SummaryError::Unreachable { url: self.endpoint.to_string(), reason: reason.to_string() }
    }

    fn unusable(&self, reason: impl fmt::Display) -> SummaryError {
        SummaryError::Unusable { url: self.endpoint.to_string(), reason: reason.to_string() }
    }

    async fn ask(&self, question: String) -> Result<String, SummaryError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.endpoint.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Body::from(question)).map_err(|error| self.unreachable(error))?;
        let answer = self.client.request(request).await.map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), ANSWER_BYTES).await;
        let body = body.map_err(|error| self.unreachable(format!("the answer breaks off: {error}")))?;
        if !status.is_success() {
            let message = String::from_utf8_lossy(&body).chars().take(REFUSAL).collect();
            return Err(SummaryError::Refused {
                url: self.endpoint.to_string(),
                status: status.as_u16(),
                message,
            });
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| self.unusable(error))?;
        let said = answer.choices.into_iter().next().and_then(|choice| choice.message.content);
        let said = said.as_deref().map(one_line).filter(|said| !said.is_empty());
        said.ok_or_else(|| self.unusable("it has no choice with a text"))
    }
}

#[async_trait]
impl Summarizer for ChatCompletions {
    async fn summarize(&self, cluster: &Cluster) -> Result<String, SummaryError> {
        let terms: Vec<&str> = cluster.terms.iter().map(|term| term.term.as_str()).collect();
        let content = format!("{}\n\nWords that set them apart: {}", cluster.template, terms.join(", "));
        let question = Question {
            model: &self.model,
            messages: [Said { role: "system", content: TASK }, Said { role: "user", content: &content }],
            temperature: 0.0,
            max_tokens: 120,
        };
        let question = serde_json::to_string(&question).map_err(|error| self.unusable(error))?;
        match tokio::time::timeout(self.timeout, self.ask(question)).await {
            Ok(answered) => answered,
            Err(_) => Err(self.unreachable(format!("no answer in {} s", self.timeout.as_secs_f32()))),
        }
    }
}

/// An answer as one line of bounded length, whatever a model wrote.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests;
