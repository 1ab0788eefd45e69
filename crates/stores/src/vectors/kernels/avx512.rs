//! The kernels for AVX-512 with VNNI.

#![expect(unsafe_code, reason = "loads through raw pointers, at offsets that the callers' assertions hold")]

use std::arch::x86_64::*;

use super::{Ask, LINE, Line, Most};

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
unsafe fn row(query: *const i8, row: *const Line, lines: usize) -> __m512i {
    let mut sum = _mm512_setzero_si512();
    for line in 0..lines {
        // SAFETY: the caller's promise; lines are aligned.
        unsafe {
            let q = _mm512_loadu_si512(query.add(line * LINE).cast());
            let r = _mm512_load_si512(row.add(line).cast());
            sum = _mm512_dpbusd_epi32(sum, r, q);
        }
    }
    sum
}

/// `numbers` must be those of whole rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn products_of(query: &[i8], rows: &[Line], numbers: &[u32], out: &mut [i32]) {
    let lines = query.len() / LINE;
    let (q, rows) = (query.as_ptr(), rows.as_ptr());
    // SAFETY: the rows are there.
    let sums = |number: u32| unsafe { row(q, rows.add(number as usize * lines), lines) };
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
pub(super) fn product(query: &[i8], one: &[Line]) -> i32 {
    // SAFETY: both have the same number of whole lines.
    unsafe { _mm512_reduce_add_epi32(row(query.as_ptr(), one.as_ptr(), one.len())) }
}

/// Blocks must have the lines that `ask` is for, and `out` a place for each.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn at_most(ask: &Ask, blocks: &[Line], bar: f32, out: &mut [Most]) {
    let low_half = _mm512_set1_epi8(0x0f);
    let high_half = _mm512_set1_epi8(0xf0_u8 as i8);
    let (scale, length) = (_mm512_set1_ps(ask.scale), _mm512_set1_ps(ask.length));
    let (middle, bar) = (_mm512_set1_epi32(ask.middle), _mm512_set1_ps(bar));
    for (block, out) in blocks.chunks_exact(ask.fours.len() + 1).zip(out) {
        let (mut low, mut high) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        for ([first, second], line) in ask.fours.iter().zip(block) {
            // SAFETY: a line has as many bytes.
            let line = unsafe { _mm512_load_si512(line.0.as_ptr().cast()) };
            low = _mm512_dpbusd_epi32(low, _mm512_and_si512(line, low_half), _mm512_set1_epi32(*first));
            // Sixteen times as much, as these bits stand where they stand.
            high = _mm512_dpbusd_epi32(high, _mm512_and_si512(line, high_half), _mm512_set1_epi32(*second));
        }
        let sum = _mm512_add_epi32(low, _mm512_srai_epi32::<4>(high));
        let product = _mm512_sub_epi32(_mm512_add_epi32(sum, sum), middle);
        // SAFETY: as above.
        let measures = unsafe { _mm512_load_si512(block[ask.fours.len()].0.as_ptr().cast()) };
        let scales = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(measures));
        let errors = _mm512_castsi512_ps(_mm512_and_si512(measures, _mm512_set1_epi32(!0xffff)));
        let near = _mm512_mul_ps(_mm512_cvtepi32_ps(product), _mm512_mul_ps(scales, scale));
        let most = _mm512_fmadd_ps(errors, length, near);
        out.reach = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(most, bar);
        // SAFETY: there are sixteen of each.
        unsafe {
            _mm512_storeu_ps(out.near.as_mut_ptr(), near);
            _mm512_storeu_ps(out.most.as_mut_ptr(), most);
        }
    }
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
pub(super) fn dot_bytes(a: &[f32], row: &[Line]) -> f32 {
    let mut sum = _mm512_setzero_ps();
    for (a, line) in a.chunks(LINE).zip(row) {
        for at in (0..a.len()).step_by(16) {
            let mask = lanes(a.len() - at);
            // SAFETY: lanes beyond the end are masked, and masked lanes are not read; a line holds whole sixteens.
            unsafe {
                let a = _mm512_maskz_loadu_ps(mask, a.as_ptr().add(at));
                let more = _mm512_cvtepu8_epi32(_mm_load_si128(line.0.as_ptr().add(at).cast()));
                let b = _mm512_sub_epi32(more, _mm512_set1_epi32(128));
                sum = _mm512_fmadd_ps(a, _mm512_cvtepi32_ps(b), sum);
            }
        }
    }
    _mm512_reduce_add_ps(sum)
}
