//! The Recommend API: gRPC and HTTP, configuration, hot reload, and the deployment that they serve.
//!
//! ```no_run
//! use recommend_server::{Config, Deployment, Server};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::load("recommend.toml".as_ref())?;
//! let deployment = Deployment::open(&config.server.data, &config.log).await?;
//! let server = Server::builder()
//!     .register(|registry| { /* my_crate::register(registry) */ })
//!     .watch("recommend.toml")
//!     .stop_on_signals()
//!     .start(config, deployment)
//!     .await?;
//! println!("gRPC on {}, HTTP on {}", server.grpc_addr(), server.http_addr());
//! server.until_stopped().await?; // SIGTERM and SIGINT stop it, SIGHUP reloads the file
//! # Ok(())
//! # }
//! ```
//!
//! There is no authentication and no encryption here: listen on addresses that only your own backends reach, or put a
//! proxy before it that knows who may call what.

mod api;
pub mod backfill;
pub mod config;
pub mod deployment;
mod front;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod grpc;
mod http;
pub mod limits;
mod offline;
pub mod proto;
mod registry;
mod request;
mod retention_metrics;
pub mod server;
mod serving;
mod status;
mod store_metrics;

pub use config::{
    Config, ConfigError, ConfigErrors, ServerConfig, StoresConfig, StoresKind, VectorsConfig, VectorsKind,
};
pub use deployment::{Deployment, DeploymentError, Keys};
pub use offline::Offline;
pub use registry::default_registry;
pub use request::interaction_id;
pub use server::{RunningServer, Server, ServerBuilder, ServerError};
pub use serving::Changes;
