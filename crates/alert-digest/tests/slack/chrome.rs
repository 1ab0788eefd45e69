//! A real Chromium, driven over its DevTools protocol: <https://chromedevtools.github.io/devtools-protocol/>.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// One browser with one page. It ends when this is dropped.
pub(crate) struct Chrome {
    child: Child,
    socket: Socket,
    session: String,
    next: u64,
    /// What the page complained of: errors of its scripts and violations of its policy.
    pub(crate) complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Drop for Chrome {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Chrome {
    /// None, with the reason printed, where there is no Chromium.
    pub(crate) async fn start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let named = std::env::var("CHROMIUM").ok();
        let names = named.iter().map(String::as_str).chain(["chromium", "chromium-browser", "google-chrome"]);
        let mut started = names.map(|name| {
            Command::new(name)
                .args([
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--remote-debugging-port=0",
                ])
                .args(["--no-first-run", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-GB"])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .arg("about:blank")
                .env("TZ", "Europe/Berlin")
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
        });
        let Some(mut child) = started.find_map(Result::ok) else {
            println!(
                "skipped: there is no chromium; on Debian: apt-get install chromium, or name one in CHROMIUM"
            );
            return None;
        };
        let stderr = child.stderr.take().unwrap();
        let (told, address) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
            if let Some(line) = lines.find(|line| line.starts_with("DevTools listening on ")) {
                let _ = told.send(line["DevTools listening on ".len()..].to_owned());
            }
            // A full pipe would stop the browser.
            lines.for_each(drop);
        });
        let address = tokio::time::timeout(Duration::from_secs(300), address).await.unwrap().unwrap();
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        let mut chrome = Chrome {
            child,
            socket,
            session: String::new(),
            next: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = chrome.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        chrome.session =
            chrome.call("Target.attachToTarget", attach).await["sessionId"].as_str().unwrap().into();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            chrome.call(domain, json!({})).await;
        }
        Some(chrome)
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let mut request = json!({ "id": self.next, "method": method, "params": parameters });
        if !self.session.is_empty() {
            request["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(request.to_string())).await.unwrap();
        let id = self.next;
        let answered = async {
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["id"] == id {
                    assert!(message["error"].is_null(), "{method}: {message}");
                    return message["result"].clone();
                }
                match message["method"].as_str() {
                    Some("Runtime.exceptionThrown") => {
                        self.complaints.push(message["params"]["exceptionDetails"].to_string());
                    }
                    Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                        self.complaints.push(message["params"]["entry"].to_string());
                    }
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(300), answered).await.expect("the browser does not answer")
    }

    /// Width and height in CSS pixels, two device pixels each; `dark` as a person's system would say.
    pub(crate) async fn screen(&mut self, width: u32, height: u32, dark: bool) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    pub(crate) async fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url })).await;
        self.until("document.readyState === 'complete'").await;
    }

    /// What an expression is in the page.
    pub(crate) async fn look(&mut self, expression: &str) -> Value {
        let evaluate = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", evaluate).await;
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true, across reloads of the page.
    pub(crate) async fn until(&mut self, expression: &str) {
        let guarded =
            format!("(() => {{ try {{ return Boolean({expression}) }} catch {{ return false }} }})()");
        let reached = async {
            while self.look(&guarded).await != true {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(300), reached).await;
        assert!(reached.is_ok(), "never true: {expression}");
    }

    /// A picture of what is on the screen, or of the whole page, as PNG.
    pub(crate) async fn picture(&mut self, whole: bool) -> Vec<u8> {
        let capture = json!({ "format": "png", "captureBeyondViewport": whole });
        let result = self.call("Page.captureScreenshot", capture).await;
        BASE64_STANDARD.decode(result["data"].as_str().unwrap()).unwrap()
    }
}
