//! The result: per-user metrics of every contestant at every cut-off, with intervals and comparisons.

use std::collections::BTreeMap;
use std::time::Duration;

use recommend_core::{DropCount, EntityId, Timestamp};
use recommend_training::metrics::{
    Catalogue, Difference, Interval, Metric, Scores, Slates, bootstrap_mean, paired_difference,
};
use recommend_training::{Dataset, Ranking};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::engine::Asked;
use crate::history::History;
use crate::question::Question;

/// Of how many questions a fold's diversity is taken: it compares the users of every pair of a slate.
const DIVERSITY_SAMPLE: usize = 500;

/// What a backtest found.
#[derive(Debug)]
pub struct BacktestResult {
    /// One for each contestant and baseline, in the order in which they were asked.
    pub evaluations: Vec<Evaluation>,
    /// What else is to be known about it.
    pub notes: Notes,
    /// Every answer, when [`crate::Settings::answers`] asks for them.
    pub answers: Vec<Answer>,
    /// What the first contestant showed, with its features, labelled 1 where it turned out to be relevant, when
    /// [`crate::Settings::impressions`] asks for it and anything was shown.
    pub impressions: Option<Dataset>,
    seed: u64,
}

/// What one contestant showed to one user, and what the user did next. Numbers are rows of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The contestant.
    pub name: String,
    /// The user.
    pub user: u32,
    /// When it was asked.
    pub now: Timestamp,
    /// The entities that were shown, best first.
    pub shown: Vec<u32>,
    /// The entities that turned out to be relevant.
    pub relevant: Vec<u32>,
}

/// One contestant.
#[derive(Debug)]
pub struct Evaluation {
    /// What tables call it.
    pub name: String,
    /// Its metrics by cut-off, in the order of the settings.
    pub at: Vec<AtCutoff>,
}

/// One contestant at one cut-off.
#[derive(Debug)]
pub struct AtCutoff {
    /// The cut-off.
    pub k: usize,
    /// Each user's metrics, averaged over the folds; users in the same order everywhere.
    pub scores: Vec<Scores>,
    /// Entities recommended to anybody / entities known, in 0..=1.
    pub coverage: f64,
    /// Mean self-information of what was recommended, in bits.
    pub novelty: f64,
    /// Mean of 1 - cosine over the pairs of a slate, in 0..=1; NaN when no slate has two.
    pub diversity: f64,
    /// Mean popularity percentile of what was recommended, in 0..=1.
    pub popularity_bias: f64,
}

impl AtCutoff {
    /// A metric of all users.
    pub fn values(&self, metric: Metric) -> Vec<f64> {
        self.scores.iter().map(|scores| metric.of(scores)).collect()
    }

    /// The mean of a metric over users.
    pub fn mean(&self, metric: Metric) -> f64 {
        self.scores.iter().map(|scores| metric.of(scores)).sum::<f64>() / self.scores.len() as f64
    }

    /// The mean of a metric over users with its 95 % bootstrap interval.
    pub fn interval(&self, metric: Metric, seed: u64) -> Interval {
        bootstrap_mean(&self.values(metric), seed)
    }
}

impl BacktestResult {
    /// The evaluation of a contestant or baseline.
    pub fn evaluation(&self, name: &str) -> Option<&Evaluation> {
        self.evaluations.iter().find(|evaluation| evaluation.name == name)
    }

    /// Compares two over the same users at the cut-off in place `at`: the first less the second.
    pub fn compare(&self, a: &str, b: &str, at: usize, metric: Metric) -> Option<Difference> {
        let values = |name| Some(self.evaluation(name)?.at.get(at)?.values(metric));
        Some(paired_difference(&values(a)?, &values(b)?, self.seed))
    }
}

/// What is to be known about a backtest beside its metrics.
#[derive(Debug, Default)]
pub struct Notes {
    /// When the first questions were asked.
    pub split: Timestamp,
    /// How many folds had anybody to ask for.
    pub folds: usize,
    /// How many questions were asked of each contestant.
    pub questions: usize,
    /// How many users were asked for.
    pub users: usize,
    /// How many of the questions were of users who had touched nothing yet.
    pub cold: usize,
    /// How many entities there were to recommend at the end.
    pub entities: usize,
    /// How many things turned out to be relevant.
    pub relevant: usize,
    /// How many of those, counted or not, nobody had touched before.
    pub unknown: usize,
    /// How far back recent popularity looked.
    pub recent: Duration,
    /// For each contestant, how many answers were shorter than the largest cut-off.
    pub short: BTreeMap<String, usize>,
    /// For each contestant, what was degraded, and in how many answers.
    pub degraded: BTreeMap<String, BTreeMap<String, usize>>,
    /// For each contestant, what its filters dropped.
    pub drops: BTreeMap<String, Vec<DropCount>>,
}

