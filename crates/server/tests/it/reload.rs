//! Reloading: whole or not at all.

use crate::common::{CONFIG, TestServer, ask};
use recommend_server::Config;
use recommend_server::proto::*;
use tonic::Code;

fn parse(text: &str) -> Config {
    Config::parse("test.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_file_takes_whole() {
    let server = TestServer::start(CONFIG).await;
    let second = CONFIG.split_once("[[recommender]]").unwrap().1.replace("\"browser\"", "\"sidebar\"");
    let both = format!("{CONFIG}\n[[recommender]]{second}");
    let changes = server.server.reload(parse(&both)).unwrap();
    assert_eq!(changes.to_string(), "added channel/sidebar");
    let sidebar = || RecommendRequest { source: "sidebar".into(), ..ask("t", "u") };
    server.recommend().recommend(sidebar()).await.unwrap();

    let third = CONFIG.replace("clicks = 1.0", "clicks = 2.0").replace("drain = \"5s\"", "drain = \"6s\"");
    let changes = server.server.reload(parse(&third)).unwrap();
    assert_eq!(
        changes.to_string(),
        "changed channel/browser; removed channel/sidebar; restart the server for server.drain"
    );
    assert_eq!(server.recommend().recommend(sidebar()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        server.server.reload(parse(&third)).unwrap().to_string(),
        "restart the server for server.drain"
    );
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_takes_not_at_all_and_says_why() {
    let server = TestServer::start(CONFIG).await;
    let before = server.recommend().list_recommenders(ListRecommendersRequest {}).await.unwrap().into_inner();
    let good = CONFIG.split_once("[[recommender]]").unwrap().1.replace("\"browser\"", "\"sidebar\"");
    let bad = CONFIG.replace("kind = \"popular\"", "kind = \"populr\"") + "\n[[recommender]]" + &good;
    let errors = server.server.reload(parse(&bad)).unwrap_err().to_string();
    assert!(
        errors.contains("test.toml:15: recommender channel/browser")
            && errors.contains("did you mean \"popular\"?"),
        "{errors}"
    );
    let after = server.recommend().list_recommenders(ListRecommendersRequest {}).await.unwrap().into_inner();
    assert_eq!(before, after, "not even the good half of it took");
    assert!(
        server.server.reload(parse("[server]")).unwrap_err().to_string().contains("has no [[recommender]]")
    );
    let metrics = server.metrics().await;
    assert!(metrics.contains("recommend_config_reloads_total{result=\"failed\"} 2"), "{metrics}");
    server.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recommend.toml");
    let config = CONFIG.replace("drain =", "watch = \"10ms\"\ndrain =");
    std::fs::write(&file, &config).unwrap();
    let read = Config::load(&file).unwrap();
    let deployment =
        recommend_server::Deployment::open(&folder.path().join("data"), &read.log).await.unwrap();
    let server = recommend_server::Server::builder().watch(&file).start(read, deployment).await.unwrap();
    let mut client =
        recommend_service_client::RecommendServiceClient::new(crate::common::connect(&server).await);
    let metrics = async |line: &str| {
        let text = crate::common::raw::http(server.http_addr(), "GET", "/metrics", &[], "").await.body;
        text.contains(line)
    };

    std::fs::write(&file, "[[recommender]").unwrap();
    while !metrics("recommend_config_reloads_total{result=\"failed\"} 1").await {
        tokio::task::yield_now().await;
    }
    client.recommend(ask("t", "u")).await.unwrap();

    std::fs::write(&file, config.replace("source = \"browser\"", "source = \"sidebar\"")).unwrap();
    while !metrics("recommend_config_reloads_total{result=\"ok\"} 1").await {
        tokio::task::yield_now().await;
    }
    client.recommend(RecommendRequest { source: "sidebar".into(), ..ask("t", "u") }).await.unwrap();
    server.shutdown().await.unwrap();
}
