//! `Recommend`.

use std::time::Instant;

use ndarray::Axis;
use recommend_core::{
    Cause, ComponentError, Deadline, Degradation, EntityId, IdCodec, Name, Outcome, Query, RequestId,
    RunOptions, Stage, Timestamp,
};
use recommend_events::RequestLog;
use recommend_stores::Stores;
use rustc_hash::FxHashMap;
use tonic::Status;
use tracing::Instrument;

use super::{Api, explain, interleave};
use crate::proto::{RecommendRequest, RecommendResponse, Recommendation};
use crate::request::{Asked, Invalid, query};
use crate::serving::{Route, Served};
use crate::status::of_run;

impl Api {
    /// Answers a request by its deadline, which is the recommender's when the client brings none.
    pub(crate) async fn recommend(
        &self,
        request: &RecommendRequest,
        deadline: Option<Deadline>,
    ) -> Result<RecommendResponse, Status> {
        let started = Instant::now();
        let place = self.serving.load().find(&request.corpus, &request.source)?;
        let route = place.route(self.stores.codec, request);
        let served = route.served();
        let id = RequestId(rand::random());
        let span = tracing::info_span!(
            "recommend",
            request_id = %id,
            corpus = %served.recommender.corpus(),
            source = %served.recommender.source(),
            experiment = route.trial().map(|trial| trial.name.as_str()),
            variant = route.variant().map(Name::as_str),
        );
        let result = self.answer(&route, request, id, deadline).instrument(span).await;
        let code = result.as_ref().err().map_or(0, |status| status.code() as i32);
        served.metrics.answered(started.elapsed(), code);
        route.answered(started.elapsed(), code);
        result
    }

    async fn answer(
        &self,
        route: &Route,
        request: &RecommendRequest,
        id: RequestId,
        deadline: Option<Deadline>,
    ) -> Result<RecommendResponse, Status> {
        let now = self.clock.now();
        let Answer { query, outcome, drafted, response } =
            answer(&self.stores, route, request, id, now, deadline).await?;
        // Handing a run to the log never waits, and what the log cannot take it counts.
        let of = log(route.served(), &query, outcome);
        self.log.log_request(match route {
            Route::Plain(_) => of,
            Route::Variant(trial, at) => RequestLog {
                experiment: Some(trial.name.clone()),
                variant: Some(trial.arms[*at].name.clone()),
                ..of
            },
            Route::Both(trial) => match &trial.interleaved {
                Some(shape) => RequestLog {
                    experiment: Some(trial.name.clone()),
                    drafted,
                    schema: shape.schema.clone(),
                    fetchers: shape.fetchers.clone(),
                    model: shape.model.clone(),
                    ..of
                },
                None => of,
            },
        });
        if let Some(trial) = route.trial()
            && !trial.shadows.is_empty()
        {
            self.shadows.send(trial, &query);
        }
        Ok(response)
    }
}

/// The record of a run outside of experiments.
pub(super) fn log(served: &Served, query: &Query, outcome: Outcome) -> RequestLog {
    let report = &outcome.report;
    let stage = |stage| report.stage(stage);
    RequestLog {
        request: query.request,
        time: query.now,
        tenant: query.tenant,
        user: query.user,
        corpus: query.corpus.clone(),
        source: query.source.clone(),
        experiment: None,
        variant: None,
        shadow_of: None,
        drafted: Vec::new(),
        model: served.model.clone(),
        schema: served.recommender.schema().clone(),
        fetchers: served.fetchers.clone(),
        limit: count(query.limit),
        candidates: stage(Stage::Fetch).map_or(0, |stage| count(stage.candidates_in)),
        scored: stage(Stage::Score).map_or(0, |stage| count(stage.candidates_out)),
        latency: report.total(),
        seed: query.seed,
        degraded: report
            .degraded
            .iter()
            .map(|d| (d.stage, d.component.clone(), Cause::from(&d.error)))
            .collect(),
        items: outcome.items,
        features: outcome.features,
    }
}

/// An answered request: what the client gets, and what the log does.
pub(crate) struct Answer {
    pub(crate) query: Query,
    pub(crate) outcome: Outcome,
    /// The variant that put each item there, when two rankings were interleaved; else empty.
    pub(crate) drafted: Vec<Name>,
    pub(crate) response: RecommendResponse,
}

