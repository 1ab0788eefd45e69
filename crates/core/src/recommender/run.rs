//! The executor: runs the stages, keeps the promises, writes the report.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use futures::FutureExt;
use futures::future::join_all;
use ndarray::Axis;
use tracing::Instrument;

use super::{Component, Outcome, Policy, Recommended, Recommender, RunOptions};
use crate::attributes::AttributeTable;
use crate::candidates::{Candidates, Proposals};
use crate::error::{ComponentError, RunError};
use crate::explain::{Contribution, Explained, RankMove, WhyNot};
use crate::features::{FeatureMatrix, FeatureRows};
use crate::filter::Verdicts;
use crate::ids::EntityId;
use crate::names::Name;
use crate::query::Query;
use crate::relations::Relations;
use crate::report::{ComponentReport, Degradation, DropCount, Report, Stage, StageReport};
use crate::reranker::{Slate, SlateEntry};
use crate::time::Deadline;
use crate::view::View;

/// Optional fetchers get this share of what is left of the deadline, so that the rest of the run has time.
const FETCH_SHARE: f64 = 0.6;
/// Look-ups, filters and optional feature sources get this share of what is left when they start.
const LATER_SHARE: f64 = 0.8;
/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const FUSION_K: f32 = 60.0;

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
        Ok(run.finish(&view, &matrix, &slate))
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
        if proposed > max {
            let keep: Vec<bool> = (0..proposed).map(|row| row < max).collect();
            candidates.retain(&keep);
            self.report.drops.push(DropCount {
                component: Name::literal("merge"),
                reason: "over max_candidates",
                count: proposed - max,
            });
        }
        if let Some(entity) = self.options.why_not
            && !candidates.ids().contains(&entity)
        {
            let fetchers = fetchers.iter().map(|f| f.name.clone()).collect();
            self.why_not = Some(WhyNot::NotProposed { fetchers });
        }
        self.close(Stage::Fetch, proposed, candidates.len())?;
        Ok(candidates)
    }

    async fn look_up(&mut self, candidates: &Candidates) -> Result<Loaded, RunError> {
        let (needs, query) = (&self.recommender.needs, self.query);
        let mut loaded = Loaded::default();
        if let Some(catalog) = &self.recommender.catalog {
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
        for (at, filter) in filters.iter().enumerate() {
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
        let mut matrix = FeatureMatrix::from_elem((rows, self.recommender.schema.len()), f32::NAN);
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
            let mut column = 0;
            for (source, result) in sources.iter().zip(results) {
                let width = source.part.features().len();
                if let Err(error) = result {
                    matrix.slice_axis_mut(Axis(1), (column..column + width).into()).fill(f32::NAN);
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
        let entry =
            |(row, score): (usize, &f32)| SlateEntry { row: row as u32, score: *score, propensity: 1.0 };
        let mut slate =
            Slate { entries: scores.iter().enumerate().map(entry).collect(), limit: self.query.limit };
        slate.sort(view);
        if self.options.explain {
            self.moves = vec![Vec::new(); scores.len()];
        }
        let missed = self.options.why_not.filter(|_| self.why_not.is_none());
        for reranker in &self.recommender.rerankers {
            let before = slate.entries.clone();
            let result = caught(|| reranker.part.rerank(view, &mut slate))
                .and_then(|()| check_slate(&slate, view.candidates.len()));
            if let Err(error) = result {
                slate.entries = before;
                self.failed(Stage::Rerank, reranker, Policy::Optional, error)?;
                continue;
            }
            if self.options.explain {
                note_moves(&mut self.moves, &reranker.name, &before, &slate.entries);
            }
            let place = |entries: &[SlateEntry], entity: EntityId| {
                entries.iter().position(|entry| view.candidates.ids()[entry.row as usize] == entity)
            };
            if let Some(entity) = missed
                && let (Some(from), None) = (place(&before, entity), place(&slate.entries, entity))
            {
                self.why_not = Some(WhyNot::Removed { reranker: reranker.name.clone(), from });
            }
        }
        Ok(slate)
    }

    fn finish(mut self, view: &View<'_>, matrix: &FeatureMatrix, slate: &Slate) -> Outcome {
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

/// Runs a component's future under its deadline, turning a panic (in the call or in the future) into an error.
async fn guarded<'a, T, C: ?Sized, F>(
    component: &Component<C>,
    deadline: Deadline,
    start: impl FnOnce() -> F,
) -> Result<T, ComponentError>
where
    F: Future<Output = Result<T, ComponentError>> + 'a,
{
    let limit = match component.timeout {
        Some(timeout) => deadline.min(Deadline::after(timeout)),
        None => deadline,
    };
    within(limit, start).await
}

async fn within<T, F: Future<Output = Result<T, ComponentError>>>(
    deadline: Deadline,
    start: impl FnOnce() -> F,
) -> Result<T, ComponentError> {
    let future = AssertUnwindSafe(async { start().await }).catch_unwind();
    match tokio::time::timeout_at(deadline.instant(), future).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(ComponentError::Panicked(panic_message(&*panic))),
        Err(_) => Err(ComponentError::Timeout),
    }
}

async fn wanted<T, F: Future<Output = Result<T, ComponentError>>>(
    wanted: bool,
    deadline: Deadline,
    start: impl FnOnce() -> F,
) -> Option<Result<T, ComponentError>> {
    match wanted {
        true => Some(within(deadline, start).await),
        false => None,
    }
}

fn caught<T>(call: impl FnOnce() -> Result<T, ComponentError>) -> Result<T, ComponentError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(ComponentError::Panicked(panic_message(&*panic))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    }
}

/// Scores by reciprocal rank fusion, for when the model is optional and failed.
fn fused_ranks(candidates: &Candidates, fetchers: usize) -> Vec<f32> {
    let mut scores = vec![0.0; candidates.len()];
    for fetcher in 0..fetchers {
        for (score, rank) in scores.iter_mut().zip(candidates.fetcher_ranks(fetcher)) {
            if !rank.is_nan() {
                *score += 1.0 / (FUSION_K + 1.0 + rank);
            }
        }
    }
    scores
}

/// A reranker may drop rows, but not invent or repeat any, and scores and propensities stay numbers.
fn check_slate(slate: &Slate, rows: usize) -> Result<(), ComponentError> {
    let mut seen = vec![false; rows];
    for entry in &slate.entries {
        let fresh = seen.get_mut(entry.row as usize).is_some_and(|seen| !std::mem::replace(seen, true));
        if !fresh {
            return Err(ComponentError::Contract(format!(
                "row {} is repeated or not a candidate",
                entry.row
            )));
        }
        if !entry.score.is_finite() || !(0.0..=1.0).contains(&entry.propensity) {
            return Err(ComponentError::Contract(format!(
                "{entry:?} has no finite score or no propensity in 0..=1"
            )));
        }
    }
    Ok(())
}

fn note_moves(moves: &mut [Vec<RankMove>], name: &Name, before: &[SlateEntry], after: &[SlateEntry]) {
    let mut was = vec![usize::MAX; moves.len()];
    for (place, entry) in before.iter().enumerate() {
        was[entry.row as usize] = place;
    }
    for (to, entry) in after.iter().enumerate() {
        let from = was[entry.row as usize];
        if from != to {
            moves[entry.row as usize].push(RankMove { component: name.clone(), from, to });
        }
    }
}
