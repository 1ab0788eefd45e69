//! The app under test beside its Slack, and what people and Slack do to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use alert_digest::server::{Clock, Limits, Server, Settings};
use alert_digest::slack::signature::sign;
use alert_digest::store::{Keyring, Secret};
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fake::{Channel, Fake, Said};

pub(crate) const SIGNING: &str = "the-signing-secret-of-the-tests";
pub(crate) const KEY: [u8; 32] = [42; 32];
pub(crate) const TOKEN: &str = "xoxb-token-of-acme";
pub(crate) const OTHER_TOKEN: &str = "xoxb-token-of-globex";

/// An answer: status, headers, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The link to the report in a modal or a message.
    pub(crate) fn link(&self) -> String {
        link(&self.body)
    }
}

/// The first link to a report in some JSON.
pub(crate) fn link(text: &str) -> String {
    let start = text.find("http://127.0.0.1").unwrap_or_else(|| panic!("no link in {text}"));
    text[start..].split(['"', '|', '>', '\\']).next().unwrap().to_owned()
}

pub(crate) struct App {
    pub(crate) server: Server,
    pub(crate) fake: Fake,
    pub(crate) clock: Arc<AtomicI64>,
}

/// A directory, a Slack with a workspace that has a channel of alerts, and the app installed in it.
pub(crate) async fn installed() -> (tempfile::TempDir, App) {
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    fake.channel(TOKEN, "C1", alerts(now(), 60));
    let directory = tempfile::tempdir().unwrap();
    let app = App::start(directory.path(), &fake, |_| {}).await;
    app.install(TOKEN).await;
    (directory, app)
}

pub(crate) fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// Three kinds of alerts by turns, one every ten seconds before `end`, newest first.
pub(crate) fn alerts(end: i64, count: usize) -> Channel {
    let messages = (0..count).map(|back| {
        let text = match back % 3 {
            0 => format!("Disk /dev/sda{back} on web-{back} is {}% full", 80 + back % 20),
            1 => format!("Latency of checkout is {}ms, above the limit of 2000ms", 2000 + back),
            _ => format!("Certificate of shop-{back}.example.com expires in {} days", back % 30),
        };
        Said { micros: end - 10_000_000 * (back as i64 + 1), text, more: json!({}) }
    });
    Channel { name: "alerts".into(), is_member: true, messages: messages.collect(), ..Channel::default() }
}

