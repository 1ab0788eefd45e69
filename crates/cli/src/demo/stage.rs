//! The stage: a simulated workspace in a data folder, and the real server on top of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use recommend_server::{Config, Deployment, RunningServer, Server};
use recommend_simulator::Workspace;

use crate::render::count;

/// The configuration of the example, in the binary so that the demo runs anywhere.
pub(crate) const CONFIG: &str = include_str!("../../../../examples/workspace/recommend.toml");
/// What messages call it.
const CONFIG_NAME: &str = "examples/workspace/recommend.toml";
/// Marks a data folder that a demo may clear.
const MARKER: &str = "made-by-recommend-demo";
/// Rows written together; each batch is one group commit.
const BATCH: usize = 5_000;

/// The configuration of the demo, on these ports of this machine; 0 takes a free one.
///
/// # Errors
/// When the example that was built in does not parse.
pub(crate) fn config(data: &Path, grpc: u16, http: u16) -> Result<Config> {
    let mut config = Config::parse(CONFIG_NAME, CONFIG)?;
    local(&mut config, data, grpc, http);
    Ok(config)
}

/// Moves a configuration to a data folder and ports of this machine; 0 takes a free one.
pub(crate) fn local(config: &mut Config, data: &Path, grpc: u16, http: u16) {
    config.server.grpc = SocketAddr::from((Ipv4Addr::LOCALHOST, grpc));
    config.server.http = SocketAddr::from((Ipv4Addr::LOCALHOST, http));
    config.server.data = data.to_owned();
}

/// Clears the folder of an earlier demo, and refuses one that holds anything else.
///
/// # Errors
/// When the folder is not a demo's, or cannot be made.
pub(crate) fn clear(data: &Path) -> Result<()> {
    let shown = data.display();
    let holds_something = data.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if holds_something {
        if !data.join(MARKER).exists() {
            bail!(
                "{shown} holds data that no demo made; choose another --data, or remove the folder yourself"
            );
        }
        std::fs::remove_dir_all(data).with_context(|| format!("removing {shown}"))?;
    }
    std::fs::create_dir_all(data).with_context(|| format!("making the folder {shown}"))?;
    let text = "A demo made this folder, and the next one will clear it.\n";
    std::fs::write(data.join(MARKER), text).with_context(|| format!("writing into {shown}"))
}

/// What writing the workspace took.
pub(crate) struct Written {
    /// Entities, relations and interactions.
    pub(crate) rows: usize,
    /// How long.
    pub(crate) time: Duration,
}

/// Writes the workspace into the stores of a deployment, with a progress bar on a terminal.
///
/// # Errors
/// When the store cannot be written.
pub(crate) async fn write(workspace: &Workspace, deployment: &Deployment) -> Result<Written> {
    let stores = &deployment.stores;
    let started = Instant::now();
    let rows = workspace.rows();
    let bar = ProgressBar::new(rows as u64).with_style(ProgressStyle::with_template(
        "  writing   {bar:40} {human_pos}/{human_len} rows  {per_sec}  {eta} left",
    )?);
    let tenant = workspace.tenant(stores.codec)?;
    for batch in workspace.batches(stores.codec, BATCH)? {
        let size = batch.entities.len() + batch.relations.len() + batch.interactions.len();
        stores.writer.write(tenant, batch).await.context("writing the workspace")?;
        bar.inc(size as u64);
    }
    bar.finish_and_clear();
    Ok(Written { rows, time: started.elapsed() })
}

/// The port if nothing listens on it, or else 0, which takes any.
pub(crate) fn free_or_any(port: u16) -> u16 {
    match std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => port,
        Err(_) => 0,
    }
}

/// Starts the server.
///
/// # Errors
/// When the configuration does not fit or a port is taken.
pub(crate) async fn serve(config: Config, deployment: Deployment) -> Result<RunningServer> {
    Ok(Server::start(config, deployment).await?)
}

/// `742,113 rows in 3.1 s (239,391 a second)`.
pub(crate) fn speed(written: &Written) -> String {
    let seconds = written.time.as_secs_f64();
    let rate = written.rows as f64 / seconds.max(1e-3);
    format!("{} rows in {seconds:.1} s ({} a second)", count(written.rows as u64), count(rate as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folder_of_a_demo_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        clear(&own).unwrap();
        std::fs::write(own.join("old"), "x").unwrap();
        clear(&own).unwrap();
        assert!(!own.join("old").exists());

        std::fs::write(folder.path().join("precious"), "x").unwrap();
        let error = clear(folder.path()).unwrap_err().to_string();
        assert!(error.contains("choose another --data"), "{error}");
        assert!(folder.path().join("precious").exists());
    }

    #[test]
    fn a_port_that_is_taken_is_not_insisted_on() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert_eq!(free_or_any(taken.local_addr().unwrap().port()), 0);
    }

    #[test]
    fn the_example_that_is_built_in_parses() {
        assert_eq!(config(Path::new("x"), 0, 0).unwrap().recommenders.len(), 7);
    }
}
