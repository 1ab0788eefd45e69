//! The rows of the log as they are read back: people and tenants are pseudonyms.

use std::sync::Arc;

use recommend_core::{InteractionId, Name, RequestId, Timestamp};

/// A row of `requests`: one answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Names the request; the key of the table.
    pub request: RequestId,
    /// As of when it was answered.
    pub time: Timestamp,
    /// The pseudonym of the tenant.
    pub tenant: u64,
    /// The pseudonym of the user.
    pub user: u64,
    /// The type of entity.
    pub corpus: Name,
    /// The part of the product.
    pub source: Name,
    /// The experiment that the user was in, if any.
    pub experiment: Option<Name>,
    /// The arm of it, if any.
    pub variant: Option<Name>,
    /// The request that the user saw the answer of, when this one is a shadow's.
    pub shadow_of: Option<RequestId>,
    /// The model that scored.
    pub model: String,
    /// The hash of the feature schema.
    pub schema: u64,
    /// How many came back at most.
    pub limit: u32,
    /// How many candidates the fetchers proposed.
    pub candidates: u32,
    /// How many were scored.
    pub scored: u32,
    /// How many came back.
    pub returned: u32,
    /// How long the run took, in microseconds.
    pub latency_us: u64,
    /// The seed of the run's randomness.
    pub seed: u64,
    /// What was degraded, as `stage/component/cause`.
    pub degraded: Vec<String>,
}

/// A row of `impressions`: one candidate as it was returned.
#[derive(Debug, Clone, PartialEq)]
pub struct ImpressionRow {
    /// The request that it answers; with `position` the key of the table.
    pub request: RequestId,
    /// When that was.
    pub time: Timestamp,
    /// Its place, 0 for the best.
    pub position: u32,
    /// What was recommended; a pseudonym in a corpus of people.
    pub entity: u64,
    /// Its score after reranking.
    pub score: f32,
    /// The probability with which it got its place, given those above it.
    pub propensity: f32,
    /// The fetchers that proposed it.
    pub fetchers: Vec<Name>,
    /// Whether it was part of the answer.
    pub shown: bool,
    /// The variant that put it there, when two rankings were interleaved.
    pub variant: Option<Name>,
    /// The names of the features.
    pub names: Arc<[Name]>,
    /// The features as they were scored; NaN is missing.
    pub features: Vec<f32>,
}

impl ImpressionRow {
    /// The value of a feature.
    pub fn feature(&self, name: &str) -> Option<f32> {
        self.names.iter().position(|n| n == name).and_then(|at| self.features.get(at).copied())
    }
}

/// What a row of `impressions` says about the slate, without features and scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The request that it answers.
    pub request: RequestId,
    /// Its place, 0 for the best.
    pub position: u32,
    /// What was recommended; a pseudonym in a corpus of people.
    pub entity: u64,
    /// Whether it was part of the answer.
    pub shown: bool,
    /// The variant that put it there, when two rankings were interleaved.
    pub variant: Option<Name>,
}

/// A row of `interactions`: what a user did.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionRow {
    /// The key of the table: a row delivered twice has the same.
    pub id: InteractionId,
    /// The request whose impression this answers, if any.
    pub request: Option<RequestId>,
    /// The pseudonym of the tenant.
    pub tenant: u64,
    /// The pseudonym of the user.
    pub user: u64,
    /// The corpus of the entity.
    pub corpus: Name,
    /// With what it was done; a pseudonym in a corpus of people.
    pub entity: u64,
    /// What was done.
    pub kind: Name,
    /// When it was done.
    pub time: Timestamp,
    /// How much.
    pub value: f32,
}
