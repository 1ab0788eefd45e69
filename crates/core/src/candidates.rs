//! Candidates as columns: ids, which fetchers proposed them, and with what score and rank.

use ndarray::{ArrayView1, ArrayViewMut1};
use rustc_hash::FxHashMap;

use crate::ids::EntityId;

/// The most fetchers that one recommender has: one bit each.
pub const MAX_FETCHERS: usize = 64;

/// What one fetcher proposes: entities, best first, with a score each on the fetcher's own scale.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposals {
    ids: Vec<EntityId>,
    scores: Vec<f32>,
}

impl Proposals {
    /// Proposals in the order given.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (EntityId, f32)>) -> Self {
        pairs.into_iter().collect()
    }

    /// Entities without a score of their own: each gets 1.0.
    pub fn unscored(ids: Vec<EntityId>) -> Self {
        let scores = vec![1.0; ids.len()];
        Proposals { ids, scores }
    }

    /// Appends one.
    pub fn push(&mut self, id: EntityId, score: f32) {
        self.ids.push(id);
        self.scores.push(score);
    }

    /// Sorts by (score descending, id ascending) and keeps the first `limit`.
    #[must_use]
    pub fn top(self, limit: usize) -> Self {
        let mut pairs: Vec<_> = self.iter().collect();
        // Adding zero makes -0 tie with 0.
        let order = |a: &(EntityId, f32), b: &(EntityId, f32)| {
            (b.1 + 0.0).total_cmp(&(a.1 + 0.0)).then(a.0.cmp(&b.0))
        };
        if limit == 0 {
            return Proposals::default();
        }
        if pairs.len() > limit {
            pairs.select_nth_unstable_by(limit - 1, order);
            pairs.truncate(limit);
        }
        pairs.sort_unstable_by(order);
        pairs.into_iter().collect()
    }

    /// Entities and scores, best first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (EntityId, f32)> + '_ {
        self.ids.iter().copied().zip(self.scores.iter().copied())
    }

    /// The entities, best first.
    pub fn ids(&self) -> &[EntityId] {
        &self.ids
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl FromIterator<(EntityId, f32)> for Proposals {
    fn from_iter<I: IntoIterator<Item = (EntityId, f32)>>(pairs: I) -> Self {
        let (ids, scores) = pairs.into_iter().unzip();
        Proposals { ids, scores }
    }
}

/// The candidates of one run. Rows are candidates; the retrieval columns are one per fetcher.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    ids: Vec<EntityId>,
    fetched_by: Vec<u64>,
    /// Fetcher-major: `scores[fetcher][row]`, NaN where that fetcher did not propose the candidate.
    scores: Vec<Vec<f32>>,
    /// Fetcher-major, 0 for a fetcher's best; NaN where it did not propose the candidate.
    ranks: Vec<Vec<f32>>,
}

impl Candidates {
    /// Merges what the fetchers proposed, in the order of the fetchers, into one row per entity. A fetcher that
    /// failed is an empty entry, so that bits and columns stay in place.
    pub fn merge(proposals: &[Proposals]) -> Self {
        debug_assert!(proposals.len() <= MAX_FETCHERS);
        let total: usize = proposals.iter().map(Proposals::len).sum();
        let mut rows: FxHashMap<EntityId, u32> =
            FxHashMap::with_capacity_and_hasher(total, Default::default());
        let mut ids = Vec::with_capacity(total);
        let mut fetched_by: Vec<u64> = Vec::with_capacity(total);
        let mut cells = Vec::with_capacity(total);
        for (fetcher, proposed) in proposals.iter().enumerate() {
            for id in proposed.ids() {
                let row = *rows.entry(*id).or_insert_with(|| {
                    ids.push(*id);
                    fetched_by.push(0);
                    ids.len() as u32 - 1
                });
                cells.push(row);
                fetched_by[row as usize] |= 1 << fetcher;
            }
        }
        let column = || vec![f32::NAN; ids.len()];
        let mut scores: Vec<_> = proposals.iter().map(|_| column()).collect();
        let mut ranks: Vec<_> = proposals.iter().map(|_| column()).collect();
        let mut cells = cells.into_iter();
        for (fetcher, proposed) in proposals.iter().enumerate() {
            for (rank, ((_, score), row)) in proposed.iter().zip(cells.by_ref()).enumerate() {
                let row = row as usize;
                // A fetcher that names an entity twice means its first, better place.
                if ranks[fetcher][row].is_nan() {
                    scores[fetcher][row] = score;
                    ranks[fetcher][row] = rank as f32;
                }
            }
        }
        Candidates { ids, fetched_by, scores, ranks }
    }

    /// How many candidates.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The entities, by row.
    pub fn ids(&self) -> &[EntityId] {
        &self.ids
    }

    /// Which fetchers proposed each candidate: bit `i` is the recommender's fetcher `i`.
    pub fn fetched_by(&self) -> &[u64] {
        &self.fetched_by
    }

    /// The scores that one fetcher gave, NaN where it did not propose; empty for a fetcher that there is not.
    pub fn fetcher_scores(&self, fetcher: usize) -> &[f32] {
        self.scores.get(fetcher).map_or(&[], Vec::as_slice)
    }

    /// The ranks that one fetcher gave, 0 for its best, NaN where it did not propose.
    pub fn fetcher_ranks(&self, fetcher: usize) -> &[f32] {
        self.ranks.get(fetcher).map_or(&[], Vec::as_slice)
    }

    /// Keeps the rows for which `keep` says so, in order.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        compact(&mut self.ids, keep);
        compact(&mut self.fetched_by, keep);
        for column in self.scores.iter_mut().chain(&mut self.ranks) {
            compact(column, keep);
        }
    }
}

