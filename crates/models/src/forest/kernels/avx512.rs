//! AVX-512: F, BW, DQ and VL.
//!
//! Every function reads through raw pointers at offsets that the layouts hold. The layouts are built in this crate from
//! checked forests, hold columns below [`Quantiser::columns`] only, and every function asserts that its tile is that wide.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::super::blend::{Blend, LEAVES, SLOTS};
use super::super::deep::{Deep, SLACK};
use super::super::floats::{FloatColumns, Floats};
use super::super::fold::{DEPTH as DEPTH_LIMIT, Fold, FoldSplit, OCTET};
use super::super::quantise::{Block, Bytes, MISSING, Quantiser, RankColumns, TILE};
use super::super::rows::Rows;
use super::super::shap::{Scratch, Shap};
use super::super::{CategorySet, Forest};

/// [`Shap::walk`], compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) fn shap<const ROWS: usize>(
    shap: &Shap,
    forest: &Forest,
    tree: usize,
    scratch: &mut Scratch<ROWS>,
) {
    shap.walk(forest, tree, scratch, &mut None);
}

/// [`Quantiser::tile`]: for each value, one compare with sixteen pivots and one with sixteen thresholds.
#[target_feature(enable = "avx512f,avx512bw,popcnt")]
pub(super) fn quantise(quantiser: &Quantiser, sets: &[CategorySet], rows: &Rows<'_>, tile: &mut [Bytes]) {
    assert!(tile.len() >= quantiser.columns(), "the tile holds all columns");
    assert!(rows.len() <= TILE, "a tile has 64 rows");
    let missing = any_missing(rows);
    for ranks in &quantiser.ranks {
        let mut codes = Bytes([0; TILE]);
        if ranks.count < 16 {
            column::<false>(quantiser, ranks, rows, &mut codes);
        } else {
            column::<true>(quantiser, ranks, rows, &mut codes);
        }
        tile[ranks.left as usize] = codes;
        if missing {
            for (row, code) in codes.0.iter_mut().enumerate().take(rows.len()) {
                if rows.get(row, ranks.feature as usize).is_nan() {
                    *code = MISSING;
                }
            }
        }
        tile[ranks.right as usize] = codes;
    }
    quantiser.tile_sets(sets, rows, tile);
}

/// The ranks of one feature; `LONG` when it has pivots.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
fn column<const LONG: bool>(quantiser: &Quantiser, ranks: &RankColumns, rows: &Rows<'_>, codes: &mut Bytes) {
    let column = rows.columns()[ranks.feature as usize];
    let blocks = &quantiser.blocks[ranks.start as usize..];
    for (row, code) in codes.0.iter_mut().enumerate().take(rows.len()) {
        // SAFETY: rows are checked to hold their columns when they are made; `blocks` are those of `ranks`.
        *code = unsafe { rank::<LONG>(blocks.as_ptr(), value(rows, row, column)) };
    }
}

/// How many thresholds are at or below a value; 0 for NaN.
///
/// # Safety
/// The blocks are, unless `LONG`, one; else a block of pivots and one more block than pivots that a value can reach.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
pub(super) unsafe fn rank<const LONG: bool>(blocks: *const Block, value: f32) -> u8 {
    let spread = _mm512_set1_ps(value);
    // SAFETY: the caller's promise; a block is 64 aligned bytes.
    unsafe {
        let reached = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(_mm512_load_ps(blocks.cast()), spread).count_ones();
        if !LONG {
            return reached as u8;
        }
        let block = _mm512_load_ps(blocks.add(1 + reached as usize).cast());
        (16 * reached + _mm512_cmp_ps_mask::<_CMP_LE_OQ>(block, spread).count_ones()) as u8
    }
}

/// [`FloatColumns::tile`].
#[target_feature(enable = "avx512f")]
pub(super) fn floats(columns: &FloatColumns, sets: &[CategorySet], rows: &Rows<'_>, tile: &mut [Floats]) {
    assert!(rows.len() <= TILE, "a tile has 64 rows");
    if any_missing(rows) || columns.columns.iter().any(|column| column.set.is_some()) {
        return columns.tile(sets, rows, tile);
    }
    for (column, out) in columns.columns.iter().zip(tile) {
        let place = rows.columns()[column.feature as usize];
        for (row, out) in out.0.iter_mut().enumerate().take(rows.len()) {
            // SAFETY: rows are checked to hold their columns when they are made.
            *out = unsafe { value(rows, row, place) };
        }
    }
}

