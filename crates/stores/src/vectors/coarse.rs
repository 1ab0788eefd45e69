//! Codes of half bytes: the little of every row that a scan reads, with a bound on what it may be wrong by.
//!
//! The half bytes are the upper halves of the byte codes. What a code loses with its lower halves is a vector of known length,
//! so no product with it is above that length times the query's (Cauchy and Schwarz): most rows are surely too far away and
//! their bytes are never read. That is the idea of the VA-file (Weber, Schek and Blott, VLDB 1998); that it lets few through
//! needs turned vectors, whose numbers are all about as large, as in RaBitQ (Gao and Long, SIGMOD 2024).

use super::codes::Query;
use super::kernels::{Ask, BESIDE, Isa, LINE, Line, Most};

/// How many numbers of a row a line has.
const NUMBERS: usize = 2 * LINE / BESIDE;

/// Half a byte a number, and four bytes a row.
#[derive(Debug, Clone)]
pub(crate) struct Coarse {
    dimension: usize,
    /// Blocks of [`BESIDE`] rows, as [`Isa::at_most`] has them.
    blocks: Vec<Line>,
}

/// The bfloat16 that is not below a number, as the upper half of its bits.
fn rounded_up(x: f32) -> u32 {
    x.to_bits().saturating_add(0xffff) & 0xffff_0000
}

/// What a half byte stands for: the middle of its bytes, in half steps from the middle of all.
fn middled(half: u8) -> i32 {
    2 * i32::from(half) - 15
}

impl Coarse {
    pub(crate) fn new(dimension: usize) -> Self {
        Coarse { dimension, blocks: Vec::new() }
    }

    /// How many lines a block has.
    fn lines(&self) -> usize {
        self.dimension.div_ceil(NUMBERS) + 1
    }

    /// Keeps the upper halves of a row's bytes, which stand for `scale × bytes`. Rows come one after the other.
    pub(crate) fn push(&mut self, row: usize, bytes: &[i8], scale: f32) {
        let (lines, beside) = (self.lines(), row % BESIDE);
        if beside == 0 {
            self.blocks.resize(self.blocks.len() + lines, Line([0; LINE]));
        }
        let start = self.blocks.len() - lines;
        let block = &mut self.blocks[start..];
        let (mut product, mut square) = (0.0_f64, 0.0_f64);
        for (at, byte) in bytes.iter().enumerate() {
            let half = (*byte as u8 ^ 0x80) >> 4;
            let place = at % NUMBERS;
            block[at / NUMBERS].0[4 * beside + place % 4] |= half << (place / 4 * 4);
            let odd = f64::from(middled(half));
            product += f64::from(*byte) * odd;
            square += odd * odd;
        }
        // The scale that brings the halves nearest, as a bfloat16.
        let nearest = (f64::from(scale) * product / square) as f32;
        let own = f32::from_bits(rounded_up(nearest));
        let (mut error, mut length) = (0.0_f64, 0.0_f64);
        for byte in bytes {
            let whole = f64::from(*byte) * f64::from(scale);
            error += (whole - f64::from(middled((*byte as u8 ^ 0x80) >> 4)) * f64::from(own)).powi(2);
            length += whole * whole;
        }
        // With what sums of floats round.
        let error = rounded_up((error.sqrt() * 1.001 + length.sqrt() * 1e-5) as f32);
        let measures = (own.to_bits() >> 16) | error;
        block[lines - 1].0[4 * beside..][..4].copy_from_slice(&measures.to_le_bytes());
    }

    /// A query as [`Coarse::at_most`] wants it.
    pub(crate) fn ask(&self, query: &Query) -> Ask {
        let fours = |[a, b, c, d, e, f, g, h]: [i8; NUMBERS]| {
            [[a, b, c, d], [e, f, g, h]].map(|four| i32::from_le_bytes(four.map(|byte| byte as u8)))
        };
        let parts = query.bytes.as_chunks::<NUMBERS>().0.iter().take(self.lines() - 1);
        Ask {
            fours: parts.map(|part| fours(*part)).collect(),
            middle: query.bytes.iter().map(|byte| 15 * i32::from(*byte)).sum(),
            scale: query.code.scale,
            length: query.code.length,
        }
    }

    /// How near rows are by their half bytes, and by their bytes at most, from the first row of a block on. What it says beyond
    /// the last row means nothing.
    pub(crate) fn at_most(&self, isa: Isa, ask: &Ask, from: usize, bar: f32, out: &mut [Most]) {
        let first = from / BESIDE * self.lines();
        isa.at_most(ask, &self.blocks[first..][..out.len() * self.lines()], bar, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::codes::{encode, lines, row};

    proptest! {
        #[test]
        fn no_similarity_of_codes_is_above_the_most_it_can_be(
            dimension in 1_usize..150,
            rows in 1_usize..70,
            seed in any::<u32>(),
            power in -20_i32..20,
        ) {
            let number = |at: usize| {
                let mixed = (at as u64 + u64::from(seed)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                ((mixed >> 40) as f32 / (1 << 23) as f32 - 1.0).powi(3) * 2.0_f32.powi(power)
            };
            let vector = |id: usize| -> Vec<f32> { (0..dimension).map(|at| number(id * 131 + at)).collect() };
            let (mut coarse, mut codes, mut scales) = (Coarse::new(dimension), Vec::new(), Vec::new());
            for id in 0..rows {
                let mut bytes = vec![0; dimension];
                let code = encode(&vector(id), &mut bytes);
                coarse.push(id, &bytes, code.scale);
                codes.extend(row(&bytes));
                scales.push(code.scale);
            }
            // The last of them is also what is searched with: then the bound has no room.
            for probe in [vector(rows - 1), vector(99_999)] {
                let query = Query::of(&probe);
                let ask = coarse.ask(&query);
                for isa in Isa::available() {
                    let mut out = vec![Most::default(); rows.div_ceil(BESIDE)];
                    coarse.at_most(isa, &ask, 0, f32::INFINITY, &mut out);
                    let most: Vec<f32> = out.iter().flat_map(|block| block.most).collect();
                    for (id, (row, scale)) in codes.chunks_exact(lines(dimension)).zip(&scales).enumerate() {
                        let similarity = query.similarity(isa.product(&query.bytes, row), *scale);
                        prop_assert!(similarity <= most[id], "{} {}", similarity, most[id]);
                    }
                }
            }
        }
    }
}
