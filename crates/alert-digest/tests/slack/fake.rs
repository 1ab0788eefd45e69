//! A Slack on loopback: channels, tokens, modals and messages, and faults on demand. Its payloads follow the samples that
//! `payloads` compares them with.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

/// One message of a channel.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) micros: i64,
    pub(crate) text: String,
    /// What is added to or put in place of the plain fields.
    pub(crate) more: Value,
}

#[derive(Clone, Default)]
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) is_member: bool,
    /// Newest first, as Slack returns them.
    pub(crate) messages: Vec<Said>,
    /// By the parent's timestamp: replies, oldest first.
    pub(crate) replies: BTreeMap<String, Vec<Said>>,
}

/// What goes wrong with one call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    RateLimit(u64),
    Status(u16),
    Hang,
    Malformed,
    /// A proxy's page: 200 and no JSON.
    Page,
    Error(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) token: String,
    pub(crate) parameters: Value,
}

#[derive(Default)]
pub(crate) struct Slack {
    /// By token: the workspace's id and its channels.
    pub(crate) workspaces: HashMap<String, (String, HashMap<String, Channel>)>,
    pub(crate) revoked: HashSet<String>,
    /// Faults of the next calls by method.
    pub(crate) faults: HashMap<String, VecDeque<Fault>>,
    /// Faults of every call by method.
    pub(crate) always: HashMap<String, Fault>,
    pub(crate) calls: Vec<Call>,
    /// Whether blocks that only some workspaces know are refused.
    pub(crate) is_old: bool,
    posted: u64,
}

impl Slack {
    pub(crate) fn called(&self, method: &str) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.method == method).collect()
    }

    pub(crate) fn fault(&mut self, method: &str, faults: impl IntoIterator<Item = Fault>) {
        self.faults.entry(method.into()).or_default().extend(faults);
    }
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    slack: Arc<Mutex<Slack>>,
    count: watch::Sender<usize>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = Fake { address, slack: Arc::default(), count: watch::Sender::new(0) };
        let router = Router::new().route("/api/{method}", any(answer)).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub(crate) fn api(&self) -> url::Url {
        format!("http://{}/api", self.address).parse().unwrap()
    }

    /// Looks or changes.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Slack) -> T) -> T {
        look(&mut self.slack.lock().unwrap())
    }

    pub(crate) fn workspace(&self, token: &str, id: &str) {
        self.with(|slack| slack.workspaces.insert(token.into(), (id.into(), HashMap::new())));
    }

    pub(crate) fn channel(&self, token: &str, id: &str, channel: Channel) {
        self.with(|slack| slack.workspaces.get_mut(token).unwrap().1.insert(id.into(), channel));
    }

    /// Waits until calls have made it true.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&Slack) -> bool) {
        let mut count = self.count.subscribe();
        let reached = async {
            while !self.with(|slack| is_so(slack)) {
                count.changed().await.unwrap();
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(300), reached).await;
        assert!(
            reached.is_ok(),
            "{what}; calls: {:?}",
            self.with(|slack| slack.calls.iter().map(|c| c.method.clone()).collect::<Vec<_>>())
        );
    }
}

/// As Slack writes an instant.
pub(crate) fn ts(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn micros(ts: &str) -> i64 {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, "0"));
    seconds.parse::<i64>().unwrap() * 1_000_000 + rest.parse::<i64>().unwrap_or(0)
}

async fn answer(
    State(fake): State<Fake>,
    Path(method): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
    let token = authorization.trim_start_matches("Bearer ").to_owned();
    let parameters =
        if body.is_empty() { json!(query) } else { serde_json::from_slice(&body).unwrap_or(Value::Null) };
    let fault = fake.with(|slack| {
        slack.calls.push(Call {
            method: method.clone(),
            token: token.clone(),
            parameters: parameters.clone(),
        });
        let once = slack.faults.get_mut(&method).and_then(VecDeque::pop_front);
        once.or_else(|| slack.always.get(&method).cloned())
    });
    let response = match fault {
        Some(fault) => {
            fake.count.send_modify(|count| *count += 1);
            return broken(fault).await;
        }
        None => fake.with(|slack| respond(slack, &method, &token, &parameters)),
    };
    fake.count.send_modify(|count| *count += 1);
    axum::Json(response).into_response()
}

