//! Polars and pandas over the same files: benches/peers/join.py, in the environment that make has brought.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use crate::{Run, parse};

/// The Python that has them.
const PYTHON: &str = "RECOMMEND_PEERS_PYTHON";

/// Each peer's run on one core; none where there is no Python for it.
pub(crate) fn run(log: &Path) -> Result<Vec<(String, Run)>, Box<dyn Error>> {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("without peers: run it as `make bench BENCH=join`");
        return Ok(Vec::new());
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/join.py");
    let mut runs = Vec::new();
    for engine in ["polars", "pandas"] {
        eprintln!("joining with {engine}");
        let mut command = Command::new(&python);
        command.arg(&script).arg(engine).arg(log);
        runs.push((engine.to_owned(), parse(command)?));
    }
    Ok(runs)
}
