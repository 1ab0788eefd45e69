//! A blend that graduates: hand-tuned while nothing is known, learned as evidence grows.
//!
//! A new user, a new channel or a new workspace has no history for a learned model to read, and a hand-tuned score is the
//! safer one. The blend weighs the learned score by `n / (n + half)`, where `n` is a feature: how often the user has
//! clicked, the channel was used, the workspace has answered. It is the shrinkage of an estimate towards a prior that is
//! worth `half` observations (Bühlmann, ASTIN Bulletin 1967).

use recommend_core::{BuildContext, BuildError, ComponentError, Explanation, FeatureRows, Model, Name};
use serde::Deserialize;
use std::sync::Arc;

/// Moves from one model's score to another's as evidence grows.
///
/// The raw scores of the two are brought onto one scale first: how many standard deviations above the other candidates of
/// the request. So the blend orders candidates and means nothing else, and with one candidate it is 0. A row whose evidence
/// is missing, negative or 0 has the first model's score alone.
///
/// The explanation has the contributions of both, each with its weight and its scale, and they sum to the score. The
/// evidence adds nothing by itself: it decides who is listened to.
///
/// ```
/// use recommend_core::{FeatureRows, Model};
/// use recommend_models::{Graduate, Linear};
///
/// let hand_tuned = Linear::new("start").weight("popular", 1.0);
/// let learned = Linear::new("learned").weight("cosine", 1.0);
/// let model = Graduate::new(hand_tuned, learned, "clicks", 20.0)?;
/// assert_eq!(model.features().iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["clicks", "popular", "cosine"]);
///
/// // The first is popular, the second is alike. A user without a click sees the popular one first, one with many the other.
/// let top = |clicks: f32| {
///     let matrix = ndarray::array![[clicks, 9.0, 0.1], [clicks, 1.0, 0.8]];
///     let rows = FeatureRows::new(matrix.view(), &[0, 1, 2]);
///     let mut scores = [0.0; 2];
///     model.score(&rows, &mut scores).map(|()| if scores[0] > scores[1] { "popular" } else { "alike" })
/// };
/// assert_eq!((top(0.0)?, top(100.0)?), ("popular", "alike"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Graduate {
    version: String,
    features: Vec<Name>,
    /// The hand-tuned one, then the learned one.
    models: [Arc<dyn Model>; 2],
    /// For each, the places of its features among `features`.
    places: [Vec<usize>; 2],
    half: f32,
}

/// Why two models cannot be blended.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GraduateError {
    /// The evidence is no feature.
    #[error("`evidence` {0}")]
    Evidence(String),
    /// Evidence that is worth nothing, or no number.
    #[error("`half` is {0}; write the evidence at which both models count the same, such as 20")]
    Half(f32),
}

impl Graduate {
    /// A blend of two models. `evidence` is a feature that counts, and `half` its value at which both weigh the same.
    ///
    /// # Errors
    /// [`GraduateError`].
    pub fn new(
        hand_tuned: impl Model + 'static,
        learned: impl Model + 'static,
        evidence: &str,
        half: f32,
    ) -> Result<Self, GraduateError> {
        let evidence = Name::new(evidence).map_err(|error| GraduateError::Evidence(error.to_string()))?;
        Graduate::of([Arc::new(hand_tuned), Arc::new(learned)], evidence, half)
    }

    fn of(models: [Arc<dyn Model>; 2], evidence: Name, half: f32) -> Result<Self, GraduateError> {
        if !(half.is_finite() && half > 0.0) {
            return Err(GraduateError::Half(half));
        }
        let mut features = vec![evidence];
        let places = models.each_ref().map(|model| {
            let mut place = |name: &Name| {
                features.iter().position(|known| known == name).unwrap_or_else(|| {
                    features.push(name.clone());
                    features.len() - 1
                })
            };
            model.features().iter().map(&mut place).collect()
        });
        let version = format!("{} > {}", models[0].version(), models[1].version());
        Ok(Graduate { version, features, models, places, half })
    }

