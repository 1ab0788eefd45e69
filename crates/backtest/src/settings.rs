//! What is tested, who takes part, and who is told how far it is.

use std::time::Duration;

use recommend_core::names::NameError;
use recommend_core::{Name, Recommender};
use recommend_stores::Stores;

use crate::split::Split;

/// What is tested.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The type of entity that is recommended.
    pub corpus: Name,
    /// The part of the product that asks.
    pub source: Name,
    /// The kinds of interaction that are to be foretold; none means all.
    pub label_kinds: Vec<Name>,
    /// The least value with which one counts, such as 4 of 5 stars.
    pub min_value: Option<f32>,
    /// What is past and what is future.
    pub split: Split,
    /// Walk through the future in steps of this length, each with all that happened before it.
    pub rolling: Option<Duration>,
    /// The cut-offs, each at least 1.
    pub cutoffs: Vec<usize>,
    /// What the user touched before may be recommended, and counts.
    pub repeats: bool,
    /// Entities that first appear after the split do not count as relevant.
    pub known_only: bool,
    /// How far back recent popularity looks; by default a tenth of the time of the past.
    pub recent: Option<Duration>,
    /// Whether the baselines are asked too.
    pub baselines: bool,
    /// Whether the result holds what was shown to whom.
    pub answers: bool,
    /// How many items of each answer of the first contestant become rows of a dataset; 0 for none. It is asked for that
    /// many, where they are more than the largest cut-off.
    pub impressions: usize,
    /// Seeds all randomness.
    pub seed: u64,
    /// How many threads ask; 0 is one for each core.
    pub threads: usize,
}

impl Settings {
    /// The defaults for a recommender: all kinds of interaction, the last fifth of time as the future, the first 5 and 10
    /// places.
    ///
    /// # Errors
    /// When the corpus or the source is not a name.
    pub fn new(corpus: &str, source: &str) -> Result<Self, NameError> {
        Ok(Settings {
            corpus: Name::new(corpus)?,
            source: Name::new(source)?,
            label_kinds: Vec::new(),
            min_value: None,
            split: Split::Time(0.8),
            rolling: None,
            cutoffs: vec![5, 10],
            repeats: false,
            known_only: false,
            recent: None,
            baselines: true,
            answers: false,
            impressions: 0,
            seed: 1,
            threads: 0,
        })
    }
}

/// Puts a recommender together over stores.
pub type Assemble<'a> = dyn Fn(&Stores) -> Result<Recommender, String> + Sync + 'a;

/// One recommender in a backtest.
pub struct Contestant<'a> {
    /// What tables call it.
    pub name: String,
    /// Makes it anew for each fold, as a deployment that retrains would.
    pub assemble: &'a Assemble<'a>,
}

/// Is told how far a backtest has come.
pub trait Progress: Sync {
    /// A part begins, of so many steps.
    fn begin(&self, part: &str, steps: u64);
    /// So many steps more are done.
    fn advance(&self, steps: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
}
