//! The end of a run: the cut, the explanations, and what became of the entity asked about.

use super::Run;
use super::guard::caught;
use crate::explain::{Contribution, Explained, WhyNot};
use crate::features::{FeatureMatrix, FeatureRows};
use crate::recommender::{Outcome, Recommended};
use crate::report::Stage;
use crate::reranker::Slate;
use crate::view::View;

impl Run<'_> {
    pub(super) fn finish(mut self, view: &View<'_>, matrix: &FeatureMatrix, slate: &Slate) -> Outcome {
        let ranked = &slate.entries;
        let shown = &ranked[..ranked.len().min(self.query.limit)];
        let ids = view.candidates.ids();
        if let (None, Some(entity)) = (&self.why_not, self.options.why_not) {
            self.why_not = Some(match ranked.iter().position(|entry| ids[entry.row as usize] == entity) {
                Some(rank) if rank < shown.len() => WhyNot::Returned { rank },
                Some(rank) => WhyNot::BelowLimit {
                    rank,
                    score: ranked[rank].score,
                    last_score: shown.last().map_or(f32::NAN, |entry| entry.score),
                },
                None => WhyNot::Unknown { entity },
            });
        }
        let explained = match self.options.explain {
            true => shown.iter().map(|entry| self.explain(view, matrix, entry.row as usize)).collect(),
            false => Vec::new(),
        };
        let mut features = FeatureMatrix::from_elem((shown.len(), matrix.ncols()), f32::NAN);
        let mut items = Vec::with_capacity(shown.len());
        for (at, entry) in shown.iter().enumerate() {
            let row = entry.row as usize;
            features.row_mut(at).assign(&matrix.row(row));
            items.push(Recommended {
                entity: ids[row],
                score: entry.score,
                propensity: entry.propensity,
                fetched_by: view.candidates.fetched_by()[row],
            });
        }
        self.note(Stage::Rerank, ids.len(), shown.len());
        Outcome { items, features, report: self.report, explained, why_not: self.why_not }
    }

    fn explain(&mut self, view: &View<'_>, matrix: &FeatureMatrix, row: usize) -> Explained {
        let recommender = self.recommender;
        let candidates = view.candidates;
        let fetchers = (0..recommender.fetchers.len())
            .filter(|at| candidates.fetched_by()[row] >> at & 1 == 1)
            .map(|at| {
                let (score, rank) = (candidates.fetcher_scores(at)[row], candidates.fetcher_ranks(at)[row]);
                (recommender.fetchers[at].name.clone(), score, rank as usize)
            })
            .collect();
        let rows = FeatureRows::new(matrix.view(), &recommender.model_columns);
        let model = &recommender.model.part;
        let (bias, raw, contributions) = match caught(|| model.explain(&rows, row)) {
            Ok(explanation) => {
                let contribution = |(at, contribution): (usize, f32)| Contribution {
                    feature: model.features()[at].clone(),
                    value: rows.get(row, at),
                    contribution,
                };
                let parts = explanation.contributions.into_iter().enumerate().map(contribution).collect();
                (explanation.bias, explanation.raw, parts)
            }
            Err(error) => {
                self.degrade(Stage::Score, recommender.model.name.clone(), error);
                (f32::NAN, f32::NAN, Vec::new())
            }
        };
        Explained { fetchers, bias, contributions, raw, moves: std::mem::take(&mut self.moves[row]) }
    }
}
