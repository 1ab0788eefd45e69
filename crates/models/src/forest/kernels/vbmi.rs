//! AVX-512 with VBMI, whose byte permutes look codes up in registers.

use std::arch::x86_64::*;

use super::super::CategorySet;
use super::super::lanes::{ABREAST, COLUMNS, LaneNode, Lanes};
use super::super::quantise::{MISSING, Quantiser};
use super::super::rows::Rows;

/// The codes of one row.
#[repr(C, align(64))]
struct Codes([u8; COLUMNS]);

/// Adds the leaves of one row to the sums of its groups.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,popcnt")]
pub(super) fn lanes(
    lanes: &Lanes,
    quantiser: &Quantiser,
    sets: &[CategorySet],
    row: &Rows<'_>,
    sums: &mut [f32],
) {
    assert!(quantiser.columns() <= COLUMNS, "all columns fit the registers");
    let mut codes = Codes([0; COLUMNS]);
    for ranks in &quantiser.ranks {
        let value = row.get(0, ranks.feature as usize);
        // SAFETY: `ranks` is the quantiser's.
        let rank = unsafe { super::avx512::rank(quantiser, ranks, value) };
        codes.0[ranks.left as usize] = rank;
        codes.0[ranks.right as usize] = if value.is_nan() { MISSING } else { rank };
    }
    for column in &quantiser.sets {
        let right = quantiser.goes_right(sets, column, row.get(0, column.feature as usize));
        codes.0[column.column as usize] = u8::from(right);
    }
    match lanes.columns.div_ceil(ABREAST) {
        1 => blocks::<1>(lanes, &codes, sums),
        2 => blocks::<2>(lanes, &codes, sums),
        _ => blocks::<4>(lanes, &codes, sums),
    }
}

/// `REGISTERS` hold the codes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
fn blocks<const REGISTERS: usize>(lanes: &Lanes, codes: &Codes, sums: &mut [f32]) {
    let mut registers = [_mm512_setzero_si512(); REGISTERS];
    for (at, register) in registers.iter_mut().enumerate() {
        // SAFETY: `codes` are four times 64 aligned bytes.
        *register = unsafe { _mm512_load_si512(codes.0.as_ptr().add(64 * at).cast()) };
    }
    for block in &lanes.blocks {
        let depth = block.depth as usize;
        let nodes = &lanes.nodes[block.nodes as usize..][..(1 << depth) - 1];
        let leaves = &lanes.leaves[block.leaves as usize..][..ABREAST << depth];
        let numbers = match depth {
            1 => numbers::<1, REGISTERS>(nodes, &registers),
            2 => numbers::<2, REGISTERS>(nodes, &registers),
            3 => numbers::<3, REGISTERS>(nodes, &registers),
            4 => numbers::<4, REGISTERS>(nodes, &registers),
            5 => numbers::<5, REGISTERS>(nodes, &registers),
            _ => numbers::<6, REGISTERS>(nodes, &registers),
        };
        let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let mut values = [0.0f32; ABREAST];
        for (quarter, values) in values.chunks_exact_mut(16).enumerate() {
            let mine = match quarter {
                0 => _mm512_castsi512_si128(numbers),
                1 => _mm512_extracti32x4_epi32::<1>(numbers),
                2 => _mm512_extracti32x4_epi32::<2>(numbers),
                _ => _mm512_extracti32x4_epi32::<3>(numbers),
            };
            let tree = _mm512_add_epi32(lane, _mm512_set1_epi32(16 * quarter as i32));
            let tree = _mm512_sll_epi32(tree, _mm_cvtsi32_si128(depth as i32));
            let index = _mm512_add_epi32(tree, _mm512_cvtepu8_epi32(mine));
            // SAFETY: tree and number are below 64 and `2^depth`, and so many leaves there are; sixteen values to write.
            unsafe {
                let found = _mm512_i32gather_ps::<4>(index, leaves.as_ptr());
                _mm512_storeu_ps(values.as_mut_ptr(), found);
            }
        }
        let sum = &mut sums[block.group as usize];
        *sum = values[..block.trees as usize].iter().fold(*sum, |sum, value| sum + value);
    }
}

/// The leaf numbers of 64 trees.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn numbers<const DEPTH: usize, const REGISTERS: usize>(
    nodes: &[LaneNode],
    registers: &[__m512i; REGISTERS],
) -> __m512i {
    assert_eq!(nodes.len(), (1 << DEPTH) - 1, "the block has the nodes of its depth");
    let load = |bytes: &[u8; ABREAST]| {
        // SAFETY: 64 aligned bytes.
        unsafe { _mm512_load_si512(bytes.as_ptr().cast()) }
    };
    // `right[level]`: which trees go right at their own node of that level.
    let mut right = [0u64; 6];
    let mut number = _mm512_setzero_si512();
    let (mut columns, mut bounds) = ([_mm512_setzero_si512(); 32], [_mm512_setzero_si512(); 32]);
    for level in 0..DEPTH {
        let start = (1 << level) - 1;
        let mut width = 1usize << level;
        if level == 0 {
            (columns[0], bounds[0]) = (load(&nodes[0].column), load(&nodes[0].bound));
        } else {
            width /= 2;
            for at in 0..width {
                let (left, other) = (&nodes[start + at], &nodes[start + width + at]);
                columns[at] = _mm512_mask_blend_epi8(right[0], load(&left.column), load(&other.column));
                bounds[at] = _mm512_mask_blend_epi8(right[0], load(&left.bound), load(&other.bound));
            }
            for right in &right[1..level] {
                width /= 2;
                for at in 0..width {
                    columns[at] = _mm512_mask_blend_epi8(*right, columns[at], columns[at + width]);
                    bounds[at] = _mm512_mask_blend_epi8(*right, bounds[at], bounds[at + width]);
                }
            }
        }
        let codes = pick(registers, columns[0]);
        right[level] = _mm512_cmpge_epu8_mask(codes, bounds[0]);
        let step = _mm512_set1_epi8(1 << (DEPTH - 1 - level));
        number = _mm512_mask_add_epi8(number, right[level], number, step);
    }
    number
}

/// The codes of 64 columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn pick<const REGISTERS: usize>(registers: &[__m512i; REGISTERS], columns: __m512i) -> __m512i {
    match REGISTERS {
        1 => _mm512_permutexvar_epi8(columns, registers[0]),
        2 => _mm512_permutex2var_epi8(registers[0], columns, registers[1]),
        _ => {
            let low = _mm512_permutex2var_epi8(registers[0], columns, registers[1]);
            let high = _mm512_permutex2var_epi8(registers[2], columns, registers[3]);
            _mm512_mask_blend_epi8(_mm512_movepi8_mask(columns), low, high)
        }
    }
}
