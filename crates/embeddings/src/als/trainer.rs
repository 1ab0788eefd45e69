//! The training: one pass over users and items at a time, so that the caller decides when it is enough.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::factors::{Factors, Lane};
use super::kernels::Isa;
use super::model::{Als, Side};
use super::settings::{AlsError, AlsSettings};
use super::solver::{Room, gram};
use crate::Sparse;
use crate::parallel;

/// How many rows a thread takes at a time.
const CHUNK: usize = 64;

/// A training under way.
///
/// ```
/// use recommend_embeddings::{Sparse, als::{AlsSettings, Trainer}};
///
/// // Two users who share items 0 and 1, two who share 2 and 3; the last of each pair lacks one.
/// let cells = [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (2, 2, 1.0), (2, 3, 1.0), (3, 2, 1.0)];
/// let matrix = Sparse::from_triplets(4, 4, cells);
/// let settings = AlsSettings { factors: 2, regularization: 0.1, ..AlsSettings::default() };
/// let mut trainer = Trainer::new(&matrix, settings)?;
/// for _ in 0..10 {
///     trainer.step()?;
/// }
/// let model = trainer.finish();
/// let mut scores = [0.0; 4];
/// model.score(&model.user(&[(0, 1.0)])?, &mut scores);
/// assert!(scores[1] > scores[2] && scores[1] > scores[3]);
/// # Ok::<(), recommend_embeddings::als::AlsError>(())
/// ```
#[derive(Debug)]
pub struct Trainer {
    isa: Isa,
    settings: AlsSettings,
    by_user: Sparse,
    by_item: Sparse,
    users: Factors,
    items: Factors,
    iterations: usize,
}

impl Trainer {
    /// From small random vectors. The rows of the matrix are users, its columns items.
    ///
    /// # Errors
    /// [`AlsError`] when a setting is out of range or there is nothing to learn.
    pub fn new(matrix: &Sparse, settings: AlsSettings) -> Result<Self, AlsError> {
        settings.check(matrix)?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(settings.seed);
        // Items first: users are solved from them, so that their first values matter to conjugate gradients alone.
        let items = random(&mut rng, matrix.columns(), settings.factors);
        let users = random(&mut rng, matrix.rows(), settings.factors);
        let (by_user, by_item) = (matrix.clone(), matrix.transposed());
        Ok(Trainer { isa: Isa::detect(), settings, by_user, by_item, users, items, iterations: 0 })
    }

    /// From what an earlier model had learnt (warm start): `item` and `user` say which row of it stands for each; those
    /// that it does not know begin at random.
    ///
    /// # Errors
    /// [`AlsError`] when a setting is out of range, there is nothing to learn, or the model has another number of factors.
    pub fn warm(
        matrix: &Sparse,
        settings: AlsSettings,
        model: &Als,
        item: impl Fn(usize) -> Option<usize>,
        user: impl Fn(usize) -> Option<usize>,
    ) -> Result<Self, AlsError> {
        if model.items().factors() != settings.factors {
            return Err(AlsError::Factors(model.items().factors()));
        }
        let mut trainer = Trainer::new(matrix, settings)?;
        for (to, from, place) in [
            (&mut trainer.items, model.items(), &item as &dyn Fn(usize) -> Option<usize>),
            (&mut trainer.users, model.users(), &user),
        ] {
            for row in 0..to.rows() {
                if let Some(known) = place(row).filter(|known| *known < from.rows()) {
                    to.set(row, from.row(known));
                }
            }
        }
        Ok(trainer)
    }

    /// One iteration: all users, then all items.
    ///
    /// # Errors
    /// [`AlsError::NotPositiveDefinite`] when λ is too small for single precision.
    pub fn step(&mut self) -> Result<(), AlsError> {
        let (isa, settings) = (self.isa, &self.settings);
        half(isa, settings, &self.by_user, &self.items, &mut self.users)?;
        half(isa, settings, &self.by_item, &self.users, &mut self.items)?;
        self.iterations += 1;
        Ok(())
    }

    /// How many iterations there were.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// The vectors of the users so far.
    pub fn users(&self) -> &Factors {
        &self.users
    }

    /// The vectors of the items so far.
    pub fn items(&self) -> &Factors {
        &self.items
    }

