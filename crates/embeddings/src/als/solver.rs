//! The system of one row: `(G + Σ w yyᵀ + λI) x = Σ (1 + w) y` over the rows `y` of its cells, with `G` the Gram matrix of
//! all rows of the other side.

use super::factors::{Factors, LANE, Lane, flat, flat_mut};
use super::kernels::{Isa, mirror};
use super::settings::{AlsError, AlsSettings, Solver};
use crate::parallel;

/// How many numbers are packed at a time: what stays in the first cache beside the sums.
const PACKED: usize = 6_144;

/// How many rows a piece of the Gram matrix has at least. Pieces do not depend on the threads, so that sums do not.
const PIECE: usize = 2_048;
/// How many pieces there are at most.
const PIECES: usize = 64;

/// `FᵀF`, whole.
pub(crate) fn gram(isa: Isa, factors: &Factors, threads: usize) -> Vec<Lane> {
    let lanes = factors.lanes();
    let rows = PIECE.max(factors.rows().div_ceil(PIECES));
    let pieces = factors.cells().chunks(rows * lanes);
    let mut sums: Vec<Vec<Lane>> = vec![vec![Lane::default(); lanes * lanes * LANE]; pieces.len()];
    let work = pieces.zip(&mut sums);
    let done: Result<(), std::convert::Infallible> = parallel::for_each(
        threads,
        work,
        || (),
        |(), (piece, sum)| {
            // In blocks that stay in the first cache while all tiles pass over them.
            for block in piece.chunks((PACKED / (lanes * LANE)).max(1) * lanes) {
                isa.add_products(sum, block, lanes);
            }
            Ok(())
        },
    );
    match done {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let mut whole = vec![Lane::default(); lanes * lanes * LANE];
    for sum in &sums {
        for (to, from) in flat_mut(&mut whole).iter_mut().zip(flat(sum)) {
            *to += from;
        }
    }
    mirror(&mut whole, lanes);
    whole
}

/// Memory of one thread.
pub(crate) struct Room {
    isa: Isa,
    matrix: Vec<Lane>,
    inverse: Vec<f32>,
    packed: Vec<Lane>,
    b: Vec<Lane>,
    direction: Vec<Lane>,
    product: Vec<Lane>,
    /// The cells of the row with their added confidence.
    cells: Vec<(u32, f32)>,
}

impl Room {
    pub(crate) fn new(isa: Isa, lanes: usize) -> Self {
        let row = vec![Lane::default(); lanes];
        Room {
            isa,
            matrix: vec![Lane::default(); lanes * lanes * LANE],
            inverse: vec![0.0; lanes * LANE],
            packed: Vec::new(),
            b: row.clone(),
            direction: row.clone(),
            product: row,
            cells: Vec::new(),
        }
    }

    /// Solves for one row; `x` holds what it was and gets what it is. `of` are its weights by row of `source`; `mean` is the summed
    /// confidence of the mean row.
    pub(crate) fn solve(
        &mut self,
        settings: &AlsSettings,
        gram: &[Lane],
        source: &Factors,
        of: &[(u32, f32)],
        mean: f32,
        x: &mut [Lane],
    ) -> Result<(), AlsError> {
        if of.is_empty() {
            x.fill(Lane::default());
            return Ok(());
        }
        self.cells.clear();
        self.cells.extend(of.iter().map(|(row, weight)| (*row, settings.confidence.added(*weight))));
        let added: f32 = self.cells.iter().map(|(_, added)| added).sum();
        let lambda = settings.lambda(added, source.rows(), mean);
        self.b.fill(Lane::default());
        match settings.solver {
            Solver::Cholesky => self.cholesky(gram, source.cells(), lambda, x),
            Solver::ConjugateGradient { steps } => {
                self.conjugate_gradient(gram, source.cells(), lambda, steps, x);
                Ok(())
            }
        }
    }

    fn cholesky(
        &mut self,
        gram: &[Lane],
        source: &[Lane],
        lambda: f32,
        x: &mut [Lane],
    ) -> Result<(), AlsError> {
        let lanes = x.len();
        self.matrix.copy_from_slice(gram);
        for at in 0..lanes * LANE {
            self.matrix[at * lanes + at / LANE].0[at % LANE] += lambda;
        }
        let most = (PACKED / (lanes * LANE)).max(1);
        self.packed.resize(most * lanes, Lane::default());
        for cells in self.cells.chunks(most) {
            let packed = &mut self.packed[..cells.len() * lanes];
            self.isa.gather(source, cells, packed, &mut self.b, true);
            self.isa.add_products(&mut self.matrix, packed, lanes);
        }
        if !self.isa.cholesky(&mut self.matrix, &mut self.inverse, lanes) {
            return Err(AlsError::NotPositiveDefinite);
        }
        self.isa.solve(&self.matrix, &self.inverse, &mut self.b);
        x.copy_from_slice(&self.b);
        Ok(())
    }

    fn conjugate_gradient(
        &mut self,
        gram: &[Lane],
        source: &[Lane],
        lambda: f32,
        steps: usize,
        x: &mut [Lane],
    ) {
        let Room { isa, packed, b, direction, product, cells, .. } = self;
        packed.resize(cells.len() * x.len(), Lane::default());
        isa.gather(source, cells, packed, b, false);
        let apply = |x: &[Lane], out: &mut [Lane]| {
            out.iter_mut().zip(x).for_each(|(out, x)| out.0 = x.0.map(|x| lambda * x));
            isa.add_product(gram, x, out);
            isa.add_weighted(packed, cells, x, out);
        };
        // What is left of `b` is the residual.
        apply(x, product);
        axpy(b, -1.0, product);
        direction.copy_from_slice(b);
        let mut left = dot(b, b);
        for _ in 0..steps {
            if left < 1e-20 {
                break;
            }
            apply(direction, product);
            let along = left / dot(direction, product);
            axpy(x, along, direction);
            axpy(b, -along, product);
            let next = dot(b, b);
            let turn = next / left;
            direction.iter_mut().zip(b.iter()).for_each(|(direction, b)| {
                direction
                    .0
                    .iter_mut()
                    .zip(&b.0)
                    .for_each(|(direction, b)| *direction = b + turn * *direction);
            });
            left = next;
        }
    }
}

fn axpy(out: &mut [Lane], a: f32, x: &[Lane]) {
    flat_mut(out).iter_mut().zip(flat(x)).for_each(|(out, x)| *out += a * x);
}

fn dot(a: &[Lane], b: &[Lane]) -> f32 {
    let mut sums = [0.0; LANE];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.0.iter().zip(&b.0)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::als::settings::Confidence;

    /// Solves in f64 by Gauss and Jordan, from the definition.
    fn reference(source: &Factors, of: &[(u32, f32)], lambda: f64, alpha: f64) -> Vec<f64> {
        let n = source.factors();
        let row = |at: usize| -> Vec<f64> { source.row(at).iter().map(|x| f64::from(*x)).collect() };
        let mut system = vec![vec![0.0; n + 1]; n];
        let mut add = |y: &[f64], matrix: f64, right: f64| {
            for i in 0..n {
                (0..n).for_each(|j| system[i][j] += matrix * y[i] * y[j]);
                system[i][n] += right * y[i];
            }
        };
        (0..source.rows()).for_each(|at| add(&row(at), 1.0, 0.0));
        for (at, weight) in of {
            let w = alpha * f64::from(*weight);
            add(&row(*at as usize), w, 1.0 + w);
        }
        (0..n).for_each(|i| system[i][i] += lambda);
        for i in 0..n {
            let pivot = system[i][i];
            system[i].iter_mut().for_each(|x| *x /= pivot);
            let own = system[i].clone();
            for (_, other) in system.iter_mut().enumerate().filter(|(j, _)| *j != i) {
                let factor = other[i];
                other.iter_mut().zip(&own).for_each(|(x, own)| *x -= factor * own);
            }
        }
        system.iter().map(|row| row[n]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn both_solvers_on_every_instruction_set_solve_the_system(
            factors in prop::sample::select(vec![1_usize, 5, 16, 20, 40, 64, 128]),
            seed in 0_u32..1_000,
            of in prop::collection::btree_map(0_u32..150, 0.1_f32..5.0, 1..60),
        ) {
            let mut source = Factors::zeros(150, factors);
            for row in 0..150_u32 {
                let value = |at: u32| {
                    let mixed = (row * 7919 + at * 104_729 + seed).wrapping_mul(2_654_435_761) >> 8;
                    mixed as f32 / (1 << 23) as f32 - 1.0
                };
                let values: Vec<f32> = (0..factors as u32).map(value).collect();
                source.set(row as usize, &values);
            }
            let of: Vec<(u32, f32)> = of.into_iter().collect();
            let lambda = 3.0;
            let expected = reference(&source, &of, lambda, 2.0);
            let scale = expected.iter().map(|x| x.abs()).fold(0.0, f64::max);
            for isa in Isa::available() {
                let gram = gram(isa, &source, 1);
                for solver in [Solver::Cholesky, Solver::ConjugateGradient { steps: 200 }] {
                    let settings = AlsSettings {
                        factors,
                        solver,
                        regularization: lambda as f32,
                        frequency_scaling: 0.0,
                        confidence: Confidence::Linear { alpha: 2.0 },
                        ..AlsSettings::default()
                    };
                    let mut x = vec![Lane::default(); source.lanes()];
                    Room::new(isa, source.lanes()).solve(&settings, &gram, &source, &of, 1.0, &mut x).unwrap();
                    for (at, (found, expected)) in flat(&x).iter().zip(&expected).enumerate() {
                        let difference = (f64::from(*found) - expected).abs();
                        prop_assert!(difference < 2e-3 * scale, "{isa:?} {solver:?} {at}: {found} {expected}");
                    }
                    prop_assert!(flat(&x)[factors..].iter().all(|x| *x == 0.0), "the padding stays zero");
                }
            }
        }
    }
}
