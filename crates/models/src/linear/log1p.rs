//! ln(1 + x) without branches, so that the compiler turns a loop over it into vector instructions.

/// Coefficients of the minimax polynomial of fdlibm's `logf` (Sun Microsystems, 1993).
const LG: [f32; 4] = [0.666_666_6, 0.400_009_72, 0.284_987_87, 0.242_790_79];
/// ln 2 as a part with trailing zeros, whose small multiples are exact, and the rest.
const LN2: (f32, f32) = (0.693_138_1, 9.058_001e-6);
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
const ONE_BITS: u32 = 0x3f80_0000;

/// `sign(x) · ln(1 + |x|)` for finite x, within 2 ulp. The method is fdlibm's: split `1 + |x|` into `2^k · (1 + f)` with
/// `1 + f` in [√½, √2), take the polynomial of `f`, and add back what rounding `1 + |x|` lost.
#[inline(always)]
pub(super) fn signed_log1p(x: f32) -> f32 {
    let a = x.abs();
    let u = 1.0 + a;
    let lost = if a > 1.0 { 1.0 - (u - a) } else { a - (u - 1.0) };
    let correction = lost / u;
    let shifted = u.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    let k = (shifted >> 23) as i32 - 127;
    let f = f32::from_bits((shifted & 0x007f_ffff) + SQRT_HALF_BITS) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let polynomial = z * (LG[0] + w * LG[2]) + w * (LG[1] + w * LG[3]);
    let half_square = 0.5 * f * f;
    let k = k as f32;
    let log = s * (half_square + polynomial) + (k * LN2.1 + correction) - half_square + f + k * LN2.0;
    log.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps(ours: f32, exact: f64) -> f64 {
        let near = exact as f32;
        let ulp = f64::from(f32::from_bits(near.abs().to_bits() + 1)) - f64::from(near.abs());
        (f64::from(ours) - exact).abs() / ulp
    }

    #[test]
    fn it_agrees_with_the_exact_logarithm_from_the_smallest_number_to_the_largest() {
        let mut worst = 0.0_f64;
        // Every 997th float above 0: all magnitudes, with ever different mantissas.
        for bits in (0..f32::MAX.to_bits()).step_by(997) {
            let x = f32::from_bits(bits);
            worst = worst.max(ulps(signed_log1p(x), f64::from(x).ln_1p()));
        }
        assert!(worst <= 2.0, "{worst} ulp");
        for count in 0..100_000 {
            assert!(ulps(signed_log1p(count as f32), f64::from(count).ln_1p()) <= 2.0, "{count}");
        }
    }

    #[test]
    fn it_is_odd_and_zero_at_zero() {
        assert_eq!(signed_log1p(0.0), 0.0);
        assert_eq!(signed_log1p(-5.0), -signed_log1p(5.0));
        assert!(signed_log1p(f32::MAX).is_finite() && signed_log1p(f32::MIN).is_finite());
    }
}
