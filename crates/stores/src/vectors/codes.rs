//! Vectors as bytes: each number of a vector over the largest of them, in 127 steps.

use super::kernels::{LINE, Line};

/// What a code stands for: `scale × bytes`, off by `error` at most (in length).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Code {
    pub(crate) scale: f32,
    /// The length of what the rounding took.
    pub(crate) error: f32,
    /// The length of the code.
    pub(crate) length: f32,
}

/// How many lines a row has.
pub(crate) fn lines(dimension: usize) -> usize {
    dimension.div_ceil(LINE)
}

/// Writes the code of a vector to as many bytes.
pub(crate) fn encode(vector: &[f32], bytes: &mut [i8]) -> Code {
    let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    // Never zero, not even of the smallest numbers: rows tell the dead by the sign.
    let scale = if largest > 0.0 { (largest / 127.0).max(f32::MIN_POSITIVE) } else { 1.0 };
    let (mut error, mut length) = (0.0_f64, 0.0_f64);
    for (byte, x) in bytes.iter_mut().zip(vector) {
        let rounded = (x / scale).round().clamp(-127.0, 127.0);
        *byte = rounded as i8;
        error += f64::from(x - rounded * scale).powi(2);
        length += f64::from(rounded * scale).powi(2);
    }
    Code { scale, error: error.sqrt() as f32, length: length.sqrt() as f32 }
}

/// Bytes as the kernels want a row of them: each 128 more, and zero up to the end of the last line.
pub(crate) fn row(bytes: &[i8]) -> impl Iterator<Item = Line> {
    bytes.chunks(LINE).map(|bytes| {
        let mut line = Line([0x80; LINE]);
        // Two's complement with the sign turned is 128 more.
        line.0.iter_mut().zip(bytes).for_each(|(more, byte)| *more = *byte as u8 ^ 0x80);
        line
    })
}

/// The bytes of a row, to the end of the last line.
pub(crate) fn bytes(row: &[Line]) -> impl Iterator<Item = i8> {
    row.iter().flat_map(|line| line.0).map(|more| (more ^ 0x80) as i8)
}

/// A query as the kernels want it.
pub(crate) struct Query {
    /// Whole lines.
    pub(crate) bytes: Vec<i8>,
    /// The sum of the bytes times 128: what rows of unsigned bytes have too much.
    pub(crate) offset: i32,
    pub(crate) code: Code,
}

impl Query {
    /// From a vector.
    pub(crate) fn of(vector: &[f32]) -> Self {
        let mut bytes = vec![0; lines(vector.len()) * LINE];
        let code = encode(vector, &mut bytes);
        Query::new(bytes, code)
    }

    /// From the code of a row.
    pub(crate) fn of_row(code: Code, row: &[Line]) -> Self {
        Query::new(bytes(row).collect(), code)
    }

    fn new(bytes: Vec<i8>, code: Code) -> Self {
        let offset = bytes.iter().map(|byte| 128 * i32::from(*byte)).sum();
        Query { bytes, offset, code }
    }

    /// The dot product that a sum of products stands for.
    #[inline]
    pub(crate) fn similarity(&self, product: i32, scale: f32) -> f32 {
        (product - self.offset) as f32 * (self.code.scale * scale)
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

    #[test]
    fn the_smallest_numbers_have_a_scale() {
        let mut bytes = [0; 2];
        let code = encode(&[1e-44, -1e-42], &mut bytes);
        assert!(code.scale > 0.0 && code.error > 0.0, "{code:?}");
    }

    proptest! {
        #[test]
        fn the_product_of_codes_is_within_the_doubt(
            a in prop::collection::vec(-3.0_f32..3.0, 1..200),
            shift in -1.0_f32..1.0,
        ) {
            let b: Vec<f32> = a.iter().rev().map(|x| x * 0.7 + shift).collect();
            let mut coded = vec![0; b.len()];
            let code = encode(&b, &mut coded);
            let row: Vec<Line> = row(&coded).collect();
            prop_assert!(bytes(&row).take(b.len()).eq(coded));
            let query = Query::of(&a);
            let exact: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            for isa in Isa::available() {
                let found = query.similarity(isa.product(&query.bytes, &row), code.scale);
                prop_assert!((found - exact).abs() <= query.doubt(&code), "{} {}", found, exact);
            }
            let again = Query::of_row(code, &row);
            let own = again.similarity(Isa::detect().product(&again.bytes, &row), code.scale);
            prop_assert!((own - code.length.powi(2)).abs() <= 1e-3 * code.length.powi(2).max(1.0));
        }
    }
}
