//! The portable loops, compiled for AVX2.

use super::super::Forest;
use super::super::blend::Blend;
use super::super::quantise::{Bytes, TILE};
use super::super::shap::{Scratch, Shap};

/// [`Blend::add`].
#[target_feature(enable = "avx2")]
pub(super) fn blend(blend: &Blend, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
    blend.add(tile, slots, sums);
}

/// [`Shap::walk`].
#[target_feature(enable = "avx2")]
pub(super) fn shap<const ROWS: usize>(
    shap: &Shap,
    forest: &Forest,
    tree: usize,
    scratch: &mut Scratch<ROWS>,
) {
    shap.walk(forest, tree, scratch, &mut None);
}
