//! Where a command finds the data: a data folder, the one that a configuration names, or a running server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use recommend_events::LogError;
use recommend_server::{Config, DeploymentError};
use recommend_stores::StoreError;
use tonic::transport::{Channel, Endpoint};

/// Where an import goes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Destination")]
pub(crate) struct Destination {
    /// The tenant whose data this is
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// The data folder to write into; no server may have it open
    #[arg(long, value_name = "DIR", conflicts_with = "to", required_unless_present_any = ["config", "to"])]
    pub(crate) data: Option<PathBuf>,
    /// A configuration, for its data folder
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    pub(crate) config: Option<PathBuf>,
    /// The gRPC address of a running server to write through
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<String>,
}

/// The configuration of a command and the data folder to use with it: `--data`, or else what the file says.
///
/// # Errors
/// Everything that is wrong with the file.
pub(crate) fn load(config: Option<&Path>, data: Option<&Path>) -> Result<(Config, PathBuf)> {
    let config = config.map(Config::load).transpose()?.unwrap_or_default();
    let folder = data.map_or_else(|| config.server.data.clone(), Path::to_owned);
    Ok((config, folder))
}

/// Whether a folder could not be opened because another process has it.
pub(crate) fn in_use(error: &DeploymentError) -> bool {
    matches!(error, DeploymentError::Stores(StoreError::InUse(_)) | DeploymentError::Log(LogError::InUse(_)))
}

/// An address as tonic wants it: `127.0.0.1:50051` gets its `http://`.
pub(crate) fn uri(address: &str) -> String {
    if address.contains("://") {
        // `grpc://` is what people write; the wire is HTTP/2.
        address.replacen("grpc://", "http://", 1)
    } else {
        format!("http://{address}")
    }
}

/// Connects to a server.
///
/// # Errors
/// When the address is none, or nobody answers there.
pub(crate) async fn connect(address: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(uri(address))
        .with_context(|| format!("{address:?} is no address; write HOST:PORT"))?
        .connect_timeout(Duration::from_secs(5));
    endpoint
        .connect()
        .await
        .with_context(|| format!("no server answers at {address}; start one with `recommend serve`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_a_scheme() {
        assert_eq!(uri("127.0.0.1:1"), "http://127.0.0.1:1");
        assert_eq!(uri("grpc://host:1"), "http://host:1");
        assert_eq!(uri("http://host:1"), "http://host:1");
    }

    #[test]
    fn the_data_flag_comes_before_the_configuration() {
        let (_, folder) = load(None, Some(Path::new("/x"))).unwrap();
        assert_eq!(folder, Path::new("/x"));
        assert_eq!(load(None, None).unwrap().1, Path::new("data"));
    }
}
