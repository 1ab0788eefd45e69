//! The inner loops, one module per instruction set; with them, the only place of the engine with `unsafe`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod vbmi;

use super::blend::Blend;
use super::deep::Deep;
use super::floats::{FloatColumns, Floats};
use super::fold::Fold;
use super::lanes::Lanes;
use super::quantise::{Bytes, Quantiser, TILE};
use super::rows::Rows;
use super::shap::{Scratch, Shap};
use super::{CategorySet, Forest};

/// An instruction set that this processor has. Values for others are never made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// F, BW, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Those and VBMI.
    #[cfg(target_arch = "x86_64")]
    Vbmi,
}

impl Isa {
    /// The best one.
    pub(crate) fn detect() -> Self {
        Isa::available().last().copied().unwrap_or(Isa::Portable)
    }

    /// All, the best last. Miri runs the portable one.
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Isa::Portable];
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if is_x86_feature_detected!("avx2") {
            all.push(Isa::Avx2);
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("popcnt")
            {
                all.push(Isa::Avx512);
                if is_x86_feature_detected!("avx512vbmi") {
                    all.push(Isa::Vbmi);
                }
            }
        }
        all
    }

    /// Whether single rows can be scored by [`Lanes`].
    pub(crate) fn has_lanes(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Vbmi => true,
            _ => false,
        }
    }

    /// Adds the leaves of a few rows to the sums of their groups. Does nothing where [`Isa::has_lanes`] is false.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there is no kernel"))]
    pub(crate) fn lanes(
        self,
        lanes: &Lanes,
        quantiser: &Quantiser,
        sets: &[CategorySet],
        rows: &Rows<'_>,
        groups: usize,
        sums: &mut [f32],
    ) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Vbmi => unsafe { vbmi::lanes(lanes, quantiser, sets, rows, groups, sums) },
            _ => debug_assert!(false, "only instruction sets with byte permutes get this layout"),
        }
    }

    /// Whether trees can be laid out as a [`Fold`] or a [`Deep`].
    pub(crate) fn folds(self) -> bool {
        match self {
            Isa::Portable => false,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => false,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Vbmi => true,
        }
    }

    /// [`Quantiser::tile`].
    pub(crate) fn quantise(
        self,
        quantiser: &Quantiser,
        sets: &[CategorySet],
        rows: &Rows<'_>,
        tile: &mut [Bytes],
    ) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx512 | Isa::Vbmi => unsafe { avx512::quantise(quantiser, sets, rows, tile) },
            _ => quantiser.tile(sets, rows, tile),
        }
    }

    /// [`Blend::add`].
    pub(crate) fn blend(self, blend: &Blend, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
        match self {
            Isa::Portable => blend.add(tile, slots, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx2 => unsafe { avx2::blend(blend, tile, slots, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx512 | Isa::Vbmi => unsafe { avx512::blend(blend, tile, slots, sums) },
        }
    }

    /// Adds the leaves of a tile to `sums`. Does nothing where [`Isa::folds`] is false.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there is no kernel"))]
    pub(crate) fn fold(self, fold: &Fold, tile: &[Bytes], sums: &mut [f32; TILE]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx512 | Isa::Vbmi => unsafe { avx512::fold(fold, tile, sums) },
            _ => debug_assert!(false, "only folding instruction sets get this layout"),
        }
    }

    /// [`FloatColumns::tile`].
    pub(crate) fn floats(
        self,
        columns: &FloatColumns,
        sets: &[CategorySet],
        rows: &Rows<'_>,
        tile: &mut [Floats],
    ) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx512 | Isa::Vbmi => unsafe { avx512::floats(columns, sets, rows, tile) },
            _ => columns.tile(sets, rows, tile),
        }
    }

    /// Adds the leaves of a tile to `sums`. Does nothing where [`Isa::folds`] is false.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there is no kernel"))]
    pub(crate) fn fold_floats(self, fold: &Fold, tile: &[Floats], sums: &mut [f32; TILE]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx512 | Isa::Vbmi => unsafe { avx512::fold_floats(fold, tile, sums) },
            _ => debug_assert!(false, "only folding instruction sets get this layout"),
        }
    }

    /// Adds the leaves of a tile's first `rows` to `sums`. Does nothing where [`Isa::folds`] is false.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there is no kernel"))]
    pub(crate) fn deep(self, deep: &Deep, tile: &[Bytes], rows: usize, sums: &mut [f32; TILE]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx512 | Isa::Vbmi => unsafe { avx512::deep(deep, tile, rows, sums) },
            _ => debug_assert!(false, "only gathering instruction sets get this layout"),
        }
    }

    /// [`Shap::walk`] over the rows in the scratch.
    pub(crate) fn shap<const ROWS: usize>(
        self,
        shap: &Shap,
        forest: &Forest,
        tree: usize,
        scratch: &mut Scratch<ROWS>,
    ) {
        match self {
            Isa::Portable => shap.walk(forest, tree, scratch, &mut None),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx2 => unsafe { avx2::shap(shap, forest, tree, scratch) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has these instructions.
            Isa::Avx512 | Isa::Vbmi => unsafe { avx512::shap(shap, forest, tree, scratch) },
        }
    }
}
