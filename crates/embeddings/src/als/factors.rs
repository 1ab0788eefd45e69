//! Rows of factors, padded with zeros to whole lanes of sixteen.

/// How many numbers a lane holds: one AVX-512 register.
pub(crate) const LANE: usize = 16;

/// Sixteen numbers, aligned to a cache line.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lane(pub(crate) [f32; LANE]);

/// A dense matrix with one row per user or item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Factors {
    factors: usize,
    lanes: usize,
    cells: Vec<Lane>,
}

impl Factors {
    /// All zero.
    pub(crate) fn zeros(rows: usize, factors: usize) -> Self {
        let lanes = factors.div_ceil(LANE);
        Factors { factors, lanes, cells: vec![Lane::default(); rows * lanes] }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.lanes).unwrap_or(0)
    }

    /// How many factors a row has.
    pub fn factors(&self) -> usize {
        self.factors
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &flat(self.lanes_of(row))[..self.factors]
    }

    /// Writes one row.
    ///
    /// # Panics
    /// When there is no such row, or the values are not as many as the factors.
    pub(crate) fn set(&mut self, row: usize, values: &[f32]) {
        let factors = self.factors;
        let (start, lanes) = (row * self.lanes, self.lanes);
        flat_mut(&mut self.cells[start..start + lanes])[..factors].copy_from_slice(values);
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    pub(crate) fn lanes_of(&self, row: usize) -> &[Lane] {
        &self.cells[row * self.lanes..][..self.lanes]
    }

    pub(crate) fn cells(&self) -> &[Lane] {
        &self.cells
    }

    pub(crate) fn cells_mut(&mut self) -> &mut [Lane] {
        &mut self.cells
    }
}

/// Lanes as numbers.
pub(crate) fn flat(lanes: &[Lane]) -> &[f32] {
    // A lane is an array and nothing else, so the two have one layout.
    #[expect(unsafe_code, reason = "lanes are arrays of sixteen f32 without padding")]
    // SAFETY: `Lane` is `repr(C)` around `[f32; 16]`, 64 bytes with alignment 64: no padding, and any f32 is valid.
    unsafe {
        std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * LANE)
    }
}

/// Lanes as numbers to write to.
pub(crate) fn flat_mut(lanes: &mut [Lane]) -> &mut [f32] {
    #[expect(unsafe_code, reason = "lanes are arrays of sixteen f32 without padding")]
    // SAFETY: as in `flat`; the borrow is exclusive.
    unsafe {
        std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * LANE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_and_the_padding_is_not_seen() {
        let mut factors = Factors::zeros(3, 18);
        factors.set(1, &[2.0; 18]);
        assert_eq!(factors.rows(), 3);
        assert_eq!(factors.row(1), [2.0; 18]);
        assert_eq!(factors.row(2), [0.0; 18]);
        assert_eq!(flat(factors.lanes_of(1))[18..], [0.0; 14]);
    }
}
