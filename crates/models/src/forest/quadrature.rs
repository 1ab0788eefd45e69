//! Gauss–Legendre quadrature on [0, 1].

/// Points and weights that integrate polynomials of a degree below twice their number exactly.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quadrature {
    points: Vec<f64>,
    weights: Vec<f64>,
}

impl Quadrature {
    /// A quadrature of so many points: the roots of the Legendre polynomial of that degree, by Newton's method
    /// from Tricomi's first guess.
    pub(crate) fn new(count: usize) -> Self {
        let mut quadrature = Quadrature { points: vec![0.0; count], weights: vec![0.0; count] };
        let n = count as f64;
        for i in 0..count {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut value, mut before) = (1.0, 0.0);
                for k in 1..=count {
                    let k = k as f64;
                    (value, before) = (((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k, value);
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            quadrature.points[i] = (x + 1.0) / 2.0;
            quadrature.weights[i] = 1.0 / ((1.0 - x * x) * slope * slope);
        }
        quadrature
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// `share (1 - t)` and `t` at a point: a factor is the first, plus the second for a row that follows.
    #[inline(always)]
    pub(crate) fn factor(&self, point: usize, share: f64) -> (f64, f64) {
        let t = self.points[point];
        (share * (1.0 - t), t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_below_twice_the_number_of_points_are_integrated_exactly() {
        for count in 1..40 {
            let quadrature = Quadrature::new(count);
            for degree in 0..2 * count {
                let sum: f64 = (0..count)
                    .map(|point| quadrature.weights[point] * quadrature.points[point].powi(degree as i32))
                    .sum();
                assert!((sum - 1.0 / (degree as f64 + 1.0)).abs() < 1e-13, "{count} points, degree {degree}");
            }
        }
    }
}
