//! Random search, successive halving, and coordinate ascent.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::space::{Dimension, Point};

/// Of the points of a rung of successive halving one in so many goes on, with so many times the users.
const ETA: usize = 3;
/// The fewest users that say anything.
const FEWEST: usize = 50;
/// The first step of coordinate ascent, as a share of each range, and the last one.
const STEPS: (f64, f64) = (0.25, 0.02);

/// A way through a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Draws points at random (Bergstra and Bengio, JMLR 2012).
    Random,
    /// Draws points at random, asks for few users, and drops two thirds of the points each time that it asks for three
    /// times as many (Jamieson and Talwalkar, AISTATS 2016).
    Halving,
    /// Starts from what is configured and moves along one dimension at a time, as long as that helps, with shorter and
    /// shorter steps (Metzler and Croft, Information Retrieval 2007). The one to use for the weights of a linear model.
    Coordinate,
}

/// One evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Where.
    pub point: Point,
    /// Of how many users.
    pub users: usize,
    /// How good, larger is better.
    pub score: f64,
}

/// What is searched and for how long.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// The dimensions.
    pub space: &'a [Dimension],
    /// What is configured now; the search starts there and never returns anything worse.
    pub start: Point,
    /// How many users there are.
    pub users: usize,
    /// How many points to try at most.
    pub trials: usize,
    /// Seeds the draws.
    pub seed: u64,
}

/// Searches. `objective` says how good a point is for so many users; every trial is noted, and the best that was tried on
/// all users, which the start always is, comes back with them.
///
/// ```
/// use recommend_backtest::tune::{Dimension, Method, Search, search};
///
/// let space = [Dimension::Range { low: 0.0, high: 10.0, log: false, whole: false }];
/// let start = Search { space: &space, start: vec![Some(0.0)], users: 1000, trials: 60, seed: 1 };
/// let peak = |point: &[Option<f64>], _: usize| Ok::<_, ()>(-(point[0].unwrap_or(0.0) - 7.3_f64).powi(2));
/// let (_, best) = search(Method::Coordinate, &start, peak)?;
/// assert!((best.point[0].unwrap() - 7.3).abs() < 0.2);
/// # Ok::<(), ()>(())
/// ```
///
/// # Errors
/// The first that the objective returns.
pub fn search<E>(
    method: Method,
    search: &Search<'_>,
    objective: impl FnMut(&[Option<f64>], usize) -> Result<f64, E>,
) -> Result<(Vec<Trial>, Trial), E> {
    let rng = Xoshiro256PlusPlus::seed_from_u64(search.seed);
    let mut run = Run { search, objective, trials: Vec::new(), rng };
    let start = run.evaluate(search.start.clone(), search.users)?;
    let best = match method {
        Method::Random => run.random(start)?,
        Method::Halving => run.halving(start)?,
        Method::Coordinate => run.coordinate(start)?,
    };
    Ok((run.trials, best))
}

struct Run<'a, F> {
    search: &'a Search<'a>,
    objective: F,
    trials: Vec<Trial>,
    rng: Xoshiro256PlusPlus,
}

