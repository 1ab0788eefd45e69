//! The calls of the API, behind gRPC and JSON alike: check, run or write, answer, log, count.

mod explain;
mod interleave;
mod recommend;
mod shadow;
mod write;

use std::sync::Arc;

use arc_swap::ArcSwap;
use recommend_core::Clock;
use recommend_events::EventLog;
use recommend_monitoring::{LogTotals, Metrics};
use recommend_stores::Stores;
use tonic::Status;

use crate::proto;
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

    pub(crate) fn list_recommenders(
        &self,
        _: &proto::ListRecommendersRequest,
    ) -> Result<proto::ListRecommendersResponse, Status> {
        use recommend_core::Stage;
        let serving = self.serving.load();
        let recommenders = serving.recommenders().map(|served| {
            let recommender = &served.recommender;
            let names = |stage| recommender.components(stage).iter().map(ToString::to_string).collect();
            proto::Recommender {
                corpus: recommender.corpus().to_string(),
                source: recommender.source().to_string(),
                model_version: recommender.model_version().to_owned(),
                fetchers: names(Stage::Fetch),
                filters: names(Stage::Filter),
                rerankers: names(Stage::Rerank),
                features: recommender.schema().names().iter().map(ToString::to_string).collect(),
                schema: format!("{:016x}", recommender.schema().hash()),
            }
        });
        Ok(proto::ListRecommendersResponse { recommenders: recommenders.collect() })
    }
}
