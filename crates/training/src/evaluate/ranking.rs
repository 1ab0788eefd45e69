//! Ranking metrics of each request.

use crate::dataset::Dataset;
use crate::metrics::Ranking;
use crate::spec::Judge;

/// Grades above this have gains that no double holds exactly.
const MAX_GRADE: f32 = 31.0;

/// The requests that have something to find, each ranked by its scores.
pub(super) struct Requests {
    rankings: Vec<Ranking>,
    /// The gain at each place of each request's ranking.
    gains: Vec<Vec<f64>>,
}

impl Requests {
    /// Ranks every request that has a positive label.
    pub(super) fn of(data: &Dataset, scores: &[f32]) -> Self {
        let exponential = data.labels().iter().all(|label| label.fract() == 0.0 && *label <= MAX_GRADE);
        let gain = |label: f32| match exponential {
            true => f64::from(label.max(0.0)).exp2() - 1.0,
            false => f64::from(label.max(0.0)),
        };
        let (mut rankings, mut gains) = (Vec::new(), Vec::new());
        for group in data.groups() {
            let mut rows: Vec<usize> = group.rows.clone().collect();
            rows.sort_by(|a, b| {
                scores[*b].total_cmp(&scores[*a]).then_with(|| data.entities()[*a].cmp(&data.entities()[*b]))
            });
            let hits: Vec<bool> = rows.iter().map(|row| data.labels()[*row] > 0.0).collect();
            let relevant = hits.iter().filter(|hit| **hit).count();
            if relevant > 0 {
                gains.push(rows.iter().map(|row| gain(data.labels()[*row])).collect());
                rankings.push(Ranking { hits, relevant });
            }
        }
        Requests { rankings, gains }
    }

    pub(super) fn len(&self) -> usize {
        self.rankings.len()
    }

    /// One value a request.
    pub(super) fn values(&self, metric: Judge) -> Vec<f64> {
        match metric {
            Judge::Ndcg(k) => self.gains.iter().map(|gains| ndcg(gains, k)).collect(),
            Judge::Map(k) => self.rankings.iter().map(|ranking| ranking.at(k).map).collect(),
            Judge::Mrr => self.rankings.iter().map(|ranking| ranking.at(usize::MAX).mrr).collect(),
            // These are of all rows together.
            Judge::Auc | Judge::LogLoss => Vec::new(),
        }
    }

    /// All metrics at these cut-offs, one value a request.
    pub(super) fn metrics(&self, cutoffs: &[usize]) -> Vec<(String, Vec<f64>)> {
        let mut all = vec![("mrr".to_owned(), self.values(Judge::Mrr))];
        for k in cutoffs {
            for judge in [Judge::Ndcg(*k), Judge::Map(*k)] {
                all.push((judge.to_string(), self.values(judge)));
            }
            let at = || self.rankings.iter().map(|ranking| ranking.at(*k));
            all.push((format!("precision@{k}"), at().map(|scores| scores.precision).collect()));
            all.push((format!("recall@{k}"), at().map(|scores| scores.recall).collect()));
        }
        all
    }
}

/// nDCG of gains in the order of the ranking.
fn ndcg(gains: &[f64], k: usize) -> f64 {
    let dcg = |gains: &[f64]| -> f64 {
        gains.iter().take(k).enumerate().map(|(place, gain)| gain / ((place + 2) as f64).log2()).sum()
    };
    let mut ideal = gains.to_vec();
    ideal.sort_unstable_by(|a, b| b.total_cmp(a));
    dcg(gains) / dcg(&ideal)
}
