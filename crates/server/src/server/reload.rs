//! Reloading the configuration: whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use recommend_core::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::signals;
use crate::Changes;
use crate::api::Api;
use crate::config::{Config, ConfigErrors};

/// Puts new recommenders in place of the old ones.
pub(super) struct Reloader {
    pub(super) api: Arc<Api>,
    pub(super) registry: Registry,
    pub(super) file: Option<PathBuf>,
    /// A reload is made of what serves, so two at once would lose one.
    pub(super) one_at_a_time: Mutex<()>,
}

impl Reloader {
    /// Takes a configuration, or keeps the old one.
    pub(super) fn take(&self, config: Config) -> Result<Changes, ConfigErrors> {
        let api = &self.api;
        let _one_at_a_time = self.one_at_a_time.lock();
        config.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        let result = api.serving.load().next(config, &api.stores, &self.registry, &api.metrics);
        api.metrics.reloaded(result.is_ok());
        match result {
            Ok((serving, changes)) => {
                api.serving.store(Arc::new(serving));
                tracing::info!("configuration reloaded: {changes}");
                Ok(changes)
            }
            Err(errors) => {
                tracing::error!("configuration not reloaded, the old one keeps serving:\n{errors}");
                Err(errors)
            }
        }
    }

    fn take_file(&self, file: &Path) {
        match Config::load(file) {
            // The outcome is in the log and in a metric.
            Ok(config) => drop(self.take(config)),
            Err(errors) => {
                self.api.metrics.reloaded(false);
                tracing::error!("configuration not reloaded, the old one keeps serving:\n{errors}");
            }
        }
    }

    /// Reloads the file when its content changes or on SIGHUP, until the server stops.
    pub(super) fn watch(
        self: Arc<Self>,
        every: Duration,
        mut stopped: watch::Receiver<bool>,
    ) -> Option<JoinHandle<()>> {
        let file = self.file.clone()?;
        let mut hangups = signals::hangups();
        let mut last = std::fs::read(&file).ok();
        Some(tokio::spawn(async move {
            // Without an interval only the signal counts.
            let wait = || tokio::time::sleep(if every.is_zero() { Duration::from_secs(3600) } else { every });
            loop {
                let asked = tokio::select! {
                    () = hangups.next() => true,
                    () = wait() => false,
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                };
                if !asked && every.is_zero() {
                    continue;
                }
                let now = tokio::fs::read(&file).await.ok();
                // A file that is being replaced may be missing for a moment; that is no change.
                let changed = now.is_some() && now != last;
                if asked || changed {
                    last = now;
                    self.take_file(&file);
                }
            }
        }))
    }
}
