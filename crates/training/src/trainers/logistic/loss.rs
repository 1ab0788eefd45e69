//! The penalised logistic loss and its gradient, in one pass over the rows.

use std::num::NonZero;

/// Rows of a chunk: what one thread takes at a time. The sums of chunks are added in order, so that the result is the
/// same on any number of threads.
const CHUNK: usize = 4096;
/// Rows whose gradient is summed in f32 before it goes to the f64 sum: few enough that nothing is lost.
const BLOCK: usize = 64;
/// Parallel sums of a dot product, for vector instructions.
const LANES: usize = 8;

/// The mean loss of weighted rows, plus the penalty.
///
/// ```
/// use recommend_training::trainers::logistic::Loss;
///
/// let loss = Loss::new(&[1.0, -1.0], 1, &[true, false], &[1.0, 1.0], 0.0);
/// let (value, gradient) = loss.at(&[0.0, 0.0]);
/// assert!((value - 2.0_f64.ln()).abs() < 1e-12, "a coin's");
/// assert_eq!(gradient, [-0.5, 0.0], "the weight should rise, the bias is right");
/// ```
#[derive(Debug, Clone)]
pub struct Loss<'a> {
    matrix: &'a [f32],
    width: usize,
    labels: &'a [bool],
    weights: &'a [f32],
    total: f64,
    l2: f64,
    threads: usize,
}

impl<'a> Loss<'a> {
    /// Over rows of `width` columns each, with a label and a weight for every row. `l2` is that of the summed loss.
    ///
    /// # Panics
    /// When the lengths do not fit together.
    pub fn new(matrix: &'a [f32], width: usize, labels: &'a [bool], weights: &'a [f32], l2: f64) -> Self {
        assert_eq!(matrix.len(), width * labels.len(), "a row of columns for each label");
        assert_eq!(weights.len(), labels.len(), "a weight for each label");
        let total = weights.iter().copied().map(f64::from).sum::<f64>().max(f64::MIN_POSITIVE);
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Loss { matrix, width, labels, weights, total, l2, threads }
    }

    /// On so many threads, whatever the machine has.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// How many columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The mean loss without the penalty.
    pub fn mean(&self, beta: &[f64]) -> f64 {
        self.sums(beta).0 / self.total
    }

    /// Value and gradient at weights of which the last is the bias. Both are divided by the total weight.
    ///
    /// # Panics
    /// When `beta` is not one longer than a row.
    pub fn at(&self, beta: &[f64]) -> (f64, Vec<f64>) {
        let (mut value, mut gradient) = self.sums(beta);
        for (g, b) in gradient[..self.width].iter_mut().zip(beta) {
            value += self.l2 / 2.0 * b * b;
            *g += self.l2 * b;
        }
        gradient.iter_mut().for_each(|g| *g /= self.total);
        (value / self.total, gradient)
    }

    /// Sums over all rows.
    fn sums(&self, beta: &[f64]) -> (f64, Vec<f64>) {
        assert_eq!(beta.len(), self.width + 1, "a weight for each column, and a bias");
        let weights: Vec<f32> = beta[..self.width].iter().map(|b| *b as f32).collect();
        let bias = beta[self.width];
        let chunks = self.labels.len().div_ceil(CHUNK);
        let each = chunks.div_ceil(self.threads).max(1);
        let run = |from: usize| {
            let mine = from..(from + each).min(chunks);
            mine.map(|chunk| self.chunk(chunk, &weights, bias)).collect::<Vec<_>>()
        };
        let parts: Vec<(f64, Vec<f64>)> = if each >= chunks {
            run(0)
        } else {
            let run = &run;
            std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..chunks).step_by(each).map(|from| scope.spawn(move || run(from))).collect();
                let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                threads.into_iter().flat_map(join).collect()
            })
        };
        parts.into_iter().fold((0.0, vec![0.0; self.width + 1]), |(value, mut gradient), part| {
            gradient.iter_mut().zip(part.1).for_each(|(sum, g)| *sum += g);
            (value + part.0, gradient)
        })
    }

    fn chunk(&self, chunk: usize, weights: &[f32], bias: f64) -> (f64, Vec<f64>) {
        let rows = chunk * CHUNK..((chunk + 1) * CHUNK).min(self.labels.len());
        let (mut value, mut gradient) = (0.0, vec![0.0; self.width + 1]);
        let mut partial = vec![0.0_f32; self.width];
        for start in rows.clone().step_by(BLOCK) {
            partial.fill(0.0);
            for row in start..(start + BLOCK).min(rows.end) {
                let columns = &self.matrix[row * self.width..][..self.width];
                let margin = f64::from(dot(columns, weights)) + bias;
                let (weight, label) = (f64::from(self.weights[row]), f64::from(u8::from(self.labels[row])));
                // exp of what is not positive cannot overflow.
                let small = (-margin.abs()).exp();
                value += weight * (margin.max(0.0) + small.ln_1p() - label * margin);
                let probability = if margin >= 0.0 { 1.0 } else { small } / (1.0 + small);
                let residual = weight * (probability - label);
                gradient[self.width] += residual;
                let residual = residual as f32;
                partial.iter_mut().zip(columns).for_each(|(sum, x)| *sum += residual * x);
            }
            gradient.iter_mut().zip(&partial).for_each(|(sum, part)| *sum += f64::from(*part));
        }
        (value, gradient)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_gradient_is_the_slope_of_the_loss_on_any_number_of_threads(
            rows in prop::collection::vec((prop::collection::vec(-2.0f32..2.0, 3), any::<bool>(), 0.1f32..3.0), 1..40),
            beta in prop::collection::vec(-1.5f64..1.5, 4), l2 in 0.0f64..2.0,
        ) {
            // Enough rows for several chunks.
            let repeated = || rows.iter().cycle().take(rows.len() * 9000 / rows.len().max(1));
            let matrix: Vec<f32> = repeated().flat_map(|row| row.0.clone()).collect();
            let labels: Vec<bool> = repeated().map(|row| row.1).collect();
            let weights: Vec<f32> = repeated().map(|row| row.2).collect();
            let loss = Loss::new(&matrix, 3, &labels, &weights, l2);
            let (_, gradient) = loss.clone().threads(1).at(&beta);
            prop_assert_eq!(&loss.clone().threads(3).at(&beta).1, &gradient);
            for at in 0..4 {
                let moved = |by: f64| {
                    let mut beta = beta.clone();
                    beta[at] += by;
                    loss.at(&beta).0
                };
                let slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                prop_assert!((slope - gradient[at]).abs() < 1e-3 * (1.0 + slope.abs()), "{} {}", slope, gradient[at]);
            }
        }
    }
}