/// The value at a place of a row, unchecked.
///
/// # Safety
/// The row is below [`Rows::len`], and the place below [`Rows::needed`].
#[inline]
unsafe fn value(rows: &Rows<'_>, row: usize, place: usize) -> f32 {
    debug_assert!(row < rows.len() && place < rows.needed());
    let (data, stride) = rows.parts();
    // SAFETY: rows are checked, when they are made, to hold `needed` values each.
    unsafe { *data.get_unchecked(row * stride + place) }
}

/// Whether a value that the forest reads may be missing; looking at whole rows is cheaper than at each value in turn.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn any_missing(rows: &Rows<'_>) -> bool {
    let width = rows.needed();
    // In a matrix that is mostly somebody else's, looking would cost more than it saves.
    if width > 4 * rows.columns().len() {
        return true;
    }
    let mut found = 0;
    for row in 0..rows.len() {
        let (values, rest) = rows.raw(row)[..width].as_chunks::<16>();
        for values in values {
            // SAFETY: sixteen values.
            let values = unsafe { _mm512_loadu_ps(values.as_ptr()) };
            found |= _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(values, values);
        }
        found |= u16::from(rest.iter().any(|value| value.is_nan()));
    }
    found != 0
}

/// [`Blend::add`].
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn blend(blend: &Blend, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
    assert!(
        slots.len() >= SLOTS && tile.len() >= blend.columns,
        "tile and slots are as large as the layout needs"
    );
    let mut op = blend.ops.as_ptr();
    let mut leaves = blend.leaves.as_ptr();
    let tile = tile.as_ptr().cast::<u8>();
    let (slots, sums) = (slots.as_mut_ptr().cast::<u8>(), sums.as_mut_ptr());
    for &splits in &blend.trees {
        // SAFETY: a tree has `splits` ops and one leaf more; ops name columns of the tile and slots that are constants or results
        // of earlier ops of the tree. The last result holds leaf numbers of the tree.
        unsafe {
            let mut last = _mm512_setzero_si512();
            for at in 0..splits as usize {
                let current = &*op.add(at);
                let bound = _mm512_set1_epi32(i32::from_ne_bytes(current.bound));
                let right = _mm512_cmpge_epu8_mask(
                    _mm512_load_si512(tile.add(current.column as usize).cast()),
                    bound,
                );
                let a = _mm512_load_si512(slots.add(current.left as usize * TILE).cast());
                let b = _mm512_load_si512(slots.add(current.right as usize * TILE).cast());
                last = _mm512_mask_blend_epi8(right, a, b);
                _mm512_store_si512(slots.add((LEAVES + at) * TILE).cast(), last);
            }
            gather_leaves(last, leaves, sums);
            op = op.add(splits as usize);
            leaves = leaves.add(splits as usize + 1);
        }
    }
}

/// Adds the leaves of these numbers.
///
/// # Safety
/// Every byte is the number of a leaf, and `sums` are 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn gather_leaves(numbers: __m512i, leaves: *const f32, sums: *mut f32) {
    let mut bytes = Bytes([0; TILE]);
    // SAFETY: a place of 64 aligned bytes; the caller's promise.
    unsafe {
        _mm512_store_si512(bytes.0.as_mut_ptr().cast(), numbers);
        for quarter in 0..4 {
            let index = _mm512_cvtepu8_epi32(_mm_load_si128(bytes.0.as_ptr().add(16 * quarter).cast()));
            let sum = sums.add(16 * quarter);
            let values = _mm512_i32gather_ps::<4>(index, leaves);
            _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_loadu_ps(sum), values));
        }
    }
}

/// Adds the leaves of a [`Fold`] over byte codes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
pub(super) fn fold(fold: &Fold, tile: &[Bytes], sums: &mut [f32; TILE]) {
    assert!(tile.len() >= fold.columns, "the tile is as wide as the layout needs");
    // SAFETY: splits are over byte codes and name columns of the tile.
    unsafe { octets::<false>(fold, tile.as_ptr().cast(), sums) };
}

