//! The inner loops, one module per instruction set; the only place of the crate with `unsafe`.

use super::Forest;
use super::blend::Blend;
use super::quantise::{Bytes, TILE};
use super::shap::{Scratch, Shap};

/// An instruction set that this processor has. Values for others are never made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// F, BW, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
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
            {
                all.push(Isa::Avx512);
            }
        }
        all
    }

    /// [`Blend::add`].
    pub(crate) fn blend(self, blend: &Blend, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
        match self {
            Isa::Portable => blend.add(tile, slots, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has AVX2.
            Isa::Avx2 => unsafe { avx2::blend(blend, tile, slots, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has AVX-512, and with it AVX2.
            Isa::Avx512 => unsafe { avx2::blend(blend, tile, slots, sums) },
        }
    }

    /// [`Shap::walk`] over the rows in the scratch.
    pub(crate) fn shap(self, shap: &Shap, forest: &Forest, tree: usize, scratch: &mut Scratch) {
        match self {
            Isa::Portable => shap.walk(forest, tree, scratch, &mut None),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has AVX2.
            Isa::Avx2 => unsafe { avx2::shap(shap, forest, tree, scratch) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has AVX-512 F and VL.
            Isa::Avx512 => unsafe { avx512::shap(shap, forest, tree, scratch) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! The portable loops, compiled for AVX2.

    use super::{Blend, Bytes, Forest, Scratch, Shap, TILE};

    #[target_feature(enable = "avx2")]
    pub(super) fn blend(blend: &Blend, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
        blend.add(tile, slots, sums);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn shap(shap: &Shap, forest: &Forest, tree: usize, scratch: &mut Scratch) {
        shap.walk(forest, tree, scratch, &mut None);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    //! AVX-512.

    use super::{Forest, Scratch, Shap};

    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn shap(shap: &Shap, forest: &Forest, tree: usize, scratch: &mut Scratch) {
        shap.walk(forest, tree, scratch, &mut None);
    }
}
