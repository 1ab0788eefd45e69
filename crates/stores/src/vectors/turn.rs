//! Turning vectors before they become bytes: the same turn for all keeps every product, and spreads what is large in one place
//! over all of them, so that the steps of a code are finer (as in Ailon and Chazelle, "The Fast Johnson–Lindenstrauss Transform", SICOMP
//! 2009, and QuaRot, Ashkboos et al., NeurIPS 2024).

/// Turns a vector: signs that a number's place decides, then the Walsh–Hadamard transform of as many of the first as are a
/// power of two, and of as many of the last.
pub(crate) fn turn(vector: &mut [f32]) {
    change_signs(vector);
    let (size, end) = sizes(vector);
    transform(&mut vector[..size]);
    if size < end {
        transform(&mut vector[end - size..]);
    }
}

/// Undoes [`turn`].
pub(crate) fn turn_back(vector: &mut [f32]) {
    let (size, end) = sizes(vector);
    if size < end {
        transform(&mut vector[end - size..]);
    }
    transform(&mut vector[..size]);
    change_signs(vector);
}

/// The largest power of two that fits, and the length.
fn sizes(vector: &[f32]) -> (usize, usize) {
    (vector.len().checked_ilog2().map_or(0, |power| 1 << power), vector.len())
}

fn change_signs(vector: &mut [f32]) {
    for (at, x) in vector.iter_mut().enumerate() {
        if (at as u32).wrapping_mul(0x9e37_79b9).rotate_left(13).count_ones() % 2 == 1 {
            *x = -*x;
        }
    }
}

/// The orthonormal Walsh–Hadamard transform of a power of two numbers, which is its own inverse.
fn transform(numbers: &mut [f32]) {
    // First, so that no sum is longer than the vector.
    let scale = (numbers.len().max(1) as f32).sqrt().recip();
    numbers.iter_mut().for_each(|x| *x *= scale);
    let mut half = 1;
    while half < numbers.len() {
        for pair in numbers.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_stay_and_a_turn_can_be_undone(a in prop::collection::vec(-3.0_f32..3.0, 0..300), shift in -1.0_f32..1.0) {
            let b: Vec<f32> = a.iter().rev().map(|x| x * 0.7 + shift).collect();
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let (mut c, mut d) = (a.clone(), b.clone());
            turn(&mut c);
            turn(&mut d);
            prop_assert!((dot(&a, &b) - dot(&c, &d)).abs() < 1e-4 * (1.0 + dot(&a, &a) + dot(&b, &b)));
            turn_back(&mut c);
            prop_assert!(a.iter().zip(&c).all(|(a, c)| (a - c).abs() < 1e-4));
        }
    }

    #[test]
    fn what_was_in_one_place_is_everywhere() {
        for length in [64, 100, 128] {
            let mut vector = vec![0.0; length];
            vector[length / 2] = 1.0;
            turn(&mut vector);
            assert!(vector.iter().all(|x| x.abs() < 0.5), "{length}");
        }
    }
}
