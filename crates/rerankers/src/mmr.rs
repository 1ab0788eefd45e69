//! `mmr`: maximal marginal relevance, which trades score against similarity to what stands above.

use recommend_core::{BuildError, ComponentError, Name, Needs, Reranker, Slate, SlateEntry, View};
use serde::Deserialize;

use crate::attributes;

/// Fills the slate place by place with the candidate of the highest
/// `lambda · relevance − (1 − lambda) · similarity`, where relevance is the score scaled to 0..1 over the pool, and
/// similarity the greatest Jaccard similarity to any candidate above: of the (attribute, value) pairs that either has, the
/// share that both have. (Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
/// Producing Summaries", SIGIR 1998.)
///
/// Only the first `pool` candidates (at least the limit) take part and only the first `limit` places are filled so: the work is
/// O(limit × pool). The others follow in their order; scores stay as they are. Ties go to the candidate that stood higher.
///
/// ```
/// # use recommend_rerankers::Mmr;
/// let diverse = Mmr::by(["topic", "owner"]).lambda(0.6);
/// ```
#[derive(Debug, Clone)]
pub struct Mmr {
    by: Vec<Name>,
    lambda: f32,
    pool: usize,
}

/// `{ kind = "mmr", by = ["topic", "owner"], lambda = 0.7, pool = 200 }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    by: Vec<Name>,
    #[serde(default = "default_lambda")]
    lambda: f32,
    #[serde(default = "default_pool")]
    pool: usize,
}

fn default_lambda() -> f32 {
    0.7
}

fn default_pool() -> usize {
    200
}

impl Settings {
    pub(crate) fn build(self) -> Result<Mmr, BuildError> {
        let invalid = |reason: String| Err(BuildError::Invalid(reason));
        if self.by.is_empty() {
            return invalid(
                "`by` is empty; name the attributes that make candidates alike, as in by = [\"topic\"]"
                    .into(),
            );
        }
        if !(0.0..=1.0).contains(&self.lambda) {
            return invalid(format!("`lambda` is {}; write 0 (only variety) to 1 (only score)", self.lambda));
        }
        if self.pool == 0 {
            return invalid("`pool` is 0; write how many of the best take part, as in pool = 200".into());
        }
        Ok(Mmr { by: self.by, lambda: self.lambda, pool: self.pool })
    }
}

impl Mmr {
    /// Candidates are alike by these attributes.
    ///
    /// # Panics
    /// When an attribute is not a [`Name`]; for literals.
    #[track_caller]
    pub fn by(attributes: impl IntoIterator<Item = &'static str>) -> Self {
        let by = attributes.into_iter().map(Name::literal).collect();
        Mmr { by, lambda: default_lambda(), pool: default_pool() }
    }

    /// The share of relevance, 0 (only variety) to 1 (only score); clamped.
    #[must_use]
    pub fn lambda(mut self, lambda: f32) -> Self {
        self.lambda = lambda.clamp(0.0, 1.0);
        self
    }

    /// How many of the best take part, at least 1.
    #[must_use]
    pub fn pool(mut self, pool: usize) -> Self {
        self.pool = pool.max(1);
        self
    }
}

type Key = Option<(u8, u64)>;

/// Jaccard similarity of two candidates' (attribute, value) pairs, 0 when neither has any.
fn jaccard(a: &[Key], b: &[Key]) -> f32 {
    let (mut both, mut either) = (0_u32, 0_u32);
    for (a, b) in a.iter().zip(b) {
        let shared = a.is_some() && a == b;
        both += u32::from(shared);
        either += if shared { 1 } else { u32::from(a.is_some()) + u32::from(b.is_some()) };
    }
    if either == 0 { 0.0 } else { both as f32 / either as f32 }
}

impl Reranker for Mmr {
    fn kind(&self) -> &'static str {
        "mmr"
    }

    fn needs(&self) -> Needs {
        Needs::attributes(self.by.iter().cloned())
    }

    fn rerank(&self, view: &View<'_>, slate: &mut Slate) -> Result<(), ComponentError> {
        let columns = self
            .by
            .iter()
            .map(|name| attributes::column(view, name.as_str()))
            .collect::<Result<Vec<_>, _>>()?;
        let width = columns.len();
        let size = slate.entries.len().min(self.pool.max(slate.limit));
        let pool = &mut slate.entries[..size];
        let mut keys: Vec<Key> = Vec::with_capacity(size * width);
        for entry in pool.iter() {
            keys.extend(columns.iter().map(|column| column[entry.row as usize].map(attributes::key)));
        }
        let relevance = scaled(pool);
        // Places of the pool that are not taken yet, with the greatest similarity to what is.
        let mut open: Vec<(usize, f32)> = (0..size).map(|at| (at, 0.0)).collect();
        let mut order = Vec::with_capacity(size);
        while order.len() < slate.limit.min(size) {
            let gain =
                |(at, similar): &(usize, f32)| self.lambda * relevance[*at] - (1.0 - self.lambda) * similar;
            let mut best = 0;
            for place in 1..open.len() {
                if gain(&open[place]) > gain(&open[best]) {
                    best = place;
                }
            }
            let (taken, _) = open.remove(best);
            order.push(pool[taken]);
            let of_taken = &keys[taken * width..][..width];
            for (at, similar) in &mut open {
                *similar = similar.max(jaccard(of_taken, &keys[*at * width..][..width]));
            }
        }
        order.extend(open.iter().map(|(at, _)| pool[*at]));
        pool.copy_from_slice(&order);
        Ok(())
    }
}

