//! Vectors as bytes: each number of a vector over the largest of them, in 127 steps.

use super::kernels::LINE;

/// What a code stands for: `scale × bytes`, off by `error` at most (in length).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Code {
    pub(crate) scale: f32,
    /// The sum of the bytes times 128: what a query of unsigned bytes has too much.
    pub(crate) offset: i32,
    /// The length of what the rounding took.
    pub(crate) error: f32,
    /// The length of the code.
    pub(crate) length: f32,
}

/// How many bytes a row has: whole lines.
pub(crate) fn width(dimension: usize) -> usize {
    dimension.div_ceil(LINE) * LINE
}

/// Writes the code of a vector to a row of [`width`] bytes.
pub(crate) fn encode(vector: &[f32], row: &mut [i8]) -> Code {
    let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let (mut sum, mut error, mut length) = (0_i32, 0.0_f64, 0.0_f64);
    for (byte, x) in row.iter_mut().zip(vector) {
        let rounded = (x / scale).round().clamp(-127.0, 127.0);
        *byte = rounded as i8;
        sum += i32::from(*byte);
        error += f64::from(x - rounded * scale).powi(2);
        length += f64::from(rounded * scale).powi(2);
    }
    row[vector.len()..].fill(0);
    Code { scale, offset: sum * 128, error: error.sqrt() as f32, length: length.sqrt() as f32 }
}

/// Writes what a row stands for.
pub(crate) fn decode(code: &Code, row: &[i8], vector: &mut [f32]) {
    for (x, byte) in vector.iter_mut().zip(row) {
        *x = f32::from(*byte) * code.scale;
    }
}

/// A query as the kernels want it.
pub(crate) struct Query {
    pub(crate) bytes: Vec<u8>,
    pub(crate) code: Code,
}

impl Query {
    /// From a vector.
    pub(crate) fn of(vector: &[f32]) -> Self {
        let mut row = vec![0_i8; width(vector.len())];
        let code = encode(vector, &mut row);
        // Two's complement with the sign turned is 128 more.
        Query { bytes: row.into_iter().map(|byte| byte as u8 ^ 0x80).collect(), code }
    }

    /// From the code of a row.
    pub(crate) fn of_row(code: Code, row: &[i8]) -> Self {
        Query { bytes: row.iter().map(|byte| *byte as u8 ^ 0x80).collect(), code }
    }

    /// The dot product that a sum of products stands for.
    #[cfg(test)]
    pub(crate) fn similarity(&self, product: i32, code: &Code) -> f32 {
        (product - code.offset) as f32 * (self.code.scale * code.scale)
    }

    /// How far that can be from the product of the vectors themselves.
    #[inline]
    pub(crate) fn doubt(&self, code: &Code) -> f32 {
        let doubt = self.code.error * (code.length + code.error) + self.code.length * code.error;
        // And what sums of floats round.
        doubt * 1.001 + 1e-5 * self.code.length * code.length
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::kernels::Isa;

    proptest! {
        #[test]
        fn the_product_of_codes_is_within_the_doubt(
            a in prop::collection::vec(-3.0_f32..3.0, 1..200),
            shift in -1.0_f32..1.0,
        ) {
            let b: Vec<f32> = a.iter().rev().map(|x| x * 0.7 + shift).collect();
            let mut row = vec![0; width(b.len())];
            let code = encode(&b, &mut row);
            let query = Query::of(&a);
            let exact: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            for isa in Isa::available() {
                let found = query.similarity(isa.product(&query.bytes, &row), &code);
                prop_assert!((found - exact).abs() <= query.doubt(&code), "{} {}", found, exact);
            }
            let again = Query::of_row(code, &row);
            let mut decoded = vec![0.0; b.len()];
            decode(&code, &row, &mut decoded);
            let length: f32 = decoded.iter().map(|x| x * x).sum();
            let own = again.similarity(Isa::detect().product(&again.bytes, &row), &code);
            prop_assert!((own - length).abs() <= 1e-3 * length.max(1.0));
        }
    }
}
