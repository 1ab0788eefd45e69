//! Reciprocal rank fusion: one order out of the orders of all fetchers.

use crate::candidates::Candidates;

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const FUSION_K: f32 = 60.0;

/// Scores by reciprocal rank fusion, for when the model is optional and failed.
pub(super) fn fused_ranks(candidates: &Candidates, fetchers: usize) -> Vec<f32> {
    let mut scores = vec![0.0; candidates.len()];
    for fetcher in 0..fetchers {
        for (score, rank) in scores.iter_mut().zip(candidates.fetcher_ranks(fetcher)) {
            if !rank.is_nan() {
                *score += 1.0 / (FUSION_K + 1.0 + rank);
            }
        }
    }
    scores
}

/// Which candidates stay when there are too many: the best by fused rank, so that no fetcher is cut off as a whole.
pub(super) fn best_ranked(candidates: &Candidates, fetchers: usize, max: usize) -> Vec<bool> {
    let fused = fused_ranks(candidates, fetchers);
    let mut rows: Vec<usize> = (0..fused.len()).collect();
    let order = |a: &usize, b: &usize| {
        fused[*b].total_cmp(&fused[*a]).then_with(|| candidates.ids()[*a].cmp(&candidates.ids()[*b]))
    };
    rows.select_nth_unstable_by(max, order);
    let mut keep = vec![false; fused.len()];
    for row in &rows[..max] {
        keep[*row] = true;
    }
    keep
}
