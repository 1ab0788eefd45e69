//! Logistic regression: standardised features, buckets and crosses, L2, L-BFGS.
//!
//! Minimises `Σ wᵢ·log(1 + exp(−yᵢ·mᵢ)) + l2/2·‖β‖²` over weights β and an unpenalised bias, where `mᵢ` is the sum of a
//! row's weighted columns: scikit-learn's objective with `C = 1/l2`. The optimiser is `argmin`'s L-BFGS (Liu and Nocedal,
//! Mathematical Programming 1989) over a loss of our own: `smartcore`'s logistic regression takes no weights for rows,
//! stops only when the gradient of the *summed* loss is below 1e-8.

mod design;
mod loss;
mod settings;

use std::collections::BTreeMap;

use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use parking_lot::Mutex;
use recommend_artifacts::{Golden, ModelKind};
use serde_json::json;

use self::design::Design;
pub use self::loss::Loss;
use self::settings::Settings;
use super::{Progress, TrainError, Trained, golden_rows, rows, shares};
use crate::dataset::Dataset;
use crate::spec::Spec;

/// How many steps L-BFGS remembers.
const MEMORY: usize = 10;

/// Trains the model of a spec.
pub(super) fn fit(spec: &Spec, train: &Dataset, progress: &dyn Progress) -> Result<Trained, TrainError> {
    let settings = Settings::read(spec)?;
    let design = Design::fit(train, &settings, spec)?;
    let matrix = design.expand(train, |row| rows::position(train.positions()[row]));
    let labels: Vec<bool> = train.labels().iter().map(|label| *label > 0.0).collect();
    let weights = rows::weights(train, &spec.debias);
    let loss = Loss::new(&matrix, design.width(), &labels, &weights, settings.l2);
    let found = minimise(&loss, settings.max_iterations, settings.tolerance, progress);
    let found = found.map_err(|reason| TrainError::Diverged { name: spec.name.clone(), reason })?;
    let weights = design.weights(&found.beta);
    let file = serde_json::to_vec_pretty(&weights).map_err(|error| TrainError::Unreadable {
        kind: ModelKind::LogisticRegression,
        reason: error.to_string(),
    })?;
    let chosen = BTreeMap::from([
        ("iterations".to_owned(), json!(found.iterations)),
        ("training_log_loss".to_owned(), json!(loss.mean(&found.beta))),
    ]);
    let features = train.features().to_vec();
    let importances = shares(&features, design.contributions(&matrix, &found.beta));
    let golden = golden(train, &design, &found.beta);
    Ok(Trained { kind: ModelKind::LogisticRegression, file, features, golden, chosen, importances })
}

/// Golden rows, scored with the position at the top in the arithmetic of the training and not in that of the server.
fn golden(train: &Dataset, design: &Design, beta: &[f64]) -> Golden {
    let chosen = golden_rows(train);
    let values = |row: usize| train.matrix().row(row).to_vec();
    let expanded = design.expand(train, |_| rows::position(0));
    let score = |row: usize| {
        let columns = &expanded[row * design.width()..][..design.width()];
        let margin =
            columns.iter().zip(beta).map(|(x, b)| f64::from(*x) * b).sum::<f64>() + beta[design.width()];
        (1.0 / (1.0 + (-margin).exp())) as f32
    };
    Golden::new(
        chosen.iter().map(|row| values(*row)).collect(),
        chosen.iter().map(|row| score(*row)).collect(),
    )
}

/// The weights, the bias last.
struct Minimum {
    beta: Vec<f64>,
    iterations: u64,
}

/// Minimises the loss, from all zeros.
fn minimise(
    loss: &Loss<'_>,
    max_iterations: u64,
    tolerance: f64,
    progress: &dyn Progress,
) -> Result<Minimum, String> {
    let problem = Problem { loss, last: Mutex::new(None), best: Mutex::new((f64::INFINITY, Vec::new())) };
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
        .with_tolerance_grad(tolerance)
        .and_then(|solver| solver.with_tolerance_cost(tolerance * 1e-3))
        .map_err(|error| error.to_string())?;
    let start = vec![0.0; loss.width() + 1];
    let at_start = loss.at(&start).0;
    let run = Executor::new(&problem, solver)
        .configure(|state| state.param(start.clone()).max_iters(max_iterations))
        .timer(false)
        .run()
        .map(|result| result.state.get_iter())
        .map_err(|error| error.to_string());
    let (cost, beta) = problem.best.into_inner();
    progress.step(1, 1, &format!("loss {cost:.6}"));
    match run {
        // Near the minimum the line search may find no step that helps; what is best by then is the answer.
        Err(error) if cost >= at_start => Err(error),
        _ if !cost.is_finite() => Err(format!("the loss is {cost}")),
        run => Ok(Minimum { beta, iterations: run.unwrap_or(max_iterations) }),
    }
}

/// Value and gradient at a point.
type Evaluated = (Vec<f64>, f64, Vec<f64>);

/// The loss as `argmin` asks for it: value and gradient apart, though one pass over the rows gives both.
struct Problem<'a> {
    loss: &'a Loss<'a>,
    last: Mutex<Option<Evaluated>>,
    best: Mutex<(f64, Vec<f64>)>,
}

impl Problem<'_> {
    fn at<T>(&self, beta: &[f64], take: impl FnOnce(&Evaluated) -> T) -> T {
        let mut last = self.last.lock();
        let known = match last.take() {
            Some(known) if known.0 == beta => known,
            _ => {
                let (cost, gradient) = self.loss.at(beta);
                let mut best = self.best.lock();
                if cost < best.0 {
                    *best = (cost, beta.to_vec());
                }
                (beta.to_vec(), cost, gradient)
            }
        };
        take(last.insert(known))
    }
}

impl CostFunction for &Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, beta: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.at(beta, |known| known.1))
    }
}

impl Gradient for &Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, beta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.at(beta, |known| known.2.clone()))
    }
}

#[cfg(test)]
mod tests;