/// Adds the leaves of a [`Fold`] over values.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
pub(super) fn fold_floats(fold: &Fold, tile: &[Floats], sums: &mut [f32; TILE]) {
    assert!(tile.len() >= fold.columns, "the tile is as wide as the layout needs");
    // SAFETY: splits are over values and name columns of the tile.
    unsafe { octets::<true>(fold, tile.as_ptr().cast(), sums) };
}

/// # Safety
/// Splits are over values if `FLOATS` and else over byte codes, and name columns of the tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
unsafe fn octets<const FLOATS: bool>(fold: &Fold, tile: *const u8, sums: &mut [f32; TILE]) {
    for octet in &fold.octets {
        let splits = &fold.splits[octet.splits as usize..];
        let leaves = &fold.leaves[octet.leaves as usize..];
        let (depth, trees) = (octet.depth as usize, octet.trees as usize);
        assert!(splits.len() >= OCTET * ((1 << depth) - 1) && leaves.len() >= trees << depth);
        // SAFETY: splits for eight trees and leaves for the real ones are there; the caller's promise.
        unsafe {
            let (splits, leaves) = (splits.as_ptr(), leaves.as_ptr());
            match depth {
                1 => octet_of::<1, FLOATS>(splits, leaves, trees, tile, sums),
                2 => octet_of::<2, FLOATS>(splits, leaves, trees, tile, sums),
                3 => octet_of::<3, FLOATS>(splits, leaves, trees, tile, sums),
                4 => octet_of::<4, FLOATS>(splits, leaves, trees, tile, sums),
                5 => octet_of::<5, FLOATS>(splits, leaves, trees, tile, sums),
                6 => octet_of::<6, FLOATS>(splits, leaves, trees, tile, sums),
                7 => octet_of::<7, FLOATS>(splits, leaves, trees, tile, sums),
                _ => octet_of::<8, FLOATS>(splits, leaves, trees, tile, sums),
            }
        }
    }
}

/// A mask of 64 rows for each of eight trees.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Masks([u64; OCTET]);

