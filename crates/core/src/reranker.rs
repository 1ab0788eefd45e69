//! Rerankers apply the rules that need the whole slate in view.

use crate::error::ComponentError;
use crate::view::{Needs, View};

/// A function that permutes, truncates or annotates the slate.
///
/// A reranker that randomises draws from [`crate::Query::rng`] and multiplies what it did into the propensities. The slate
/// comes in with all scored candidates, best first; the cut to the query's limit happens after the last reranker.
pub trait Reranker: Send + Sync {
    /// The kind of this component, as the configuration calls it.
    fn kind(&self) -> &'static str;

    /// What must be loaded before it can run.
    fn needs(&self) -> Needs {
        Needs::none()
    }

    /// Changes the slate.
    ///
    /// # Errors
    /// When it cannot; the slate is then as it was before.
    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError>;
}

/// One place of the slate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlateEntry {
    /// The row of the candidate in the view.
    pub row: u32,
    /// The model's score; a reranker that boosts changes it, so that what follows sees the boost.
    pub score: f32,
    /// The probability with which this candidate got this place, given those above it; 1.0 without randomness.
    pub propensity: f32,
}

/// The slate: candidates in the order in which they would be shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slate {
    /// The places, best first.
    pub entries: Vec<SlateEntry>,
    /// How many of them the query asked for.
    pub limit: usize,
}

impl Slate {
    /// Sorts by (score descending, candidate id ascending).
    pub fn sort(&mut self, view: &View<'_>) {
        let ids = view.candidates.ids();
        self.entries.sort_unstable_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| ids[a.row as usize].cmp(&ids[b.row as usize]))
        });
    }
}
