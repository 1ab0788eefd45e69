//! Item-item models as vectors: the eigenvectors that say most of what a matrix of all pairs says.
//!
//! EASE^R and item cosine compare every item with every other. Their leading eigenvectors make two short vectors for each
//! item, one for when it is in a history and one for when it is a candidate, so that a user is the sum of the former and
//! is compared with the latter by a dot product: what a vector store can search.

use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};

use crate::Sparse;
use crate::ease::{EaseError, Gram};

/// How many more directions than wanted are followed, so that the last wanted ones are found well.
const SPARE: usize = 12;
/// How often the matrix is applied.
const ROUNDS: usize = 12;

/// Two vectors for each item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemVectors {
    factors: usize,
    history: Vec<f32>,
    candidates: Vec<f32>,
}

impl ItemVectors {
    /// What an item adds to the vector of a user who has it.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn in_history(&self, item: usize) -> &[f32] {
        &self.history[item * self.factors..][..self.factors]
    }

    /// What a user's vector is compared with.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn candidate(&self, item: usize) -> &[f32] {
        &self.candidates[item * self.factors..][..self.factors]
    }

    /// How many numbers a vector has.
    pub fn factors(&self) -> usize {
        self.factors
    }

    /// The vector of a user with a history of (item, weight).
    ///
    /// # Panics
    /// When the history names an item that there is not.
    pub fn user(&self, history: &[(u32, f32)]) -> Vec<f32> {
        let mut sum = vec![0.0; self.factors];
        for (item, weight) in history {
            sum.iter_mut().zip(self.in_history(*item as usize)).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }

    /// EASE^R of some λ (Steck, WWW 2019) in so many factors, or as many as there are items.
    ///
    /// With `P = (G + λI)⁻¹` and `D` its diagonal, the weights are `-P D⁻¹` off the diagonal, which is a symmetric matrix
    /// between two diagonal ones. Its leading eigenvectors are those of `√D (G + λI) √D`, which is positive.
    ///
    /// # Errors
    /// [`EaseError`] when `lambda` is not positive, or the matrix has no Cholesky factor in single precision.
    pub fn of_ease(gram: &Gram, lambda: f32, factors: usize) -> Result<Self, EaseError> {
        if !(lambda.is_finite() && lambda > 0.0) {
            return Err(EaseError::Lambda(lambda));
        }
        let mut whole = gram.whole();
        let items = whole.nrows();
        (0..items).for_each(|item| whole[(item, item)] += lambda);
        let inverse = whole.llt(Side::Lower).map_err(|_| EaseError::NotPositiveDefinite)?.inverse();
        let roots: Vec<f32> = (0..items).map(|item| inverse[(item, item)].max(0.0).sqrt()).collect();
        drop(inverse);
        for column in 0..items {
            for (row, cell) in whole.col_as_slice_mut(column).iter_mut().enumerate() {
                *cell *= roots[row] * roots[column];
            }
        }
        let (values, vectors) = leading(items, factors, |x| &whole * x)?;
        // μ of that matrix is 1 - 1/μ of the weights; what is below 1 says less than nothing.
        let scales: Vec<f32> = values.iter().map(|value| (1.0 - 1.0 / value.max(1.0)).sqrt()).collect();
        let (mut history, mut candidates) = (Vec::new(), Vec::new());
        for (item, root) in roots.iter().enumerate() {
            for (at, scale) in scales.iter().enumerate() {
                let cell = vectors[(item, at)] * scale;
                history.push(cell * root);
                candidates.push(cell / root.max(1e-12));
            }
        }
        Ok(ItemVectors { factors: scales.len(), candidates, history })
    }

    /// Item cosines (Sarwar, Karypis, Konstan and Riedl, WWW 2001) in so many factors: the leading eigenvectors of all
    /// cosines between the items' columns. Works for any number of items, as it keeps no matrix of pairs.
    ///
    /// # Errors
    /// [`EaseError::NotPositiveDefinite`] when the eigenvectors cannot be found in single precision.
    pub fn of_cosine(by_user: &Sparse, factors: usize) -> Result<Self, EaseError> {
        let items = by_user.columns();
        let mut norms = vec![0.0_f32; items];
        for user in 0..by_user.rows() {
            by_user.row(user).iter().for_each(|(item, weight)| norms[*item as usize] += weight * weight);
        }
        norms.iter_mut().for_each(|norm| *norm = if *norm > 0.0 { 1.0 / norm.sqrt() } else { 0.0 });
        let apply = |x: &Mat<f32>| {
            let mut product = Mat::<f32>::zeros(items, x.ncols());
            for column in 0..x.ncols() {
                let (from, to) = (x.col_as_slice(column), product.col_as_slice_mut(column));
                for user in 0..by_user.rows() {
                    let row = by_user.row(user);
                    let sum: f32 =
                        row.iter().map(|(item, w)| w * norms[*item as usize] * from[*item as usize]).sum();
                    row.iter().for_each(|(item, w)| to[*item as usize] += w * norms[*item as usize] * sum);
                }
            }
            product
        };
        let (values, vectors) = leading(items, factors, apply)?;
        let scales: Vec<f32> = values.iter().map(|value| value.max(0.0).sqrt()).collect();
        let mut history = Vec::with_capacity(items * scales.len());
        for item in 0..items {
            history.extend(scales.iter().enumerate().map(|(at, scale)| vectors[(item, at)] * scale));
        }
        Ok(ItemVectors { factors: scales.len(), candidates: history.clone(), history })
    }
}

