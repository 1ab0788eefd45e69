//! The calls of the API, behind gRPC and JSON alike: check, run or write, answer, log, count.

mod explain;
mod interleave;
mod list;
mod recommend;
mod shadow;
mod write;

use std::sync::Arc;

use arc_swap::ArcSwap;
use recommend_core::Clock;
use recommend_events::EventLog;
use recommend_monitoring::{LogTotals, Metrics};
use recommend_stores::Stores;

use crate::serving::Serving;

pub(crate) use recommend::answer;
pub(crate) use shadow::Shadows;

/// What answers calls. One per server, shared by all connections.
pub(crate) struct Api {
    pub(crate) stores: Stores,
    pub(crate) log: EventLog,
    pub(crate) serving: ArcSwap<Serving>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shadows: Shadows,
}

impl Api {
    /// Brings the metrics of the log up to date.
    pub(crate) fn scrape(&self) {
        let stats = self.log.stats();
        self.metrics.log(&LogTotals {
            queued: stats.queued,
            written: stats.written,
            shed: stats.shed,
            bytes: stats.bytes,
            fsyncs: stats.fsyncs,
            files: stats.parquet_files,
            errors: stats.errors,
        });
    }
}
