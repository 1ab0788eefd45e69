//! The server: started in any process, on free ports if need be, and stopped within a bound.

mod promotions;
mod reload;
mod signals;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use recommend_core::{Clock, Registry, SystemClock};
use recommend_monitoring::Metrics;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic_health::server::HealthReporter;

use crate::api::{Api, Shadows};
use crate::config::{Config, ConfigErrors, MAX_TIMEOUT};
use crate::deployment::{Deployment, DeploymentError};
use crate::front::{FrontLayer, Gate};
use crate::grpc::Grpc;
use crate::limits::MAX_REQUEST_BYTES;
use crate::proto::DESCRIPTORS;
use crate::proto::catalog_service_server::CatalogServiceServer;
use crate::proto::recommend_service_server::RecommendServiceServer;
use crate::retention_metrics::RetentionMetrics;
use crate::serving::Serving;
use crate::store_metrics::StoreMetrics;
use reload::Reloader;

/// How long a connection may be silent before it is asked whether it lives, and then to answer.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Streams that one connection may have open at once, which bounds its memory; more wait at the client.
const MAX_STREAMS: u32 = 1024;

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// Why a server did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration does not fit.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// An address cannot be listened on.
    #[error(
        "listening on {address} ({key}) failed: {source}; stop what listens there, or choose another address"
    )]
    Bind {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What failed.
        source: std::io::Error,
    },
    /// The stores or the log could not be closed.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The system lets no signal be heard.
    #[error("SIGTERM and SIGINT cannot be heard: {0}")]
    Signals(std::io::Error),
    /// Anything else that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl Server {
    /// A builder with the components of this workspace.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            registry: crate::default_registry(),
            clock: Arc::new(SystemClock),
            watch: None,
            stops_on_signals: false,
        }
    }

    /// Starts a server with the components of this workspace.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn start(config: Config, deployment: Deployment) -> Result<RunningServer, ServerError> {
        Server::builder().start(config, deployment).await
    }
}

/// What a server is started with.
pub struct ServerBuilder {
    registry: Registry,
    clock: Arc<dyn Clock>,
    watch: Option<PathBuf>,
    stops_on_signals: bool,
}

