//! AVX-512 with VBMI, whose byte permutes look codes up in registers.

use std::arch::x86_64::*;

use super::super::CategorySet;
use super::super::lanes::{ABREAST, COLUMNS, LaneNode, Lanes, ROWS};
use super::super::quantise::{MISSING, Quantiser};
use super::super::rows::Rows;
use super::avx512::{any_missing, rank};

/// The codes of one row.
#[repr(C, align(64))]
struct Codes([u8; COLUMNS]);

/// Adds the leaves of a few rows to the sums of their groups.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,popcnt")]
pub(super) fn lanes(
    lanes: &Lanes,
    quantiser: &Quantiser,
    sets: &[CategorySet],
    rows: &Rows<'_>,
    groups: usize,
    sums: &mut [f32],
) {
    assert!(quantiser.columns() <= COLUMNS, "all columns fit the registers");
    assert!(
        rows.len() <= ROWS && sums.len() >= rows.len() * groups,
        "a few rows, and a sum for each and group"
    );
    let mut codes = [const { Codes([0; COLUMNS]) }; ROWS];
    let missing = any_missing(rows);
    for (row, codes) in codes.iter_mut().enumerate().take(rows.len()) {
        for ranks in &quantiser.ranks {
            let value = rows.get(row, ranks.feature as usize);
            let blocks = quantiser.blocks[ranks.start as usize..].as_ptr();
            // SAFETY: the blocks are those of `ranks`, and there are pivots from 16 thresholds on.
            let rank = unsafe {
                if ranks.count < 16 { rank::<false>(blocks, value) } else { rank::<true>(blocks, value) }
            };
            codes.0[ranks.left as usize % COLUMNS] = rank;
            codes.0[ranks.right as usize % COLUMNS] = if missing && value.is_nan() { MISSING } else { rank };
        }
        for column in &quantiser.sets {
            let right = quantiser.goes_right(sets, column, rows.get(row, column.feature as usize));
            codes.0[column.column as usize] = u8::from(right);
        }
    }
    let codes = &codes[..rows.len()];
    match lanes.columns.div_ceil(ABREAST) {
        1 => blocks::<1>(lanes, codes, groups, sums),
        2 => blocks::<2>(lanes, codes, groups, sums),
        _ => blocks::<4>(lanes, codes, groups, sums),
    }
}

/// `REGISTERS` hold the codes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi")]
fn blocks<const REGISTERS: usize>(lanes: &Lanes, codes: &[Codes], groups: usize, sums: &mut [f32]) {
    for block in &lanes.blocks {
        let depth = block.depth as usize;
        let nodes = &lanes.nodes[block.nodes as usize..][..(1 << depth) - 1];
        let leaves = &lanes.leaves[block.leaves as usize..][..ABREAST << depth];
        // While the nodes of these trees are near, all rows.
        for (row, codes) in codes.iter().enumerate() {
            let mut registers = [_mm512_setzero_si512(); REGISTERS];
            for (at, register) in registers.iter_mut().enumerate() {
                // SAFETY: `codes` are four times 64 aligned bytes.
                *register = unsafe { _mm512_load_si512(codes.0.as_ptr().add(64 * at).cast()) };
            }
            let numbers = match depth {
                1 => numbers::<1, REGISTERS>(nodes, &registers),
                2 => numbers::<2, REGISTERS>(nodes, &registers),
                3 => numbers::<3, REGISTERS>(nodes, &registers),
                4 => numbers::<4, REGISTERS>(nodes, &registers),
                5 => numbers::<5, REGISTERS>(nodes, &registers),
                _ => numbers::<6, REGISTERS>(nodes, &registers),
            };
            let values = values(numbers, leaves, depth);
            let sum = &mut sums[row * groups + block.group as usize];
            *sum = values[..block.trees as usize].iter().fold(*sum, |sum, value| sum + value);
        }
    }
}

