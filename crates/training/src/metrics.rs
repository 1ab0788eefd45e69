//! Ranking metrics as the field defines them, per user, with binary relevance.
//!
//! | metric | of one user, at cut-off k | source |
//! |---|---|---|
//! | recall | relevant in the top k / relevant | |
//! | capped recall | relevant in the top k / min(k, relevant) | Liang et al., WWW 2018 |
//! | precision | relevant in the top k / k | |
//! | hit rate | 1 if anything in the top k is relevant | |
//! | nDCG | DCG / ideal DCG with gain 1 and discount log2(rank + 1) | Järvelin and Kekäläinen, TOIS 2002 |
//! | MAP | mean over min(k, relevant) of precision at each relevant rank | as in trec_eval's `map_cut`, capped |
//! | MRR | 1 / rank of the first relevant | Voorhees, TREC 1999 |
//! | novelty | mean of -log2(share of users who touched the entity) over the top k | Vargas and Castells, RecSys 2011 |
//! | popularity bias | mean over the top k of the entity's popularity percentile, 1 = the most popular | |
//! | diversity | mean over pairs of the top k of 1 - cosine of their sets of users | Ziegler et al., WWW 2005 |
//!
//! Catalogue coverage is of the whole evaluation: entities recommended to anybody / entities that could be.

mod catalogue;
mod compare;

use serde::Serialize;

pub use catalogue::{Catalogue, Slates};
pub use compare::{Difference, Interval, bootstrap_mean, paired_difference};

/// One user's ranking against what turned out to be relevant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// For each place from the top, whether the entity there is relevant.
    pub hits: Vec<bool>,
    /// How many entities are relevant, ranked or not; at least 1.
    pub relevant: usize,
}

/// The metrics of one user at one cut-off, each in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Scores {
    /// Relevant in the top k / relevant.
    pub recall: f64,
    /// Relevant in the top k / min(k, relevant).
    pub recall_capped: f64,
    /// Relevant in the top k / k.
    pub precision: f64,
    /// Normalised discounted cumulative gain.
    pub ndcg: f64,
    /// Average precision.
    pub map: f64,
    /// Reciprocal rank of the first relevant one.
    pub mrr: f64,
    /// Whether there is any relevant one.
    pub hit_rate: f64,
}

impl std::ops::Add for Scores {
    type Output = Scores;

    fn add(self, other: Scores) -> Scores {
        Scores {
            recall: self.recall + other.recall,
            recall_capped: self.recall_capped + other.recall_capped,
            precision: self.precision + other.precision,
            ndcg: self.ndcg + other.ndcg,
            map: self.map + other.map,
            mrr: self.mrr + other.mrr,
            hit_rate: self.hit_rate + other.hit_rate,
        }
    }
}

impl std::ops::Mul<f64> for Scores {
    type Output = Scores;

    fn mul(self, factor: f64) -> Scores {
        Scores {
            recall: self.recall * factor,
            recall_capped: self.recall_capped * factor,
            precision: self.precision * factor,
            ndcg: self.ndcg * factor,
            map: self.map * factor,
            mrr: self.mrr * factor,
            hit_rate: self.hit_rate * factor,
        }
    }
}

/// A metric that [`Scores`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// [`Scores::recall`].
    Recall,
    /// [`Scores::recall_capped`].
    RecallCapped,
    /// [`Scores::precision`].
    Precision,
    /// [`Scores::ndcg`].
    Ndcg,
    /// [`Scores::map`].
    Map,
    /// [`Scores::mrr`].
    Mrr,
    /// [`Scores::hit_rate`].
    HitRate,
}

impl Metric {
    /// All metrics, in the order of tables.
    pub const ALL: [Metric; 7] = [
        Metric::Recall,
        Metric::RecallCapped,
        Metric::Precision,
        Metric::Ndcg,
        Metric::Map,
        Metric::Mrr,
        Metric::HitRate,
    ];