impl Notes {
    pub(crate) fn fold(&mut self, questions: &[Question], unknown: usize, recent: Duration) {
        if let (0, Some(first)) = (self.folds, questions.first()) {
            self.split = first.now;
        }
        self.folds += usize::from(!questions.is_empty());
        self.questions += questions.len();
        self.cold += questions.iter().filter(|question| question.touched.is_empty()).count();
        self.relevant += questions.iter().map(|question| question.relevant.len()).sum::<usize>();
        self.unknown += unknown;
        self.recent = recent;
    }

    pub(crate) fn asked(&mut self, name: &str, asked: &[Asked], slates: &[Vec<u32>], depth: usize) {
        let short = slates.iter().filter(|slate| slate.len() < depth).count();
        *self.short.entry(name.to_owned()).or_default() += short;
        let degraded = self.degraded.entry(name.to_owned()).or_default();
        asked.iter().flat_map(|asked| &asked.degraded).for_each(|what| {
            *degraded.entry(what.clone()).or_default() += 1;
        });
        let drops = self.drops.entry(name.to_owned()).or_default();
        for drop in asked.iter().flat_map(|asked| &asked.drops) {
            match drops.iter_mut().find(|d| d.component == drop.component && d.reason == drop.reason) {
                Some(known) => known.count += drop.count,
                None => drops.push(drop.clone()),
            }
        }
    }
}

/// Sums what the folds bring.
pub(crate) struct Tally {
    cutoffs: Vec<usize>,
    catalogue: Catalogue,
    users: FxHashSet<u32>,
    contestants: Vec<(String, Vec<Sums>)>,
    answers: Option<Vec<Answer>>,
}

/// One contestant at one cut-off.
#[derive(Default)]
struct Sums {
    by_user: FxHashMap<u32, (Scores, usize)>,
    slates: Slates,
}

impl Tally {
    pub(crate) fn new(cutoffs: &[usize], answers: bool) -> Self {
        let cutoffs = cutoffs.to_vec();
        Tally {
            cutoffs,
            catalogue: Catalogue::default(),
            users: FxHashSet::default(),
            contestants: Vec::new(),
            answers: answers.then(Vec::new),
        }
    }

    /// What the answers that follow are seen beside.
    pub(crate) fn catalogue(&mut self, catalogue: Catalogue) {
        self.catalogue = catalogue;
    }

    /// Takes one contestant's answers to the questions of a fold.
    pub(crate) fn add(&mut self, name: &str, history: &History, questions: &[Question], slates: &[Vec<u32>]) {
        let at = self.contestants.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            let sums = self.cutoffs.iter().map(|_| Sums::default()).collect();
            self.contestants.push((name.to_owned(), sums));
            self.contestants.len() - 1
        });
        let sums = &mut self.contestants[at].1;
        let stride = questions.len().div_ceil(DIVERSITY_SAMPLE).max(1);
        for (number, (question, slate)) in questions.iter().zip(slates).enumerate() {
            self.users.insert(question.user);
            if let Some(answers) = &mut self.answers {
                answers.push(Answer {
                    name: name.to_owned(),
                    user: question.user,
                    now: question.now,
                    shown: slate.clone(),
                    relevant: question.relevant.clone(),
                });
            }
            let hits: Vec<bool> =
                slate.iter().map(|row| question.relevant.binary_search(row).is_ok()).collect();
            let ids: Vec<EntityId> = slate.iter().map(|row| history.entities()[*row as usize].1).collect();
            let ranking = Ranking { hits, relevant: question.relevant.len() };
            for (k, sums) in self.cutoffs.iter().zip(sums.iter_mut()) {
                let (sum, count) = sums.by_user.entry(question.user).or_default();
                *sum = *sum + ranking.at(*k);
                *count += 1;
                let top = &ids[..ids.len().min(*k)];
                sums.slates.note(&self.catalogue, top);
                if number % stride == 0 {
                    sums.slates.note_diversity(&mut self.catalogue, top);
                }
            }
        }
    }

    pub(crate) fn finish(self, history: &History, mut notes: Notes, seed: u64) -> BacktestResult {
        let mut users: Vec<u32> = self.users.into_iter().collect();
        users.sort_unstable_by_key(|row| history.users()[*row as usize]);
        notes.users = users.len();
        notes.entities = self.catalogue.entities();
        let evaluation = |(name, sums): (String, Vec<Sums>)| {
            let at = self.cutoffs.iter().zip(sums).map(|(k, sums)| {
                let mean = |row: &u32| {
                    let (sum, count) = sums.by_user.get(row).copied().unwrap_or_default();
                    sum * (1.0 / count.max(1) as f64)
                };
                AtCutoff {
                    k: *k,
                    scores: users.iter().map(mean).collect(),
                    coverage: sums.slates.coverage(&self.catalogue),
                    novelty: sums.slates.novelty(),
                    diversity: sums.slates.diversity(),
                    popularity_bias: sums.slates.popularity_bias(),
                }
            });
            Evaluation { name, at: at.collect() }
        };
        let evaluations = self.contestants.into_iter().map(evaluation).collect();
        BacktestResult {
            evaluations,
            notes,
            answers: self.answers.unwrap_or_default(),
            impressions: None,
            seed,
        }
    }
}
