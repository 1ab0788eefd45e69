//! `<fetcher>.score`, `<fetcher>.zscore` and `<fetcher>.rank`: what the fetchers said about a candidate, without a declaration.

use ndarray::ArrayViewMut1;
use recommend_core::candidates::standardise;
use recommend_core::{Name, View};

use crate::plan::Column;

/// A column of one fetcher; missing where it did not propose the candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Retrieval {
    /// Its score, on its own scale.
    Score(usize),
    /// Its score among those of this request's other candidates: 0 is their mean, 1 a standard deviation above it. Scores of
    /// different fetchers add up so (Lee, *Analyses of multiple evidence combination*, 1997, compares such scales); where
    /// all are the same, it is 0.
    Standard(usize),
    /// Its rank, 0 for its best.
    Rank(usize),
}

impl Retrieval {
    /// The column that a name means, if it is a fetcher's.
    pub(crate) fn named(name: &str, fetchers: &[Name]) -> Option<Self> {
        let (fetcher, what) = name.rsplit_once('.')?;
        let at = fetchers.iter().position(|known| known == fetcher)?;
        match what {
            "score" => Some(Retrieval::Score(at)),
            "zscore" => Some(Retrieval::Standard(at)),
            "rank" => Some(Retrieval::Rank(at)),
            _ => None,
        }
    }
}

impl Column for Retrieval {
    fn fill(&self, view: &View<'_>, cells: &mut ArrayViewMut1<'_, f32>) -> bool {
        let values = match self {
            Retrieval::Score(fetcher) | Retrieval::Standard(fetcher) => {
                view.candidates.fetcher_scores(*fetcher)
            }
            Retrieval::Rank(fetcher) => view.candidates.fetcher_ranks(*fetcher),
        };
        for (cell, value) in cells.iter_mut().zip(values) {
            *cell = if value.is_finite() { *value } else { f32::NAN };
        }
        if matches!(self, Retrieval::Standard(_)) {
            standardise(cells.view_mut());
        }
        true
    }
}