impl ServerBuilder {
    /// Adds components from another crate: `.register(my_crate::register)`.
    #[must_use]
    pub fn register(mut self, register: impl FnOnce(&mut Registry)) -> Self {
        register(&mut self.registry);
        self
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Reloads this file when it changes (looked at every `server.watch`) or on SIGHUP.
    #[must_use]
    pub fn watch(mut self, file: impl AsRef<Path>) -> Self {
        self.watch = Some(file.as_ref().to_owned());
        self
    }

    /// Hears SIGTERM and SIGINT from before the server listens, for [`RunningServer::until_stopped`]: whoever reached it
    /// can be sure that a signal drains it. They no longer end the process by themselves then.
    #[must_use]
    pub fn stop_on_signals(mut self) -> Self {
        self.stops_on_signals = true;
        self
    }

    /// Builds the recommenders, listens, and serves. The deployment is the server's until it is shut down.
    ///
    /// # Errors
    /// [`ServerError`]; nothing listens then, and the deployment is closed.
    pub async fn start(self, config: Config, deployment: Deployment) -> Result<RunningServer, ServerError> {
        match self.launch(config, &deployment).await {
            Ok(launched) => Ok(launched(deployment)),
            Err(error) => {
                if let Err(error) = deployment.close().await {
                    tracing::error!(%error, "closing the deployment");
                }
                Err(error)
            }
        }
    }

    async fn launch(
        self,
        config: Config,
        deployment: &Deployment,
    ) -> Result<impl FnOnce(Deployment) -> RunningServer + use<>, ServerError> {
        let internal = |error: &dyn std::fmt::Display| ServerError::Internal(error.to_string());
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION")).map_err(|e| internal(&e))?;
        if let Some(stats) = &deployment.stores.redis {
            let collector = StoreMetrics::redis(Arc::clone(stats)).map_err(|e| internal(&e))?;
            metrics.registry().register(Box::new(collector)).map_err(|e| internal(&e))?;
        }
        if deployment.stores.vectors.remote().is_some() {
            let collector =
                StoreMetrics::qdrant(Arc::clone(&deployment.stores.vectors)).map_err(|e| internal(&e))?;
            metrics.registry().register(Box::new(collector)).map_err(|e| internal(&e))?;
        }
        if let Some(stats) = &deployment.stores.retention {
            let collector = RetentionMetrics::new(Arc::clone(stats)).map_err(|e| internal(&e))?;
            metrics.registry().register(Box::new(collector)).map_err(|e| internal(&e))?;
        }
        config.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        let server = config.server.clone();
        let serving = Serving::new(config, &deployment.stores, &self.registry, &metrics)?;
        let stops = self.stops_on_signals.then(signals::stops).transpose()?;
        let grpc_listener = listen("server.grpc", server.grpc).await?;
        let http_listener = listen("server.http", server.http).await?;
        let address = |listener: &TcpListener| listener.local_addr().map_err(|e| internal(&e));
        let (grpc_addr, http_addr) = (address(&grpc_listener)?, address(&http_listener)?);

        let api = Arc::new(Api {
            stores: deployment.stores.clone(),
            log: deployment.log.clone(),
            serving: ArcSwap::from_pointee(serving),
            metrics,
            clock: self.clock,
            shadows: Shadows::new(deployment.log.clone()),
        });
        let gate = Gate::new(server.max_in_flight, &api.metrics);
        let ready = Arc::new(AtomicBool::new(true));
        api.metrics.ready(true);
        let (stop, stopped) = watch::channel(false);

        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<RecommendServiceServer<Grpc>>().await;
        health.set_serving::<CatalogServiceServer<Grpc>>().await;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let grpc = tonic::transport::Server::builder()
            .timeout(MAX_TIMEOUT)
            .max_concurrent_streams(MAX_STREAMS)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .layer(FrontLayer { gate: gate.clone(), answer: |status| status.into_http() })
            .add_service(
                RecommendServiceServer::new(Grpc(api.clone())).max_decoding_message_size(MAX_REQUEST_BYTES),
            )
            .add_service(
                CatalogServiceServer::new(Grpc(api.clone())).max_decoding_message_size(MAX_REQUEST_BYTES),
            )
            .add_service(health_service)
            .add_service(reflection().build_v1().map_err(|e| internal(&e))?)
            .add_service(reflection().build_v1alpha().map_err(|e| internal(&e))?)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(grpc_listener).with_nodelay(Some(true)),
                until(stopped.clone()),
            );
        let router = crate::http::router(api.clone(), gate.clone(), ready.clone(), &server.cors);
        let http = axum::serve(http_listener, router).with_graceful_shutdown(until(stopped.clone()));
        let tasks = vec![
            tokio::spawn(async move {
                if let Err(error) = grpc.await {
                    tracing::error!(%error, "gRPC ended");
                }
            }),
            tokio::spawn(async move {
                if let Err(error) = http.await {
                    tracing::error!(%error, "HTTP ended");
                }
            }),
        ];
        let reloader = Arc::new(Reloader {
            api: api.clone(),
            registry: self.registry,
            file: self.watch,
            one_at_a_time: Mutex::new(()),
        });
        let watchers = [
            reloader.clone().watch(server.watch, stopped.clone()),
            reloader.clone().follow(server.watch, stopped),
        ];
        Ok(move |deployment| RunningServer {
            grpc_addr,
            http_addr,
            api,
            gate,
            ready,
            health,
            stop,
            tasks,
            watchers,
            reloader,
            drain: server.drain,
            stops,
            deployment,
        })
    }
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerBuilder(watch {:?})", self.watch)
    }
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Bind { key, address, source })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the server is gone, which is as good a reason to stop.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// A server that serves.
pub struct RunningServer {
    grpc_addr: SocketAddr,
    http_addr: SocketAddr,
    api: Arc<Api>,
    gate: Arc<Gate>,
    ready: Arc<AtomicBool>,
    health: HealthReporter,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    watchers: [Option<JoinHandle<()>>; 2],
    reloader: Arc<Reloader>,
    drain: Duration,
    stops: Option<signals::Stops>,
    deployment: Deployment,
}

impl RunningServer {
    /// Where gRPC listens.
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where HTTP listens.
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// The metrics, for embedders that add their own.
    pub fn metrics(&self) -> &Metrics {
        &self.api.metrics
    }

    /// The stores and the log that it serves.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Replaces all recommenders by those of another configuration, or none.
    ///
    /// # Errors
    /// What is wrong with the new one; the old one keeps serving.
    pub fn reload(&self, config: Config) -> Result<crate::Changes, ConfigErrors> {
        self.reloader.take(config)
    }

    /// Stops: no more calls, those in flight finish within the bound, then the log and the stores are closed.
    ///
    /// # Errors
    /// When something that waited could not be written.
    pub async fn shutdown(mut self) -> Result<(), ServerError> {
        self.ready.store(false, Ordering::SeqCst);
        self.api.metrics.ready(false);
        self.health.set_not_serving::<RecommendServiceServer<Grpc>>().await;
        self.health.set_not_serving::<CatalogServiceServer<Grpc>>().await;
        // New calls on connections that are open already are refused; no new connections are taken.
        self.gate.close();
        let _ = self.stop.send(true);
        for watcher in self.watchers.iter_mut().filter_map(Option::take) {
            watcher.abort();
        }
        let tasks = std::mem::take(&mut self.tasks);
        let abort: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        // Watchers of the health service would keep their connections open for ever.
        for service in
            [service_name::<RecommendServiceServer<Grpc>>(), service_name::<CatalogServiceServer<Grpc>>(), ""]
        {
            self.health.clear_service_status(service).await;
        }
        if tokio::time::timeout(self.drain, futures::future::join_all(tasks)).await.is_err() {
            tracing::warn!(after = ?self.drain, "calls or connections were cut off");
            abort.iter().for_each(tokio::task::AbortHandle::abort);
        }
        Ok(self.deployment.close().await?)
    }
}

fn service_name<S: tonic::server::NamedService>() -> &'static str {
    S::NAME
}

impl std::fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RunningServer(gRPC {}, HTTP {})", self.grpc_addr, self.http_addr)
    }
}