    /// The metric's value among a user's scores.
    pub fn of(self, scores: &Scores) -> f64 {
        match self {
            Metric::Recall => scores.recall,
            Metric::RecallCapped => scores.recall_capped,
            Metric::Precision => scores.precision,
            Metric::Ndcg => scores.ndcg,
            Metric::Map => scores.map,
            Metric::Mrr => scores.mrr,
            Metric::HitRate => scores.hit_rate,
        }
    }
}

impl Ranking {
    /// The metrics at cut-off `k`, which is at least 1. A ranking shorter than `k` counts as if the rest were irrelevant.
    pub fn at(&self, k: usize) -> Scores {
        let (mut found, mut dcg, mut precisions, mut first) = (0_usize, 0.0, 0.0, None);
        for (place, hit) in self.hits.iter().take(k).enumerate() {
            if *hit {
                found += 1;
                dcg += discount(place);
                precisions += found as f64 / (place + 1) as f64;
                first.get_or_insert(place);
            }
        }
        let relevant = self.relevant.max(1);
        let reachable = relevant.min(k);
        let ideal: f64 = (0..reachable).map(discount).sum();
        Scores {
            recall: found as f64 / relevant as f64,
            recall_capped: found as f64 / reachable as f64,
            precision: found as f64 / k as f64,
            ndcg: dcg / ideal,
            map: precisions / reachable as f64,
            mrr: first.map_or(0.0, |place| 1.0 / (place + 1) as f64),
            hit_rate: f64::from(u8::from(found > 0)),
        }
    }
}

/// The discount of DCG at a place counted from 0.
fn discount(place: usize) -> f64 {
    1.0 / ((place + 2) as f64).log2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_worked_example_comes_out_as_by_hand() {
        // Relevant at ranks 2 and 4, a third one not ranked.
        let scores = Ranking { hits: vec![false, true, false, true, false], relevant: 3 }.at(4);
        assert!((scores.recall - 2.0 / 3.0).abs() < 1e-12);
        assert!((scores.precision - 0.5).abs() < 1e-12);
        assert!((scores.mrr - 0.5).abs() < 1e-12);
        assert!((scores.map - (1.0 / 2.0 + 2.0 / 4.0) / 3.0).abs() < 1e-12);
        let dcg = 1.0 / 3_f64.log2() + 1.0 / 5_f64.log2();
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5;
        assert!((scores.ndcg - dcg / ideal).abs() < 1e-12);
        assert_eq!(scores.hit_rate, 1.0);
    }

    #[test]
    fn the_capped_recall_can_reach_one_when_k_is_small() {
        let scores = Ranking { hits: vec![true, true], relevant: 10 }.at(2);
        assert_eq!((scores.recall, scores.recall_capped, scores.ndcg, scores.map), (0.2, 1.0, 1.0, 1.0));
    }

    proptest! {
        #[test]
        fn every_metric_stays_between_zero_and_one(hits in prop::collection::vec(any::<bool>(), 0..30), more in 0..5_usize, k in 1..40_usize) {
            let relevant = hits.iter().filter(|hit| **hit).count() + more;
            prop_assume!(relevant > 0);
            let scores = Ranking { hits, relevant }.at(k);
            for metric in Metric::ALL {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&metric.of(&scores)), "{metric:?} {scores:?}");
            }
        }

        #[test]
        fn moving_a_hit_up_never_hurts(mut hits in prop::collection::vec(any::<bool>(), 2..20), at in 0..19_usize, k in 1..20_usize) {
            let at = at % (hits.len() - 1);
            prop_assume!(!hits[at] && hits[at + 1]);
            let relevant = hits.iter().filter(|hit| **hit).count();
            let before = Ranking { hits: hits.clone(), relevant }.at(k);
            hits.swap(at, at + 1);
            let after = Ranking { hits, relevant }.at(k);
            for metric in Metric::ALL {
                prop_assert!(metric.of(&after) >= metric.of(&before));
            }
        }
    }
}
