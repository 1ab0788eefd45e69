//! Products of byte codes and of floats: the inner loops of searching.
//!
//! Codes are bytes in rows of whole cache lines. A row is stored as unsigned bytes, each 128 more than its code, because
//! that is what the instruction for dot products of bytes (VNNI) multiplies with signed ones; what the 128 add is known by
//! query, and taken off by the caller.

#[cfg(target_arch = "x86_64")]
mod avx512;

/// How many bytes a cache line has.
pub(crate) const LINE: usize = 64;

/// A cache line; what is kept in lines is never read from two for the bytes of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; LINE]);

/// How many rows of half bytes are side by side.
pub(crate) const BESIDE: usize = 16;

/// What is asked of rows of half bytes: see [`Isa::at_most`].
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// For each line of a block, the four signed bytes (little-endian) that the lower halves of its bytes are multiplied
    /// with, and those for the upper halves.
    pub(crate) fours: Vec<[i32; 2]>,
    /// What twice the sum of products has too much.
    pub(crate) middle: i32,
    /// What the rest is multiplied with, beside the scale of the row.
    pub(crate) scale: f32,
    /// And what the error of the row is.
    pub(crate) length: f32,
}

/// What [`Isa::at_most`] answers of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Most {
    /// A bit for each row that can be as near as the bar.
    pub(crate) reach: u16,
    /// How near each row is by its half bytes.
    pub(crate) near: [f32; BESIDE],
    /// And how near it is at most.
    pub(crate) most: [f32; BESIDE],
}

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

    /// For some rows, by number, the sum of the products of their bytes with the query's.
    ///
    /// # Panics
    /// When the query is not whole lines, the lengths do not fit, or there is no row of a number.
    pub(crate) fn products_of(self, query: &[i8], rows: &[Line], numbers: &[u32], out: &mut [i32]) {
        let lines = query.len() / LINE;
        assert!(lines > 0 && query.len().is_multiple_of(LINE) && numbers.len() == out.len());
        let count = rows.len() / lines;
        assert!(numbers.iter().all(|number| (*number as usize) < count));
        match self {
            Isa::Portable => {
                for (out, number) in out.iter_mut().zip(numbers) {
                    *out = product(query, &rows[*number as usize * lines..][..lines]);
                }
            }
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: values of `Isa` are made for instruction sets that the processor has; lengths and numbers are asserted.
            Isa::Vnni => unsafe { avx512::products_of(query, rows, numbers, out) },
        }
    }

    /// The same for one row.
    ///
    /// # Panics
    /// When the lengths differ.
    #[inline]
    pub(crate) fn product(self, query: &[i8], row: &[Line]) -> i32 {
        assert_eq!(query.len(), row.len() * LINE);
        match self {
            Isa::Portable => product(query, row),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Vnni => unsafe { avx512::product(query, row) },
        }
    }

    /// For each block of [`BESIDE`] rows of half bytes, how near the rows are: twice the sum of products of the half bytes, less
    /// the middle, times both scales; and how near at most: that and the row's error times the length of what is asked.
    ///
    /// A block is lines of four bytes of each row, and then one of the measures of each, two bfloat16 in 32 bits: the lower is
    /// the scale, the upper the error.
    ///
    /// # Panics
    /// When the lengths do not fit.
    pub(crate) fn at_most(self, ask: &Ask, blocks: &[Line], bar: f32, out: &mut [Most]) {
        assert_eq!(blocks.len(), out.len() * (ask.fours.len() + 1));
        match self {
            Isa::Portable => at_most(ask, blocks, bar, out),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Vnni => unsafe { avx512::at_most(ask, blocks, bar, out) },
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

    /// The dot product of floats with the bytes of a row.
    ///
    /// # Panics
    /// When the row has other lines than the floats need.
    pub(crate) fn dot_bytes(self, a: &[f32], row: &[Line]) -> f32 {
        assert_eq!(a.len().div_ceil(LINE), row.len());
        match self {
            Isa::Portable => dot_bytes(a, row),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "instruction sets are chosen at run time")]
            // SAFETY: as above.
            Isa::Vnni => unsafe { avx512::dot_bytes(a, row) },
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

fn product(query: &[i8], row: &[Line]) -> i32 {
    let products = |(q, r): (&[i8], &Line)| -> i32 {
        q.iter().zip(&r.0).map(|(q, r)| i32::from(*q) * i32::from(*r)).sum()
    };
    query.chunks_exact(LINE).zip(row).map(products).sum()
}

fn at_most(ask: &Ask, blocks: &[Line], bar: f32, out: &mut [Most]) {
    let spread = |four: i32| -> [i16; LINE] {
        let four = four.to_le_bytes();
        std::array::from_fn(|at| i16::from(four[at % 4] as i8))
    };
    let wide: Vec<[[i16; LINE]; 2]> = ask.fours.iter().map(|fours| fours.map(spread)).collect();
    for (block, out) in blocks.chunks_exact(ask.fours.len() + 1).zip(out) {
        let mut sums = [0_i32; BESIDE];
        // As many lines as 16 bits can sum: 8 × 2 × 15 × 128 is below 2¹⁵.
        for (wide, lines) in wide.chunks(8).zip(block.chunks(8)) {
            let mut parts = [0_i16; LINE];
            for ([low, high], Line(line)) in wide.iter().zip(lines) {
                // By number, which is what compilers make registers of.
                for at in 0..LINE {
                    parts[at] += i16::from(line[at] & 15) * low[at] + i16::from(line[at] >> 4) * high[at];
                }
            }
            for (sum, parts) in sums.iter_mut().zip(parts.as_chunks::<4>().0) {
                *sum += parts.iter().map(|part| i32::from(*part)).sum::<i32>();
            }
        }
        let measures = block[ask.fours.len()].0.as_chunks::<4>().0;
        out.reach = 0;
        for (row, (sum, [a, b, c, d])) in sums.into_iter().zip(measures).enumerate() {
            let (scale, error) = (f32::from_le_bytes([0, 0, *a, *b]), f32::from_le_bytes([0, 0, *c, *d]));
            out.near[row] = (2 * sum - ask.middle) as f32 * (scale * ask.scale);
            out.most[row] = out.near[row] + error * ask.length;
            out.reach |= u16::from(out.most[row] >= bar) << row;
        }
    }
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

fn dot_bytes(a: &[f32], row: &[Line]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (a, line) in a.chunks(LINE).zip(row) {
        for (a, b) in a.chunks(16).zip(line.0.chunks(16)) {
            let parts = a.iter().zip(b);
            sums.iter_mut().zip(parts).for_each(|(sum, (a, b))| *sum += a * (f32::from(*b) - 128.0));
        }
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
            let byte = |at: usize| (at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed).rotate_left(9) as u8;
            let line = |from: usize| Line(std::array::from_fn(|at| byte(from * LINE + at + 977)));
            let query: Vec<i8> = (0..lines * LINE).map(|at| byte(at) as i8).collect();
            let codes: Vec<Line> = (0..lines * rows).map(line).collect();
            let expected: Vec<i32> = codes
                .chunks_exact(lines)
                .map(|row| query.iter().zip(row.iter().flat_map(|line| line.0)).map(|(q, r)| i32::from(*q) * i32::from(r)).sum())
                .collect();
            let float = |at: usize| f32::from(byte(at)) / 64.0 - 2.0;
            let (a, b): (Vec<f32>, Vec<f32>) = (0..length).map(|at| (float(at), float(at + 500))).unzip();
            let halves: Vec<u16> = b.iter().map(|b| half::f16::from_f32(*b).to_bits()).collect();
            let exact: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            for isa in Isa::available() {
                let mut out = vec![0; rows];
                let backwards: Vec<u32> = (0..rows as u32).rev().collect();
                isa.products_of(&query, &codes, &backwards, &mut out);
                prop_assert!(out.iter().rev().eq(&expected));
                prop_assert_eq!(isa.product(&query, &codes[..lines]), expected[0]);
                prop_assert!((isa.dot(&a, &b) - exact).abs() < 1e-3);
                // These numbers have few bits, so that a half holds them.
                prop_assert!((isa.dot_half(&a, &halves) - exact).abs() < 1e-3);
                let row: Vec<Line> = (0..length.div_ceil(LINE)).map(line).collect();
                let bytes = row.iter().flat_map(|line| line.0);
                let exact: f32 = a.iter().zip(bytes).map(|(a, b)| a * (f32::from(b) - 128.0)).sum();
                prop_assert!((isa.dot_bytes(&a, &row) - exact).abs() < 0.1, "{}", exact);
            }
        }

        #[test]
        fn every_instruction_set_knows_the_same_most(
            fours in prop::collection::vec(any::<[i32; 2]>(), 1..40),
            blocks in 1_usize..5,
            seed in any::<u32>(),
            middle in -9_999..9_999,
        ) {
            let byte = |at: usize| (at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed).rotate_left(9) as u8;
            let mut lines: Vec<Line> = (0..(fours.len() + 1) * blocks)
                .map(|line| Line(std::array::from_fn(|at| byte(line * LINE + at))))
                .collect();
            // Measures between 0.5 and 2.
            for measures in lines.iter_mut().skip(fours.len()).step_by(fours.len() + 1) {
                measures.0.as_chunks_mut::<2>().0.iter_mut().for_each(|[_, high]| *high = 0x3f);
            }
            let ask = Ask { fours, middle, scale: 1e-3, length: 3.0 };
            let (mut expected, mut out) = (vec![Most::default(); blocks], vec![Most::default(); blocks]);
            Isa::Portable.at_most(&ask, &lines, f32::NEG_INFINITY, &mut expected);
            for isa in Isa::available() {
                let bar = expected[0].most[7];
                isa.at_most(&ask, &lines, bar, &mut out);
                for (found, expected) in out.iter().zip(&expected) {
                    for row in 0..BESIDE {
                        let alike = |a: f32, b: f32| (a - b).abs() <= 1e-5 * (1.0 + b.abs());
                        prop_assert!(alike(found.near[row], expected.near[row]));
                        prop_assert!(alike(found.most[row], expected.most[row]));
                        prop_assert_eq!(found.reach >> row & 1 == 1, found.most[row] >= bar);
                    }
                }
            }
        }
    }
}