impl App {
    pub(crate) async fn start(data: &Path, fake: &Fake, change: impl FnOnce(&mut Settings)) -> Self {
        let _ = tracing_subscriber::fmt().with_env_filter("alert_digest=debug").with_test_writer().try_init();
        let clock = Arc::new(AtomicI64::new(0));
        let ahead = Arc::clone(&clock);
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            metrics_listen: None,
            public_url: "http://127.0.0.1:1".parse().unwrap(),
            data: data.to_owned(),
            signing_secret: Secret::new(SIGNING),
            client_id: "client-id".into(),
            client_secret: Secret::new("client-secret-of-the-tests"),
            keys: Keyring::new(&KEY).unwrap(),
            slack_api: fake.api(),
            authorize: Settings::AUTHORIZE.parse().unwrap(),
            summarizer: None,
            limits: Limits {
                call: Duration::from_secs(5),
                backoff: Duration::from_millis(5),
                tick: Duration::from_millis(20),
                drain: Duration::from_millis(20),
                page: 20,
                ..Limits::default()
            },
            clock: Clock::new(move || {
                let seconds = ahead.load(Ordering::Relaxed);
                Timestamp::now().checked_add(Duration::from_secs(seconds as u64)).unwrap()
            }),
        };
        change(&mut settings);
        let server = Server::start(settings).await.unwrap();
        App { server, fake: fake.clone(), clock }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Goes through the installation as a browser does.
    pub(crate) async fn install(&self, token: &str) -> Answer {
        let begun = self.get("/slack/install").await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER);
        let to: url::Url = begun.headers["location"].to_str().unwrap().parse().unwrap();
        let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let cookie = begun.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert("cookie", cookie.parse().unwrap());
        let path = format!("/slack/oauth?code=code-for-{token}&state={state}");
        send(self.address(), Method::GET, &path, headers, String::new()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.address(), Method::GET, path, HeaderMap::new(), String::new()).await
    }

    /// Opens a link of the app's, whose public address leads nowhere in tests.
    pub(crate) async fn open(&self, link: &str) -> Answer {
        let url: url::Url = link.parse().unwrap();
        self.get(&url[url::Position::BeforePath..]).await
    }

    /// A request that Slack signs now.
    pub(crate) async fn signed(&self, path: &str, body: String) -> Answer {
        let headers = sign(&Secret::new(SIGNING), Timestamp::now().as_second(), &body);
        send(self.address(), Method::POST, path, headers, body).await
    }

    pub(crate) async fn command(&self, workspace: &str, text: &str) -> Answer {
        self.signed("/slack/commands", command(&self.fake, workspace, text)).await
    }

    pub(crate) async fn interact(&self, payload: Value) -> Answer {
        self.signed("/slack/interactions", form(&[("payload", &payload.to_string())])).await
    }

    pub(crate) async fn submit(&self, workspace: &str, view: &str, more: Value) -> Answer {
        self.interact(submission(workspace, view, more)).await
    }

    pub(crate) async fn click(&self, workspace: &str, action: &str, value: &str) -> Answer {
        let response_url = format!("{}/response", self.fake.api());
        self.interact(json!({
            "type": "block_actions", "team": { "id": workspace, "domain": "acme" }, "user": { "id": "U1", "team_id": workspace },
            "api_app_id": "ADIGEST", "container": { "type": "message", "message_ts": "1.2", "channel_id": "C1" }, "trigger_id": unique(),
            "channel": { "id": "C1", "name": "alerts" }, "response_url": response_url,
            "actions": [{ "type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.2",
                "text": { "type": "plain_text", "text": "x" } }],
        }))
        .await
    }

    pub(crate) async fn event(&self, workspace: &str, id: &str, event: Value) -> Answer {
        let body = json!({ "type": "event_callback", "team_id": workspace, "api_app_id": "ADIGEST", "event_id": id, "event_time": 1, "event": event, "nonce": unique() });
        self.signed("/slack/events", body.to_string()).await
    }

    /// Waits until a report is there or there will be none, and returns its page.
    pub(crate) async fn finished(&self, link: &str) -> String {
        let mut status: url::Url = link.parse().unwrap();
        let path = format!("{}/status", status.path());
        status.set_path(&path);
        let over = async {
            loop {
                let answer = self.open(status.as_str()).await;
                if answer.status == StatusCode::OK && answer.json()["final"] == true {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(300), over).await.expect("the report is not finished");
        self.open(link).await.body
    }

    /// One digest of the last day from start to end; returns the report as JSON.
    pub(crate) async fn digest(&self, workspace: &str) -> Value {
        let link = self.command(workspace, "24h").await.link();
        self.finished(&link).await;
        self.export(&link).await
    }

    pub(crate) async fn export(&self, link: &str) -> Value {
        let mut url: url::Url = link.parse().unwrap();
        let path = format!("{}/digest.json", url.path());
        url.set_path(&path);
        let answer = self.open(url.as_str()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    /// The value of a metric without labels, or with exactly these.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.body;
        let line =
            text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

pub(crate) fn unique() -> String {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    format!("{}.{}", now(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) fn command(fake: &Fake, workspace: &str, text: &str) -> String {
    form(&[
        ("token", "legacy"),
        ("team_id", workspace),
        ("team_domain", "acme"),
        ("channel_id", "C1"),
        ("channel_name", "alerts"),
        ("user_id", "U1"),
        ("user_name", "ada"),
        ("command", "/alert-digest"),
        ("text", text),
        ("response_url", &format!("{}/response", fake.api())),
        ("trigger_id", &unique()),
    ])
}

pub(crate) fn submission(workspace: &str, view: &str, more: Value) -> Value {
    let option = |value: &str| json!({ "text": { "type": "plain_text", "text": "x" }, "value": value });
    let mut values = json!({
        "channel": { "channel": { "type": "conversations_select", "selected_conversation": "C1" } },
        "range": { "range": { "type": "static_select", "selected_option": option("24h") } },
        "sensitivity": { "sensitivity": { "type": "static_select", "selected_option": option("normal") } },
        "options": { "options": { "type": "checkboxes", "selected_options": [option("compare"), option("threads")] } },
        "post_to": { "post_to": { "type": "conversations_select", "selected_conversation": "C1" } },
    });
    if let (Some(values), Some(more)) = (values.as_object_mut(), more.as_object()) {
        values.extend(more.clone());
    }
    json!({
        "type": "view_submission", "team": { "id": workspace, "domain": "acme" }, "user": { "id": "U1", "team_id": workspace },
        "api_app_id": "ADIGEST", "token": "legacy", "trigger_id": unique(),
        "view": { "id": view, "team_id": workspace, "type": "modal", "blocks": [], "private_metadata": "", "callback_id": "digest",
            "state": { "values": values }, "hash": "1.abc", "title": { "type": "plain_text", "text": "Alert digest" },
            "clear_on_close": false, "notify_on_close": false, "close": null, "submit": null, "previous_view_id": null,
            "root_view_id": view, "app_id": "ADIGEST", "external_id": "", "app_installed_team_id": workspace, "bot_id": "BBOT" },
        "response_urls": [], "is_enterprise_install": false, "enterprise": null,
    })
}

pub(crate) async fn send(
    to: SocketAddr,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("http://{to}{path}"));
    request.headers_mut().unwrap().extend(headers);
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let response = client.request(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(Body::new(body), usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// Sizes of a report's clusters by a word of their template.
pub(crate) fn sizes(report: &Value) -> BTreeMap<&'static str, u64> {
    let clusters = report["digest"]["clusters"].as_array().unwrap();
    let size = |word: &str| {
        let of = clusters.iter().filter(|c| c["template"].as_str().unwrap().to_lowercase().contains(word));
        of.map(|c| c["size"].as_u64().unwrap()).sum()
    };
    ["disk", "latency", "certificate"].map(|word| (word, size(word))).into()
}
