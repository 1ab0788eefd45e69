//! What ALS can be told.

use super::factors::LANE;
use super::kernels::MAX_LANES;
use crate::Sparse;

/// The most factors.
const MAX_FACTORS: usize = LANE * MAX_LANES;

/// What a weight adds to the confidence of its cell, which is 1 without it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Confidence {
    /// `alpha × weight`.
    Linear {
        /// Above 0.
        alpha: f32,
    },
    /// `alpha × ln(1 + weight / epsilon)`, for weights that differ by orders of magnitude.
    Log {
        /// Above 0.
        alpha: f32,
        /// Above 0: the weight from which on it grows slowly.
        epsilon: f32,
    },
}

impl Confidence {
    /// What is added to the confidence of a cell with this weight, 0 or more.
    pub fn added(self, weight: f32) -> f32 {
        match self {
            Confidence::Linear { alpha } => alpha * weight,
            Confidence::Log { alpha, epsilon } => alpha * (weight / epsilon).ln_1p(),
        }
    }
}

/// How the system of a row is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// Exactly.
    Cholesky,
    /// By so many steps of conjugate gradients from the row as it was (Takács, Pilászy and Tikk, "Applications of the
    /// conjugate gradient method for implicit feedback collaborative filtering", RecSys 2011): faster, and as good after
    /// a few more iterations.
    ConjugateGradient {
        /// 1 or more; 3 are enough.
        steps: usize,
    },
}

/// The settings of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct AlsSettings {
    /// How many numbers a vector has, 1 to 256; multiples of 16 are no slower than what lies below them.
    pub factors: usize,
    /// λ, above 0: the regularisation of a row of mean confidence.
    pub regularization: f32,
    /// How λ grows with the summed confidence of a row: to this power, 0 (all alike) to 1 (in proportion).
    pub frequency_scaling: f32,
    /// Confidence by weight.
    pub confidence: Confidence,
    /// How rows are solved.
    pub solver: Solver,
    /// The same seed and data give the same vectors on the same kind of processor, whatever the number of threads.
    pub seed: u64,
    /// 0 is one for each core.
    pub threads: usize,
}

impl Default for AlsSettings {
    fn default() -> Self {
        AlsSettings {
            factors: 64,
            regularization: 20.0,
            frequency_scaling: 1.0,
            confidence: Confidence::Linear { alpha: 10.0 },
            solver: Solver::Cholesky,
            seed: 1,
            threads: 0,
        }
    }
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AlsError {
    /// Too few or too many.
    #[error("{0} factors; choose 1 to {MAX_FACTORS}")]
    Factors(usize),
    /// A number that must be above zero is not.
    #[error("{what} is {value}; it must be a number above 0")]
    NotPositive {
        /// Which.
        what: &'static str,
        /// What it is.
        value: f32,
    },
    /// The power is out of range.
    #[error(
        "the frequency scaling is {0}; choose 0 (all rows alike) to 1 (in proportion to their confidence)"
    )]
    Scaling(f32),
    /// Without steps nothing is solved.
    #[error("conjugate gradients of 0 steps solve nothing; choose 1 or more, 3 are enough")]
    NoSteps,
    /// A weight that says nothing.
    #[error("a weight of {0}; weights are numbers above 0")]
    Weight(f32),
    /// There is nothing to learn.
    #[error("no interactions, so there is nothing to learn")]
    Empty,
    /// A system has no solution in single precision.
    #[error("a system is not positive definite in single precision; raise the regularisation")]
    NotPositiveDefinite,
}

impl AlsSettings {
    /// Whether a training can begin.
    pub(crate) fn check(&self, matrix: &Sparse) -> Result<(), AlsError> {
        if !(1..=MAX_FACTORS).contains(&self.factors) {
            return Err(AlsError::Factors(self.factors));
        }
        let positive = |what, value: f32| match value.is_finite() && value > 0.0 {
            true => Ok(()),
            false => Err(AlsError::NotPositive { what, value }),
        };
        positive("the regularisation", self.regularization)?;
        match self.confidence {
            Confidence::Linear { alpha } => positive("alpha", alpha)?,
            Confidence::Log { alpha, epsilon } => {
                positive("alpha", alpha)?;
                positive("epsilon", epsilon)?;
            }
        }
        if !(0.0..=1.0).contains(&self.frequency_scaling) {
            return Err(AlsError::Scaling(self.frequency_scaling));
        }
        if self.solver == (Solver::ConjugateGradient { steps: 0 }) {
            return Err(AlsError::NoSteps);
        }
        if let Some(weight) = matrix.weights().find(|weight| !weight.is_finite()) {
            return Err(AlsError::Weight(weight));
        }
        if matrix.is_empty() { Err(AlsError::Empty) } else { Ok(()) }
    }

    /// λ for a row, whose cells have this added confidence, over columns `columns` of which each counts 1; `mean` is the
    /// summed confidence of the mean row.
    pub(crate) fn lambda(&self, added: f32, columns: usize, mean: f32) -> f32 {
        let total = columns as f32 + added;
        self.regularization * (total / mean.max(1.0)).powf(self.frequency_scaling)
    }
}
