//! The report of a run: what each stage did, how long it took, what was dropped and why, what was degraded.

use std::fmt;
use std::time::Duration;

use crate::error::ComponentError;
use crate::names::Name;

/// The stages of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Fetchers propose candidates; merging included.
    Fetch,
    /// The one look-up of attributes and relations.
    Lookup,
    /// Filters drop candidates.
    Filter,
    /// Feature sources fill the matrix.
    Features,
    /// The model scores.
    Score,
    /// Rerankers apply the rules of the whole slate; the cut included.
    Rerank,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Stage; 6] =
        [Stage::Fetch, Stage::Lookup, Stage::Filter, Stage::Features, Stage::Score, Stage::Rerank];

    /// The name used in metrics and traces.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Fetch => "fetch",
            Stage::Lookup => "lookup",
            Stage::Filter => "filter",
            Stage::Features => "features",
            Stage::Score => "score",
            Stage::Rerank => "rerank",
        }
    }
}

/// The kind of component that runs in the stage, for messages.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Fetch => "fetcher",
            Stage::Lookup => "look-up",
            Stage::Filter => "filter",
            Stage::Features => "feature source",
            Stage::Score => "model",
            Stage::Rerank => "reranker",
        })
    }
}

/// What one stage did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageReport {
    /// Which stage.
    pub stage: Stage,
    /// How long it took.
    pub time: Duration,
    /// How many candidates came in.
    pub candidates_in: usize,
    /// How many went out.
    pub candidates_out: usize,
}

/// What one component did, for `--explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentReport {
    /// In which stage.
    pub stage: Stage,
    /// The component's name.
    pub component: Name,
    /// Candidates that it proposed or dropped.
    pub candidates: usize,
}

/// How many candidates one filter dropped for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropCount {
    /// The filter's name.
    pub component: Name,
    /// Its reason.
    pub reason: &'static str,
    /// How many.
    pub count: usize,
}

/// The classes of failure that metrics and logs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A dependency did not answer.
    Unavailable,
    /// It ran out of time.
    Timeout,
    /// It panicked.
    Panic,
    /// It broke its contract.
    Contract,
    /// Anything else.
    Failed,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 5] =
        [Cause::Unavailable, Cause::Timeout, Cause::Panic, Cause::Contract, Cause::Failed];

    /// The name used in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Unavailable => "unavailable",
            Cause::Timeout => "timeout",
            Cause::Panic => "panic",
            Cause::Contract => "contract",
            Cause::Failed => "failed",
        }
    }
}

impl From<&ComponentError> for Cause {
    fn from(error: &ComponentError) -> Self {
        match error {
            ComponentError::Unavailable { .. } => Cause::Unavailable,
            ComponentError::Timeout => Cause::Timeout,
            ComponentError::Panicked(_) => Cause::Panic,
            ComponentError::Contract(_) => Cause::Contract,
            ComponentError::Failed(_) => Cause::Failed,
        }
    }
}

/// A part of the answer that is worse than it should be, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degradation {
    /// In which stage.
    pub stage: Stage,
    /// Which component.
    pub component: Name,
    /// What happened.
    pub error: ComponentError,
}

/// What happened in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry per stage that ran, in order.
    pub stages: Vec<StageReport>,
    /// Fetchers and what they proposed, in order.
    pub fetched: Vec<ComponentReport>,
    /// Drops by filter and reason.
    pub drops: Vec<DropCount>,
    /// What was degraded; empty for a whole answer.
    pub degraded: Vec<Degradation>,
}

impl Report {
    /// Time of the whole run.
    pub fn total(&self) -> Duration {
        self.stages.iter().map(|stage| stage.time).sum()
    }

    /// The entry of one stage.
    pub fn stage(&self, stage: Stage) -> Option<&StageReport> {
        self.stages.iter().find(|s| s.stage == stage)
    }
}