/// # Safety
/// There are `2^DEPTH - 1` splits for each of eight trees, and `2^DEPTH` leaves for each of `trees`, at most eight.
/// Splits are over values if `FLOATS` and else over byte codes, and name columns of the tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
unsafe fn octet_of<const DEPTH: usize, const FLOATS: bool>(
    splits: *const FoldSplit,
    leaves: *const f32,
    trees: usize,
    tile: *const u8,
    sums: &mut [f32; TILE],
) {
    let inner = (1 << DEPTH) - 1;
    let mut masks = [const { MaybeUninit::<Masks>::uninit() }; (1 << DEPTH_LIMIT) - 1];
    for tree in 0..OCTET {
        // SAFETY: the caller's promise.
        let mine = unsafe { splits.add(tree * inner) };
        for (node, masks) in masks[..inner].iter_mut().enumerate() {
            // SAFETY: the caller's promise; a mask has a place for each of eight trees.
            unsafe {
                let split = &*mine.add(node);
                let codes = tile.add(split.column as usize);
                let mask = masks.as_mut_ptr().cast::<u64>().add(tree);
                if FLOATS {
                    let bound = _mm512_set1_ps(f32::from_ne_bytes(split.bound));
                    for quarter in 0..4 {
                        let values = _mm512_load_ps(codes.cast::<f32>().add(16 * quarter));
                        let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(values, bound);
                        mask.cast::<u16>().add(quarter).write(below);
                    }
                } else {
                    let bound = _mm512_set1_epi32(i32::from_ne_bytes(split.bound));
                    mask.write(_mm512_cmplt_epu8_mask(_mm512_load_si512(codes.cast()), bound));
                }
            }
        }
    }
    // `ways[level]`: which rows go left at their own node of that level.
    let mut ways = [_mm512_setzero_si512(); DEPTH_LIMIT];
    for level in 0..DEPTH {
        let (start, width) = ((1 << level) - 1, 1usize << level);
        let node = |at: usize| {
            // SAFETY: 64 aligned bytes, all of them written above.
            unsafe { _mm512_load_si512(masks[start + at].as_ptr().cast()) }
        };
        ways[level] = match level {
            0 => node(0),
            1 => choose_1(&ways, &node, 0, width),
            2 => choose_2(&ways, &node, 0, width),
            3 => choose_3(&ways, &node, 0, width),
            4 => choose_4(&ways, &node, 0, width),
            5 => choose_5(&ways, &node, 0, width),
            6 => choose_6(&ways, &node, 0, width),
            _ => choose_7(&ways, &node, 0, width),
        };
    }
    let mut bits = [Masks([0; OCTET]); DEPTH_LIMIT];
    for (bits, way) in bits[..DEPTH].iter_mut().zip(&ways) {
        // SAFETY: 64 aligned bytes.
        unsafe { _mm512_store_si512(bits.0.as_mut_ptr().cast(), *way) };
    }
    let sums = sums.as_mut_ptr();
    let mut numbers = Bytes([0; TILE]);
    // SAFETY: `sums` are 64.
    let mut total = [0, 1, 2, 3].map(|quarter| unsafe { _mm512_loadu_ps(sums.add(16 * quarter)) });
    for tree in 0..trees {
        let mut number = _mm512_set1_epi8(((1u32 << DEPTH) - 1) as u8 as i8);
        for (level, bits) in bits[..DEPTH].iter().enumerate() {
            let step = _mm512_set1_epi8((1u8 << (DEPTH - 1 - level)) as i8);
            number = _mm512_mask_sub_epi8(number, bits.0[tree], number, step);
        }
        // SAFETY: a place of 64 aligned bytes, and the caller's promise: numbers are below `2^DEPTH`.
        unsafe {
            _mm512_store_si512(numbers.0.as_mut_ptr().cast(), number);
            let table = leaves.add(tree << DEPTH);
            for (quarter, total) in total.iter_mut().enumerate() {
                let index = _mm512_cvtepu8_epi32(_mm_load_si128(numbers.0.as_ptr().add(16 * quarter).cast()));
                *total = _mm512_add_ps(*total, look_up::<DEPTH>(table, index));
            }
        }
    }
    for (quarter, total) in total.iter().enumerate() {
        // SAFETY: `sums` are 64.
        unsafe { _mm512_storeu_ps(sums.add(16 * quarter), *total) };
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn choose_0(_: &[__m512i; DEPTH_LIMIT], node: &impl Fn(usize) -> __m512i, at: usize, _: usize) -> __m512i {
    node(at)
}

/// Of nodes `at`, `at + width / 2^level`, …, for each row the one that its first `level` ways lead to, bit by bit. A function for
/// each level, so that all is unrolled, depth first, within the registers.
macro_rules! choose {
    ($($name:ident = $level:literal of $below:expr;)*) => {$(
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn $name(ways: &[__m512i; DEPTH_LIMIT], node: &impl Fn(usize) -> __m512i, at: usize, width: usize) -> __m512i {
            let (left, right) = ($below(ways, node, at, width), $below(ways, node, at + (width >> $level), width));
            // Bitwise `way ? left : right`.
            _mm512_ternarylogic_epi64::<0xCA>(ways[$level - 1], left, right)
        }
    )*};
}
choose! {
    choose_1 = 1 of choose_0;
    choose_2 = 2 of choose_1;
    choose_3 = 3 of choose_2;
    choose_4 = 4 of choose_3;
    choose_5 = 5 of choose_4;
    choose_6 = 6 of choose_5;
    choose_7 = 7 of choose_6;
}

/// Sixteen leaves by their numbers; from registers, if they are not too many for them.
///
/// # Safety
/// There are `2^DEPTH` leaves, and the numbers are below that.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn look_up<const DEPTH: usize>(leaves: *const f32, index: __m512i) -> __m512 {
    // SAFETY: the caller's promise; shallow tables are read under a mask.
    unsafe {
        if DEPTH > 6 {
            return _mm512_i32gather_ps::<4>(index, leaves);
        }
        if DEPTH <= 4 {
            let mask = ((1u32 << (1 << DEPTH)) - 1) as u16;
            return _mm512_permutexvar_ps(index, _mm512_maskz_loadu_ps(mask, leaves));
        }
        let low = _mm512_permutex2var_ps(_mm512_loadu_ps(leaves), index, _mm512_loadu_ps(leaves.add(16)));
        if DEPTH == 5 {
            return low;
        }
        let high =
            _mm512_permutex2var_ps(_mm512_loadu_ps(leaves.add(32)), index, _mm512_loadu_ps(leaves.add(48)));
        _mm512_mask_blend_ps(_mm512_test_epi32_mask(index, _mm512_set1_epi32(32)), low, high)
    }
}

/// Adds the leaves of a [`Deep`] for the first rows of a tile, sixteen at a time.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn deep(deep: &Deep, tile: &[Bytes], rows: usize, sums: &mut [f32; TILE]) {
    match rows.div_ceil(16) {
        0 => {}
        1 => deep_of::<1>(deep, tile, sums),
        2 => deep_of::<2>(deep, tile, sums),
        3 => deep_of::<3>(deep, tile, sums),
        _ => deep_of::<4>(deep, tile, sums),
    }
}

