//! `freshness`: adds to the score of what is young.

use std::time::Duration;

use recommend_core::{BuildError, ComponentError, Name, Needs, Reranker, Slate, Value, View};
use serde::Deserialize;

use crate::attributes;

/// Adds `weight · 0.5^(age / half_life)` to each score, where the age is that of a time attribute at the query's time, and
/// sorts anew. What has no such attribute gets nothing; what lies in the future counts as new.
///
/// The boost is added and not multiplied, so that it means the same for scores of any sign; `weight` is on the model's
/// scale.
///
/// ```
/// # use recommend_core::days;
/// # use recommend_rerankers::Freshness;
/// let young_channels = Freshness::new(0.5, days(14));
/// ```
#[derive(Debug, Clone)]
pub struct Freshness {
    by: Name,
    weight: f32,
    half_life: Duration,
}

/// `{ kind = "freshness", weight = 0.5, half_life = "14d", by = "created" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default = "created")]
    by: Name,
    weight: f32,
    #[serde(with = "recommend_core::duration")]
    half_life: Duration,
}

fn created() -> Name {
    Name::literal("created")
}

impl Settings {
    pub(crate) fn build(self) -> Result<Freshness, BuildError> {
        if !self.weight.is_finite() {
            return Err(BuildError::Invalid(format!("`weight` is {}; write a finite number", self.weight)));
        }
        if self.half_life.is_zero() {
            return Err(BuildError::Invalid("`half_life` is 0; write for example \"14d\"".into()));
        }
        Ok(Freshness { by: self.by, weight: self.weight, half_life: self.half_life })
    }
}

impl Freshness {
    /// What was `created` just now gets `weight`, half of it after `half_life` (at least 1 ms).
    pub fn new(weight: f32, half_life: Duration) -> Self {
        let weight = if weight.is_finite() { weight } else { 0.0 };
        Freshness { by: created(), weight, half_life: half_life.max(Duration::from_millis(1)) }
    }

    /// By another time attribute than `created`.
    ///
    /// # Panics
    /// When the attribute is not a [`Name`]; for literals.
    #[must_use]
    #[track_caller]
    pub fn by(mut self, attribute: &'static str) -> Self {
        self.by = Name::literal(attribute);
        self
    }
}

impl Reranker for Freshness {
    fn kind(&self) -> &'static str {
        "freshness"
    }

    fn needs(&self) -> Needs {
        Needs::attributes([self.by.clone()])
    }

    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        let times = attributes::column(view, self.by.as_str())?;
        let half_life = self.half_life.as_secs_f64();
        for entry in &mut slate.entries {
            if let Some(time) = times[entry.row as usize].and_then(Value::as_time) {
                let age = view.query.now.since(time).as_secs_f64();
                let boost = f64::from(self.weight) * (-age / half_life).exp2();
                entry.score = (entry.score + boost as f32).clamp(f32::MIN, f32::MAX);
            }
        }
        slate.sort(view);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::{Timestamp, days};

    use super::*;
    use crate::testing::{Scene, rows};

    #[test]
    fn the_boost_halves_with_every_half_life() {
        let base = Scene::new(&[1.0, 1.0, 1.0, 1.0, 1.0]);
        let now = base.query.now;
        let created = |age: u64| Some(Value::Time(now.before(days(age))));
        let future = Some(Value::Time(Timestamp(now.millis() + 5)));
        let scene = base.attributes(&[("created", vec![created(28), None, created(14), created(0), future])]);
        let slate = scene.rerank(&Freshness::new(0.8, days(14)));
        assert_eq!(rows(&slate), [3, 4, 2, 0, 1]);
        let scores: Vec<f32> = slate.entries.iter().map(|entry| entry.score).collect();
        assert_eq!(scores, [1.8, 1.8, 1.4, 1.2, 1.0]);
    }

    #[test]
    fn a_negative_score_is_lifted_and_not_pushed_down() {
        let base = Scene::new(&[-1.0, -1.0]);
        let new = Some(Value::Time(base.query.now));
        let scene = base.attributes(&[("created", vec![None, new])]);
        assert_eq!(rows(&scene.rerank(&Freshness::new(0.5, days(7)))), [1, 0]);
    }

    #[test]
    fn a_half_life_of_nothing_is_refused() {
        let settings = |text: &str| toml::from_str::<Settings>(text).unwrap().build();
        assert!(settings("weight = 1.0\nhalf_life = \"0s\"").unwrap_err().to_string().contains("14d"));
        assert!(settings("weight = nan\nhalf_life = \"1d\"").unwrap_err().to_string().contains("finite"));
        assert!(settings("weight = 1.0\nhalf_life = \"1d\"").is_ok());
    }
}
