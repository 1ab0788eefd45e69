//! The memory of feature matrices, kept from one run to the next.
//!
//! A matrix of 1,000 candidates and 50 features is past the size from which allocators ask the system for fresh pages, and
//! touching those costs more than all else that the executor does in a run.

use std::sync::{Mutex, PoisonError};

use crate::features::FeatureMatrix;

/// How many are kept: about as many as runs that score at one time.
const MOST: usize = 8;
/// The largest that is kept, in cells (4 MB).
const LARGEST: usize = 1 << 20;

/// Buffers that no run uses at the moment.
#[derive(Default)]
pub(in super::super) struct SpareMatrices(Mutex<Vec<Vec<f32>>>);

impl SpareMatrices {
    /// A matrix of which nothing is known yet: all NaN.
    pub(super) fn take(&self, rows: usize, columns: usize) -> FeatureMatrix {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        cells.clear();
        cells.resize(rows * columns, f32::NAN);
        FeatureMatrix::from_shape_vec((rows, columns), cells)
            .unwrap_or_else(|_| FeatureMatrix::from_elem((rows, columns), f32::NAN))
    }

    /// Keeps the memory of a matrix that is done with, if there is room.
    pub(super) fn put(&self, matrix: FeatureMatrix) {
        let (cells, _) = matrix.into_raw_vec_and_offset();
        if cells.capacity() <= LARGEST {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < MOST {
                kept.push(cells);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_comes_in_as_missing_whatever_its_memory_held() {
        let spare = SpareMatrices::default();
        let mut matrix = spare.take(3, 4);
        matrix.fill(7.0);
        let memory = matrix.as_ptr();
        spare.put(matrix);
        let again = spare.take(2, 5);
        assert_eq!(again.as_ptr(), memory);
        assert_eq!(again.dim(), (2, 5));
        assert!(again.iter().all(|cell| cell.is_nan()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let spare = SpareMatrices::default();
        let matrices: Vec<_> = (0..2 * MOST).map(|_| spare.take(1, 1)).collect();
        matrices.into_iter().for_each(|matrix| spare.put(matrix));
        spare.put(FeatureMatrix::zeros((LARGEST + 1, 1)));
        let kept = spare.0.lock().unwrap();
        assert_eq!(kept.len(), MOST);
        assert!(kept.iter().all(|cells| cells.capacity() <= LARGEST));
    }
}