/// For so many times sixteen rows, of which a tile has four.
#[target_feature(enable = "avx512f,avx512bw")]
fn deep_of<const QUARTERS: usize>(deep: &Deep, tile: &[Bytes], sums: &mut [f32; TILE]) {
    const { assert!(QUARTERS <= TILE / 16) };
    // Codes are gathered four bytes at a time, of which three may lie behind the last column that is read.
    assert!(tile.len() >= deep.columns + SLACK / TILE, "the tile is as wide as the layout needs");
    let tile = tile.as_ptr().cast::<u8>();
    let low = _mm512_set1_epi32(0xff);
    let columns = _mm512_set1_epi32((1 << deep.column_bits) - 1);
    let child_shift = _mm_cvtsi32_si128(8 + deep.column_bits as i32);
    let lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let starts: [usize; QUARTERS] = std::array::from_fn(|quarter| 16 * quarter);
    let rows = starts.map(|start| _mm512_add_epi32(lane, _mm512_set1_epi32(start as i32)));
    let sums = sums.as_mut_ptr();
    // SAFETY: `sums` are 64.
    let mut total = starts.map(|start| unsafe { _mm512_loadu_ps(sums.add(start)) });
    for tree in &deep.trees {
        let nodes = deep.nodes[tree.start as usize..].as_ptr();
        let values = deep.values[tree.start as usize..].as_ptr();
        let mut at = [_mm512_setzero_si512(); QUARTERS];
        for _ in 0..tree.depth {
            let mut moved = 0;
            for (at, row) in at.iter_mut().zip(&rows) {
                // SAFETY: places are those of nodes of the tree, whose columns are the tile's; see the assertion.
                unsafe {
                    let node = _mm512_i32gather_epi32::<4>(*at, nodes.cast());
                    let column = _mm512_and_si512(_mm512_srli_epi32::<8>(node), columns);
                    let code = _mm512_add_epi32(_mm512_slli_epi32::<6>(column), *row);
                    let code = _mm512_and_si512(_mm512_i32gather_epi32::<1>(code, tile.cast()), low);
                    let right = _mm512_cmpge_epi32_mask(code, _mm512_and_si512(node, low));
                    let left = _mm512_srl_epi32(node, child_shift);
                    let next = _mm512_mask_add_epi32(left, right, left, _mm512_set1_epi32(1));
                    moved |= _mm512_cmpneq_epi32_mask(next, *at);
                    *at = next;
                }
            }
            if moved == 0 {
                break;
            }
        }
        for (total, at) in total.iter_mut().zip(&at) {
            // SAFETY: places are those of nodes of the tree, each of which has a value.
            *total = _mm512_add_ps(*total, unsafe { _mm512_i32gather_ps::<4>(*at, values) });
        }
    }
    for (start, total) in starts.into_iter().zip(total) {
        // SAFETY: `sums` are 64.
        unsafe { _mm512_storeu_ps(sums.add(start), total) };
    }
}
