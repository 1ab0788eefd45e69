//! The inner loops over lanes: for AVX-512 by hand, for others as the compiler makes them.
//!
//! Matrices here are square, `16 × lanes` wide, row-major, and only their upper triangle is held, in whole lanes: row
//! `i` from lane `i / 16` on.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use super::factors::{LANE, Lane};

/// An instruction set that this processor has. Values for others are never made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The widest rows: 256 factors.
pub(crate) const MAX_LANES: usize = 16;

/// How many rows of a triangle are worked on together.
const BLOCK: usize = 8;

impl Isa {
    /// The best one.
    pub(crate) fn detect() -> Self {
        Isa::available().last().copied().unwrap_or(Isa::Portable)
    }

    /// All, the best last. Miri runs the portable one.
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Isa::Portable];
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            all.push(Isa::Avx2);
            if is_x86_feature_detected!("avx512f") {
                all.push(Isa::Avx512);
            }
        }
        all
    }

    /// Adds to the upper triangle of `matrix` the sum over rows `r` of `rᵀr`.
    ///
    /// # Panics
    /// When the slices are not whole rows and a whole matrix.
    pub(crate) fn add_products(self, matrix: &mut [Lane], rows: &[Lane], lanes: usize) {
        assert!(lanes > 0 && matrix.len() == lanes * lanes * LANE && rows.len().is_multiple_of(lanes));
        for first in (0..lanes * LANE).step_by(BLOCK) {
            self.block::<false>(matrix, rows, lanes, first);
        }
    }

    /// Turns the upper triangle of a positive definite matrix into `U` with `UᵀU` the matrix (Cholesky), left-looking in
    /// blocks of eight rows; `inverse` gets one over its diagonal. False when a pivot is not positive.
    ///
    /// # Panics
    /// When the slices are not a whole matrix and its diagonal.
    pub(crate) fn cholesky(self, matrix: &mut [Lane], inverse: &mut [f32], lanes: usize) -> bool {
        let size = lanes * LANE;
        assert!(lanes > 0 && matrix.len() == lanes * size && inverse.len() == size);
        (0..size).step_by(BLOCK).all(|first| {
            let (above, rest) = matrix.split_at_mut(first * lanes);
            self.block::<true>(rest, above, lanes, first);
            self.panel(&mut rest[..BLOCK * lanes], &mut inverse[first..first + BLOCK], lanes, first)
        })
    }

    /// Eight rows of a triangle, from row `first` on: adds the products of `rows`, or takes them away. With `TAKE`, the
    /// matrix begins at these rows.
    fn block<const TAKE: bool>(self, matrix: &mut [Lane], rows: &[Lane], lanes: usize, first: usize) {
        let matrix = if TAKE { matrix } else { &mut matrix[first * lanes..] };
        let target = &mut matrix[..BLOCK * lanes];
        match self {
            Isa::Portable => portable::block::<TAKE, false>(target, rows, lanes, first),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: values of `Isa` are made for instruction sets that the processor has.
            Isa::Avx2 => unsafe { portable::block_avx2::<TAKE>(target, rows, lanes, first) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::block::<TAKE>(target, rows, lanes, first) },
        }
    }

    /// Factorises eight rows from which the rows above are taken away already.
    fn panel(self, rows: &mut [Lane], inverse: &mut [f32], lanes: usize, first: usize) -> bool {
        match self {
            Isa::Portable => portable::panel::<false>(rows, inverse, lanes, first),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { portable::panel_avx2(rows, inverse, lanes, first) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::panel(rows, inverse, lanes, first) },
        }
    }

    /// Solves `UᵀU x = b` in place of `b`.
    ///
    /// # Panics
    /// When the slices are not a whole matrix, its diagonal and one row.
    pub(crate) fn solve(self, matrix: &[Lane], inverse: &[f32], b: &mut [Lane]) {
        let lanes = b.len();
        assert!(matrix.len() == lanes * lanes * LANE && inverse.len() == lanes * LANE);
        match self {
            Isa::Portable => portable::solve::<false>(matrix, inverse, b),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { portable::solve_avx2(matrix, inverse, b) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::solve(matrix, inverse, b) },
        }
    }

    /// Copies the rows of these numbers one after the other to `packed`, each times the root of its weight, and adds to
    /// `b` each times one plus its weight.
    ///
    /// # Panics
    /// When a number is not that of a row, or `packed` is not as many rows.
    pub(crate) fn gather(
        self,
        source: &[Lane],
        cells: &[(u32, f32)],
        packed: &mut [Lane],
        b: &mut [Lane],
        rooted: bool,
    ) {
        let lanes = b.len();
        let rows = source.len() / lanes;
        assert!(packed.len() == cells.len() * lanes);
        assert!(cells.iter().all(|(row, _)| (*row as usize) < rows), "a number is that of a row");
        match self {
            Isa::Portable => portable::gather::<false>(source, cells, packed, b, rooted),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { portable::gather_avx2(source, cells, packed, b, rooted) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above; the numbers were checked.
            Isa::Avx512 => unsafe { avx512::gather(source, cells, packed, b, rooted) },
        }
    }

    /// Adds to `out` the sum over packed rows `r` of `weight × (r·x) r`.
    ///
    /// # Panics
    /// When the slices do not fit each other.
    pub(crate) fn add_weighted(self, packed: &[Lane], cells: &[(u32, f32)], x: &[Lane], out: &mut [Lane]) {
        assert!(x.len() == out.len() && packed.len() == cells.len() * x.len());
        match self {
            Isa::Portable => portable::add_weighted::<false>(packed, cells, x, out),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { portable::add_weighted_avx2(packed, cells, x, out) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::add_weighted(packed, cells, x, out) },
        }
    }

    /// Adds to `out` a whole symmetric matrix times `x`.
    ///
    /// # Panics
    /// When the slices do not fit each other.
    pub(crate) fn add_product(self, whole: &[Lane], x: &[Lane], out: &mut [Lane]) {
        assert!(x.len() == out.len() && whole.len() == x.len() * x.len() * LANE);
        match self {
            Isa::Portable => portable::add_product::<false>(whole, x, out),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { portable::add_product_avx2(whole, x, out) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::add_product(whole, x, out) },
        }
    }

    /// The dot product of `x` with each row, into `scores`.
    ///
    /// # Panics
    /// When the slices do not fit each other.
    pub(crate) fn dots(self, rows: &[Lane], x: &[Lane], scores: &mut [f32]) {
        assert!(rows.len() == scores.len() * x.len());
        match self {
            Isa::Portable => portable::dots::<false>(rows, x, scores),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx2 => unsafe { portable::dots_avx2(rows, x, scores) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Avx512 => unsafe { avx512::dots(rows, x, scores) },
        }
    }
}

/// Copies the upper triangle to the lower one.
pub(crate) fn mirror(matrix: &mut [Lane], lanes: usize) {
    let size = lanes * LANE;
    let cells = super::factors::flat_mut(matrix);
    for row in 0..size {
        for column in 0..row {
            cells[row * size + column] = cells[column * size + row];
        }
    }
}
