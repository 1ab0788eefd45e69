//! `recommend serve`: the server over a data folder, until a signal stops it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use recommend_server::{Deployment, Server};

use crate::exit::Exit;
use crate::render::print;
use crate::target;

/// What is shown at the end of `recommend serve --help`.
pub(crate) const HELP: &str = "\
SIGTERM and SIGINT stop it within [server] drain; SIGHUP, or a change of the file, reloads the recommenders, whole or
not at all.

Examples:
  recommend serve --config recommend.toml
  recommend serve --config recommend.toml --data /var/lib/recommend --grpc 0.0.0.0:50051 --http 0.0.0.0:8080";

/// The flags of `recommend serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Another data folder than the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where gRPC listens, instead of the configuration's address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    grpc: Option<SocketAddr>,
    /// Where HTTP listens, instead of the configuration's address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
}

/// Runs `recommend serve`.
///
/// # Errors
/// When the configuration is wrong, the data cannot be opened, or an address is taken.
pub(crate) async fn run(args: ServeArgs) -> Result<Exit> {
    let (mut config, folder) = target::load(Some(&args.config), args.data.as_deref())?;
    config.server.data.clone_from(&folder);
    if let Some(address) = args.grpc {
        config.server.grpc = address;
    }
    if let Some(address) = args.http {
        config.server.http = address;
    }
    let deployment = Deployment::open_for(&folder, &config).await?;
    let recommenders = config.recommenders.len();
    let server = Server::builder().watch(&args.config).stop_on_signals().start(config, deployment).await?;
    print(&format!(
        "{recommenders} recommenders over {}; gRPC on {}, HTTP on {}",
        folder.display(),
        server.grpc_addr(),
        server.http_addr()
    ));
    server.until_stopped().await?;
    print("stopped; everything is on disk");
    Ok(Exit::Ok)
}
