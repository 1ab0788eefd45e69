//! EASE^R: a linear item-item model with a closed form (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data",
//! WWW 2019).
//!
//! With the binary user × item matrix `X`, `G = XᵀX` and `P = (G + λI)⁻¹`, the weights are `B[i][j] = -P[i][j] / P[j][j]` off the
//! diagonal and 0 on it. A user's scores are their history times `B`; a history weighted by recency is a weighted sum of
//! rows. Fitting costs O(items³) once and items² floats of memory, so it is for the few thousand items that matter.

use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};

/// The most items: 64 million weights, 256 MB.
pub const MAX_ITEMS: usize = 8_000;

/// Why a model could not be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EaseError {
    /// λ must be positive for the inverse to exist.
    #[error("lambda must be a positive number, not {0}")]
    Lambda(f32),
    /// The closed form needs items² floats.
    #[error("{0} items are too many for the closed form; keep the {MAX_ITEMS} most popular ones")]
    TooManyItems(usize),
    /// A history names an item that there is not.
    #[error("item {item} in a history, but there are {items} items")]
    UnknownItem {
        /// The number in the history.
        item: u32,
        /// How many items there are.
        items: usize,
    },
    /// The matrix has no Cholesky factor in f32.
    #[error("the Gram matrix is not positive definite in single precision; raise lambda")]
    NotPositiveDefinite,
}

/// The Gram matrix of histories: how many users have each pair of items. Models of several λ come of one.
#[derive(Debug, Clone)]
pub struct Gram {
    /// The lower triangle; the rest is zero.
    matrix: Mat<f32>,
}

impl Gram {
    /// Counts. Each history is one user's items, in any order; an item twice counts once.
    ///
    /// # Errors
    /// [`EaseError`] when there are too many items, or a history names an unknown one.
    pub fn of<H: AsRef<[u32]>>(
        histories: impl IntoIterator<Item = H>,
        items: usize,
    ) -> Result<Self, EaseError> {
        if items > MAX_ITEMS {
            return Err(EaseError::TooManyItems(items));
        }
        let mut matrix = Mat::<f32>::zeros(items, items);
        let mut history = Vec::new();
        for user in histories {
            history.clear();
            history.extend_from_slice(user.as_ref());
            history.sort_unstable();
            history.dedup();
            if let Some(item) = history.last().filter(|item| **item as usize >= items) {
                return Err(EaseError::UnknownItem { item: *item, items });
            }
            // The Cholesky factorisation reads the lower triangle only.
            for (at, column) in history.iter().enumerate() {
                let column = matrix.col_as_slice_mut(*column as usize);
                for row in &history[at..] {
                    column[*row as usize] += 1.0;
                }
            }
        }
        Ok(Gram { matrix })
    }

    /// Both triangles.
    pub(crate) fn whole(&self) -> Mat<f32> {
        let cell = |row: usize, column: usize| self.matrix[(row.max(column), row.min(column))];
        Mat::from_fn(self.matrix.nrows(), self.matrix.nrows(), cell)
    }
}

/// A fitted model over items `0..items`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ease {
    items: usize,
    /// Row-major: `weights[i * items + j]` is what item `i` in a history says for item `j`.
    weights: Vec<f32>,
}