    /// What is being minimised, over the summed confidence of all cells: `Σ c (p − x·y)² + Σ λ|x|² + Σ λ|y|²`.
    pub fn loss(&self) -> f64 {
        let threads = parallel::threads(self.settings.threads);
        let (xx, yy) = (gram(self.isa, &self.users, threads), gram(self.isa, &self.items, threads));
        // Σ (x·y)² over all cells is the product of the two Gram matrices.
        let product =
            |(a, b): (&Lane, &Lane)| a.0.iter().zip(&b.0).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let mut loss: f64 = xx.iter().zip(&yy).map(product).sum();
        let mut confidence = self.by_user.rows() as f64 * self.by_user.columns() as f64;
        let chunks: Vec<usize> = (0..self.by_user.rows()).step_by(CHUNK).collect();
        let mut sums = vec![(0.0_f64, 0.0_f64); chunks.len()];
        let work = chunks.into_iter().zip(&mut sums);
        let done: Result<(), std::convert::Infallible> = parallel::for_each(
            threads,
            work,
            || (),
            |(), (from, sum)| {
                for user in from..(from + CHUNK).min(self.by_user.rows()) {
                    for (item, weight) in self.by_user.row(user) {
                        let added = f64::from(self.settings.confidence.added(*weight));
                        let mut score = [0.0];
                        let (x, y) = (self.users.lanes_of(user), self.items.lanes_of(*item as usize));
                        self.isa.dots(y, x, &mut score);
                        let score = f64::from(score[0]);
                        sum.0 += (1.0 + added) * (1.0 - score).powi(2) - score.powi(2);
                        sum.1 += added;
                    }
                }
                Ok(())
            },
        );
        match done {
            Ok(()) => {}
            Err(never) => match never {},
        }
        for (of_cells, added) in sums {
            loss += of_cells;
            confidence += added;
        }
        for (matrix, factors) in [(&self.by_user, &self.users), (&self.by_item, &self.items)] {
            let mean = mean_confidence(&self.settings, matrix);
            for row in 0..matrix.rows() {
                let lambda =
                    self.settings.lambda(added(&self.settings, matrix.row(row)), matrix.columns(), mean);
                let norm: f64 = factors.row(row).iter().map(|x| f64::from(x * x)).sum();
                loss += f64::from(lambda) * norm;
            }
        }
        loss / confidence
    }

    /// The model as it is.
    pub fn finish(self) -> Als {
        let of_users = mean_confidence(&self.settings, &self.by_user);
        let of_items = mean_confidence(&self.settings, &self.by_item);
        Als::new(self.settings, Side::new(self.users, of_users), Side::new(self.items, of_items))
    }
}

fn added(settings: &AlsSettings, row: &[(u32, f32)]) -> f32 {
    row.iter().map(|(_, weight)| settings.confidence.added(*weight)).sum()
}

/// The summed confidence of the mean row.
fn mean_confidence(settings: &AlsSettings, matrix: &Sparse) -> f32 {
    let sum: f64 = matrix.weights().map(|weight| f64::from(settings.confidence.added(weight))).sum();
    (matrix.columns() as f64 + sum / matrix.rows().max(1) as f64) as f32
}

/// Solves for all rows of one side.
fn half(
    isa: Isa,
    settings: &AlsSettings,
    matrix: &Sparse,
    source: &Factors,
    target: &mut Factors,
) -> Result<(), AlsError> {
    let (threads, lanes) = (parallel::threads(settings.threads), source.lanes());
    let gram = gram(isa, source, threads);
    let mean = mean_confidence(settings, matrix);
    let work = target.cells_mut().chunks_mut(CHUNK * lanes).enumerate();
    parallel::for_each(
        threads,
        work,
        || Room::new(isa, lanes),
        |room, (chunk, rows)| {
            for (at, x) in rows.chunks_exact_mut(lanes).enumerate() {
                room.solve(settings, &gram, source, matrix.row(chunk * CHUNK + at), mean, x)?;
            }
            Ok(())
        },
    )
}

