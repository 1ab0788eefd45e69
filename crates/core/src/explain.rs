//! Explanations of a run: why a candidate is where it is, and why another is not there.

use crate::ids::EntityId;
use crate::names::Name;

/// What one feature did to one score.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// The feature.
    pub feature: Name,
    /// Its value; NaN is missing.
    pub value: f32,
    /// What it added to the raw score.
    pub contribution: f32,
}

/// How one reranker moved one candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankMove {
    /// The reranker's name.
    pub component: Name,
    /// The place before, from 0.
    pub from: usize,
    /// The place after, from 0.
    pub to: usize,
}

/// Why a candidate is where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Fetchers that proposed it: name, score, rank from 0.
    pub fetchers: Vec<(Name, f32, usize)>,
    /// The model's score without any evidence.
    pub bias: f32,
    /// What the features added, in the model's order.
    pub contributions: Vec<Contribution>,
    /// The raw score: bias plus contributions.
    pub raw: f32,
    /// Rerankers that moved it.
    pub moves: Vec<RankMove>,
}

/// What became of one entity that somebody missed in the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum WhyNot {
    /// No fetcher proposed it.
    NotProposed {
        /// The fetchers that ran.
        fetchers: Vec<Name>,
    },
    /// A filter dropped it.
    Dropped {
        /// Which filter.
        filter: Name,
        /// For what reason.
        reason: &'static str,
    },
    /// A reranker took it out of the slate.
    Removed {
        /// Which reranker.
        reranker: Name,
        /// Its place before, from 0.
        from: usize,
    },
    /// It was ranked, but below the limit.
    BelowLimit {
        /// Its place, from 0.
        rank: usize,
        /// Its score.
        score: f32,
        /// The score of the last one returned.
        last_score: f32,
    },
    /// It is in the answer.
    Returned {
        /// Its place, from 0.
        rank: usize,
    },
    /// The run ended before this could be told.
    Unknown {
        /// Which entity.
        entity: EntityId,
    },
}
