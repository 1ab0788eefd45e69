//! Products of byte codes and of floats: the inner loops of searching.
//!
//! Codes are signed bytes in rows of whole cache lines. A query is stored as unsigned bytes, each 128 more than its code,
//! because that is what the instruction for dot products of bytes (VNNI) multiplies; what the 128 add is known by row,
//! and taken off by the caller.

#[cfg(target_arch = "x86_64")]
mod avx512;

/// The bytes of a row are a multiple of this: a cache line.
pub(crate) const LINE: usize = 64;

/// The kernels that this processor can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    Portable,
    /// AVX-512 with BW, VL and VNNI.
    #[cfg(target_arch = "x86_64")]
    Vnni,
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
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
        {
            all.push(Isa::Vnni);
        }
        all
    }

    /// For each row of `rows`, as long as the query, the sum of the products of its bytes with the query's.
    ///
    /// # Panics
    /// When the lengths do not fit, or a row is not whole lines.
    pub(crate) fn products(self, query: &[u8], rows: &[i8], out: &mut [i32]) {
        let width = query.len();
        assert!(width > 0 && width.is_multiple_of(LINE) && rows.len() == out.len() * width);
        match self {
            Isa::Portable => {
                rows.chunks_exact(width).zip(out).for_each(|(row, out)| *out = product(query, row));
            }
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: values of `Isa` are made for instruction sets that the processor has; lengths are asserted.
            Isa::Vnni => unsafe { avx512::products(query, rows, out) },
        }
    }

    /// The same for some of the rows, by number.
    ///
    /// # Panics
    /// When the lengths do not fit, a row is not whole lines, or there is no row of a number.
    pub(crate) fn products_of(self, query: &[u8], rows: &[i8], numbers: &[u32], out: &mut [i32]) {
        let width = query.len();
        assert!(width > 0 && width.is_multiple_of(LINE) && numbers.len() == out.len());
        let count = rows.len() / width;
        assert!(numbers.iter().all(|number| (*number as usize) < count));
        match self {
            Isa::Portable => {
                for (out, number) in out.iter_mut().zip(numbers) {
                    *out = product(query, &rows[*number as usize * width..][..width]);
                }
            }
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above; the numbers are asserted too.
            Isa::Vnni => unsafe { avx512::products_of(query, rows, numbers, out) },
        }
    }

    /// The same for one row.
    ///
    /// # Panics
    /// When the lengths differ, or are not whole lines.
    #[inline]
    pub(crate) fn product(self, query: &[u8], row: &[i8]) -> i32 {
        assert!(query.len() == row.len() && row.len().is_multiple_of(LINE));
        match self {
            Isa::Portable => product(query, row),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Vnni => unsafe { avx512::product(query, row) },
        }
    }

    /// The dot product of floats.
    ///
    /// # Panics
    /// When the lengths differ.
    pub(crate) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        match self {
            Isa::Portable => dot(a, b),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Vnni => unsafe { avx512::dot(a, b) },
        }
    }

    /// The dot product of floats with half floats (IEEE 754 binary16, as bits).
    ///
    /// # Panics
    /// When the lengths differ.
    pub(crate) fn dot_half(self, a: &[f32], b: &[u16]) -> f32 {
        assert_eq!(a.len(), b.len());
        match self {
            Isa::Portable => dot_half(a, b),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Vnni => unsafe { avx512::dot_half(a, b) },
        }
    }

    /// The dot product of floats with bytes.
    ///
    /// # Panics
    /// When the lengths differ.
    pub(crate) fn dot_bytes(self, a: &[f32], b: &[i8]) -> f32 {
        assert_eq!(a.len(), b.len());
        match self {
            Isa::Portable => dot_bytes(a, b),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Vnni => unsafe { avx512::dot_bytes(a, b) },
        }
    }
}

/// Asks for the first lines of something before it is read.
#[inline]
pub(crate) fn prefetch<T>(wanted: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..size_of_val(wanted).div_ceil(LINE).min(4) {
        #[expect(unsafe_code, reason = "an intrinsic without effect on what the program computes")]
        // SAFETY: SSE is part of x86-64, and a prefetch may name any address.
        unsafe {
            let address = wanted.as_ptr().cast::<i8>().wrapping_add(line * LINE);
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = wanted;
}

fn product(query: &[u8], row: &[i8]) -> i32 {
    // In pieces whose sums fit 32 bits by far.
    query.iter().zip(row).map(|(q, r)| i32::from(*q) * i32::from(*r)).sum()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (whole, rest) = a.split_at(a.len() / 16 * 16);
    for (a, b) in whole.chunks_exact(16).zip(b.chunks_exact(16)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f32 = rest.iter().zip(&b[whole.len()..]).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn dot_half(a: &[f32], b: &[u16]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.chunks(16).zip(b.chunks(16)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * half::f16::from_bits(*b).to_f32();
        }
    }
    sums.iter().sum()
}

fn dot_bytes(a: &[f32], b: &[i8]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.chunks(16).zip(b.chunks(16)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * f32::from(*b));
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_instruction_set_multiplies_alike(
            lines in 1_usize..5,
            rows in 1_usize..40,
            seed in any::<u32>(),
            length in 1_usize..150,
        ) {
            let width = lines * LINE;
            let byte = |at: usize| (at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed).rotate_left(9) as u8;
            let query: Vec<u8> = (0..width).map(byte).collect();
            let codes: Vec<i8> = (0..width * rows).map(|at| byte(at + 977) as i8).collect();
            let expected: Vec<i32> = codes
                .chunks_exact(width)
                .map(|row| query.iter().zip(row).map(|(q, r)| i32::from(*q) * i32::from(*r)).sum())
                .collect();
            let float = |at: usize| f32::from(byte(at)) / 64.0 - 2.0;
            let (a, b): (Vec<f32>, Vec<f32>) = (0..length).map(|at| (float(at), float(at + 500))).unzip();
            let halves: Vec<u16> = b.iter().map(|b| half::f16::from_f32(*b).to_bits()).collect();
            let exact: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            for isa in Isa::available() {
                let mut out = vec![0; rows];
                isa.products(&query, &codes, &mut out);
                prop_assert_eq!(&out, &expected);
                let backwards: Vec<u32> = (0..rows as u32).rev().collect();
                isa.products_of(&query, &codes, &backwards, &mut out);
                prop_assert!(out.iter().rev().eq(&expected));
                prop_assert_eq!(isa.product(&query, &codes[..width]), expected[0]);
                prop_assert!((isa.dot(&a, &b) - exact).abs() < 1e-3);
                // These numbers have few bits, so that a half holds them.
                prop_assert!((isa.dot_half(&a, &halves) - exact).abs() < 1e-3);
                let bytes: Vec<i8> = (0..length).map(|at| byte(at + 77) as i8).collect();
                let exact: f32 = a.iter().zip(&bytes).map(|(a, b)| a * f32::from(*b)).sum();
                prop_assert!((isa.dot_bytes(&a, &bytes) - exact).abs() < 0.1, "{}", exact);
            }
        }
    }
}