/// The leaves of 64 trees with these numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn values(numbers: __m512i, leaves: &[f32], depth: usize) -> [f32; ABREAST] {
    assert_eq!(leaves.len(), ABREAST << depth, "the block has the leaves of its depth");
    let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let shift = _mm_cvtsi32_si128(depth as i32);
    let mut values = [0.0f32; ABREAST];
    let parts = [
        _mm512_castsi512_si128(numbers),
        _mm512_extracti32x4_epi32::<1>(numbers),
        _mm512_extracti32x4_epi32::<2>(numbers),
        _mm512_extracti32x4_epi32::<3>(numbers),
    ];
    for (quarter, part) in parts.into_iter().enumerate() {
        let tree = _mm512_add_epi32(lane, _mm512_set1_epi32(16 * quarter as i32));
        let index = _mm512_add_epi32(_mm512_sll_epi32(tree, shift), _mm512_cvtepu8_epi32(part));
        // SAFETY: tree and number are below 64 and `2^depth`, and so many leaves there are; sixteen of 64 values to write.
        unsafe {
            let found = _mm512_i32gather_ps::<4>(index, leaves.as_ptr());
            _mm512_storeu_ps(values.as_mut_ptr().add(16 * quarter), found);
        }
    }
    values
}

/// The leaf numbers of 64 trees.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn numbers<const DEPTH: usize, const REGISTERS: usize>(
    nodes: &[LaneNode],
    registers: &[__m512i; REGISTERS],
) -> __m512i {
    assert_eq!(nodes.len(), (1 << DEPTH) - 1, "the block has the nodes of its depth");
    // `right[level]`: which trees go right at their own node of that level.
    let mut right = [0u64; 6];
    let mut number = _mm512_setzero_si512();
    for level in 0..DEPTH {
        let (start, width) = ((1 << level) - 1, 1usize << level);
        let column = |at: usize| {
            // SAFETY: 64 aligned bytes; the nodes of a level start at `2^level - 1` and are `2^level`.
            unsafe { _mm512_load_si512(nodes.as_ptr().add(start + at).cast()) }
        };
        let bound = |at: usize| {
            // SAFETY: the 64 bytes after those.
            unsafe { _mm512_load_si512(nodes.as_ptr().add(start + at).cast::<__m512i>().add(1).cast()) }
        };
        let (column, bound) = match level {
            0 => (column(0), bound(0)),
            1 => (choose_1(&right, &column, 0, width), choose_1(&right, &bound, 0, width)),
            2 => (choose_2(&right, &column, 0, width), choose_2(&right, &bound, 0, width)),
            3 => (choose_3(&right, &column, 0, width), choose_3(&right, &bound, 0, width)),
            4 => (choose_4(&right, &column, 0, width), choose_4(&right, &bound, 0, width)),
            _ => (choose_5(&right, &column, 0, width), choose_5(&right, &bound, 0, width)),
        };
        right[level] = _mm512_cmpge_epu8_mask(pick(registers, column), bound);
        let step = _mm512_set1_epi8(1 << (DEPTH - 1 - level));
        number = _mm512_mask_add_epi8(number, right[level], number, step);
    }
    number
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn choose_0(_: &[u64; 6], node: &impl Fn(usize) -> __m512i, at: usize, _: usize) -> __m512i {
    node(at)
}

/// Of nodes `at`, `at + width / 2^level`, …, for each tree the one that its first `level` answers lead to. A function for each
/// level, so that all is unrolled, depth first, within the registers.
macro_rules! choose {
    ($($name:ident = $level:literal of $below:ident;)*) => {$(
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
        fn $name(right: &[u64; 6], node: &impl Fn(usize) -> __m512i, at: usize, width: usize) -> __m512i {
            let (low, high) = ($below(right, node, at, width), $below(right, node, at + (width >> $level), width));
            _mm512_mask_blend_epi8(right[$level - 1], low, high)
        }
    )*};
}
choose! {
    choose_1 = 1 of choose_0;
    choose_2 = 2 of choose_1;
    choose_3 = 3 of choose_2;
    choose_4 = 4 of choose_3;
    choose_5 = 5 of choose_4;
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
