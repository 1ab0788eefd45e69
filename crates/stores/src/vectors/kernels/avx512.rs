//! The kernels for AVX-512 with VNNI.

#![expect(unsafe_code, reason = "loads through raw pointers, at offsets that the callers' assertions hold")]

use std::arch::x86_64::*;

use super::LINE;

/// Sums sixteen lanes of each of four registers into one register of four.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sums_of_four(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m128i {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64::<1>(all));
    _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half))
}

/// The sum of products of one row, lane by lane.
///
/// # Safety
/// Both must hold `lines` lines.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn row(query: *const u8, row: *const i8, lines: usize) -> __m512i {
    let mut sum = _mm512_setzero_si512();
    for line in 0..lines {
        // SAFETY: the caller's promise.
        unsafe {
            let q = _mm512_loadu_si512(query.add(line * LINE).cast());
            let r = _mm512_loadu_si512(row.add(line * LINE).cast());
            sum = _mm512_dpbusd_epi32(sum, q, r);
        }
    }
    sum
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn products(query: &[u8], rows: &[i8], out: &mut [i32]) {
    let (width, lines) = (query.len(), query.len() / LINE);
    let mut fours = out.chunks_exact_mut(4);
    let (q, mut at) = (query.as_ptr(), rows.as_ptr());
    for four in &mut fours {
        // SAFETY: there are as many rows of `width` bytes as numbers in `out`.
        unsafe {
            let sums = sums_of_four(
                row(q, at, lines),
                row(q, at.add(width), lines),
                row(q, at.add(2 * width), lines),
                row(q, at.add(3 * width), lines),
            );
            _mm_storeu_si128(four.as_mut_ptr().cast(), sums);
            at = at.add(4 * width);
        }
    }
    for out in fours.into_remainder() {
        // SAFETY: as above.
        unsafe {
            *out = _mm512_reduce_add_epi32(row(q, at, lines));
            at = at.add(width);
        }
    }
}

/// `numbers` must be those of whole rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn products_of(query: &[u8], rows: &[i8], numbers: &[u32], out: &mut [i32]) {
    let (width, lines) = (query.len(), query.len() / LINE);
    let (q, rows) = (query.as_ptr(), rows.as_ptr());
    // SAFETY: the rows are there.
    let sums = |number: u32| unsafe { row(q, rows.add(number as usize * width), lines) };
    let mut fours = out.chunks_exact_mut(4);
    let mut named = numbers.chunks_exact(4);
    for (four, named) in (&mut fours).zip(&mut named) {
        let all = sums_of_four(sums(named[0]), sums(named[1]), sums(named[2]), sums(named[3]));
        // SAFETY: there are four.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), all) };
    }
    for (out, number) in fours.into_remainder().iter_mut().zip(named.remainder()) {
        *out = _mm512_reduce_add_epi32(sums(*number));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn product(query: &[u8], one: &[i8]) -> i32 {
    // SAFETY: both have the same number of whole lines.
    unsafe { _mm512_reduce_add_epi32(row(query.as_ptr(), one.as_ptr(), query.len() / LINE)) }
}

/// The lanes of sixteen that so many numbers fill.
fn lanes(left: usize) -> u16 {
    if left < 16 { (1 << left) - 1 } else { u16::MAX }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = _mm512_setzero_ps();
    for at in (0..a.len()).step_by(16) {
        let mask = lanes(a.len() - at);
        // SAFETY: lanes beyond the end are masked, and masked lanes are not read.
        unsafe {
            let a = _mm512_maskz_loadu_ps(mask, a.as_ptr().add(at));
            let b = _mm512_maskz_loadu_ps(mask, b.as_ptr().add(at));
            sum = _mm512_fmadd_ps(a, b, sum);
        }
    }
    _mm512_reduce_add_ps(sum)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn dot_half(a: &[f32], b: &[u16]) -> f32 {
    let mut sum = _mm512_setzero_ps();
    for at in (0..a.len()).step_by(16) {
        let left = (a.len() - at).min(16);
        let mask = lanes(left);
        let mut bits = [0_u16; 16];
        bits[..left].copy_from_slice(&b[at..at + left]);
        // SAFETY: lanes beyond the end are masked, and masked lanes are not read; `bits` holds sixteen.
        unsafe {
            let a = _mm512_maskz_loadu_ps(mask, a.as_ptr().add(at));
            let b = _mm512_cvtph_ps(_mm256_loadu_si256(bits.as_ptr().cast()));
            sum = _mm512_fmadd_ps(a, b, sum);
        }
    }
    _mm512_reduce_add_ps(sum)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn dot_bytes(a: &[f32], b: &[i8]) -> f32 {
    let mut sum = _mm512_setzero_ps();
    for at in (0..a.len()).step_by(16) {
        let mask = lanes(a.len() - at);
        // SAFETY: lanes beyond the end are masked, and masked lanes are not read.
        unsafe {
            let a = _mm512_maskz_loadu_ps(mask, a.as_ptr().add(at));
            let b = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, b.as_ptr().add(at)));
            sum = _mm512_fmadd_ps(a, _mm512_cvtepi32_ps(b), sum);
        }
    }
    _mm512_reduce_add_ps(sum)
}
