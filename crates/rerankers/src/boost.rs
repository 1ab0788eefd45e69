//! `boost`: pins, boosts or buries the candidates that match a predicate.

use recommend_core::{
    BuildError, ComponentError, IdCodec, Needs, Predicate, Reranker, Slate, SlateEntry, View,
};
use serde::Deserialize;

/// Does one thing to all candidates that match a predicate. A candidate about which the predicate cannot tell does not
/// match.
///
/// - `add`: the score plus a number;
/// - `multiply`: the score times a factor above 0; a score below 0 is divided by it, so that a factor above 1 always
///   lifts and one below 1 always lowers. A score of 0 stays;
/// - `pin`: they take the places from this one on (1 is the first), in their order;
/// - `bury`: they move behind all others, in their order.
///
/// The first two sort by score anew; the last two leave scores alone.
///
/// ```
/// # use recommend_core::{IdCodec, Predicate};
/// # use recommend_rerankers::Boost;
/// let codec = IdCodec::new([0; 16]);
/// let official_first = Boost::pin(Predicate::parse("official", &codec)?, 1);
/// let busy_lifted = Boost::multiply(Predicate::parse("members >= 50", &codec)?, 1.2);
/// # Ok::<(), recommend_core::predicate::PredicateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Boost {
    what: Predicate,
    effect: Effect,
}

#[derive(Debug, Clone, Copy)]
enum Effect {
    Add(f32),
    Multiply(f32),
    /// From 0.
    Pin(usize),
    Bury,
}

/// `{ kind = "boost", where = "official", pin = 1 }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    r#where: String,
    add: Option<f32>,
    multiply: Option<f32>,
    pin: Option<usize>,
    #[serde(default)]
    bury: bool,
}

impl Settings {
    pub(crate) fn build(self, codec: &IdCodec) -> Result<Boost, BuildError> {
        let invalid = |reason: String| BuildError::Invalid(reason);
        let what =
            Predicate::parse(&self.r#where, codec).map_err(|error| invalid(format!("`where`: {error}")))?;
        let effect = match (self.add, self.multiply, self.pin, self.bury) {
            (Some(add), None, None, false) if add.is_finite() => Effect::Add(add),
            (Some(add), None, None, false) => {
                return Err(invalid(format!("`add` is {add}; write a finite number")));
            }
            (None, Some(factor), None, false) if factor > 0.0 && factor.is_finite() => {
                Effect::Multiply(factor)
            }
            (None, Some(factor), None, false) => {
                return Err(invalid(format!(
                    "`multiply` is {factor}; write a number above 0, or `bury = true`"
                )));
            }
            (None, None, Some(0), false) => return Err(invalid("`pin` is 0; the first place is 1".into())),
            (None, None, Some(place), false) => Effect::Pin(place - 1),
            (None, None, None, true) => Effect::Bury,
            _ => {
                let reason = "write one of `add`, `multiply`, `pin` and `bury = true`, and use several rerankers \
                    for several effects";
                return Err(invalid(reason.into()));
            }
        };
        Ok(Boost { what, effect })
    }
}

impl Boost {
    /// Adds to the score; what is not finite counts as 0.
    pub fn add(what: Predicate, add: f32) -> Self {
        Boost { what, effect: Effect::Add(if add.is_finite() { add } else { 0.0 }) }
    }

    /// Lifts (factor above 1) or lowers (below 1) the score; what is not a finite number above 0 counts as 1.
    pub fn multiply(what: Predicate, factor: f32) -> Self {
        let factor = if factor > 0.0 && factor.is_finite() { factor } else { 1.0 };
        Boost { what, effect: Effect::Multiply(factor) }
    }

    /// Puts them at the places from `place` on; 1 (or 0) is the first.
    pub fn pin(what: Predicate, place: usize) -> Self {
        Boost { what, effect: Effect::Pin(place.saturating_sub(1)) }
    }

    /// Puts them behind all others.
    pub fn bury(what: Predicate) -> Self {
        Boost { what, effect: Effect::Bury }
    }
}

impl Reranker for Boost {
    fn kind(&self) -> &'static str {
        "boost"
    }