/// Scores scaled to 0..1; all 1 when there is nothing between them.
fn scaled(pool: &[SlateEntry]) -> Vec<f32> {
    // In f64, because the difference of two finite f32 may not be one.
    let scores = || pool.iter().map(|entry| f64::from(entry.score));
    let (low, high) = scores().fold((f64::MAX, f64::MIN), |(low, high), s| (low.min(s), high.max(s)));
    scores().map(|s| if high > low { ((s - low) / (high - low)) as f32 } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::{EntityId, Value};

    use super::*;
    use crate::testing::{Scene, rows, same_rows};

    fn ids(values: &[Option<u64>]) -> Vec<Option<Value>> {
        values.iter().map(|value| value.map(|id| Value::Id(EntityId(id)))).collect()
    }

    #[test]
    fn a_lower_score_wins_when_it_brings_variety() {
        let topics = ids(&[Some(1), Some(1), Some(2), Some(1)]);
        let scene = Scene::new(&[1.0, 0.9, 0.7, 0.0]).attributes(&[("topic", topics)]);
        assert_eq!(rows(&scene.rerank(&Mmr::by(["topic"]).lambda(0.5))), [0, 2, 1, 3]);
        assert_eq!(rows(&scene.rerank(&Mmr::by(["topic"]).lambda(1.0))), [0, 1, 2, 3]);
    }

    #[test]
    fn similarity_is_the_share_of_pairs_that_both_have() {
        let key = |n| Some((3, n));
        assert_eq!(jaccard(&[key(1), key(2)], &[key(1), key(3)]), 1.0 / 3.0);
        assert_eq!(jaccard(&[key(1), None], &[key(1), None]), 1.0);
        assert_eq!(jaccard(&[key(1), key(2)], &[None, key(2)]), 0.5);
        assert_eq!(jaccard(&[None], &[None]), 0.0, "what is unknown is not alike");
    }

    /// The definition, without shortcuts.
    fn naive(scores: &[f32], topics: &[Option<u64>], lambda: f32, limit: usize) -> Vec<u32> {
        let (low, high) = scores.iter().fold((f32::MAX, f32::MIN), |(l, h), s| (l.min(*s), h.max(*s)));
        let relevance = |at: usize| if high > low { (scores[at] - low) / (high - low) } else { 1.0 };
        let mut taken: Vec<usize> = Vec::new();
        let mut open: Vec<usize> = (0..scores.len()).collect();
        open.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        while taken.len() < limit.min(scores.len()) {
            let gain = |at: usize| {
                let similar = taken.iter().any(|t| topics[at].is_some() && topics[*t] == topics[at]);
                lambda * relevance(at) - (1.0 - lambda) * f32::from(u8::from(similar))
            };
            let place =
                (0..open.len()).rev().max_by(|a, b| gain(open[*a]).total_cmp(&gain(open[*b]))).unwrap();
            taken.push(open.remove(place));
        }
        taken.into_iter().chain(open).map(|at| at as u32).collect()
    }

    proptest! {
        #[test]
        fn it_is_the_definition_and_loses_no_row(
            cells in proptest::collection::vec((0_i32..20, proptest::option::of(0_u64..4)), 1..30),
            lambda in 0.0_f32..=1.0,
            limit in 1_usize..12,
        ) {
            let (scores, topics): (Vec<f32>, Vec<_>) = cells.iter().map(|(s, t)| (*s as f32, *t)).unzip();
            let scene = Scene::new(&scores).attributes(&[("topic", ids(&topics))]).limit(limit);
            let slate = scene.rerank(&Mmr::by(["topic"]).lambda(lambda));
            prop_assert!(same_rows(&slate, &scene.slate()));
            prop_assert_eq!(rows(&slate), naive(&scores, &topics, lambda, limit));
        }

        #[test]
        fn what_lies_outside_the_pool_stays_where_it_was(pool in 5_usize..15) {
            let scores: Vec<f32> = (0..30).map(|n| n as f32).collect();
            let topics = ids(&(0..30).map(|n| Some(n % 3)).collect::<Vec<_>>());
            let scene = Scene::new(&scores).attributes(&[("topic", topics)]).limit(5);
            let slate = scene.rerank(&Mmr::by(["topic"]).lambda(0.1).pool(pool));
            prop_assert_eq!(&rows(&slate)[pool..], &rows(&scene.slate())[pool..]);
        }
    }
}
