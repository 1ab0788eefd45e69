//! Signals: the first SIGTERM or SIGINT drains, the second ends the process, SIGHUP reloads.

use super::{RunningServer, ServerError};

impl RunningServer {
    /// Serves until SIGTERM or SIGINT, then shuts down; a second signal meanwhile ends the process at once, with
    /// status 130. They are heard from the call on, or from the start with
    /// [`ServerBuilder::stop_on_signals`](super::ServerBuilder::stop_on_signals).
    ///
    /// # Errors
    /// As [`RunningServer::shutdown`], and [`ServerError::Signals`].
    pub async fn until_stopped(mut self) -> Result<(), ServerError> {
        let mut stops = self.stops.take().map_or_else(stops, Ok)?;
        let signal = stops.next().await;
        tracing::info!(signal, "stopping; a second signal ends at once");
        let second = tokio::spawn(async move {
            let signal = stops.next().await;
            tracing::warn!(
                signal,
                "ended at once; calls in flight are lost, what was acknowledged is on disk"
            );
            std::process::exit(130);
        });
        let result = self.shutdown().await;
        second.abort();
        result
    }
}

#[cfg(unix)]
mod imp {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use crate::server::ServerError;

    pub(crate) struct Stops {
        terminate: Signal,
        interrupt: Signal,
    }

    pub(crate) fn stops() -> Result<Stops, ServerError> {
        let hear = |kind| signal(kind).map_err(ServerError::Signals);
        Ok(Stops { terminate: hear(SignalKind::terminate())?, interrupt: hear(SignalKind::interrupt())? })
    }

    impl Stops {
        pub(crate) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            }
        }
    }

    pub(crate) struct Hangups(Option<Signal>);

    pub(crate) fn hangups() -> Hangups {
        Hangups(signal(SignalKind::hangup()).ok())
    }

    impl Hangups {
        pub(crate) async fn next(&mut self) {
            match &mut self.0 {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use crate::server::ServerError;

    pub(crate) struct Stops;

    pub(crate) fn stops() -> Result<Stops, ServerError> {
        Ok(Stops)
    }

    impl Stops {
        pub(crate) async fn next(&mut self) -> &'static str {
            let _ = tokio::signal::ctrl_c().await;
            "ctrl-c"
        }
    }

    pub(crate) struct Hangups;

    pub(crate) fn hangups() -> Hangups {
        Hangups
    }

    impl Hangups {
        pub(crate) async fn next(&mut self) {
            std::future::pending().await
        }
    }
}

pub(super) use imp::{Stops, hangups, stops};
