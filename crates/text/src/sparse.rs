//! Sparse rows: the terms of a document and their weights.

/// A matrix in compressed sparse rows; within a row columns ascend.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    columns: usize,
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl Rows {
    /// No rows yet, of `columns` columns.
    pub fn new(columns: usize) -> Self {
        Rows { columns, starts: vec![0], indices: Vec::new(), values: Vec::new() }
    }

    /// Adds a row; its entries are sorted by column, those of the same column are summed, zeros are dropped.
    ///
    /// # Panics
    /// When a column is not below [`Rows::columns`].
    pub fn push(&mut self, entries: impl IntoIterator<Item = (u32, f64)>) {
        let mut row: Vec<(u32, f64)> = entries.into_iter().collect();
        row.sort_by_key(|(column, _)| *column);
        let start = self.indices.len();
        for (column, value) in row {
            assert!((column as usize) < self.columns, "column {column} of {}", self.columns);
            match self.indices.last() {
                Some(last) if self.indices.len() > start && *last == column => {
                    if let Some(sum) = self.values.last_mut() {
                        *sum += value;
                    }
                }
                _ => {
                    self.indices.push(column);
                    self.values.push(value);
                }
            }
        }
        self.starts.push(self.indices.len());
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
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
}