    /// How much the learned model counts in a row, 0 to 1.
    fn weight(&self, rows: &FeatureRows<'_>, row: usize) -> f32 {
        let evidence = rows.get(row, 0);
        match evidence > 0.0 {
            // Infinitely much evidence is enough.
            true if evidence.is_infinite() => 1.0,
            true => evidence / (evidence + self.half),
            false => 0.0,
        }
    }

    /// The columns of the matrix that one of the two reads.
    fn columns(&self, at: usize, rows: &FeatureRows<'_>) -> Vec<usize> {
        self.places[at].iter().map(|place| rows.columns()[*place]).collect()
    }

    /// The raw scores of one of the two, and what brings them onto the common scale.
    fn raw(&self, at: usize, rows: &FeatureRows<'_>) -> Result<(Vec<f32>, Scale), ComponentError> {
        let columns = self.columns(at, rows);
        let mut raw = vec![0.0; rows.len()];
        self.models[at].raw(&FeatureRows::new(rows.matrix(), &columns), &mut raw)?;
        let scale = Scale::of(&raw);
        Ok((raw, scale))
    }
}

/// `(score - mean) / deviation`.
#[derive(Debug, Clone, Copy)]
struct Scale {
    mean: f32,
    deviation: f32,
}

impl Scale {
    fn of(scores: &[f32]) -> Self {
        let count = scores.len().max(1) as f64;
        let mean = scores.iter().map(|score| f64::from(*score)).sum::<f64>() / count;
        let squares = scores.iter().map(|score| (f64::from(*score) - mean).powi(2)).sum::<f64>() / count;
        let deviation = squares.sqrt() as f32;
        // Candidates that are all alike are all average; rounding must not become a difference.
        let alike = deviation <= mean.abs() as f32 * 1e-6 || deviation == 0.0;
        Scale { mean: mean as f32, deviation: if alike { f32::INFINITY } else { deviation } }
    }

    fn apply(self, score: f32) -> f32 {
        (score - self.mean) / self.deviation
    }
}

impl Model for Graduate {
    fn kind(&self) -> &'static str {
        "graduate"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn features(&self) -> &[Name] {
        &self.features
    }

    fn score(&self, rows: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        let (start, start_scale) = self.raw(0, rows)?;
        let (learned, learned_scale) = self.raw(1, rows)?;
        for (row, score) in scores.iter_mut().enumerate() {
            let weight = self.weight(rows, row);
            *score =
                (1.0 - weight) * start_scale.apply(start[row]) + weight * learned_scale.apply(learned[row]);
        }
        Ok(())
    }

    fn explain(&self, rows: &FeatureRows<'_>, row: usize) -> Result<Explanation, ComponentError> {
        let learned = self.weight(rows, row);
        let mut explained =
            Explanation { bias: 0.0, contributions: vec![0.0; self.features.len()], raw: 0.0 };
        for (at, weight) in [(0, 1.0 - learned), (1, learned)] {
            let (raw, scale) = self.raw(at, rows)?;
            explained.raw += weight * scale.apply(raw[row]);
            if weight == 0.0 {
                continue;
            }
            let columns = self.columns(at, rows);
            let part = self.models[at].explain(&FeatureRows::new(rows.matrix(), &columns), row)?;
            explained.bias += weight * scale.apply(part.bias);
            for (place, contribution) in self.places[at].iter().zip(part.contributions) {
                explained.contributions[*place] += weight * contribution / scale.deviation;
            }
        }
        Ok(explained)
    }
}

impl std::fmt::Debug for Graduate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graduate({}, {} at {})", self.version, self.features[0], self.half)
    }
}

/// `{ kind = "graduate", evidence = "clicks", half = 20, hand_tuned = { … }, learned = { … } }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    evidence: Name,
    half: f32,
    hand_tuned: toml::Table,
    learned: toml::Table,
}

