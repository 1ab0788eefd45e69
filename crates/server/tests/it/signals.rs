//! Signals, sent to a server in a process of its own: this very test binary, run again.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::*;
use recommend_server::{Config, Deployment, Server};
use tonic::transport::Channel;

use crate::common::{CONFIG, ask, click, parts, raw};

/// Names the folder that the child serves; without it the child's part is no test.
const FOLDER: &str = "RECOMMEND_TEST_SIGNALS";

#[test]
fn serve_when_run_as_a_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = folder.join("recommend.toml");
        let config = Config::load(&file).unwrap();
        let deployment = Deployment::open(&folder.join("data"), &config.log).await.unwrap();
        let server = Server::builder()
            .register(parts::register)
            .watch(&file)
            .stop_on_signals()
            .start(config, deployment)
            .await
            .unwrap();
        println!("serving {} {}", server.grpc_addr(), server.http_addr());
        server.until_stopped().await.unwrap();
    });
}

/// A server in a process of its own.
struct Serving {
    child: Child,
    address: SocketAddr,
    http: SocketAddr,
}

impl Serving {
    fn start(folder: &Path, config: &str) -> Self {
        std::fs::write(folder.join("recommend.toml"), config).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["signals::serve_when_run_as_a_child", "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (address, http) = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended before it served")).unwrap();
            if let Some((address, http)) =
                line.split_once("serving ").and_then(|(_, pair)| pair.split_once(' '))
            {
                break (address.parse().unwrap(), http.parse().unwrap());
            }
        };
        // What else it prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Serving { child, address, http }
    }

    async fn client(&self) -> RecommendServiceClient<Channel> {
        RecommendServiceClient::connect(format!("http://{}", self.address)).await.unwrap()
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_leaves_everything_closed() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), CONFIG);
    let mut client = serving.client().await;
    let record =
        RecordInteractionsRequest { tenant: "t".into(), interactions: vec![click("u", "general", 1)] };
    client.record_interactions(record).await.unwrap();
    let answer = client.recommend(ask("t", "u")).await.unwrap().into_inner();
    serving.signal("-TERM");
    assert_eq!(serving.wait().code(), Some(0));

    let config = Config::parse("test.toml", CONFIG).unwrap();
    let deployment = Deployment::open(&folder.path().join("data"), &config.log).await.unwrap();
    assert!(deployment.recovery.log.is_clean(), "{:?}", deployment.recovery);
    assert_eq!(deployment.recovery.stores.interactions, 1);
    deployment.close().await.unwrap();
    let log = recommend_events::LogReader::open(folder.path().join("data/log")).unwrap();
    assert_eq!(log.requests().unwrap()[0].request.to_string(), answer.request_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_everything_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), CONFIG);
    let mut client = serving.client().await;
    for second in 0..20 {
        let interactions = vec![click("u", "general", second)];
        let record = RecordInteractionsRequest { tenant: "t".into(), interactions };
        client.record_interactions(record).await.unwrap();
    }
    serving.signal("-KILL");
    serving.wait();
    let config = Config::parse("test.toml", CONFIG).unwrap();
    let deployment = Deployment::open(&folder.path().join("data"), &config.log).await.unwrap();
    assert_eq!(deployment.recovery.stores.interactions, 20);
    assert_eq!(deployment.recovery.log.interactions, 20);
    deployment.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reloads_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("drain =", "watch = \"0s\"\ndrain =");
    let serving = Serving::start(folder.path(), &config);
    let mut client = serving.client().await;
    std::fs::write(folder.path().join("recommend.toml"), config.replace("\"browser\"", "\"sidebar\""))
        .unwrap();
    serving.signal("-HUP");
    loop {
        let list = client.list_recommenders(ListRecommendersRequest {}).await.unwrap().into_inner();
        if list.recommenders[0].source == "sidebar" {
            break;
        }
        tokio::task::yield_now().await;
    }
    serving.signal("-INT");
    assert_eq!(serving.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = CONFIG
        .replace("drain = \"5s\"", "drain = \"5m\"")
        .replace(
            "[ { kind = \"all\" }, { kind = \"popular\" } ]",
            "[ { kind = \"stuck\", required = true } ]",
        )
        .replace("features = [ \"popular.score\" ]", "");
    let serving = Serving::start(folder.path(), &config);
    let mut client = serving.client().await;
    let call = tokio::spawn(async move { client.recommend(ask("t", "u")).await });
    while !raw::http(serving.http, "GET", "/metrics", &[], "")
        .await
        .body
        .contains("recommend_in_flight_requests 1")
    {
        tokio::task::yield_now().await;
    }
    serving.signal("-TERM");
    // The first signal was heard once nobody listens any more.
    while tokio::net::TcpStream::connect(serving.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    serving.signal("-TERM");
    assert_eq!(serving.wait().code(), Some(130));
    assert!(call.await.unwrap().is_err());
}