/// The largest eigenvalues and their vectors of a symmetric matrix without large negative ones, by subspace iteration
/// (Halko, Martinsson and Tropp, SIAM Review 2011) from a start that is always the same.
fn leading(
    size: usize,
    wanted: usize,
    apply: impl Fn(&Mat<f32>) -> Mat<f32>,
) -> Result<(Vec<f32>, Mat<f32>), EaseError> {
    let wanted = wanted.min(size);
    let start = |row: usize, column: usize| {
        let mixed = ((row * 8_191 + column) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut basis = Mat::from_fn(size, (wanted + SPARE).min(size), start).qr().compute_thin_Q();
    for _ in 0..ROUNDS {
        basis = apply(&basis).qr().compute_thin_Q();
    }
    let applied = apply(&basis);
    let small = basis.transpose() * &applied;
    let eigen = small.self_adjoint_eigen(Side::Lower).map_err(|_| EaseError::NotPositiveDefinite)?;
    // Smallest first.
    let last = eigen.S().column_vector().nrows();
    let values = (0..wanted).map(|at| eigen.S().column_vector()[last - 1 - at]).collect();
    let turned = Mat::from_fn(last, wanted, |row, at| eigen.U()[(row, last - 1 - at)]);
    Ok((values, &basis * &turned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ease;

    fn histories() -> Vec<Vec<u32>> {
        (0..80_u32)
            .map(|user| (0..6).map(|turn| (user % 3) * 10 + (user * 7 + turn * 3) % 11).collect())
            .collect()
    }

    #[test]
    fn what_ease_ranks_first_is_among_the_first_of_a_dozen_factors() {
        let (histories, items) = (histories(), 31);
        let gram = Gram::of(&histories, items).unwrap();
        let (ease, vectors) = (Ease::of(&gram, 4.0).unwrap(), ItemVectors::of_ease(&gram, 4.0, 12).unwrap());
        for items_of_user in &histories {
            let history: Vec<(u32, f32)> = items_of_user.iter().map(|item| (*item, 1.0)).collect();
            let mut whole = vec![0.0; items];
            ease.score(&history, &mut whole);
            let user = vectors.user(&history);
            let few =
                |item: usize| -> f32 { user.iter().zip(vectors.candidate(item)).map(|(a, b)| a * b).sum() };
            let new = (0..items).filter(|item| !items_of_user.contains(&(*item as u32)));
            let first = new.clone().max_by(|a, b| whole[*a].total_cmp(&whole[*b])).unwrap();
            let before = new.filter(|item| few(*item) > few(first)).count();
            assert!(before < 3, "{before} before {first}");
        }
    }

    #[test]
    fn with_all_factors_they_say_what_cosines_are() {
        let triplets = histories()
            .into_iter()
            .zip(0..)
            .flat_map(|(items, user)| items.into_iter().map(move |item| (user, item, 1.0)));
        let matrix = Sparse::from_triplets(80, 31, triplets);
        let vectors = ItemVectors::of_cosine(&matrix, 31).unwrap();
        let by_item = matrix.transposed();
        for a in 0..31 {
            for b in 0..31 {
                let (row, other) = (by_item.row(a), by_item.row(b));
                let dot = |x: &[(u32, f32)], y: &[(u32, f32)]| -> f32 {
                    x.iter()
                        .filter_map(|(user, w)| y.iter().find(|(u, _)| u == user).map(|(_, v)| w * v))
                        .sum()
                };
                let expected = dot(row, other) / (dot(row, row) * dot(other, other)).sqrt().max(1e-9);
                let found: f32 =
                    vectors.in_history(a).iter().zip(vectors.candidate(b)).map(|(a, b)| a * b).sum();
                assert!((found - expected).abs() < 1e-3, "{a} {b}: {found} {expected}");
            }
        }
    }

    #[test]
    fn few_factors_keep_groups_apart() {
        let gram = Gram::of(histories(), 31).unwrap();
        let vectors = ItemVectors::of_ease(&gram, 4.0, 4).unwrap();
        assert_eq!(vectors.factors(), 4);
        let near = |a: usize, b: usize| -> f32 {
            vectors.in_history(a).iter().zip(vectors.candidate(b)).map(|(a, b)| a * b).sum()
        };
        assert!(near(1, 3) > near(1, 15), "{} {}", near(1, 3), near(1, 15));
    }
}
