//! TLS on the way to a real Redis, whose certificate an authority of the test's own gives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::redis_server::{RedisServer, available, free_port};
use common::{batch, codec, everything, run};
use recommend_stores::{RedisOptions, Stores};

/// An authority, and a certificate of it for 127.0.0.1: `ca.pem`, `server.pem`, `server.key`.
fn certify(folder: &Path) {
    let openssl = |args: &[&str]| {
        let done = Command::new("openssl").current_dir(folder).args(args).output();
        let done = done.unwrap_or_else(|error| panic!("openssl: {error}; apt-get install openssl"));
        assert!(done.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let ca = ["req", "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(&[&ca[..], &key].concat());
    openssl(
        &[&["req", "-subj", "/CN=redis", "-keyout", "server.key", "-out", "server.csr"][..], &key].concat(),
    );
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    let sign = ["x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"];
    openssl(&[&sign[..], &["-CAcreateserial", "-extfile", "names", "-out", "server.pem"]].concat());
}

/// A Redis that speaks TLS too, the port it does that on, and its authority; nothing when there is no Redis to test with.
fn server() -> Option<(RedisServer, tempfile::TempDir, RedisOptions)> {
    if !available() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let port = free_port().to_string();
    let mut args = vec!["--tls-port", &port, "--tls-auth-clients", "no"];
    let (certificate, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
    args.extend(["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &ca]);
    let server = RedisServer::start(&args);
    let options = RedisOptions {
        certificates: Some(PathBuf::from(ca)),
        ..RedisOptions::at(&format!("rediss://127.0.0.1:{port}"))
    };
    Some((server, folder, options))
}

#[test]
fn what_goes_through_tls_is_what_arrives() {
    let Some((_server, _folder, options)) = server() else { return };
    let (embedded, ours) =
        (Stores::in_memory(codec()), run(Stores::redis(codec(), options.clone())).unwrap());
    for number in 0..20 {
        let (tenant, written) = batch(number);
        let expected = run(embedded.writer.write(tenant, written.clone())).unwrap();
        assert_eq!(run(ours.writer.write(tenant, written)).unwrap(), expected, "batch {number}");
    }
    assert_eq!(everything(&ours), everything(&embedded));
    let later = run(Stores::redis(codec(), options)).unwrap();
    assert_eq!(everything(&later), everything(&embedded));
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_talked_to() {
    let Some((_server, _folder, options)) = server() else { return };
    let refused = run(Stores::redis(codec(), RedisOptions { certificates: None, ..options }));
    let error = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("certificate"), "{error:?}");
}