async fn broken(fault: Fault) -> Response {
    match fault {
        Fault::RateLimit(after) => {
            let headers = [("retry-after", after.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, headers, axum::Json(json!({"ok": false, "error": "ratelimited"})))
                .into_response()
        }
        Fault::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Fault::Hang => std::future::pending().await,
        Fault::Malformed => {
            ([("content-type", "application/json")], "{\"ok\": true, \"messages\": [{").into_response()
        }
        Fault::Page => axum::response::Html("<html>proxy</html>").into_response(),
        Fault::Error(code) => axum::Json(error(code)).into_response(),
    }
}

fn error(code: &str) -> Value {
    json!({ "ok": false, "error": code })
}

fn respond(slack: &mut Slack, method: &str, token: &str, parameters: &Value) -> Value {
    if method == "oauth.v2.access" {
        return install(slack, parameters);
    }
    if method.starts_with("response") {
        return json!({ "ok": true });
    }
    if slack.revoked.contains(token) {
        return error("token_revoked");
    }
    let posted = slack.posted + 1;
    let is_old = slack.is_old;
    let Some((workspace, channels)) = slack.workspaces.get_mut(token) else { return error("invalid_auth") };
    let text = |name: &str| parameters[name].as_str().unwrap_or("").to_owned();
    let channel = text("channel");
    let found = channels.get_mut(&channel);
    match method {
        "auth.test" => json!({
            "ok": true, "url": format!("https://{}.slack.com/", workspace.to_lowercase()), "team": "Acme", "user": "digest",
            "team_id": workspace, "user_id": "UBOT", "bot_id": "BBOT", "is_enterprise_install": false,
        }),
        "users.info" => {
            json!({ "ok": true, "user": { "id": text("user"), "tz": "Europe/Berlin", "tz_offset": 3600 } })
        }
        "conversations.info" => match found {
            Some(channel_) => {
                json!({ "ok": true, "channel": { "id": channel, "name": channel_.name, "is_member": channel_.is_member } })
            }
            None => error("channel_not_found"),
        },
        "conversations.join" => match found {
            Some(found) => {
                found.is_member = true;
                json!({ "ok": true, "channel": { "id": channel } })
            }
            None => error("channel_not_found"),
        },
        "conversations.history" => match found {
            Some(found) if found.is_member => history(&found.messages, parameters),
            Some(_) => error("not_in_channel"),
            None => error("channel_not_found"),
        },
        "conversations.replies" => match found.and_then(|found| found.replies.get(&text("ts"))) {
            Some(replies) => history(replies, parameters),
            None => error("thread_not_found"),
        },
        "chat.postMessage" | "chat.update" => {
            let is_person = channel.starts_with('U') || channel.starts_with('D');
            if !is_person && !channels.get(&channel).is_some_and(|channel| channel.is_member) {
                return error(if channels.contains_key(&channel) {
                    "not_in_channel"
                } else {
                    "channel_not_found"
                });
            }
            let blocks = parameters["blocks"].as_array().cloned().unwrap_or_default();
            if is_old && blocks.iter().any(|block| block["type"] == "data_visualization") {
                return error("invalid_blocks");
            }
            slack.posted = posted;
            let to = if channel.starts_with('U') { channel.replacen('U', "D", 1) } else { channel };
            let ts =
                if method == "chat.update" { text("ts") } else { ts(1_800_000_000_000_000 + posted as i64) };
            json!({ "ok": true, "channel": to, "ts": ts, "message": { "type": "message", "text": text("text"), "ts": ts, "bot_id": "BBOT" } })
        }
        "views.open" => json!({ "ok": true, "view": { "id": "V1" } }),
        _ => error("unknown_method"),
    }
}

fn install(slack: &Slack, parameters: &Value) -> Value {
    // The code names the token that it is worth.
    let Some(token) = parameters["code"].as_str().and_then(|code| code.strip_prefix("code-for-")) else {
        return error("invalid_code");
    };
    let Some((workspace, _)) = slack.workspaces.get(token) else { return error("invalid_code") };
    json!({
        "ok": true, "access_token": token, "token_type": "bot", "scope": "commands,chat:write", "bot_user_id": "UBOT", "app_id": "ADIGEST",
        "team": { "id": workspace, "name": "Acme" }, "authed_user": { "id": "UADMIN" }, "is_enterprise_install": false, "enterprise": null,
    })
}

fn history(messages: &[Said], parameters: &Value) -> Value {
    let number = |name: &str| parameters[name].as_str().and_then(|text| text.parse::<usize>().ok());
    let bound = |name: &str, other: i64| parameters[name].as_str().map_or(other, micros);
    let (oldest, latest) = (bound("oldest", 0), bound("latest", i64::MAX));
    let start =
        parameters["cursor"].as_str().map_or(0, |cursor| cursor.trim_start_matches("next:").parse().unwrap());
    let limit = number("limit").unwrap_or(100);
    let mut within = messages.iter().filter(|said| (oldest..=latest).contains(&said.micros));
    let page: Vec<Value> = within.clone().skip(start).take(limit).map(message).collect();
    let has_more = within.nth(start + limit).is_some();
    let cursor = if has_more { format!("next:{}", start + limit) } else { String::new() };
    json!({ "ok": true, "messages": page, "has_more": has_more, "response_metadata": { "next_cursor": cursor } })
}

fn message(said: &Said) -> Value {
    let mut message =
        json!({ "type": "message", "user": "U1", "text": said.text, "ts": ts(said.micros), "team": "T1" });
    if let (Some(message), Some(more)) = (message.as_object_mut(), said.more.as_object()) {
        message.extend(more.clone());
    }
    message
}
