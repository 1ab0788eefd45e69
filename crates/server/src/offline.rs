//! Answers without a server, over stores that this process has open: nothing listens and nothing is logged. For tools.

use recommend_core::{Clock, Deadline, Registry, RequestId, SystemClock};
use recommend_monitoring::Metrics;
use recommend_stores::Stores;
use tonic::Status;
use tracing::Instrument;

use crate::config::Config;
use crate::proto::{RecommendRequest, RecommendResponse};
use crate::server::ServerError;
use crate::serving::Serving;

/// The recommenders of a configuration, asked directly.
///
/// An answer is the one that a server over the same stores would give. It leaves no trace in the event log, because a
/// question that somebody asks to understand an answer is not one that a user saw the answer of.
pub struct Offline {
    stores: Stores,
    serving: Serving,
}

impl Offline {
    /// Builds all recommenders.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn new(config: Config, stores: &Stores, registry: &Registry) -> Result<Self, ServerError> {
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
        let metrics = metrics.map_err(|error| ServerError::Internal(error.to_string()))?;
        Ok(Offline { stores: stores.clone(), serving: Serving::new(config, stores, registry, &metrics)? })
    }

    /// Answers as the server would; without a deadline the recommender's own timeout holds.
    ///
    /// # Errors
    /// The status that a client would get.
    pub async fn recommend(
        &self,
        request: &RecommendRequest,
        deadline: Option<Deadline>,
    ) -> Result<RecommendResponse, Status> {
        let place = self.serving.find(&request.corpus, &request.source)?;
        let route = place.route(self.stores.codec, request);
        let id = RequestId(rand::random());
        let span = tracing::info_span!("recommend", request_id = %id);
        let answer = crate::api::answer(&self.stores, &route, request, id, SystemClock.now(), deadline);
        answer.instrument(span).await.map(|answer| answer.response)
    }
}

impl std::fmt::Debug for Offline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Offline")
    }
}
