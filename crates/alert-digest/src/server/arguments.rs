//! The `serve` subcommand: settings from flags or the environment, secrets also from files.
#![allow(rustdoc::bare_urls, reason = "clap prints these comments, and Markdown would show in the help")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use url::Url;

use super::{Clock, Limits, Server, Settings, Signals};
use crate::digest::Summarizer;
use crate::store::{Keyring, Secret};

/// Arguments of `serve`; what it does is said where the subcommand is listed.
#[derive(Debug, Args)]
#[command(after_help = "Secrets (variable, or variable_FILE):
  SLACK_SIGNING_SECRET       what Slack signs requests with    Basic Information → Signing Secret
  SLACK_CLIENT_SECRET        what the app is known by          Basic Information → Client Secret
  ALERT_DIGEST_KEY           what tokens and messages are sealed with: openssl rand -hex 32

The log's level is set by RUST_LOG, such as RUST_LOG=alert_digest=debug.")]
pub struct Arguments {
    /// Address and port to listen on.
    #[arg(long, env = "ALERT_DIGEST_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Port to listen on, in place of the one in --listen; Cloud Run sets it.
    #[arg(long, env = "PORT")]
    port: Option<u16>,
    /// Serve /metrics on this address instead of the public one.
    #[arg(long, env = "ALERT_DIGEST_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// How Slack and people reach the app, such as https://digest.example.com.
    #[arg(long, env = "ALERT_DIGEST_PUBLIC_URL")]
    public_url: Url,
    /// Directory of the store; made if it is not there.
    #[arg(long, env = "ALERT_DIGEST_DATA", default_value = "data")]
    data: PathBuf,
    /// The app's client id: Basic Information → Client ID.
    #[arg(long, env = "SLACK_CLIENT_ID")]
    client_id: String,
    /// Days that a report and its link are kept.
    #[arg(long, env = "ALERT_DIGEST_RETENTION_DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
    retention_days: u32,
    /// Most messages that one digest reads; the newest ones.
    #[arg(long, env = "ALERT_DIGEST_MAX_MESSAGES", default_value_t = 500_000)]
    max_messages: usize,
    /// Seconds for which a stopping server still answers that it is.
    #[arg(long, env = "ALERT_DIGEST_DRAIN_SECONDS", default_value_t = 5)]
    drain_seconds: u64,
    #[cfg(feature = "summaries")]
    #[command(flatten)]
    summaries: crate::summaries::Arguments,
    /// Log lines as JSON.
    #[arg(long, env = "ALERT_DIGEST_LOG_JSON")]
    log_json: bool,
    /// Slack's API; another one only in tests.
    #[arg(long, env = "SLACK_API_URL", default_value = Settings::SLACK_API, hide = true)]
    slack_api_url: Url,
}

impl Arguments {
    #[cfg(feature = "summaries")]
    fn summarizer(&self) -> anyhow::Result<Option<Arc<dyn Summarizer>>> {
        Ok(self.summaries.client()?.map(|client| Arc::new(client) as Arc<dyn Summarizer>))
    }

    #[cfg(not(feature = "summaries"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "so that it is called as the other one"
    )]
    fn summarizer(&self) -> anyhow::Result<Option<Arc<dyn Summarizer>>> {
        Ok(None)
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        anyhow::ensure!(
            matches!(self.public_url.scheme(), "https" | "http") && self.public_url.has_host(),
            "--public-url {} is no web address: give one such as https://digest.example.com",
            self.public_url
        );
        let mut listen = self.listen;
        if let Some(port) = self.port {
            listen.set_port(port);
        }
        Ok(Settings {
            listen,
            metrics_listen: self.metrics_listen,
            public_url: self.public_url.clone(),
            data: self.data.clone(),
            signing_secret: Secret::new(secret("SLACK_SIGNING_SECRET")?),
            client_id: self.client_id.clone(),
            client_secret: Secret::new(secret("SLACK_CLIENT_SECRET")?),
            keys: Keyring::parse(&secret("ALERT_DIGEST_KEY")?).context("ALERT_DIGEST_KEY")?,
            slack_api: self.slack_api_url.clone(),
            authorize: Url::parse(Settings::AUTHORIZE)?,
            summarizer: self.summarizer()?,
            limits: Limits {
                retention: Duration::from_secs(u64::from(self.retention_days) * 86_400),
                messages: self.max_messages,
                drain: Duration::from_secs(self.drain_seconds),
                ..Limits::default()
            },
            clock: Clock::default(),
        })
    }
}

/// A secret from its variable or the file that `…_FILE` names; never empty.
fn secret(name: &str) -> anyhow::Result<String> {
    secret_if_set(name)?
        .with_context(|| format!("{name} is not set: set it, or {name}_FILE to a file that holds it"))
}

/// The same for a secret that need not be there.
pub(crate) fn secret_if_set(name: &str) -> anyhow::Result<Option<String>> {
    let file = format!("{name}_FILE");
    let text = match (std::env::var(name), std::env::var_os(&file)) {
        (Ok(text), None) => text,
        (Err(_), Some(path)) => std::fs::read_to_string(Path::new(&path))
            .with_context(|| format!("{file}={}", path.to_string_lossy()))?,
        (Ok(_), Some(_)) => anyhow::bail!("both {name} and {file} are set: unset one of them"),
        (Err(_), None) => return Ok(None),
    };
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "{name} is empty");
    Ok(Some(text.to_owned()))
}

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// When a setting is missing or wrong, an address is taken, or the store can't be opened.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    log(arguments.log_json);
    let settings = arguments.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::listen().context("SIGTERM and SIGINT can't be heard")?;
        let server = Server::start(settings).await?;
        // Whoever started us on port 0 learns the port from this line.
        tracing::info!(address = %server.address(), "listening");
        server.until(signals).await?;
        Ok(())
    })
}

/// Libraries that would print what they send are kept quiet whatever `RUST_LOG` says: a URL of the installation holds a
/// code, and a failed answer may quote a message.
fn log(json: bool) {
    use tracing_subscriber::EnvFilter;
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    for quiet in ["slack_morphism=off", "hyper=warn", "hyper_util=warn", "h2=warn", "rustls=warn"] {
        if let Ok(directive) = quiet.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second logger in one process is refused, and the first one goes on.
    let _ = if json { lines.json().try_init() } else { lines.try_init() };
}
