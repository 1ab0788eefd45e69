//! The executor: runs the stages, keeps the promises, writes the report.

mod answer;
mod fusion;
mod guard;
pub(super) mod spare;
mod undo;

use std::time::Instant;

use futures::future::join_all;
use ndarray::{ArrayView2, Axis};
use tracing::Instrument;

use self::fusion::{best_ranked, fused_ranks};
use self::guard::{caught, guarded, wanted};
use self::undo::Undo;
use super::{Component, Outcome, Policy, Recommender, RunOptions};
use crate::attributes::AttributeTable;
use crate::candidates::{Candidates, Proposals};
use crate::error::{ComponentError, RunError};
use crate::explain::{RankMove, WhyNot};
use crate::features::{FeatureMatrix, FeatureRows};
use crate::filter::Verdicts;
use crate::ids::EntityId;
use crate::names::Name;
use crate::query::Query;
use crate::relations::Relations;
use crate::report::{ComponentReport, Degradation, DropCount, Report, Stage, StageReport};
use crate::reranker::{Slate, SlateEntry};
use crate::view::View;

/// Optional fetchers get this share of what is left of the deadline, so that the rest of the run has time.
const FETCH_SHARE: f64 = 0.6;
/// Look-ups, filters and feature sources get this share of what is left when their stage starts.
const LATER_SHARE: f64 = 0.8;

/// What the look-up loaded.
#[derive(Default)]
struct Loaded {
    attributes: Option<AttributeTable>,
    user: Option<AttributeTable>,
    relations: Option<Relations>,
}

/// One run in progress: what is written down as it goes.
struct Run<'a> {
    recommender: &'a Recommender,
    query: &'a Query,
    options: RunOptions,
    report: Report,
    started: Instant,
    why_not: Option<WhyNot>,
    moves: Vec<Vec<RankMove>>,
}

impl Recommender {
    /// Answers a query.
    ///
    /// # Errors
    /// [`RunError`] when a required component failed, every fetcher failed, or the deadline passed. The failure of an
    /// optional component is not an error: it is in [`Report::degraded`].
    pub async fn run(&self, query: &Query, options: RunOptions) -> Result<Outcome, RunError> {
        let mut run = Run {
            recommender: self,
            query,
            options,
            report: Report { stages: Vec::with_capacity(Stage::ALL.len()), ..Report::default() },
            started: Instant::now(),
            why_not: None,
            moves: Vec::new(),
        };
        if query.deadline.expired() {
            return Err(RunError::DeadlineExceeded(Stage::Fetch));
        }
        let mut candidates = run.fetch().instrument(tracing::debug_span!("fetch")).await?;
        let mut loaded = run.look_up(&candidates).instrument(tracing::debug_span!("lookup")).await?;
        run.filter(&mut candidates, &mut loaded).instrument(tracing::debug_span!("filter")).await?;
        let view = View {
            query,
            candidates: &candidates,
            attributes: loaded.attributes.as_ref(),
            user: loaded.user.as_ref(),
            relations: loaded.relations.as_ref(),
        };
        let matrix = run.features(&view).instrument(tracing::debug_span!("features")).await?;
        let scores = tracing::debug_span!("score").in_scope(|| run.score(&view, &matrix))?;
        let slate = tracing::debug_span!("rerank").in_scope(|| run.rerank(&view, &scores))?;
        let outcome = run.finish(&view, &matrix, &slate);
        self.spare.put(matrix);
        Ok(outcome)
    }
}