    fn needs(&self) -> Needs {
        Needs::attributes(self.what.attributes().iter().cloned())
    }

    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        let matcher = view.attributes.and_then(|table| self.what.on(view.query, table)).ok_or_else(|| {
            let reason = "the attributes of the candidates were not loaded".to_owned();
            ComponentError::Unavailable { dependency: "the catalog", reason }
        })?;
        let matches = |entry: &SlateEntry| matcher.test(entry.row as usize) == Some(true);
        let change = match self.effect {
            Effect::Bury => {
                let mut last: Vec<_> = slate.entries.extract_if(.., |entry| matches(entry)).collect();
                slate.entries.append(&mut last);
                return Ok(());
            }
            Effect::Pin(place) => {
                let pinned: Vec<_> = slate.entries.extract_if(.., |entry| matches(entry)).collect();
                let place = place.min(slate.entries.len());
                slate.entries.splice(place..place, pinned);
                return Ok(());
            }
            Effect::Add(add) => Change { add, factor: 1.0 },
            Effect::Multiply(factor) => Change { add: 0.0, factor },
        };
        for entry in slate.entries.iter_mut().filter(|entry| matches(entry)) {
            entry.score = change.of(entry.score);
        }
        slate.sort(view);
        Ok(())
    }
}

struct Change {
    add: f32,
    factor: f32,
}

impl Change {
    /// The changed score; finite for a finite one.
    fn of(&self, score: f32) -> f32 {
        let scaled = if score >= 0.0 { score * self.factor } else { score / self.factor };
        (scaled + self.add).clamp(f32::MIN, f32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::Value;

    use super::*;
    use crate::testing::{Scene, rows, same_rows};

    fn settings(text: &str) -> Result<Boost, String> {
        let settings: Settings = toml::from_str(text).unwrap();
        settings.build(&IdCodec::new([0; 16])).map_err(|error| error.to_string())
    }

    fn scene(scores: &[f32], official: &[Option<bool>]) -> Scene {
        let column = official.iter().map(|value| value.map(Value::Bool)).collect();
        Scene::new(scores).attributes(&[("official", column)])
    }

    #[test]
    fn each_effect_does_what_it_says() {
        let (yes, no) = (Some(true), Some(false));
        let scene = scene(&[4.0, 3.0, 2.0, -1.0, -2.0], &[no, None, yes, no, yes]);
        let with = |effect: &str| {
            rows(&scene.rerank(&settings(&format!("where = \"official\"\n{effect}")).unwrap()))
        };
        assert_eq!(with("pin = 1"), [2, 4, 0, 1, 3]);
        assert_eq!(with("pin = 2"), [0, 2, 4, 1, 3]);
        assert_eq!(with("pin = 99"), [0, 1, 3, 2, 4]);
        assert_eq!(with("bury = true"), [0, 1, 3, 2, 4]);
        assert_eq!(with("add = 1.5"), [0, 2, 1, 4, 3]);
        assert_eq!(with("multiply = 3.0"), [2, 0, 1, 4, 3], "a score below 0 is lifted too");
    }

    #[test]
    fn settings_that_mean_nothing_are_refused_with_the_fix() {
        let error = |text: &str| settings(text).unwrap_err();
        assert!(error("where = \"official\"").contains("one of `add`"));
        assert!(error("where = \"official\"\nadd = 1.0\npin = 1").contains("one of `add`"));
        assert!(error("where = \"official\"\npin = 0").contains("first place is 1"));
        assert!(error("where = \"official\"\nmultiply = -2.0").contains("above 0"));
        assert!(error("where = \"official and\"\npin = 1").contains("`where`: column"));
    }

    proptest! {
        #[test]
        fn moving_loses_no_row_and_a_factor_above_one_never_lowers_a_rank(
            cells in proptest::collection::vec((-9_i32..9, proptest::option::of(any::<bool>())), 1..30),
            place in 0_usize..40,
            factor in 1.0_f32..9.0,
        ) {
            let (scores, official): (Vec<f32>, Vec<_>) = cells.iter().map(|(s, o)| (*s as f32, *o)).unzip();
            let scene = scene(&scores, &official);
            let what = || Predicate::parse("official", &IdCodec::new([0; 16])).unwrap();
            prop_assert!(same_rows(&scene.rerank(&Boost::pin(what(), place)), &scene.slate()));
            prop_assert!(same_rows(&scene.rerank(&Boost::bury(what())), &scene.slate()));
            let (before, after) = (rows(&scene.slate()), rows(&scene.rerank(&Boost::multiply(what(), factor))));
            for (rank, row) in before.iter().enumerate().filter(|(_, row)| official[**row as usize] == Some(true)) {
                // Another that matches may overtake it, but none that does not.
                let above = |list: &[u32], end: usize| {
                    list[..end].iter().filter(|r| official[**r as usize] != Some(true)).count()
                };
                let now = after.iter().position(|r| r == row).unwrap();
                prop_assert!(above(&after, now) <= above(&before, rank));
            }
        }
    }
}
