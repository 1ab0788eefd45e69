//! The rows that a forest scores: a matrix seen through a mapping of features to columns.

use recommend_core::FeatureRows;

/// Row-major f32 rows; NaN is missing.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    data: &'a [f32],
    stride: usize,
    len: usize,
    /// For each feature, its place within a row.
    columns: &'a [usize],
    /// One more than the last of them. Every row holds so many values.
    needed: usize,
}

/// A matrix that is smaller than it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} rows of {stride} values, of which {needed} are read, do not fit into {got} values")]
pub struct RowsError {
    len: usize,
    stride: usize,
    needed: usize,
    got: usize,
}

impl<'a> Rows<'a> {
    /// `len` rows, each `stride` values after the one before; feature `j` is at `columns[j]` of its row.
    ///
    /// # Errors
    /// When `data` is too short for that.
    pub fn new(data: &'a [f32], stride: usize, len: usize, columns: &'a [usize]) -> Result<Self, RowsError> {
        let needed = columns.iter().max().map_or(0, |last| last.saturating_add(1));
        let rows = Rows { data, stride, len, columns, needed };
        let end = len.checked_sub(1).map_or(Some(0), |last| last.checked_mul(stride)?.checked_add(needed));
        match end {
            Some(end) if end <= data.len() && (needed <= stride || len <= 1) => Ok(rows),
            _ => Err(RowsError { len, stride, needed, got: data.len() }),
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One feature of one row.
    pub fn get(&self, row: usize, feature: usize) -> f32 {
        self.data[row * self.stride + self.columns[feature]]
    }

    /// The features of one row in order, written to `out`.
    pub fn copy_row(&self, row: usize, out: &mut Vec<f32>) {
        out.clear();
        out.extend(self.columns.iter().map(|column| self.data[row * self.stride + column]));
    }

    /// The values of one row, in the order of the matrix.
    pub(crate) fn raw(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.stride..]
    }

    /// For each feature, its place within a row.
    pub(crate) fn columns(&self) -> &'a [usize] {
        self.columns
    }

    /// How many values of a row may be read: one more than the last column.
    pub(crate) fn needed(&self) -> usize {
        self.needed
    }

    /// All values, and how far rows are apart. Row `r` has [`Rows::needed`] values from `r * stride` on.
    pub(crate) fn parts(&self) -> (&'a [f32], usize) {
        (self.data, self.stride)
    }

    /// These rows alone.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len, "the rows are among these");
        let start = (range.start * self.stride).min(self.data.len());
        Rows { data: &self.data[start..], len: range.len(), ..*self }
    }

    /// The rows of the executor, when the matrix is row-major, as it always is there.
    pub(crate) fn of(rows: &FeatureRows<'a>) -> Option<Self> {
        let matrix = rows.matrix();
        let stride = matrix.ncols();
        Rows::new(matrix.to_slice()?, stride, matrix.nrows(), rows.columns()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let data = [0.0, 1.0, 2.0, 3.0, 4.0];
        assert!(Rows::new(&data, 3, 2, &[0, 2]).is_err());
        assert!(Rows::new(&data, usize::MAX, 2, &[0]).is_err());
        assert!(Rows::new(&data, 1, 2, &[usize::MAX]).is_err());
        let rows = Rows::new(&data, 3, 2, &[1, 0]).unwrap();
        assert_eq!((rows.get(1, 0), rows.get(1, 1), rows.slice(1..2).get(0, 0)), (4.0, 3.0, 4.0));
        assert!(Rows::new(&[], 4, 0, &[0, 1, 2, 3]).unwrap().is_empty());
    }
}
