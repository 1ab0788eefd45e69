//! What users did with items as a sparse matrix: how much, by user and item.

/// Rows of (column, weight), compressed: 8 bytes a cell.
///
/// ```
/// use recommend_embeddings::Sparse;
///
/// let matrix = Sparse::from_triplets(2, 3, [(0, 2, 1.0), (1, 0, 4.0), (0, 2, 0.5)]);
/// assert_eq!(matrix.row(0), [(2, 1.5)], "what comes twice is summed");
/// assert_eq!(matrix.transposed().row(0), [(1, 4.0)]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sparse {
    columns: usize,
    ends: Vec<usize>,
    cells: Vec<(u32, f32)>,
}

impl Sparse {
    /// Sums (row, column, weight) by row and column. Cells whose sum is not above zero are left out.
    ///
    /// # Panics
    /// When a row or a column is not below `rows` or `columns`.
    pub fn from_triplets(
        rows: usize,
        columns: usize,
        triplets: impl IntoIterator<Item = (u32, u32, f32)>,
    ) -> Self {
        let triplets: Vec<(u32, u32, f32)> = triplets.into_iter().collect();
        let mut ends = vec![0_usize; rows];
        triplets.iter().for_each(|(row, ..)| ends[*row as usize] += 1);
        running_sum(&mut ends);
        // Placed from the back, so that what comes first stays first: `ends` become starts.
        let mut cells = vec![(0, 0.0); triplets.len()];
        for (row, column, weight) in triplets.into_iter().rev() {
            assert!((column as usize) < columns, "column {column} of {columns}");
            let end = &mut ends[row as usize];
            *end -= 1;
            cells[*end] = (column, weight);
        }
        let starts = ends;
        let (mut write, mut ends) = (0, Vec::with_capacity(rows));
        for row in 0..rows {
            let range = starts[row]..starts.get(row + 1).copied().unwrap_or(cells.len());
            cells[range.clone()].sort_by_key(|(column, _)| *column);
            let mut read = range.start;
            while read < range.end {
                let (column, mut weight) = cells[read];
                read += 1;
                while read < range.end && cells[read].0 == column {
                    weight += cells[read].1;
                    read += 1;
                }
                if weight > 0.0 {
                    cells[write] = (column, weight);
                    write += 1;
                }
            }
            ends.push(write);
        }
        cells.truncate(write);
        cells.shrink_to_fit();
        Sparse { columns, ends, cells }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many cells hold something.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether no cell does.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// One row, by column.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &[(u32, f32)] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.cells[start..self.ends[row]]
    }

    /// All weights, row by row.
    pub(crate) fn weights(&self) -> impl Iterator<Item = f32> {
        self.cells.iter().map(|(_, weight)| *weight)
    }

    /// Columns as rows.
    #[must_use]
    pub fn transposed(&self) -> Sparse {
        let mut ends = vec![0_usize; self.columns];
        self.cells.iter().for_each(|(column, _)| ends[*column as usize] += 1);
        running_sum(&mut ends);
        let mut cells = vec![(0, 0.0); self.cells.len()];
        let mut next: Vec<usize> =
            std::iter::once(0).chain(ends.iter().copied()).take(self.columns).collect();
        for row in 0..self.rows() {
            for (column, weight) in self.row(row) {
                let place = &mut next[*column as usize];
                cells[*place] = (row as u32, *weight);
                *place += 1;
            }
        }
        Sparse { columns: self.rows(), ends, cells }
    }
}

fn running_sum(counts: &mut [usize]) {
    let mut sum = 0;
    for count in counts {
        sum += *count;
        *count = sum;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_are_sums_and_transposing_twice_changes_nothing(
            triplets in prop::collection::vec((0_u32..6, 0_u32..9, -1_i8..4), 0..60),
        ) {
            let weighed = triplets.iter().map(|(row, column, weight)| (*row, *column, f32::from(*weight)));
            let matrix = Sparse::from_triplets(6, 9, weighed);
            for row in 0..6_u32 {
                for column in 0..9_u32 {
                    let of = triplets.iter().filter(|(r, c, _)| (*r, *c) == (row, column));
                    let sum: f32 = of.map(|(.., weight)| f32::from(*weight)).sum();
                    let found = matrix.row(row as usize).iter().find(|(c, _)| *c == column).map(|(_, w)| *w);
                    prop_assert_eq!(found, Some(sum).filter(|sum| *sum > 0.0));
                }
            }
            prop_assert_eq!(matrix.transposed().transposed(), matrix);
        }
    }
}
