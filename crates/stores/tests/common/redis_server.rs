//! A real `redis-server` on a free port, started by a test and stopped when it is dropped.

#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server, and its folder.
pub(crate) struct RedisServer {
    child: Option<Child>,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    args: Vec<String>,
}

/// Where the program is, and where its libraries are when it was unpacked rather than installed.
fn program() -> Option<(PathBuf, Option<PathBuf>)> {
    if let Some(given) = std::env::var_os("RECOMMEND_REDIS_SERVER") {
        return Some((given.into(), None));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed =
        std::env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|path| path.is_file());
    if let Some(installed) = installed {
        return Some((installed, None));
    }
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.deps/redis/usr");
    let libraries = unpacked.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH));
    let program = unpacked.join("bin/redis-server");
    program.is_file().then_some((program, Some(libraries)))
}

/// Whether there is a Redis to test with; if not, says how to get one.
pub(crate) fn available() -> bool {
    if program().is_some() {
        return true;
    }
    assert!(
        std::env::var_os("RECOMMEND_REDIS").is_none_or(|want| want != "required"),
        "there is no redis-server: apt-get install redis-server, or make redis"
    );
    eprintln!(
        "skipped: there is no redis-server; apt-get install redis-server, or make redis, and run it again"
    );
    false
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl RedisServer {
    pub(crate) fn start(args: &[&str]) -> Self {
        let args = args.iter().map(ToString::to_string).collect();
        let mut server =
            RedisServer { child: None, port: free_port(), folder: tempfile::tempdir().unwrap(), args };
        server.run();
        server
    }

    /// Starts the program, again after [`RedisServer::kill`]; returns when it answers.
    pub(crate) fn run(&mut self) {
        let (program, libraries) = program().unwrap();
        let mut command = Command::new(program);
        if let Some(libraries) = libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--loglevel",
            "warning",
        ]);
        command.arg("--dir").arg(self.folder.path()).args(&self.args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(20);
        while !self.tell("PING").is_some_and(|answer| answer.starts_with("+PONG")) {
            assert!(Instant::now() < until, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// One inline command and the beginning of its answer.
    pub(crate) fn tell(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut answer = vec![0; 1 << 16];
        let read = stream.read(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three nodes that share the slots.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub(crate) fn start() -> Self {
        let start = || loop {
            // The cluster's own port is 10,000 higher.
            if free_port() < 50_000 {
                let args =
                    ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--appendonly", "no"];
                let args = args.map(String::from).to_vec();
                let port = loop {
                    let port = free_port();
                    if port < 50_000 {
                        break port;
                    }
                };
                let folder = tempfile::tempdir().unwrap();
                let mut server = RedisServer { child: None, port, folder, args };
                server.run();
                break server;
            }
        };
        let nodes: Vec<RedisServer> = (0..3).map(|_| start()).collect();
        for (at, node) in nodes.iter().enumerate() {
            let (from, to) = (at * 16384 / 3, (at + 1) * 16384 / 3 - 1);
            let answer = node.tell(&format!("CLUSTER ADDSLOTSRANGE {from} {to}")).unwrap();
            assert!(answer.starts_with("+OK"), "{answer}");
            node.tell(&format!("CLUSTER MEET 127.0.0.1 {}", nodes[0].port)).unwrap();
        }
        let until = Instant::now() + Duration::from_secs(30);
        let ready = |node: &RedisServer| {
            node.tell("CLUSTER INFO").is_some_and(|info| {
                info.contains("cluster_state:ok")
                    && info.contains("cluster_known_nodes:3")
                    && info.contains("cluster_size:3")
            })
        };
        while !nodes.iter().all(ready) {
            assert!(Instant::now() < until, "the cluster does not come together");
            std::thread::yield_now();
        }
        RedisCluster { nodes }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }
}
