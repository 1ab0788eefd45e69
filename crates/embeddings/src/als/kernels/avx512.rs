//! The kernels for AVX-512: sums stay in registers.

#![expect(unsafe_code, reason = "loads through raw pointers, at offsets that the callers' assertions hold")]

use std::arch::x86_64::*;

use super::super::factors::{LANE, Lane};
use super::BLOCK;

/// Loads a lane.
///
/// # Safety
/// `at` must be valid and aligned.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(at: *const Lane) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { _mm512_load_ps(at.cast()) }
}

/// # Safety
/// `at` must be valid and aligned.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store(at: *mut Lane, value: __m512) {
    // SAFETY: the caller's promise.
    unsafe { _mm512_store_ps(at.cast(), value) }
}

/// Eight rows of a triangle, `WIDE` lanes of them: 8 × `WIDE` sums in registers, one pass over all rows.
#[inline]
#[target_feature(enable = "avx512f")]
fn tile<const TAKE: bool, const WIDE: usize>(
    target: &mut [Lane],
    rows: &[Lane],
    lanes: usize,
    first: usize,
    lane: usize,
) {
    assert!(target.len() >= BLOCK * lanes && lane + WIDE <= lanes && first + BLOCK <= lanes * LANE);
    let mut sums = [[_mm512_setzero_ps(); WIDE]; BLOCK];
    for row in rows.chunks_exact(lanes) {
        // SAFETY: a row has `lanes` lanes, and both offsets are within them by the assertion.
        unsafe {
            let left = row.as_ptr().cast::<f32>().add(first);
            let mut right = [_mm512_setzero_ps(); WIDE];
            for (at, right) in right.iter_mut().enumerate() {
                *right = load(row.as_ptr().add(lane + at));
            }
            for (at, sums) in sums.iter_mut().enumerate() {
                let left = _mm512_set1_ps(*left.add(at));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = match TAKE {
                        true => _mm512_fnmadd_ps(left, right, *sum),
                        false => _mm512_fmadd_ps(left, right, *sum),
                    };
                }
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (at, sum) in sums.iter().enumerate() {
            // SAFETY: within eight rows of `lanes` lanes, by the assertion.
            unsafe {
                let cell = target.as_mut_ptr().add(row * lanes + lane + at);
                store(cell, _mm512_add_ps(load(cell), *sum));
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn block<const TAKE: bool>(target: &mut [Lane], rows: &[Lane], lanes: usize, first: usize) {
    let mut lane = first / LANE;
    while lane < lanes {
        match lanes - lane {
            1 => tile::<TAKE, 1>(target, rows, lanes, first, lane),
            2 | 4 => tile::<TAKE, 2>(target, rows, lanes, first, lane),
            _ => tile::<TAKE, 3>(target, rows, lanes, first, lane),
        }
        lane += match lanes - lane {
            1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn panel(rows: &mut [Lane], inverse: &mut [f32], lanes: usize, first: usize) -> bool {
    assert!(rows.len() == BLOCK * lanes && inverse.len() == BLOCK && first + BLOCK <= lanes * LANE);
    // The eight rows from the first lane on, one lane at a time: first the lane of the diagonal, which says what each
    // row takes from those above it, then all others.
    let own = first / LANE;
    let at = first % LANE;
    // SAFETY: all offsets are within eight rows of `lanes` lanes, by the assertion.
    unsafe {
        let base = rows.as_mut_ptr();
        let cell = |row: usize, lane: usize| base.add(row * lanes + lane);
        let mut x = [_mm512_setzero_ps(); BLOCK];
        for (row, x) in x.iter_mut().enumerate() {
            *x = load(cell(row, own));
        }
        let mut factors = [[_mm512_setzero_ps(); BLOCK]; BLOCK];
        let mut scale = [_mm512_setzero_ps(); BLOCK];
        for row in 0..BLOCK {
            let pick =
                |of: __m512, place: usize| _mm512_permutexvar_ps(_mm512_set1_epi32((at + place) as i32), of);
            let diagonal = pick(x[row], row);
            let number = _mm512_cvtss_f32(diagonal);
            if !(number > 0.0 && number.is_finite()) {
                return false;
            }
            // An estimate to 14 bits and one step of Newton's: within two roundings of exact.
            let estimate = _mm512_rsqrt14_ps(diagonal);
            let half = _mm512_mul_ps(_mm512_mul_ps(diagonal, estimate), estimate);
            let step = _mm512_fnmadd_ps(half, _mm512_set1_ps(0.5), _mm512_set1_ps(1.5));
            scale[row] = _mm512_mul_ps(estimate, step);
            inverse[row] = _mm512_cvtss_f32(scale[row]);
            x[row] = _mm512_mul_ps(x[row], scale[row]);
            for other in row + 1..BLOCK {
                factors[row][other] = pick(x[row], other);
                x[other] = _mm512_fnmadd_ps(factors[row][other], x[row], x[other]);
            }
        }
        for (row, x) in x.iter().enumerate() {
            store(cell(row, own), *x);
        }
        for lane in own + 1..lanes {
            let mut x = [_mm512_setzero_ps(); BLOCK];
            for (row, x) in x.iter_mut().enumerate() {
                *x = load(cell(row, lane));
            }
            for row in 0..BLOCK {
                x[row] = _mm512_mul_ps(x[row], scale[row]);
                for other in row + 1..BLOCK {
                    x[other] = _mm512_fnmadd_ps(factors[row][other], x[row], x[other]);
                }
            }
            for (row, x) in x.iter().enumerate() {
                store(cell(row, lane), *x);
            }
        }
    }
    true
}

#[target_feature(enable = "avx512f")]
pub(super) fn solve(matrix: &[Lane], inverse: &[f32], b: &mut [Lane]) {
    match b.len() {
        4 => solve_wide::<4>(matrix, inverse, b),
        8 => solve_wide::<8>(matrix, inverse, b),
        1 => solve_wide::<1>(matrix, inverse, b),
        2 => solve_wide::<2>(matrix, inverse, b),
        _ => super::portable::solve_avx2(matrix, inverse, b),
    }
}

/// Both triangles with the right side in registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn solve_wide<const LANES: usize>(matrix: &[Lane], inverse: &[f32], b: &mut [Lane]) {
    assert!(b.len() == LANES && matrix.len() == LANES * LANES * LANE && inverse.len() == LANES * LANE);
    // SAFETY: all offsets are within the lengths that are asserted.
    unsafe {
        let cell = |row: usize, lane: usize| matrix.as_ptr().add(row * LANES + lane);
        let mut x = [_mm512_setzero_ps(); LANES];
        for (lane, x) in x.iter_mut().enumerate() {
            *x = load(b.as_ptr().add(lane));
        }
        // Forward: what is found goes from all that is right of it.
        for own in 0..LANES {
            for at in 0..LANE {
                let row = own * LANE + at;
                let z = _mm512_permutexvar_ps(_mm512_set1_epi32(at as i32), x[own]);
                let z = _mm512_mul_ps(z, _mm512_set1_ps(inverse[row]));
                let right = 0xfffe_u16 << at;
                let rest = _mm512_mask3_fnmadd_ps(z, load(cell(row, own)), x[own], right);
                x[own] = _mm512_mask_mov_ps(rest, 1 << at, z);
                for (lane, x) in x.iter_mut().enumerate().skip(own + 1) {
                    *x = _mm512_fnmadd_ps(z, load(cell(row, lane)), *x);
                }
            }
        }
        // Backward: first what all later lanes take from the sixteen of a lane, then one after the other.
        for own in (0..LANES).rev() {
            let mut taken = [0.0_f32; LANE];
            if own + 1 < LANES {
                for (at, taken) in taken.iter_mut().enumerate() {
                    let row = own * LANE + at;
                    let mut sum = _mm512_setzero_ps();
                    for (lane, x) in x.iter().enumerate().skip(own + 1) {
                        sum = _mm512_fmadd_ps(load(cell(row, lane)), *x, sum);
                    }
                    *taken = _mm512_reduce_add_ps(sum);
                }
            }
            let rest = _mm512_sub_ps(x[own], _mm512_loadu_ps(taken.as_ptr()));
            // The triangle of this lane by columns, so that no sum across a register is waited for.
            let mut triangle = [_mm512_setzero_ps(); LANE];
            let cells = matrix.as_ptr().add(own * LANE * LANES + own).cast::<f32>();
            let apart = _mm512_mullo_epi32(
                _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                _mm512_set1_epi32((LANES * LANE) as i32),
            );
            for (at, column) in triangle.iter_mut().enumerate() {
                let above = ((1_u32 << at) - 1) as u16;
                let zero = _mm512_setzero_ps();
                *column = _mm512_mask_i32gather_ps::<4>(zero, above, apart, cells.add(at));
            }
            let mut rest = rest;
            for at in (0..LANE).rev() {
                let z = _mm512_permutexvar_ps(_mm512_set1_epi32(at as i32), rest);
                let z = _mm512_mul_ps(z, _mm512_set1_ps(inverse[own * LANE + at]));
                rest = _mm512_fnmadd_ps(z, triangle[at], rest);
                rest = _mm512_mask_mov_ps(rest, 1 << at, z);
            }
            x[own] = rest;
        }
        for (lane, x) in x.iter().enumerate() {
            store(b.as_mut_ptr().add(lane), *x);
        }
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn gather(
    source: &[Lane],
    cells: &[(u32, f32)],
    packed: &mut [Lane],
    b: &mut [Lane],
    rooted: bool,
) {
    match b.len() {
        1 => gather_wide::<1>(source, cells, packed, b, rooted),
        2 => gather_wide::<2>(source, cells, packed, b, rooted),
        4 => gather_wide::<4>(source, cells, packed, b, rooted),
        8 => gather_wide::<8>(source, cells, packed, b, rooted),
        _ => super::portable::gather_avx2(source, cells, packed, b, rooted),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn gather_wide<const LANES: usize>(
    source: &[Lane],
    cells: &[(u32, f32)],
    packed: &mut [Lane],
    b: &mut [Lane],
    rooted: bool,
) {
    /// So many rows ahead are asked for.
    const AHEAD: usize = 6;
    assert!(b.len() == LANES && packed.len() == cells.len() * LANES);
    let mut sums = [_mm512_setzero_ps(); LANES];
    for (at, (row, weight)) in cells.iter().enumerate() {
        if let Some((ahead, _)) = cells.get(at + AHEAD) {
            let ahead = source.as_ptr().wrapping_add(*ahead as usize * LANES);
            for lane in 0..LANES {
                _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(lane).cast());
            }
        }
        let root = _mm512_set1_ps(if rooted { weight.sqrt() } else { 1.0 });
        let whole = _mm512_set1_ps(1.0 + weight);
        let row = &source[*row as usize * LANES..][..LANES];
        // SAFETY: the row was just taken, and `packed` has as many rows as there are cells.
        unsafe {
            let to = packed.as_mut_ptr().add(at * LANES);
            for (lane, sum) in sums.iter_mut().enumerate() {
                let x = load(row.as_ptr().add(lane));
                store(to.add(lane), _mm512_mul_ps(x, root));
                *sum = _mm512_fmadd_ps(x, whole, *sum);
            }
        }
    }
    for (b, sum) in b.iter_mut().zip(sums) {
        // SAFETY: a lane of the slice.
        unsafe { store(b, _mm512_add_ps(load(b), sum)) };
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn add_weighted(packed: &[Lane], cells: &[(u32, f32)], x: &[Lane], out: &mut [Lane]) {
    match x.len() {
        1 => add_weighted_wide::<1>(packed, cells, x, out),
        2 => add_weighted_wide::<2>(packed, cells, x, out),
        4 => add_weighted_wide::<4>(packed, cells, x, out),
        8 => add_weighted_wide::<8>(packed, cells, x, out),
        _ => super::portable::add_weighted_avx2(packed, cells, x, out),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_weighted_wide<const LANES: usize>(
    packed: &[Lane],
    cells: &[(u32, f32)],
    x: &[Lane],
    out: &mut [Lane],
) {
    assert!(x.len() == LANES && out.len() == LANES);
    let (mut left, mut sums) = ([_mm512_setzero_ps(); LANES], [_mm512_setzero_ps(); LANES]);
    // SAFETY: lanes of the slices, whose lengths are asserted.
    unsafe {
        for lane in 0..LANES {
            left[lane] = load(x.as_ptr().add(lane));
            sums[lane] = load(out.as_ptr().add(lane));
        }
        for (row, (_, weight)) in packed.chunks_exact(LANES).zip(cells) {
            let mut right = [_mm512_setzero_ps(); LANES];
            let mut dot = _mm512_setzero_ps();
            for lane in 0..LANES {
                right[lane] = load(row.as_ptr().add(lane));
                dot = _mm512_fmadd_ps(left[lane], right[lane], dot);
            }
            let scale = _mm512_set1_ps(weight * _mm512_reduce_add_ps(dot));
            for lane in 0..LANES {
                sums[lane] = _mm512_fmadd_ps(scale, right[lane], sums[lane]);
            }
        }
        for (lane, sum) in sums.iter().enumerate() {
            store(out.as_mut_ptr().add(lane), *sum);
        }
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn add_product(whole: &[Lane], x: &[Lane], out: &mut [Lane]) {
    match x.len() {
        1 => add_product_wide::<1>(whole, x, out),
        2 => add_product_wide::<2>(whole, x, out),
        4 => add_product_wide::<4>(whole, x, out),
        8 => add_product_wide::<8>(whole, x, out),
        _ => super::portable::add_product_avx2(whole, x, out),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_product_wide<const LANES: usize>(whole: &[Lane], x: &[Lane], out: &mut [Lane]) {
    assert!(x.len() == LANES && out.len() == LANES && whole.len() == LANES * LANES * LANE);
    // Two rows at a time, so that sums do not wait for each other.
    let (mut even, mut odd) = ([_mm512_setzero_ps(); LANES], [_mm512_setzero_ps(); LANES]);
    // SAFETY: lanes of the slices, whose lengths are asserted.
    unsafe {
        let x = x.as_ptr().cast::<f32>();
        for row in (0..LANES * LANE).step_by(2) {
            let (a, b) = (_mm512_set1_ps(*x.add(row)), _mm512_set1_ps(*x.add(row + 1)));
            for lane in 0..LANES {
                even[lane] = _mm512_fmadd_ps(a, load(whole.as_ptr().add(row * LANES + lane)), even[lane]);
                odd[lane] = _mm512_fmadd_ps(b, load(whole.as_ptr().add((row + 1) * LANES + lane)), odd[lane]);
            }
        }
        for lane in 0..LANES {
            let cell = out.as_mut_ptr().add(lane);
            store(cell, _mm512_add_ps(load(cell), _mm512_add_ps(even[lane], odd[lane])));
        }
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn dots(rows: &[Lane], x: &[Lane], scores: &mut [f32]) {
    let lanes = x.len();
    for (row, score) in rows.chunks_exact(lanes).zip(scores) {
        let mut sum = _mm512_setzero_ps();
        for lane in 0..lanes {
            // SAFETY: both have `lanes` lanes.
            unsafe { sum = _mm512_fmadd_ps(load(row.as_ptr().add(lane)), load(x.as_ptr().add(lane)), sum) };
        }
        *score = _mm512_reduce_add_ps(sum);
    }
}