impl<E, F: FnMut(&[Option<f64>], usize) -> Result<f64, E>> Run<'_, F> {
    fn evaluate(&mut self, point: Point, users: usize) -> Result<Trial, E> {
        let score = (self.objective)(&point, users)?;
        let trial = Trial { point, users, score };
        self.trials.push(trial.clone());
        Ok(trial)
    }

    fn draw(&mut self) -> Point {
        self.search.space.iter().map(|dimension| Some(dimension.draw(&mut self.rng))).collect()
    }

    fn random(&mut self, mut best: Trial) -> Result<Trial, E> {
        for _ in 1..self.search.trials {
            let point = self.draw();
            let trial = self.evaluate(point, self.search.users)?;
            best = better(best, trial);
        }
        Ok(best)
    }

    fn halving(&mut self, start: Trial) -> Result<Trial, E> {
        let all = self.search.users;
        let mut points: Vec<Point> = (1..self.search.trials).map(|_| self.draw()).collect();
        // So many rungs that the last few points are asked for all users, and the first rung for enough of them.
        let mut users = all;
        let mut left = points.len();
        while left > ETA && users / ETA >= FEWEST {
            (left, users) = (left / ETA, users / ETA);
        }
        let mut best = start;
        loop {
            let mut rung = Vec::with_capacity(points.len());
            for point in points {
                rung.push(self.evaluate(point, users)?);
            }
            // Stable: of equals the one drawn first.
            rung.sort_by(|a, b| b.score.total_cmp(&a.score));
            if users >= all {
                if let Some(first) = rung.into_iter().next() {
                    best = better(best, first);
                }
                return Ok(best);
            }
            let keep = rung.len().div_ceil(ETA);
            points = rung.into_iter().take(keep).map(|trial| trial.point).collect();
            users = if users * ETA >= all - all / ETA { all } else { users * ETA };
        }
    }

    fn coordinate(&mut self, mut best: Trial) -> Result<Trial, E> {
        let mut step = STEPS.0;
        while step >= STEPS.1 {
            let before = best.score;
            for at in 0..self.search.space.len() {
                for number in self.search.space[at].near(best.point[at], step) {
                    let mut point = best.point.clone();
                    point[at] = Some(number);
                    if self.trials.iter().any(|trial| trial.point == point) {
                        continue;
                    }
                    if self.trials.len() >= self.search.trials {
                        return Ok(best);
                    }
                    let trial = self.evaluate(point, self.search.users)?;
                    best = better(best, trial);
                }
            }
            if best.score <= before {
                step /= 2.0;
            }
        }
        Ok(best)
    }
}

/// The second only if it is better: of equals the one that was there first stays.
fn better(first: Trial, second: Trial) -> Trial {
    if second.score > first.score { second } else { first }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn space() -> Vec<Dimension> {
        vec![
            Dimension::Range { low: 0.01, high: 100.0, log: true, whole: false },
            Dimension::Choice(4),
            Dimension::Range { low: 1.0, high: 50.0, log: false, whole: true },
        ]
    }

    /// Best at 2, choice 3, 40; few users make it noisy.
    fn peak(point: &[Option<f64>], users: usize) -> f64 {
        let [a, b, c] = [point[0], point[1], point[2]].map(|number| number.unwrap_or(1.0));
        let noise = (a * 1e4 + c * 7.0).sin() * 3.0 / users as f64;
        -(a / 2.0).ln().powi(2) - f64::from(u8::from(b != 3.0)) - ((c - 40.0) / 50.0).powi(2) + noise
    }

    fn run(method: Method, trials: usize, seed: u64) -> (Vec<Trial>, Trial) {
        let space = space();
        let of = Search { space: &space, start: vec![None; 3], users: 1000, trials, seed };
        search(method, &of, |point, users| Ok::<_, Infallible>(peak(point, users))).unwrap()
    }

    #[test]
    fn every_method_finds_a_better_point() {
        for (method, least) in [(Method::Random, -1.5), (Method::Halving, -1.5), (Method::Coordinate, -0.05)]
        {
            let (trials, best) = run(method, 120, 7);
            assert!(best.score > least && best.score > trials[0].score, "{method:?} {best:?}");
        }
    }

    #[test]
    fn halving_asks_most_points_for_few_users_only() {
        let (trials, best) = run(Method::Halving, 82, 3);
        let asked: usize = trials.iter().map(|trial| trial.users).sum();
        assert!(asked < 82 * 1000 / 2, "{asked} users in all");
        assert_eq!(best.users, 1000, "what is best is so on all users");
        let (few, all) =
            (trials.iter().filter(|t| t.users < 1000), trials.iter().filter(|t| t.users == 1000));
        assert!(few.count() >= 81 && all.count() >= 2);
    }

    proptest! {
        #[test]
        fn what_comes_back_is_the_best_that_all_users_saw(seed: u64, trials in 1_usize..40) {
            for method in [Method::Random, Method::Halving, Method::Coordinate] {
                let (tried, best) = run(method, trials, seed);
                prop_assert!(tried.contains(&best));
                for trial in tried.iter().filter(|trial| trial.users == 1000) {
                    prop_assert!(best.score >= trial.score, "{:?}", method);
                }
                prop_assert_eq!(&run(method, trials, seed).0, &tried, "the same seed goes the same way");
                if method != Method::Halving {
                    prop_assert!(tried.len() <= trials.max(1));
                }
            }
        }
    }
}
