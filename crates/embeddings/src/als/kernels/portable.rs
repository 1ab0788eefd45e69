//! The kernels in plain Rust, compiled twice: for any processor, and for AVX2 with fused multiply-add.

use super::super::factors::{LANE, Lane, flat, flat_mut};
use super::BLOCK;

/// `a × b + c`; with `FMA` in one rounding. Without the instruction that would be a call.
#[inline(always)]
fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn axpy<const FMA: bool>(out: &mut Lane, a: f32, x: &Lane) {
    for (out, x) in out.0.iter_mut().zip(&x.0) {
        *out = fma::<FMA>(a, *x, *out);
    }
}

#[inline(always)]
fn dot<const FMA: bool>(a: &[Lane], b: &[Lane]) -> f32 {
    let mut sums = [0.0; LANE];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(&a.0).zip(&b.0) {
            *sum = fma::<FMA>(*a, *b, *sum);
        }
    }
    sums.iter().sum()
}

#[inline(always)]
pub(super) fn block<const TAKE: bool, const FMA: bool>(
    target: &mut [Lane],
    rows: &[Lane],
    lanes: usize,
    first: usize,
) {
    /// Rows of a tile; eight AVX2 registers hold their sums.
    const TILE: usize = 4;
    for top in (0..BLOCK).step_by(TILE) {
        for lane in first / LANE..lanes {
            let mut sums = [[0.0_f32; LANE]; TILE];
            for row in rows.chunks_exact(lanes) {
                let (of_rows, right) = (&flat(row)[first + top..][..TILE], &row[lane].0);
                for (sums, left) in sums.iter_mut().zip(of_rows) {
                    let left = if TAKE { -left } else { *left };
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = fma::<FMA>(left, *right, *sum);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                for (cell, sum) in target[(top + row) * lanes + lane].0.iter_mut().zip(sums) {
                    *cell += sum;
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn block_avx2<const TAKE: bool>(target: &mut [Lane], rows: &[Lane], lanes: usize, first: usize) {
    block::<TAKE, true>(target, rows, lanes, first);
}

#[inline(always)]
pub(super) fn panel<const FMA: bool>(
    rows: &mut [Lane],
    inverse: &mut [f32],
    lanes: usize,
    first: usize,
) -> bool {
    let from = first / LANE;
    for row in 0..BLOCK {
        let (done, below) = rows.split_at_mut((row + 1) * lanes);
        let pivot = &mut done[row * lanes..];
        let diagonal = flat(pivot)[first + row];
        if !(diagonal > 0.0 && diagonal.is_finite()) {
            return false;
        }
        inverse[row] = 1.0 / diagonal.sqrt();
        pivot[from..].iter_mut().for_each(|lane| lane.0.iter_mut().for_each(|x| *x *= inverse[row]));
        for (at, other) in below.chunks_exact_mut(lanes).enumerate() {
            let factor = -flat(pivot)[first + row + 1 + at];
            other[from..].iter_mut().zip(&pivot[from..]).for_each(|(to, x)| axpy::<FMA>(to, factor, x));
        }
    }
    true
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn panel_avx2(rows: &mut [Lane], inverse: &mut [f32], lanes: usize, first: usize) -> bool {
    panel::<true>(rows, inverse, lanes, first)
}

#[inline(always)]
pub(super) fn solve<const FMA: bool>(matrix: &[Lane], inverse: &[f32], b: &mut [Lane]) {
    let lanes = b.len();
    for (row, inverse) in inverse.iter().enumerate() {
        let z = flat(b)[row] * inverse;
        let u = &matrix[row * lanes..][..lanes];
        // What is left of the row in the lane is not part of the triangle, and what it does to `b` is undone here.
        let kept: [f32; LANE] = b[row / LANE].0;
        for lane in row / LANE..lanes {
            axpy::<FMA>(&mut b[lane], -z, &u[lane]);
        }
        let lane = &mut b[row / LANE].0;
        lane[..row % LANE].copy_from_slice(&kept[..row % LANE]);
        lane[row % LANE] = z;
    }
    for (row, inverse) in inverse.iter().enumerate().rev() {
        let (u, own) = (&matrix[row * lanes..][..lanes], row / LANE);
        let mut sum = dot::<FMA>(&u[own + 1..], &b[own + 1..]);
        for at in row % LANE + 1..LANE {
            sum = fma::<FMA>(u[own].0[at], b[own].0[at], sum);
        }
        let z = &mut flat_mut(b)[row];
        *z = (*z - sum) * inverse;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn solve_avx2(matrix: &[Lane], inverse: &[f32], b: &mut [Lane]) {
    solve::<true>(matrix, inverse, b);
}

#[inline(always)]
pub(super) fn gather<const FMA: bool>(
    source: &[Lane],
    cells: &[(u32, f32)],
    packed: &mut [Lane],
    b: &mut [Lane],
    rooted: bool,
) {
    let lanes = b.len();
    for ((row, weight), packed) in cells.iter().zip(packed.chunks_exact_mut(lanes)) {
        let source = &source[*row as usize * lanes..][..lanes];
        let root = if rooted { weight.sqrt() } else { 1.0 };
        for ((packed, x), b) in packed.iter_mut().zip(source).zip(b.iter_mut()) {
            for (packed, x) in packed.0.iter_mut().zip(&x.0) {
                *packed = x * root;
            }
            axpy::<FMA>(b, 1.0 + weight, x);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn gather_avx2(
    source: &[Lane],
    cells: &[(u32, f32)],
    packed: &mut [Lane],
    b: &mut [Lane],
    rooted: bool,
) {
    gather::<true>(source, cells, packed, b, rooted);
}

#[inline(always)]
pub(super) fn add_weighted<const FMA: bool>(
    packed: &[Lane],
    cells: &[(u32, f32)],
    x: &[Lane],
    out: &mut [Lane],
) {
    for ((_, weight), row) in cells.iter().zip(packed.chunks_exact(x.len())) {
        let scale = weight * dot::<FMA>(row, x);
        out.iter_mut().zip(row).for_each(|(out, row)| axpy::<FMA>(out, scale, row));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn add_weighted_avx2(packed: &[Lane], cells: &[(u32, f32)], x: &[Lane], out: &mut [Lane]) {
    add_weighted::<true>(packed, cells, x, out);
}

#[inline(always)]
pub(super) fn add_product<const FMA: bool>(whole: &[Lane], x: &[Lane], out: &mut [Lane]) {
    for (x, row) in flat(x).iter().zip(whole.chunks_exact(out.len())) {
        out.iter_mut().zip(row).for_each(|(out, row)| axpy::<FMA>(out, *x, row));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn add_product_avx2(whole: &[Lane], x: &[Lane], out: &mut [Lane]) {
    add_product::<true>(whole, x, out);
}

#[inline(always)]
pub(super) fn dots<const FMA: bool>(rows: &[Lane], x: &[Lane], scores: &mut [f32]) {
    for (row, score) in rows.chunks_exact(x.len()).zip(scores) {
        *score = dot::<FMA>(row, x);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn dots_avx2(rows: &[Lane], x: &[Lane], scores: &mut [f32]) {
    dots::<true>(rows, x, scores);
}
