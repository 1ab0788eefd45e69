//! A server from its first breath to its last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::app::{Active, App, Phase};
use super::metrics::Metrics;
use super::settings::Settings;
use super::signals::Signals;
use super::{clockwork, jobs, routes, tasks};
use crate::slack::SlackApi;
use crate::store::{Store, StoreError};

/// How often a process in standby looks whether the store is free.
const LOOK: Duration = Duration::from_millis(25);
/// How long requests and calls under way may take to let go of the store.
const LET_GO: Duration = Duration::from_secs(2);
/// How long connections may stay after the last word.
const HANG_UP: Duration = Duration::from_secs(2);

/// Why a server does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is taken or not this machine's.
    #[error("{address} can't be listened on: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// No certificates to check Slack's with.
    #[error("the system's certificates can't be read: {0}: install the package ca-certificates")]
    Certificates(std::io::Error),
    /// The store can't be opened, for another reason than that another process holds it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A metric has no sound name.
    #[error("a metric can't be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A server that runs. Dropping it stops nothing: call [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    stop: watch::Sender<Ending>,
    life: JoinHandle<Result<(), ServerError>>,
}

/// What is left of a server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Running,
    /// Give the store back and go on answering.
    Moving,
    /// Close the listener.
    Closing,
}

impl Server {
    /// Listens, and goes on to open the store; while another process holds it, the server is in standby.
    ///
    /// # Errors
    /// [`ServerError`], except for a store that turns out unusable later: [`Server::wait`] returns that.
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        let listener = listen(settings.listen).await?;
        let private = match settings.metrics_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let bound = |listener: &TcpListener, address: SocketAddr| listener.local_addr().unwrap_or(address);
        let address = bound(&listener, settings.listen);
        let metrics_address =
            private.as_ref().zip(settings.metrics_listen).map(|(listener, address)| bound(listener, address));
        let metrics = Arc::new(Metrics::new()?);
        let calls = metrics.calls.clone();
        let observer = Arc::new(move |method: &'static str, outcome: &'static str| {
            calls.with_label_values(&[method, outcome]).inc();
        });
        let slack = SlackApi::new(settings.slack_api.clone(), settings.limits.call, observer)
            .map_err(ServerError::Certificates)?;
        let app = Arc::new(App::new(settings, slack, metrics));
        let (stop, ending) = watch::channel(Ending::Running);
        let life = tokio::spawn(live(app, listener, private, ending));
        Ok(Server { address, metrics_address, stop, life })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are, if not there.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Stops: the store is free when this returns, requests are told to come again for
    /// [`Limits::drain`](super::Limits::drain), and then the listener closes. Returns when all of that is over.
    ///
    /// # Errors
    /// What [`Server::wait`] returns.
    pub async fn stop(self) -> Result<(), ServerError> {
        self.stop.send_replace(Ending::Moving);
        self.wait().await
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// [`ServerError::Store`] if the store could not be opened.
    pub async fn wait(self) -> Result<(), ServerError> {
        self.life.await.unwrap_or(Err(ServerError::Store(StoreError::Interrupted)))
    }

    /// Serves until one of `signals` comes, and stops then.
    ///
    /// # Errors
    /// What [`Server::wait`] returns.
    pub async fn until(mut self, mut signals: Signals) -> Result<(), ServerError> {
        tokio::select! {
            signal = signals.next() => tracing::info!(signal, "stopping"),
            ended = &mut self.life => return ended.unwrap_or(Err(ServerError::Store(StoreError::Interrupted))),
        }
        self.stop().await
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })
}

async fn live(
    app: Arc<App>,
    listener: TcpListener,
    private: Option<TcpListener>,
    ending: watch::Receiver<Ending>,
) -> Result<(), ServerError> {
    let (closing, closed) = watch::channel(Ending::Running);
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(serve(listener, routes::public(Arc::clone(&app)), closed.clone()));
    if let Some(private) = private {
        serving.spawn(serve(private, routes::private(Arc::clone(&app)), closed));
    }
    let opened = tokio::select! {
        opened = open(&app) => opened.map(Some),
        () = reached(ending.clone(), Ending::Moving) => Ok(None),
    };
    let lived = match opened {
        Ok(Some(store)) => {
            hold(&app, store, ending).await;
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    app.enter(Phase::Moving);
    if lived.is_ok() {
        tokio::time::sleep(app.settings.limits.drain).await;
    }
    closing.send_replace(Ending::Closing);
    let all = async { while serving.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(HANG_UP, all).await;
    lived
}

/// Opens the store as soon as it is free.
async fn open(app: &App) -> Result<Store, ServerError> {
    let mut told = false;
    loop {
        let (data, keys) = (app.settings.data.clone(), app.settings.keys.clone());
        let opened = tokio::task::spawn_blocking(move || Store::open(&data, keys)).await;
        match opened.unwrap_or(Err(StoreError::Interrupted)) {
            Err(StoreError::Locked { path }) => {
                if !told {
                    tracing::info!(path = %path.display(), "standing by: another process holds the store");
                    told = true;
                }
                tokio::time::sleep(LOOK).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// Serves with the store until the end begins, and gives it back.
async fn hold(app: &Arc<App>, store: Store, ending: watch::Receiver<Ending>) {
    let (sender, queue) = mpsc::channel(app.settings.limits.queue);
    let active = Arc::new(Active::new(store, sender));
    let calls = tokio::spawn(tasks::work(Arc::clone(app), Arc::downgrade(&active), queue));
    let mut background = tokio::task::JoinSet::new();
    background.spawn(jobs::run(Arc::clone(app), Arc::clone(&active)));
    background.spawn(clockwork::run(Arc::clone(app), Arc::clone(&active)));
    app.enter(Phase::Active(Arc::clone(&active)));
    tracing::info!("serving");
    reached(ending, Ending::Moving).await;
    // Requests under way still have the store; new ones are told to come again.
    app.enter(Phase::Moving);
    background.shutdown().await;
    let holders = Arc::downgrade(&active);
    drop(active);
    let free = async {
        // The last sender goes with the last holder, and the queue ends with it.
        let _ = calls.await;
        while holders.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(LET_GO, free).await.is_err() {
        tracing::warn!("something still holds the store");
    }
    tracing::info!("the store is closed");
}

async fn serve(listener: TcpListener, router: axum::Router, closed: watch::Receiver<Ending>) {
    let serving = axum::serve(listener, router).with_graceful_shutdown(reached(closed, Ending::Closing));
    if let Err(error) = serving.await {
        tracing::error!(%error, "serving");
    }
}

async fn reached(mut ending: watch::Receiver<Ending>, end: Ending) {
    let _ = ending.wait_for(|now| *now >= end).await;
}
