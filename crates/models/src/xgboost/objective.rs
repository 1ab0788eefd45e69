//! Objectives: how a margin becomes a prediction, and how a file's intercept becomes a margin.

use super::error::Problem;

/// What XGBoost trained for, as far as scoring needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The margin is the prediction: `reg:*` without a link, `rank:*`, `binary:logitraw`, and custom objectives.
    Identity,
    /// The margin is a log-odds: `binary:logistic`, `reg:logistic`.
    Logistic,
    /// The margin is a logarithm: `count:poisson`, `reg:gamma`, `reg:tweedie`, `survival:cox`, `survival:aft`.
    Exponential,
    /// The prediction is 1 when the margin is positive, else 0: `binary:hinge`.
    Hinge,
    /// A probability per class: `multi:softprob`, and `multi:softmax`, whose own prediction is the likeliest class.
    Softmax,
}

/// XGBoost keeps an intercept that is a probability this far from 0 and 1.
const EDGE: f32 = 1e-6;

impl Objective {
    /// The objective of this name; unknown names are refused because their link is unknown too.
    pub(super) fn named(name: &str) -> Result<Self, Problem> {
        Ok(match name {
            "binary:logistic" | "reg:logistic" => Objective::Logistic,
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
                Objective::Exponential
            }
            "binary:hinge" => Objective::Hinge,
            "multi:softmax" | "multi:softprob" => Objective::Softmax,
            "binary:logitraw" => Objective::Identity,
            name if name.starts_with("reg:") || name.starts_with("rank:") => Objective::Identity,
            name => {
                return Err(Problem::Unsupported(format!(
                    "the objective {name:?} is not known, so neither is how its margin becomes a prediction; \
                     known are binary:*, reg:*, rank:*, count:poisson, multi:softmax, multi:softprob, survival:aft, \
                     survival:cox"
                )));
            }
        })
    }

    /// The margin of an intercept (`base_score`) as XGBoost 2.0 and later take it.
    pub(super) fn margin(self, base_score: f32) -> f32 {
        match self {
            Objective::Logistic => {
                let probability = base_score.clamp(EDGE, 1.0 - EDGE);
                -((1.0 / probability - 1.0).ln())
            }
            Objective::Exponential => base_score.ln(),
            Objective::Identity | Objective::Hinge | Objective::Softmax => base_score,
        }
    }

    /// Turns the margins of one row, one per group, into predictions, in place.
    pub fn predict(self, margins: &mut [f32]) {
        match self {
            Objective::Identity => {}
            Objective::Logistic => margins.iter_mut().for_each(|margin| *margin = sigmoid(*margin)),
            Objective::Exponential => margins.iter_mut().for_each(|margin| *margin = margin.exp()),
            Objective::Hinge => margins.iter_mut().for_each(|margin| *margin = f32::from(*margin > 0.0)),
            Objective::Softmax => softmax(margins),
        }
    }
}

/// XGBoost's logistic function, in f32 and bounded before the exponential overflows.
pub(crate) fn sigmoid(margin: f32) -> f32 {
    1.0 / ((-margin).min(88.7).exp() + 1.0)
}

fn softmax(margins: &mut [f32]) {
    let max = margins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f64;
    for margin in margins.iter_mut() {
        *margin = (*margin - max).exp();
        sum += f64::from(*margin);
    }
    for margin in margins.iter_mut() {
        *margin /= sum as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intercept_survives_the_way_to_a_margin_and_back() {
        for (objective, base) in
            [(Objective::Logistic, 0.235), (Objective::Exponential, 3.5), (Objective::Identity, -2.0)]
        {
            let mut margin = [objective.margin(base)];
            objective.predict(&mut margin);
            assert!((margin[0] - base).abs() < 1e-6, "{objective:?}");
        }
        assert!(Objective::Logistic.margin(0.0).is_finite() && Objective::Logistic.margin(1.0).is_finite());
        assert_eq!(Objective::Logistic.margin(0.5), 0.0);
    }

    #[test]
    fn predictions_stay_finite_at_the_ends_of_f32() {
        for margin in [f32::MAX, f32::MIN, 0.0] {
            assert!((0.0..=1.0).contains(&sigmoid(margin)));
        }
        let mut classes = [f32::MAX, 0.0, f32::MIN];
        Objective::Softmax.predict(&mut classes);
        assert_eq!(classes, [1.0, 0.0, 0.0]);
    }

    #[test]
    fn an_unknown_objective_is_refused_by_name() {
        assert!(Objective::named("custom:mine").unwrap_err().to_string().contains("custom:mine"));
    }
}