impl Ease {
    /// Fits the model. Each history is one user's items, in any order; an item twice counts once.
    ///
    /// # Errors
    /// [`EaseError`] when `lambda` is not positive, there are too many items, or a history names an unknown one.
    pub fn fit<'a>(
        histories: impl IntoIterator<Item = &'a [u32]>,
        items: usize,
        lambda: f32,
    ) -> Result<Self, EaseError> {
        Ease::of(&Gram::of(histories, items)?, lambda)
    }

    /// Fits the model to a matrix that is counted already.
    ///
    /// # Errors
    /// [`EaseError`] when `lambda` is not positive.
    pub fn of(gram: &Gram, lambda: f32) -> Result<Self, EaseError> {
        if !(lambda.is_finite() && lambda > 0.0) {
            return Err(EaseError::Lambda(lambda));
        }
        let (mut gram, items) = (gram.matrix.clone(), gram.matrix.nrows());
        for item in 0..items {
            gram[(item, item)] += lambda;
        }
        let inverse = gram.llt(Side::Lower).map_err(|_| EaseError::NotPositiveDefinite)?.inverse();
        // In place of the Gram matrix, which is as large.
        drop(gram);
        let mut weights = vec![0.0; items * items];
        for to in 0..items {
            let scale = -1.0 / inverse[(to, to)];
            for (from, p) in inverse.col_as_slice(to).iter().enumerate() {
                if from != to {
                    weights[from * items + to] = p * scale;
                }
            }
        }
        Ok(Ease { items, weights })
    }

    /// How many items.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Adds to `scores` (one per item) what a history says: the weighted sum of its items' rows. Items that the model
    /// does not know are skipped.
    pub fn score(&self, history: &[(u32, f32)], scores: &mut [f32]) {
        for (item, weight) in history {
            let start = *item as usize * self.items;
            if let Some(row) = self.weights.get(start..start + self.items) {
                for (score, w) in scores.iter_mut().zip(row) {
                    *score += weight * w;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The objective that EASE minimises: |X - XB|² + λ|B|², column by column.
    fn objective(
        histories: &[Vec<u32>],
        items: usize,
        lambda: f32,
        weight: impl Fn(usize, usize) -> f32,
    ) -> f64 {
        let mut total = 0.0;
        for to in 0..items {
            for history in histories {
                let predicted: f32 = history.iter().map(|from| weight(*from as usize, to)).sum();
                let seen = if history.contains(&(to as u32)) { 1.0 } else { 0.0 };
                total += f64::from((seen - predicted).powi(2));
            }
            total += (0..items).map(|from| f64::from(lambda * weight(from, to).powi(2))).sum::<f64>();
        }
        total
    }

    #[test]
    fn items_that_go_together_recommend_each_other() {
        let histories: Vec<Vec<u32>> =
            vec![vec![0, 1], vec![0, 1], vec![1, 0], vec![2, 3], vec![2, 3], vec![0]];
        let model = Ease::fit(histories.iter().map(Vec::as_slice), 4, 0.5).unwrap();
        let mut scores = [0.0; 4];
        model.score(&[(0, 1.0), (99, 1.0)], &mut scores);
        assert!(scores[1] > 0.5 && scores[1] > scores[2] && scores[0] == 0.0, "{scores:?}");
    }

    #[test]
    fn bad_input_is_refused() {
        let fit = |histories: &[Vec<u32>], items, lambda| {
            Ease::fit(histories.iter().map(Vec::as_slice), items, lambda).unwrap_err()
        };
        assert!(matches!(fit(&[], 3, f32::NAN), EaseError::Lambda(_)));
        assert_eq!(fit(&[], MAX_ITEMS + 1, 1.0), EaseError::TooManyItems(MAX_ITEMS + 1));
        assert_eq!(fit(&[vec![1, 3]], 3, 1.0), EaseError::UnknownItem { item: 3, items: 3 });
    }

    proptest! {
        #[test]
        fn no_nearby_weights_do_better(
            histories in prop::collection::vec(prop::collection::btree_set(0..6_u32, 0..6), 1..12),
            lambda in 0.5..20.0_f32,
            from in 0..6_usize,
            to in 0..6_usize,
            step in prop_oneof![Just(0.05_f32), Just(-0.05)],
        ) {
            prop_assume!(from != to);
            let histories: Vec<Vec<u32>> = histories.into_iter().map(|set| set.into_iter().collect()).collect();
            let model = Ease::fit(histories.iter().map(Vec::as_slice), 6, lambda).unwrap();
            let best = objective(&histories, 6, lambda, |i, j| model.weights[i * 6 + j]);
            let other = objective(&histories, 6, lambda, |i, j| {
                model.weights[i * 6 + j] + if (i, j) == (from, to) { step } else { 0.0 }
            });
            prop_assert!(best <= other + 1e-4, "{best} {other}");
        }
    }
}