impl Settings {
    pub(crate) fn build(mut self, context: &BuildContext<'_>) -> Result<Graduate, BuildError> {
        // Until the first model is promoted there is nothing to graduate to.
        if self.learned.get("kind").and_then(toml::Value::as_str) == Some("artifact") {
            let start = toml::Value::Table(self.hand_tuned.clone());
            self.learned.entry("fallback").or_insert(start);
        }
        let build = |key: &str, table: toml::Table| match context.registry.build_model(table, context) {
            Ok(model) => Ok(model.into_part()),
            Err(error) => Err(BuildError::Invalid(format!("`{key}`: {error}"))),
        };
        let models = [build("hand_tuned", self.hand_tuned)?, build("learned", self.learned)?];
        Graduate::of(models, self.evidence, self.half).map_err(|error| BuildError::Invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::{Linear, Logistic, Transform};

    fn model(half: f32) -> Graduate {
        let start = Linear::new("start").bias(3.0).weight("a", 100.0).weight_with("b", Transform::Log1p, 7.0);
        let learned = Logistic::new(Linear::new("learned").bias(-0.5).weight("b", 0.25).weight("c", -1.5));
        Graduate::new(start, learned, "n", half).unwrap()
    }

    fn scores(model: &Graduate, matrix: &Array2<f32>) -> Vec<f32> {
        let columns: Vec<usize> = (0..matrix.ncols()).collect();
        let mut scores = vec![f32::NAN; matrix.nrows()];
        model.score(&FeatureRows::new(matrix.view(), &columns), &mut scores).unwrap();
        scores
    }

    #[test]
    fn without_evidence_it_is_the_first_and_with_much_the_second() {
        let model = model(20.0);
        for (evidence, best) in [(f32::NAN, 0), (-3.0, 0), (0.0, 0), (1e6, 1), (f32::INFINITY, 1)] {
            let scores =
                scores(&model, &ndarray::array![[evidence, 2.0, 1.0, 3.0], [evidence, 1.0, 1.0, -3.0]]);
            assert_eq!(if scores[0] > scores[1] { 0 } else { 1 }, best, "{evidence}: {scores:?}");
        }
    }

    #[test]
    fn the_same_evidence_as_half_weighs_both_the_same() {
        let matrix = ndarray::array![[20.0, 1.0, 0.0, 1.0], [20.0, 0.0, 0.0, 0.0]];
        // One prefers the first by a standard deviation, the other the second.
        for score in scores(&model(20.0), &matrix) {
            assert!(score.abs() < 1e-6, "{score}");
        }
    }

    #[test]
    fn candidates_that_are_alike_score_zero() {
        assert_eq!(scores(&model(1.0), &ndarray::array![[5.0, 2.0, 1.0, 0.1]]), [0.0]);
        let alike = Array2::from_shape_fn((7, 4), |(_, column)| column as f32 / 3.0);
        assert!(scores(&model(1.0), &alike).iter().all(|score| *score == 0.0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let of = |evidence, half| {
            Graduate::new(Linear::new("a"), Linear::new("b"), evidence, half).unwrap_err().to_string()
        };
        assert!(of("clicks", 0.0).contains("such as 20") && of("no name", 1.0).contains("`evidence`"));
    }

    proptest! {
        #[test]
        fn contributions_sum_to_the_score(
            cells in proptest::collection::vec(prop_oneof![-5.0..50.0_f32, Just(f32::NAN)], 4 * 6),
            row in 0_usize..6,
        ) {
            let model = model(10.0);
            let matrix = Array2::from_shape_vec((6, 4), cells).unwrap();
            let rows = FeatureRows::new(matrix.view(), &[0, 1, 2, 3]);
            let score = scores(&model, &matrix)[row];
            let explained = model.explain(&rows, row).unwrap();
            let sum = explained.bias + explained.contributions.iter().sum::<f32>();
            prop_assert!(score.is_finite());
            prop_assert!((explained.raw - score).abs() < 1e-4, "{} {score}", explained.raw);
            prop_assert!((sum - score).abs() < 1e-3, "{sum} {score}");
            prop_assert_eq!(explained.contributions[0], 0.0);
        }
    }
}