/// Checks a request, runs what answers it, and names what it recommends.
pub(crate) async fn answer(
    stores: &Stores,
    route: &Route,
    request: &RecommendRequest,
    id: RequestId,
    now: Timestamp,
    deadline: Option<Deadline>,
) -> Result<Answer, Status> {
    let served = route.served();
    let deadline = deadline.unwrap_or_else(|| Deadline::after(served.timeout));
    if deadline.expired() {
        return Err(Status::deadline_exceeded("the deadline had passed when the request arrived"));
    }
    let codec = stores.codec;
    let asked = Asked {
        corpus: served.recommender.corpus(),
        source: served.recommender.source(),
        request: id,
        now,
        deadline,
        seed: rand::random(),
    };
    let query = query(codec, request, asked)?;
    let options = RunOptions { explain: request.explain, why_not: why_not(codec, &request.why_not)? };
    let ran = match route {
        Route::Plain(_) | Route::Variant(..) => {
            served.recommender.run(&query, options).await.map(|outcome| (outcome, Vec::new()))
        }
        Route::Both(trial) => interleave::run(trial, &query, options).await,
    };
    let (mut outcome, teams) = ran.map_err(|error| {
        tracing::warn!(%error, "no answer");
        of_run(&error)
    })?;
    served.metrics.ran(&outcome.report);
    let names = names(stores, &query, request, &mut outcome, served).await?;
    for degraded in &outcome.report.degraded {
        tracing::debug!(stage = degraded.stage.name(), component = %degraded.component, error = %degraded.error, "degraded");
    }

    // What has no name is gone by now, so places are not enough.
    let team = |entity| teams.iter().find(|(of, _)| *of == entity).map(|(_, variant)| variant.clone());
    let drafted: Vec<Name> = outcome.items.iter().filter_map(|item| team(item.entity)).collect();
    let response = response(route, request, id, &outcome, &drafted, names);
    Ok(Answer { query, outcome, drafted, response })
}

/// The strings of the recommended entities, in one batch. An entity whose string nobody knows cannot be returned:
/// it is taken out, and the answer is marked.
async fn names(
    stores: &Stores,
    query: &Query,
    request: &RecommendRequest,
    outcome: &mut Outcome,
    served: &Served,
) -> Result<Vec<String>, Status> {
    let ids: Vec<u64> = outcome.items.iter().map(|item| item.entity.0).collect();
    let mut names = stores.catalog.names(query.tenant, &ids).await.map_err(|error| {
        tracing::error!(%error, "names");
        Status::unavailable("the catalog cannot be read now")
    })?;
    if names.iter().all(Option::is_some) {
        return Ok(names.into_iter().flatten().collect());
    }
    // A candidate or seed that came with the request need not be in the dictionary: the client just told us.
    let told: FxHashMap<EntityId, &String> = query
        .given
        .iter()
        .zip(&request.candidates)
        .chain(query.seeds.iter().zip(&request.seeds))
        .map(|(id, text)| (*id, text))
        .collect();
    for (name, item) in names.iter_mut().zip(&outcome.items) {
        if name.is_none() {
            *name = told.get(&item.entity).map(|text| (*text).clone());
        }
    }
    let kept: Vec<usize> = (0..names.len()).filter(|at| names[*at].is_some()).collect();
    if kept.len() < names.len() {
        let reason = format!("{} entities have no name in the dictionary", names.len() - kept.len());
        let error = ComponentError::Contract(reason);
        let component = Name::literal("names");
        served.metrics.degraded(Stage::Lookup, &component, Cause::from(&error));
        outcome.report.degraded.push(Degradation { stage: Stage::Lookup, component, error });
        outcome.items = kept.iter().map(|at| outcome.items[*at]).collect();
        outcome.features = outcome.features.select(Axis(0), &kept);
        if !outcome.explained.is_empty() {
            outcome.explained = kept.iter().map(|at| outcome.explained[*at].clone()).collect();
        }
    }
    Ok(names.into_iter().flatten().collect())
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn why_not(codec: IdCodec, text: &str) -> Result<Option<EntityId>, Invalid> {
    match text.is_empty() {
        true => Ok(None),
        false => match codec.encode(text) {
            Ok(number) => Ok(Some(EntityId(number))),
            Err(error) => Err(Invalid::new("why_not", error)),
        },
    }
}

fn response(
    route: &Route,
    request: &RecommendRequest,
    id: RequestId,
    outcome: &Outcome,
    drafted: &[Name],
    names: Vec<String>,
) -> RecommendResponse {
    let mut recommendations: Vec<Recommendation> = names
        .into_iter()
        .zip(&outcome.items)
        .map(|(entity, item)| Recommendation {
            entity,
            score: item.score,
            propensity: item.propensity,
            explanation: None,
            variant: String::new(),
        })
        .collect();
    for (recommendation, explained) in recommendations.iter_mut().zip(&outcome.explained) {
        recommendation.explanation = Some(explain::explanation(explained));
    }
    for (recommendation, variant) in recommendations.iter_mut().zip(drafted) {
        recommendation.variant = variant.to_string();
    }
    let model = match route {
        Route::Both(trial) => trial.interleaved.as_ref().map(|shape| &shape.model),
        Route::Plain(_) | Route::Variant(..) => None,
    };
    RecommendResponse {
        request_id: id.to_string(),
        recommendations,
        degraded: outcome.report.degraded.iter().map(explain::degradation).collect(),
        model_version: model.unwrap_or(&route.served().model).to_string(),
        experiment: route.trial().map(|trial| trial.name.to_string()).unwrap_or_default(),
        variant: route.variant().map(Name::to_string).unwrap_or_default(),
        report: request.explain.then(|| explain::report(&outcome.report)),
        why_not: outcome
            .why_not
            .as_ref()
            .map(|why_not| explain::why_not(&request.why_not, why_not))
            .unwrap_or_default(),
    }
}
