//! What is handed to the log: a request with its impressions, straight from the run, by move.

use std::sync::Arc;
use std::time::Duration;

use recommend_core::{
    Cause, FeatureMatrix, FeatureSchema, Name, Recommended, RequestId, Stage, TenantId, Timestamp, UserId,
};

/// One answered request: the record of kind `requests`, and one of kind `impressions` per item.
#[derive(Debug, Clone)]
pub struct RequestLog {
    /// Names the request.
    pub request: RequestId,
    /// As of when it was answered.
    pub time: Timestamp,
    /// Whose data; becomes a pseudonym.
    pub tenant: TenantId,
    /// Who asked; becomes a pseudonym.
    pub user: UserId,
    /// The type of entity.
    pub corpus: Name,
    /// The part of the product.
    pub source: Name,
    /// The experiment that the user is in, if any.
    pub experiment: Option<Name>,
    /// The arm of it whose recommender ran; none when two rankings were interleaved.
    pub variant: Option<Name>,
    /// The request that the user saw the answer of, when this is the run of a shadow variant, which nobody saw.
    pub shadow_of: Option<RequestId>,
    /// When two rankings were interleaved, the variant that put each item there, in the order of `items`; else empty.
    pub drafted: Vec<Name>,
    /// The model that scored.
    pub model: Arc<str>,
    /// The features of the columns of `features`.
    pub schema: Arc<FeatureSchema>,
    /// The names of the fetchers: bit `i` of [`Recommended::fetched_by`] is `fetchers[i]`.
    pub fetchers: Arc<[Name]>,
    /// How many came back at most.
    pub limit: u32,
    /// How many candidates the fetchers proposed.
    pub candidates: u32,
    /// How many were scored.
    pub scored: u32,
    /// How long the run took.
    pub latency: Duration,
    /// The seed of the run's randomness.
    pub seed: u64,
    /// What was degraded.
    pub degraded: Vec<(Stage, Name, Cause)>,
    /// The impressions, best first.
    pub items: Vec<Recommended>,
    /// Their features as scored, one row per item.
    pub features: FeatureMatrix,
}
