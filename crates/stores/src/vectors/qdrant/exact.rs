//! A server in process that speaks Qdrant's gRPC over an exact search in memory, for tests.
//!
//! It knows what this store asks of a Qdrant and says `Unimplemented` to all else. It is stricter than Qdrant where this
//! store has promised something: a search, a count or a scroll that is not of one tenant is refused, and so is a write that does
//! not wait. It can be slow, refuse, be killed and come back with what it had, or empty.
//!
//! ```
//! use recommend_stores::vectors::qdrant::exact::Server;
//! use recommend_stores::vectors::{QdrantOptions, QdrantVectors};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = Server::start()?;
//! let vectors = QdrantVectors::new(QdrantOptions::at(&server.url()));
//! # Ok(())
//! # }
//! ```

mod collections;
mod points;
mod state;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use tokio::runtime::{Builder, Runtime};
use tonic::Status;
use tonic::transport::server::TcpIncoming;

use self::state::Shared;

/// A running server; it ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// With its connections; none while it is killed.
    runtime: Option<Runtime>,
}

/// How a collection was made and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// How many points are in it.
    pub points: usize,
    /// Whether it has the index that keeps tenants apart.
    pub tenants_apart: bool,
    /// Whether its graph is by tenant alone.
    pub graph_by_tenant: bool,
    /// Whether it has codes of one byte.
    pub quantised: bool,
    /// Into how many shards it is cut, if that was said.
    pub shards: Option<u32>,
    /// On how many nodes each is, if that was said.
    pub replicas: Option<u32>,
}

impl Server {
    /// A server that holds nothing, on a free port.
    ///
    /// # Errors
    /// When there is no free port, or no thread.
    pub fn start() -> std::io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut server = Server { address, shared: Arc::default(), runtime: None };
        server.run()?;
        Ok(server)
    }

    /// Its address, as the store wants it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends it with all its connections, as `kill -9` does. What it holds stays.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own, because whoever asks may be asynchronous; its port is free when this is over.
            let ending = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10)));
            if ending.join().is_err() {
                tracing::error!("the server of the test did not end");
            }
        }
    }

    /// Runs it again on its port after [`Server::kill`], with what it held.
    ///
    /// # Errors
    /// When somebody else has the port.
    pub fn run(&mut self) -> std::io::Result<()> {
        self.kill();
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let points = PointsServer::from_arc(Arc::clone(&self.shared));
        let collections = CollectionsServer::from_arc(Arc::clone(&self.shared));
        let shared = Arc::clone(&self.shared);
        let guard = runtime.enter();
        let incoming =
            TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
        drop(guard);
        runtime.spawn(async move {
            let key = move |request: tonic::Request<()>| shared.admit(request);
            let serving = tonic::transport::Server::builder()
                .layer(tonic::service::InterceptorLayer::new(key))
                .add_service(points)
                .add_service(collections)
                .serve_with_incoming(incoming);
            if let Err(error) = serving.await {
                tracing::error!(%error, "the server of the test");
            }
        });
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Forgets everything that it holds.
    pub fn wipe(&self) {
        self.shared.collections.lock().clear();
    }

    /// Every call takes so long, from now on.
    pub fn delay(&self, delay: Duration) {
        *self.shared.delay.lock() = delay;
    }

    /// So many calls are answered with this, beginning with the next.
    pub fn refuse(&self, status: Status, calls: usize) {
        *self.shared.refusing.lock() = Some((status, calls));
    }

    /// Searches answer with what is nearest among all tenants' vectors, as a broken server might.
    pub fn mix_tenants(&self, mix: bool) {
        self.shared.mixing.store(mix, Ordering::SeqCst);
    }

    /// Calls without this key are refused, from now on.
    pub fn demand_key(&self, key: &str) {
        *self.shared.key.lock() = Some(key.to_owned());
    }

    /// How many calls there were.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// A collection, if there is one of the name.
    pub fn collection(&self, name: &str) -> Option<Made> {
        self.shared.collections.lock().get(name).map(state::Collection::made)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

/// Implements a service: what is written out, and all else as not there.
macro_rules! service {
    ($service:ident { $($written:tt)* } not here { $($name:ident: $request:ident => $answer:ident,)* }) => {
        #[tonic::async_trait]
        impl $service for Shared {
            $($written)*
            $(
                async fn $name(
                    &self,
                    _: Request<qdrant::$request>,
                ) -> Result<Response<qdrant::$answer>, Status> {
                    Err(Status::unimplemented(stringify!($name)))
                }
            )*
        }
    };
}
use service;