/// Keeps the cells of a column for which `keep` says so, in order.
pub(crate) fn compact<T>(column: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    column.retain(|_| keep.next().copied().unwrap_or(false));
}

/// Shifts and scales scores to a mean of 0 and a standard deviation of 1, so that those of different fetchers add up; to 0 where
/// nothing differs. NaN is missing and stays.
pub fn standardise<'a>(scores: impl Into<ArrayViewMut1<'a, f32>>) {
    let mut scores = scores.into();
    // What is missing counts as nothing, or as the mean, by which it changes nothing.
    let known = |score: f32, value: f64| if score.is_nan() { 0.0 } else { value };
    let count = sum_of(scores.view(), |score| known(score, 1.0)).max(1.0);
    let mean = sum_of(scores.view(), |score| known(score, f64::from(score))) / count;
    let squares = sum_of(scores.view(), |score| known(score, (f64::from(score) - mean).powi(2)));
    let deviation = (squares / count).sqrt();
    let scale = if deviation > 1e-9 * mean.abs() { 1.0 / deviation } else { 0.0 };
    scores.mapv_inplace(|score| ((f64::from(score) - mean) * scale) as f32);
}

/// A sum in eight lanes, which the compiler keeps in vector registers where one sum would wait for itself at every addition.
fn sum_of(scores: ArrayView1<'_, f32>, of: impl Fn(f32) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let Some(scores) = scores.as_slice() else {
        return scores.iter().map(|score| of(*score)).sum();
    };
    let (chunks, rest) = scores.as_chunks::<8>();
    for chunk in chunks {
        for (lane, score) in lanes.iter_mut().zip(chunk) {
            *lane += of(*score);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|score| of(*score)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposals(pairs: &[(u64, f32)]) -> Proposals {
        pairs.iter().map(|(id, score)| (EntityId(*id), *score)).collect()
    }

    #[test]
    fn merging_remembers_who_proposed_what() {
        let merged = Candidates::merge(&[
            proposals(&[(7, 0.9), (3, 0.5)]),
            Proposals::default(),
            proposals(&[(3, 10.0), (9, 8.0), (3, 1.0)]),
        ]);
        assert_eq!(merged.ids(), [EntityId(7), EntityId(3), EntityId(9)]);
        assert_eq!(merged.fetched_by(), [0b001, 0b101, 0b100]);
        assert_eq!(merged.fetcher_scores(2)[1], 10.0, "the better place of a double counts");
        assert_eq!(merged.fetcher_ranks(2)[2], 1.0);
        assert!(merged.fetcher_scores(0)[2].is_nan() && merged.fetcher_ranks(1)[0].is_nan());
    }

    #[test]
    fn standardised_scores_have_mean_0_and_deviation_1_and_what_is_missing_stays() {
        // Contiguous, and every second of a longer row; lengths that are no multiple of the lanes.
        for (length, stride) in [(3, 1), (8, 1), (29, 1), (29, 2)] {
            let mut row: ndarray::Array1<f32> = (0..length * stride)
                .map(|n| if n % 7 == 3 { f32::NAN } else { (n * n % 31) as f32 - 4.0 })
                .collect();
            let missing: Vec<bool> = row.iter().step_by(stride).map(|score| score.is_nan()).collect();
            standardise(row.slice_mut(ndarray::s![..;stride]));
            let after: Vec<f32> = row.iter().step_by(stride).copied().collect();
            assert_eq!(after.iter().map(|score| score.is_nan()).collect::<Vec<_>>(), missing);
            let known: Vec<f64> =
                after.iter().filter(|score| !score.is_nan()).map(|s| f64::from(*s)).collect();
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            let variance = known.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / known.len() as f64;
            assert!(
                mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5,
                "{length} {stride}: {mean} {variance}"
            );
        }
        let mut same = [f32::NAN, 2.0, 2.0];
        standardise(&mut same);
        assert_eq!(same[1..], [0.0, 0.0]);
        let mut none = [f32::NAN; 3];
        standardise(&mut none);
        assert!(none.iter().all(|score| score.is_nan()));
    }

    #[test]
    fn rows_stay_aligned_when_others_go() {
        let mut merged = Candidates::merge(&[proposals(&[(1, 0.1), (2, 0.2), (3, 0.3)])]);
        merged.retain(&[false, true, true]);
        assert_eq!(merged.ids(), [EntityId(2), EntityId(3)]);
        assert_eq!(merged.fetcher_scores(0), [0.2, 0.3]);
        assert_eq!(merged.fetcher_ranks(0), [1.0, 2.0]);
    }

    #[test]
    fn the_top_breaks_ties_by_id() {
        let top = proposals(&[(9, 1.0), (4, 1.0), (5, 2.0), (1, 0.5)]).top(3);
        assert_eq!(top.ids(), [EntityId(5), EntityId(4), EntityId(9)]);
        assert!(top.top(0).is_empty());
    }

    #[test]
    fn standard_scores_have_no_mean_and_a_deviation_of_one_and_leave_the_missing_out() {
        let mut scores = vec![1.0, 2.0, f32::NAN, 3.0, 1e6];
        standardise(&mut scores);
        assert!(scores.remove(2).is_nan());
        assert!(scores.iter().sum::<f32>().abs() < 1e-5);
        assert!((scores.iter().map(|score| score * score).sum::<f32>() / 4.0 - 1.0).abs() < 1e-5);
    }

    #[test]
    fn where_nothing_differs_standard_scores_are_zero() {
        for same in [0.1_f32, 1e30, 0.0] {
            let mut scores = [same; 5];
            standardise(&mut scores[..]);
            assert_eq!(scores, [0.0; 5]);
        }
        standardise(&mut [][..]);
    }
}
