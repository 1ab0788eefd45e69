//! The real binary: what it logs, how it ends, and what it says when a setting is missing.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use alert_digest::slack::signature::sign;
use alert_digest::store::Secret;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

use crate::app::{SIGNING, TOKEN, alerts, command, link, now, send};
use crate::fake::{Fake, Fault};

const CLIENT_SECRET: &str = "client-secret-that-nobody-may-see";
const KEY: &str = "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f";

fn serve(data: &std::path::Path, fake: &Fake) -> Command {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_alert-digest"));
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--drain-seconds", "0"])
        .args(["--public-url", "http://127.0.0.1:1", "--client-id", "id", "--data"])
        .arg(data)
        .env_remove("PORT")
        .env("SLACK_SIGNING_SECRET", SIGNING)
        .env("SLACK_CLIENT_SECRET", CLIENT_SECRET)
        .env("ALERT_DIGEST_KEY", KEY)
        .env("SLACK_API_URL", fake.api().as_str())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    serve
}

/// Reads lines until one says where the process listens, and passes the others on.
fn address(child: &mut Child) -> (std::net::SocketAddr, mpsc::Receiver<String>) {
    let (lines, read) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let mut seen = Vec::new();
    loop {
        let line = read.recv_timeout(Duration::from_secs(300));
        let line = line.unwrap_or_else(|_| panic!("it does not say where it listens: {seen:?}"));
        if let Some(address) = line.split("address=").nth(1) {
            return (address.trim().parse().unwrap(), read);
        }
        seen.push(line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_secret_and_no_message_even_at_its_loudest() {
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    fake.channel(TOKEN, "C1", alerts(now(), 30));
    let directory = tempfile::tempdir().unwrap();
    let mut child = serve(directory.path(), &fake).env("RUST_LOG", "trace").spawn().unwrap();
    let (address, lines) = address(&mut child);
    let get =
        async |path: &str, headers: HeaderMap| send(address, Method::GET, path, headers, String::new()).await;
    let begun = get("/slack/install", HeaderMap::new()).await;
    let to: url::Url = begun.headers["location"].to_str().unwrap().parse().unwrap();
    let state = to.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut headers = HeaderMap::new();
    let cookie = begun.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    headers.insert("cookie", cookie.parse().unwrap());
    let installed = get(&format!("/slack/oauth?code=code-for-{TOKEN}&state={state}"), headers).await;
    assert_eq!(installed.status, StatusCode::OK);
    // A digest that meets every kind of trouble, a refused request, a result.
    fake.with(|slack| {
        slack.fault(
            "conversations.history",
            [Fault::Malformed, Fault::Status(500), Fault::Page, Fault::RateLimit(0)],
        );
    });
    let body = command(&fake, "T1", "24h");
    let headers = sign(&Secret::new(SIGNING), Timestamp::now().as_second(), &body);
    let signature = headers["x-slack-signature"].to_str().unwrap().to_owned();
    let post = |headers: HeaderMap| send(address, Method::POST, "/slack/commands", headers, body.clone());
    let report = link(&post(headers.clone()).await.body);
    assert_eq!(post(headers).await.status, StatusCode::UNAUTHORIZED);
    fake.until("the result is posted", |slack| !slack.called("chat.update").is_empty()).await;
    let report: url::Url = report.parse().unwrap();
    let page = get(&report[url::Position::BeforePath..], HeaderMap::new()).await;
    assert_eq!(page.status, StatusCode::OK);

    // The message and the report are there before the job is: one that is stopped in between goes on at the next start.
    let mut log = String::new();
    while !log.contains("a job is done") {
        log += &(lines.recv_timeout(Duration::from_secs(60)).expect("the job comes to its end") + "\n");
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(child.wait().unwrap().success(), "SIGTERM ends it well");
    log.extend(lines.iter().map(|line| line + "\n"));
    assert!(log.contains("a job is done") && log.contains("the store is closed"), "{log}");
    let tag = report.query_pairs().find(|(name, _)| name == "s").unwrap().1.into_owned();
    for secret in [TOKEN, SIGNING, CLIENT_SECRET, KEY, &signature, &tag, &state, "/dev/sda", "xoxb-"] {
        assert!(!log.contains(secret), "the log holds {secret}:\n{log}");
    }
}

#[test]
fn a_missing_or_wrong_setting_is_named_with_its_fix() {
    let directory = tempfile::tempdir().unwrap();
    let fake = "http://127.0.0.1:1/api";
    let run = |change: &dyn Fn(&mut Command)| {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_alert-digest"));
        serve.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--public-url",
            "https://x.io",
            "--client-id",
            "id",
            "--data",
        ]);
        serve.arg(directory.path().join("data")).env("SLACK_API_URL", fake).stderr(Stdio::piped());
        serve.env("SLACK_SIGNING_SECRET", "s").env("SLACK_CLIENT_SECRET", "s").env("ALERT_DIGEST_KEY", KEY);
        change(&mut serve);
        let mut child = serve.spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!child.wait().unwrap().success());
        said
    };
    let said = run(&|serve| {
        serve.env_remove("SLACK_SIGNING_SECRET");
    });
    assert!(
        said.contains("SLACK_SIGNING_SECRET is not set") && said.contains("SLACK_SIGNING_SECRET_FILE"),
        "{said}"
    );
    let said = run(&|serve| {
        serve.env("ALERT_DIGEST_KEY", "swordfish");
    });
    assert!(said.contains("openssl rand -hex 32") && !said.contains("swordfish"), "{said}");
    let said = run(&|serve| {
        serve.env("SLACK_CLIENT_SECRET_FILE", "/nowhere");
    });
    assert!(said.contains("unset one of them"), "{said}");
    let said = run(&|serve| {
        serve.args(["--retention-days", "900"]);
    });
    assert!(said.contains("1..=90"), "{said}");
}

/// Every file below a directory, with its text.
fn texts(directory: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, found);
        } else {
            found.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_variable_that_a_deployment_sets_is_one_that_serve_reads() {
    let help = Command::new(env!("CARGO_BIN_EXE_alert-digest")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut files = Vec::new();
    texts(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy"), &mut files);
    let mut checked = 0;
    for text in &files {
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        for word in words.filter(|word| {
            word.starts_with("ALERT_DIGEST_") || word.starts_with("SLACK_C") || word.starts_with("SLACK_S")
        }) {
            let variable = word.trim_end_matches("_FILE");
            assert!(help.contains(variable), "{word} is not in:\n{help}");
            checked += 1;
        }
    }
    assert!(checked > 10, "the deployments set {checked} variables");
}
