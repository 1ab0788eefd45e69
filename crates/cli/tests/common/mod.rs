//! Runs the real binary in a folder of its own, and a server on free ports.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A folder to run the binary in.
pub(crate) struct Place(tempfile::TempDir);

/// What a run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl Ran {
    fn of(output: Output) -> Self {
        Ran {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// The run, which must have ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The run, whose output must hold this text. Runs of blanks count as one.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (out, err) = (plain(&self.out), plain(&self.err));
        assert!(out.contains(text) || err.contains(text), "no {text:?} in:\n{}\n{}", self.out, self.err);
        self
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recommend"));
        command.current_dir(self.path()).env_remove("RUST_LOG").env_remove("RECOMMEND_KEYS");
        command
    }

    /// Runs `recommend` with arguments that are separated by blanks; `\u{1f}` stands for a blank inside one.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        let arguments = arguments.split_whitespace().map(|argument| argument.replace('\u{1f}', " "));
        Ran::of(self.command().args(arguments).output().unwrap())
    }

    /// Starts `recommend serve` on free ports.
    pub(crate) fn serve(&self, arguments: &str) -> Serving {
        let mut child = self
            .command()
            .args(arguments.split_whitespace())
            .args(["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The line comes when it listens; there is none when it could not start.
        let line = lines.next().and_then(Result::ok).unwrap_or_default();
        let address = |after: &str| {
            let at = line.find(after).unwrap_or_else(|| panic!("it did not start: {line:?}"));
            line[at + after.len()..].split([',', ' ']).next().unwrap_or_default().to_owned()
        };
        Serving { grpc: address("gRPC on "), http: address("HTTP on "), child }
    }
}

/// A server that is stopped at the end of the test.
pub(crate) struct Serving {
    pub(crate) grpc: String,
    pub(crate) http: String,
    child: Child,
}

impl Serving {
    /// Stops it as an operator would; its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of the data that nobody on this project made; `None`, with the reason printed, where it is absent.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if folder.is_dir() {
        return Some(folder.canonicalize().unwrap());
    }
    eprintln!("skipped: {} is not there", folder.display());
    None
}

/// A file of the examples.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).canonicalize().unwrap()
}

/// Whether any file in a folder holds these bytes.
pub(crate) fn folder_holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return folder_holds(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

/// The files with an extension in a folder and the folders in it, sorted.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
