//! Checks of the slate between rerankers, with buffers that a run fills once per reranker and allocates once.

use crate::error::ComponentError;
use crate::explain::RankMove;
use crate::names::Name;
use crate::reranker::{Slate, SlateEntry};

/// The slate as it was before a reranker, to undo it by, and the means to check what it did.
pub(super) struct Undo {
    before: Slate,
    seen: Vec<bool>,
}

impl Undo {
    /// For slates over this many candidates.
    pub(super) fn new(candidates: usize) -> Self {
        Undo { before: Slate::default(), seen: vec![false; candidates] }
    }

    /// Remembers the slate.
    pub(super) fn keep(&mut self, slate: &Slate) {
        self.before.clone_from(slate);
    }

    /// The places that were remembered.
    pub(super) fn before(&self) -> &[SlateEntry] {
        &self.before.entries
    }

    /// Puts the slate back.
    pub(super) fn restore(&mut self, slate: &mut Slate) {
        std::mem::swap(&mut self.before, slate);
    }

    /// A reranker may drop rows, but not invent, repeat or bring back any; scores and propensities stay numbers, and the
    /// limit is the query's.
    pub(super) fn check(&mut self, slate: &mut Slate) -> Result<(), ComponentError> {
        slate.limit = self.before.limit;
        self.seen.fill(false);
        for entry in &self.before.entries {
            self.seen[entry.row as usize] = true;
        }
        for entry in &slate.entries {
            let known = self.seen.get_mut(entry.row as usize).is_some_and(std::mem::take);
            if !known {
                return Err(ComponentError::Contract(format!(
                    "row {} is in the slate twice or was not in it before",
                    entry.row
                )));
            }
            if !entry.score.is_finite() || !(0.0..=1.0).contains(&entry.propensity) {
                return Err(ComponentError::Contract(format!(
                    "{entry:?} has no finite score or no propensity in 0..=1"
                )));
            }
        }
        Ok(())
    }

    /// Writes down which rows changed places.
    pub(super) fn note_moves(&self, moves: &mut [Vec<RankMove>], name: &Name, slate: &Slate) {
        let mut was = vec![usize::MAX; moves.len()];
        for (place, entry) in self.before.entries.iter().enumerate() {
            was[entry.row as usize] = place;
        }
        for (to, entry) in slate.entries.iter().enumerate() {
            let from = was[entry.row as usize];
            if from != to {
                moves[entry.row as usize].push(RankMove { component: name.clone(), from, to });
            }
        }
    }
}