impl Run<'_> {
    async fn fetch(&mut self) -> Result<Candidates, RunError> {
        let optional = self.query.deadline.share(FETCH_SHARE);
        let fetchers = &self.recommender.fetchers;
        let query = self.query;
        let results = join_all(fetchers.iter().map(|fetcher| {
            let required = fetcher.policy == Some(Policy::Required);
            guarded(fetcher, if required { query.deadline } else { optional }, || fetcher.part.fetch(query))
        }))
        .await;

        let mut proposals = Vec::with_capacity(results.len());
        let mut first_error = None;
        let mut failures = 0;
        for (fetcher, result) in fetchers.iter().zip(results) {
            let proposed = match result {
                Ok(proposed) => proposed,
                Err(error) => {
                    failures += 1;
                    first_error.get_or_insert_with(|| (fetcher.name.clone(), error.clone()));
                    self.failed(Stage::Fetch, fetcher, Policy::Optional, error)?;
                    Proposals::default()
                }
            };
            self.report.fetched.push(ComponentReport {
                stage: Stage::Fetch,
                component: fetcher.name.clone(),
                candidates: proposed.len(),
            });
            proposals.push(proposed);
        }
        if let (true, Some((component, error))) = (failures == fetchers.len(), first_error) {
            return Err(RunError::NoFetcher { component, error });
        }
        let mut candidates = Candidates::merge(&proposals);
        let (proposed, max) = (candidates.len(), self.recommender.max_candidates);
        let place = |candidates: &Candidates| {
            candidates.ids().iter().position(|id| Some(*id) == self.options.why_not)
        };
        let missed = place(&candidates);
        if self.options.why_not.is_some() && missed.is_none() {
            let fetchers = fetchers.iter().map(|f| f.name.clone()).collect();
            self.why_not = Some(WhyNot::NotProposed { fetchers });
        }
        if proposed > max {
            let keep = best_ranked(&candidates, fetchers.len(), max);
            let (component, reason) = (Name::literal("merge"), "over max_candidates");
            if missed.is_some_and(|row| !keep[row]) {
                self.why_not = Some(WhyNot::Dropped { filter: component.clone(), reason });
            }
            candidates.retain(&keep);
            self.report.drops.push(DropCount { component, reason, count: proposed - max });
        }
        self.close(Stage::Fetch, proposed, candidates.len())?;
        Ok(candidates)
    }

    async fn look_up(&mut self, candidates: &Candidates) -> Result<Loaded, RunError> {
        let (needs, query) = (&self.recommender.needs, self.query);
        let mut loaded = Loaded::default();
        if let (Some(catalog), false) = (&self.recommender.catalog, candidates.is_empty()) {
            let deadline = query.deadline.share(LATER_SHARE);
            let (tenant, user) = (query.tenant, [query.user.as_entity()]);
            let attributes = wanted(!needs.attributes.is_empty(), deadline, || {
                catalog.attributes(tenant, &query.corpus, candidates.ids(), &needs.attributes)
            });
            let of_user = wanted(!needs.user_attributes.is_empty(), deadline, || {
                catalog.attributes(tenant, &self.recommender.user_corpus, &user, &needs.user_attributes)
            });
            let relations = wanted(!needs.relations.is_empty(), deadline, || {
                catalog.relations(tenant, query.user, &query.corpus, &needs.relations)
            });
            let (attributes, of_user, relations) = futures::join!(attributes, of_user, relations);
            loaded.attributes = self
                .loaded("attributes", attributes)
                .filter(|table| self.aligned("attributes", table.rows(), candidates.len()));
            loaded.user = self.loaded("user-attributes", of_user);
            self.worse("attributes", loaded.attributes.as_ref());
            self.worse("user-attributes", loaded.user.as_ref());
            loaded.relations = self
                .loaded("relations", relations)
                .map(|sets| Relations::new(needs.relations.iter().cloned().zip(sets).collect()));
        }
        self.close(Stage::Lookup, candidates.len(), candidates.len())?;
        Ok(loaded)
    }

    /// Marks a failed look-up as degraded. Filters that guard find no column then, and drop.
    fn loaded<T>(&mut self, what: &'static str, result: Option<Result<T, ComponentError>>) -> Option<T> {
        match result? {
            Ok(value) => Some(value),
            Err(error) => {
                self.degrade(Stage::Lookup, Name::literal(what), error);
                None
            }
        }
    }

    /// Marks a look-up as degraded that brought what there was.
    fn worse(&mut self, what: &'static str, table: Option<&AttributeTable>) {
        if let Some(reason) = table.and_then(AttributeTable::degraded) {
            let error = ComponentError::Unavailable { dependency: "the store", reason: reason.to_owned() };
            self.degrade(Stage::Lookup, Name::literal(what), error);
        }
    }

    fn aligned(&mut self, what: &'static str, rows: usize, candidates: usize) -> bool {
        if rows != candidates {
            let error = ComponentError::Contract(format!("{rows} rows for {candidates} candidates"));
            self.degrade(Stage::Lookup, Name::literal(what), error);
        }
        rows == candidates
    }

    async fn filter(&mut self, candidates: &mut Candidates, loaded: &mut Loaded) -> Result<(), RunError> {
        let rows = candidates.len();
        let mut verdicts = Verdicts::keep_all(rows);
        let filters = &self.recommender.filters;
        let view = View {
            query: self.query,
            candidates,
            attributes: loaded.attributes.as_ref(),
            user: loaded.user.as_ref(),
            relations: loaded.relations.as_ref(),
        };
        let deadline = self.query.deadline.share(LATER_SHARE);
        // With nothing to judge no filter runs, and none can fail.
        let judging = filters.iter().enumerate().filter(|_| rows > 0);
        for (at, filter) in judging {
            verdicts.enter(at);
            let result = guarded(filter, deadline, || filter.part.judge(&view, &mut verdicts)).await;
            if let Err(error) = result {
                if filter.part.fail_closed() {
                    verdicts.drop_where("undecided", |_| true);
                }
                self.failed(Stage::Filter, filter, Policy::Optional, error)?;
            }
        }
        for (at, reason, count) in verdicts.counts() {
            self.report.drops.push(DropCount { component: filters[at].name.clone(), reason, count });
        }
        if self.why_not.is_none()
            && let Some(entity) = self.options.why_not
            && let Some(row) = candidates.ids().iter().position(|id| *id == entity)
            && let Some((at, reason)) = verdicts.verdict(row)
        {
            self.why_not = Some(WhyNot::Dropped { filter: filters[at].name.clone(), reason });
        }
        let keep = verdicts.keep_mask();
        if keep.contains(&false) {
            candidates.retain(&keep);
            if let Some(attributes) = &mut loaded.attributes {
                attributes.retain(&keep);
            }
        }
        self.close(Stage::Filter, rows, candidates.len())
    }

    async fn features(&mut self, view: &View<'_>) -> Result<FeatureMatrix, RunError> {
        let (rows, sources) = (view.candidates.len(), &self.recommender.sources);
        let mut matrix = self.recommender.spare.take(rows, self.recommender.schema.len());
        if rows > 0 {
            let deadline = self.query.deadline.share(LATER_SHARE);
            let mut rest = matrix.view_mut();
            let mut fills = Vec::with_capacity(sources.len());
            for source in sources {
                let (block, others) = rest.split_at(Axis(1), source.part.features().len());
                rest = others;
                fills.push(guarded(source, deadline, || source.part.fill(view, block)));
            }
            let results = join_all(fills).await;
            // One pass over the whole, which is memory in a row, is cheaper than one per source.
            let sound = matrix.as_slice().is_some_and(none_infinite);
            let mut column = 0;
            for (source, result) in sources.iter().zip(results) {
                let width = source.part.features().len();
                let mut result = result;
                if !sound {
                    let mut block = matrix.slice_axis_mut(Axis(1), (column..column + width).into());
                    let contract = check_block(block.view(), source.part.features());
                    if contract.is_err() {
                        block.fill(f32::NAN);
                    }
                    result = result.and(contract);
                }
                if let Err(error) = result {
                    self.failed(Stage::Features, source, Policy::Optional, error)?;
                }
                column += width;
            }
        }
        self.close(Stage::Features, rows, rows)?;
        Ok(matrix)
    }

    fn score(&mut self, view: &View<'_>, matrix: &FeatureMatrix) -> Result<Vec<f32>, RunError> {
        let model = &self.recommender.model;
        let mut scores = vec![f32::NAN; view.candidates.len()];
        if scores.is_empty() {
            self.close(Stage::Score, 0, 0)?;
            return Ok(scores);
        }
        let rows = FeatureRows::new(matrix.view(), &self.recommender.model_columns);
        let result = caught(|| model.part.score(&rows, &mut scores)).and_then(|()| {
            match scores.iter().position(|score| !score.is_finite()) {
                Some(row) => Err(ComponentError::Contract(format!(
                    "the score of {:?} is {}",
                    view.candidates.ids()[row],
                    scores[row]
                ))),
                None => Ok(()),
            }
        });
        if let Err(error) = result {
            self.failed(Stage::Score, model, Policy::Required, error)?;
            scores = fused_ranks(view.candidates, self.recommender.fetchers.len());
        }
        self.close(Stage::Score, scores.len(), scores.len())?;
        Ok(scores)
    }

    fn rerank(&mut self, view: &View<'_>, scores: &[f32]) -> Result<Slate, RunError> {
        let rerankers = &self.recommender.rerankers;
        let mut slate = Slate::scored(scores, self.query.limit);
        if rerankers.is_empty() && self.options.why_not.is_none() {
            // Nobody looks below the limit.
            slate.sort_top(view, self.query.limit);
        } else {
            slate.sort(view);
        }
        if self.options.explain {
            self.moves = vec![Vec::new(); scores.len()];
        }
        if slate.entries.is_empty() || rerankers.is_empty() {
            return Ok(slate);
        }
        let missed = self.options.why_not.filter(|_| self.why_not.is_none());
        let mut undo = Undo::new(scores.len());
        for reranker in rerankers {
            undo.keep(&slate);
            let result =
                caught(|| reranker.part.rerank(view, &mut slate)).and_then(|()| undo.check(&mut slate));
            if let Err(error) = result {
                undo.restore(&mut slate);
                self.failed(Stage::Rerank, reranker, Policy::Optional, error)?;
                continue;
            }
            if self.options.explain {
                undo.note_moves(&mut self.moves, &reranker.name, &slate);
            }
            let place = |entries: &[SlateEntry], entity: EntityId| {
                entries.iter().position(|entry| view.candidates.ids()[entry.row as usize] == entity)
            };
            if let (Some(entity), None) = (missed, &self.why_not)
                && let (Some(from), None) = (place(undo.before(), entity), place(&slate.entries, entity))
            {
                self.why_not = Some(WhyNot::Removed { reranker: reranker.name.clone(), from });
            }
        }
        Ok(slate)
    }

    /// Fails the run when the component is required, and marks the answer degraded when not.
    fn failed<T: ?Sized>(
        &mut self,
        stage: Stage,
        component: &Component<T>,
        default: Policy,
        error: ComponentError,
    ) -> Result<(), RunError> {
        if component.policy.unwrap_or(default) == Policy::Required {
            return Err(RunError::Required { stage, component: component.name.clone(), error });
        }
        self.degrade(stage, component.name.clone(), error);
        Ok(())
    }

    fn degrade(&mut self, stage: Stage, component: Name, error: ComponentError) {
        self.report.degraded.push(Degradation { stage, component, error });
    }

    /// Ends a stage; the next one starts now, unless the deadline has passed.
    fn close(&mut self, stage: Stage, candidates_in: usize, candidates_out: usize) -> Result<(), RunError> {
        self.note(stage, candidates_in, candidates_out);
        match self.query.deadline.expired() {
            true => Err(RunError::DeadlineExceeded(stage)),
            false => Ok(()),
        }
    }

    fn note(&mut self, stage: Stage, candidates_in: usize, candidates_out: usize) {
        let now = Instant::now();
        let time = now - self.started;
        self.started = now;
        self.report.stages.push(StageReport { stage, time, candidates_in, candidates_out });
    }
}

/// Looks at a stretch at a time without leaving early, which the compiler turns into vector instructions.
fn none_infinite(cells: &[f32]) -> bool {
    cells.chunks(1024).all(|stretch| !stretch.iter().fold(false, |found, cell| found | cell.is_infinite()))
}

/// An infinite feature would poison models and statistics behind it.
fn check_block(block: ArrayView2<'_, f32>, names: &[Name]) -> Result<(), ComponentError> {
    match block.indexed_iter().find(|(_, cell)| cell.is_infinite()) {
        Some(((_, column), cell)) => {
            Err(ComponentError::Contract(format!("the feature {:?} is {cell}", names[column])))
        }
        None => Ok(()),
    }
}
