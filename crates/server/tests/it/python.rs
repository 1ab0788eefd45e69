//! Runs the Python client of `tests/python` against a server. `RECOMMEND_PYTHON` names the interpreter of an environment
//! with grpcio and grpcio-tools; `make test` sets it. Without it the test says that it was skipped.

use std::path::Path;
use std::process::Command;

use crate::common::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_with_generated_stubs_gets_answers_and_errors() {
    let Some(python) = std::env::var_os("RECOMMEND_PYTHON") else {
        eprintln!("skipped: RECOMMEND_PYTHON is not set; `make test` sets it");
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python");
    let config = std::fs::read_to_string(folder.join("recommend.toml")).unwrap();
    let addresses = "[server]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    let server = TestServer::start(&format!("{addresses}{config}")).await;
    let mut command = Command::new(python);
    command.arg(folder.join("test_client.py")).arg("--target").arg(server.server.grpc_addr().to_string());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.server.shutdown().await.unwrap();
}
