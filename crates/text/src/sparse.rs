//! Sparse rows: the terms of a document and their weights.

use thiserror::Error;

/// A matrix in compressed sparse rows; within a row columns ascend.
///
/// ```
/// use recommend_text::Rows;
///
/// let mut rows = Rows::new(3);
/// rows.push([(2, 1.0), (0, 0.5)])?;
/// assert_eq!(rows.row(0), (&[0, 2][..], &[0.5, 1.0][..]));
/// assert_eq!(rows.dense(0), [0.5, 0.0, 1.0]);
/// # Ok::<(), recommend_text::RowError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    columns: usize,
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

/// Why something is no row of a matrix.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum RowError {
    /// The matrix is not that wide.
    #[error("column {column} in a matrix of {columns}")]
    Column {
        /// Which.
        column: u32,
        /// How many there are.
        columns: usize,
    },
    /// A distance needs numbers.
    #[error("column {column} has {value}, which is no finite number")]
    Value {
        /// Which.
        column: u32,
        /// What it has.
        value: f64,
    },
}

impl Rows {
    /// No rows yet, of `columns` columns.
    pub fn new(columns: usize) -> Self {
        Rows { columns, starts: vec![0], indices: Vec::new(), values: Vec::new() }
    }

    /// Adds a row from entries in any order; those of the same column are summed, zeros are dropped.
    ///
    /// # Errors
    /// When a column is not below [`Rows::columns`], or a value is not finite. Then there is no new row.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (u32, f64)>) -> Result<(), RowError> {
        let mut row: Vec<(u32, f64)> = entries.into_iter().collect();
        for (column, value) in &row {
            if *column as usize >= self.columns {
                return Err(RowError::Column { column: *column, columns: self.columns });
            }
            if !value.is_finite() {
                return Err(RowError::Value { column: *column, value: *value });
            }
        }
        row.sort_by_key(|(column, _)| *column);
        let runs = row.chunk_by(|a, b| a.0 == b.0);
        self.push_sorted(runs.map(|run| (run[0].0, run.iter().map(|(_, value)| value).sum::<f64>())));
        Ok(())
    }

    /// Adds a row whose columns ascend, are valid and occur once.
    pub(crate) fn push_sorted(&mut self, entries: impl Iterator<Item = (u32, f64)>) {
        for (column, value) in entries.filter(|(_, value)| *value != 0.0) {
            self.indices.push(column);
            self.values.push(value);
        }
        self.starts.push(self.indices.len());
    }

    /// The matrix whose rows are these rows of this one.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn repeat(&self, which: &[u32]) -> Rows {
        let mut rows = Rows::new(self.columns);
        for row in which {
            let (indices, values) = self.row(*row as usize);
            rows.indices.extend_from_slice(indices);
            rows.values.extend_from_slice(values);
            rows.starts.push(rows.indices.len());
        }
        rows
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many entries are stored.
    pub fn stored(&self) -> usize {
        self.values.len()
    }

    /// A row: its columns, ascending, and their values.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let span = self.starts[row]..self.starts[row + 1];
        (&self.indices[span.clone()], &self.values[span])
    }

    /// A row with all its zeros.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn dense(&self, row: usize) -> Vec<f64> {
        let mut dense = vec![0.0; self.columns];
        let (indices, values) = self.row(row);
        for (column, value) in indices.iter().zip(values) {
            dense[*column as usize] = *value;
        }
        dense
    }

    /// The length of a row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn length(&self, row: usize) -> f64 {
        self.row(row).1.iter().map(|value| value * value).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_one_column_are_summed_and_zeros_dropped() {
        let mut rows = Rows::new(4);
        rows.push([(3, 1.0), (1, 2.0), (3, 0.5), (0, 0.0)]).unwrap();
        assert_eq!(rows.row(0), (&[1, 3][..], &[2.0, 1.5][..]));
        assert_eq!(rows.stored(), 2);
        assert_eq!(rows.length(0), 2.5);
    }

    #[test]
    fn what_is_no_row_is_refused_and_leaves_none() {
        let mut rows = Rows::new(2);
        assert_eq!(rows.push([(2, 1.0)]), Err(RowError::Column { column: 2, columns: 2 }));
        assert!(matches!(rows.push([(1, f64::NAN)]), Err(RowError::Value { column: 1, .. })));
        assert!(rows.is_empty());
    }
}
