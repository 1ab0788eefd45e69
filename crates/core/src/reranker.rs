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
    /// One place per score, in the order of the rows: not sorted yet.
    pub(crate) fn scored(scores: &[f32], limit: usize) -> Self {
        let entry =
            |(row, score): (usize, &f32)| SlateEntry { row: row as u32, score: *score, propensity: 1.0 };
        Slate { entries: scores.iter().enumerate().map(entry).collect(), limit }
    }

    /// Sorts by (score descending, candidate id ascending). 0 and -0 are the same score.
    pub fn sort(&mut self, view: &View<'_>) {
        self.sort_top(view, usize::MAX);
    }

    /// Sorts the same way and keeps the first `limit`, without sorting the rest.
    pub(crate) fn sort_top(&mut self, view: &View<'_>, limit: usize) {
        let ids = view.candidates.ids();
        // Score and place in one integer sort several times as fast as entries that look up ids to compare.
        let key = |(at, entry): (usize, &SlateEntry)| u64::from(descending(entry.score)) << 32 | at as u64;
        let mut keys: Vec<u64> = self.entries.iter().enumerate().map(key).collect();
        if limit == 0 {
            keys.clear();
        } else if limit < keys.len() {
            // All that tie with the last one that fits stay until ids have decided.
            let last = *keys.select_nth_unstable(limit - 1).1 >> 32;
            keys.retain(|key| key >> 32 <= last);
        }
        keys.sort_unstable();
        let at = |key: &u64| self.entries[*key as u32 as usize];
        let mut sorted: Vec<SlateEntry> = keys.iter().map(at).collect();
        for ties in sorted.chunk_by_mut(|a, b| a.score == b.score) {
            if ties.len() > 1 {
                ties.sort_unstable_by_key(|entry| ids[entry.row as usize]);
            }
        }
        sorted.truncate(limit);
        self.entries = sorted;
    }
}

/// A number that is the smaller the greater the score, in the total order of floats but with 0 and -0 alike.
fn descending(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !ascending
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::candidates::{Candidates, Proposals};
    use crate::time::{Deadline, Timestamp, days};
    use crate::{EntityId, Name, Query, RequestId, TenantId, UserId};

    fn query() -> Query {
        Query {
            request: RequestId(1),
            tenant: TenantId(1),
            user: UserId(1),
            corpus: Name::literal("channel"),
            source: Name::literal("test"),
            limit: 5,
            context: Vec::new(),
            seeds: Vec::new(),
            given: Vec::new(),
            now: Timestamp(0),
            deadline: Deadline::after(days(1)),
            seed: 0,
        }
    }

    proptest! {
        #[test]
        fn the_order_is_total_by_score_and_then_id_and_the_top_is_its_beginning(
            scores in proptest::collection::vec(
                prop_oneof![Just(0.0_f32), Just(-0.0), -2.0_f32..2.0, Just(f32::MAX), Just(f32::MIN)], 0..60),
            salt: u64,
            limit in 0_usize..70,
        ) {
            let ids = (0..scores.len() as u64).map(|n| EntityId((n ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let candidates = Candidates::merge(&[Proposals::unscored(ids.collect())]);
            let query = query();
            let view =
                View { query: &query, candidates: &candidates, attributes: None, user: None, relations: None };
            let mut expected: Vec<u32> = (0..scores.len() as u32).collect();
            let of = |row: &u32| (scores[*row as usize], candidates.ids()[*row as usize]);
            expected.sort_by(|a, b| of(b).0.partial_cmp(&of(a).0).unwrap().then(of(a).1.cmp(&of(b).1)));

            let mut slate = Slate::scored(&scores, 5);
            slate.sort(&view);
            let rows = |slate: &Slate| slate.entries.iter().map(|entry| entry.row).collect::<Vec<_>>();
            prop_assert_eq!(&rows(&slate), &expected);
            let mut top = Slate::scored(&scores, 5);
            top.sort_top(&view, limit);
            expected.truncate(limit);
            prop_assert_eq!(rows(&top), expected);
        }
    }
}
