//! The inner loops, one module per instruction set; the only place of the crate with `unsafe`.

use super::blend::Blend;
use super::quantise::{Bytes, TILE};

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Isa {
    /// The best one.
    pub(crate) fn detect() -> Self {
        Isa::available().last().copied().unwrap_or(Isa::Portable)
    }

    /// All, the best last.
    pub(crate) fn available() -> Vec<Self> {
        let mut all = vec![Isa::Portable];
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if is_x86_feature_detected!("avx2") {
            all.push(Isa::Avx2);
        }
        all
    }

    pub(crate) fn blend(self, blend: &Blend, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
        match self {
            Isa::Portable => blend.add(tile, slots, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value exists only where the processor has AVX2.
            Isa::Avx2 => unsafe { avx2::blend(blend, tile, slots, sums) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! The portable loops, compiled for AVX2.

    use super::{Blend, Bytes, TILE};

    #[target_feature(enable = "avx2")]
    pub(super) fn blend(blend: &Blend, tile: &[Bytes], slots: &mut [Bytes], sums: &mut [f32; TILE]) {
        blend.add(tile, slots, sums);
    }
}