/// Uniform with the deviation of 0.1 / √factors, so that first scores are small.
fn random(rng: &mut Xoshiro256PlusPlus, rows: usize, factors: usize) -> Factors {
    let mut matrix = Factors::zeros(rows, factors);
    let width = 0.1 * (12.0 / factors as f32).sqrt();
    let mut values = vec![0.0; factors];
    for row in 0..rows {
        for value in &mut values {
            *value = width * ((rng.next_u64() >> 40) as f32 / (1 << 24) as f32 - 0.5);
        }
        matrix.set(row, &values);
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::als::settings::{Confidence, Solver};

    /// Two tastes, some noise.
    fn tastes() -> Sparse {
        let cells = (0..200_u32).flat_map(|user| {
            (0..12_u32).map(move |turn| {
                let item = (user * 31 + turn * 17) % 40 + 40 * (user % 2);
                (user, if turn == 0 { (user * 7) % 80 } else { item }, 1.0 + (turn % 3) as f32)
            })
        });
        Sparse::from_triplets(200, 80, cells)
    }

    fn trained(settings: AlsSettings, iterations: usize) -> Trainer {
        let mut trainer = Trainer::new(&tastes(), settings).unwrap();
        (0..iterations).for_each(|_| trainer.step().unwrap());
        trainer
    }

    fn settings() -> AlsSettings {
        AlsSettings { factors: 16, regularization: 1.0, threads: 1, ..AlsSettings::default() }
    }

    #[test]
    fn the_loss_falls_with_every_iteration() {
        for scaling in [0.0, 1.0] {
            let mut trainer = trained(AlsSettings { frequency_scaling: scaling, ..settings() }, 0);
            let mut last = f64::MAX;
            for _ in 0..8 {
                trainer.step().unwrap();
                let loss = trainer.loss();
                assert!(loss <= last * (1.0 + 1e-6), "{loss} after {last}");
                last = loss;
            }
        }
    }

    #[test]
    fn the_loss_is_that_of_the_definition() {
        let trainer = trained(settings(), 3);
        let matrix = tastes();
        let (mut loss, mut total) = (0.0_f64, 0.0_f64);
        for user in 0..matrix.rows() {
            for item in 0..matrix.columns() {
                let cell = matrix.row(user).iter().find(|(at, _)| *at as usize == item);
                let confidence = 1.0 + cell.map_or(0.0, |(_, weight)| 10.0 * f64::from(*weight));
                let score: f32 =
                    trainer.users.row(user).iter().zip(trainer.items.row(item)).map(|(a, b)| a * b).sum();
                let wanted = if cell.is_some() { 1.0 } else { 0.0 };
                loss += confidence * (wanted - f64::from(score)).powi(2);
                total += confidence;
            }
        }
        for (matrix, factors) in [(matrix.clone(), &trainer.users), (matrix.transposed(), &trainer.items)] {
            let mean = mean_confidence(&settings(), &matrix);
            for row in 0..matrix.rows() {
                let lambda = settings().lambda(added(&settings(), matrix.row(row)), matrix.columns(), mean);
                loss += f64::from(lambda) * factors.row(row).iter().map(|x| f64::from(x * x)).sum::<f64>();
            }
        }
        let (expected, found) = (loss / total, trainer.loss());
        assert!((expected - found).abs() < 1e-5 * expected, "{expected} {found}");
    }

    #[test]
    fn threads_change_nothing_and_seeds_do() {
        let one = trained(settings(), 3);
        let many = trained(AlsSettings { threads: 4, ..settings() }, 3);
        assert!(one.users == many.users && one.items == many.items);
        assert!(one.items != trained(AlsSettings { seed: 2, ..settings() }, 3).items);
    }

    #[test]
    fn conjugate_gradients_reach_the_loss_of_cholesky() {
        let exact = trained(settings(), 60).loss();
        let steps = Solver::ConjugateGradient { steps: 5 };
        let close = trained(AlsSettings { solver: steps, ..settings() }, 60).loss();
        assert!((close - exact).abs() < 0.02 * exact, "{close} {exact}");
    }

    #[test]
    fn a_warm_start_goes_on_where_the_model_was() {
        let model = trained(settings(), 10);
        let loss = model.loss();
        let model = model.finish();
        let same = |row: usize| Some(row);
        let mut warm = Trainer::warm(&tastes(), settings(), &model, same, same).unwrap();
        warm.step().unwrap();
        assert!(warm.loss() <= loss * (1.0 + 1e-6));
        let mut cold = trained(settings(), 1);
        assert!(cold.loss() > warm.loss());
        cold.step().unwrap();
        let other = AlsSettings { factors: 8, ..settings() };
        assert!(matches!(Trainer::warm(&tastes(), other, &model, same, same), Err(AlsError::Factors(16))));
    }

    #[test]
    fn bad_settings_are_refused() {
        let refused = |settings| Trainer::new(&tastes(), settings).unwrap_err();
        assert_eq!(refused(AlsSettings { factors: 0, ..settings() }), AlsError::Factors(0));
        assert!(
            refused(AlsSettings { regularization: 0.0, ..settings() }).to_string().contains("regularisation")
        );
        assert_eq!(refused(AlsSettings { frequency_scaling: 1.5, ..settings() }), AlsError::Scaling(1.5));
        let log = Confidence::Log { alpha: 1.0, epsilon: 0.0 };
        assert!(refused(AlsSettings { confidence: log, ..settings() }).to_string().contains("epsilon"));
        let none = Solver::ConjugateGradient { steps: 0 };
        assert_eq!(refused(AlsSettings { solver: none, ..settings() }), AlsError::NoSteps);
        let empty = Sparse::from_triplets(3, 3, []);
        assert_eq!(Trainer::new(&empty, settings()).unwrap_err(), AlsError::Empty);
    }
}
