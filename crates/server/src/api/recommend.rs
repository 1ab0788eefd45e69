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

use super::{Api, explain};
use crate::proto::{RecommendRequest, RecommendResponse, Recommendation};
use crate::request::{Asked, Invalid, query};
use crate::serving::Served;
use crate::status::of_run;

impl Api {
    /// Answers a request by its deadline, which is the recommender's when the client brings none.
    pub(crate) async fn recommend(
        &self,
        request: &RecommendRequest,
        deadline: Option<Deadline>,
    ) -> Result<RecommendResponse, Status> {
        let started = Instant::now();
        let served = self.serving.load().find(&request.corpus, &request.source)?;
        let id = RequestId(rand::random());
        let span = tracing::info_span!(
            "recommend",
            request_id = %id,
            corpus = %served.recommender.corpus(),
            source = %served.recommender.source(),
        );
        let result = self.answer(&served, request, id, deadline).instrument(span).await;
        let code = result.as_ref().err().map_or(0, |status| status.code() as i32);
        served.metrics.answered(started.elapsed(), code);
        result
    }

    async fn answer(
        &self,
        served: &Served,
        request: &RecommendRequest,
        id: RequestId,
        deadline: Option<Deadline>,
    ) -> Result<RecommendResponse, Status> {
        let now = self.clock.now();
        let Answer { query, outcome, response } =
            answer(&self.stores, served, request, id, now, deadline).await?;
        self.log(served, &query, outcome);
        Ok(response)
    }

    /// Hands the run to the log; that never waits, and what the log cannot take it counts.
    fn log(&self, served: &Served, query: &Query, outcome: Outcome) {
        let report = &outcome.report;
        let stage = |stage| report.stage(stage);
        self.log.log_request(RequestLog {
            request: query.request,
            time: query.now,
            tenant: query.tenant,
            user: query.user,
            corpus: query.corpus.clone(),
            source: query.source.clone(),
            variant: None,
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
        });
    }
}

/// An answered request: what the client gets, and what the log does.
pub(crate) struct Answer {
    pub(crate) query: Query,
    pub(crate) outcome: Outcome,
    pub(crate) response: RecommendResponse,
}

/// Checks a request, runs its recommender, and names what it recommends.
pub(crate) async fn answer(
    stores: &Stores,
    served: &Served,
    request: &RecommendRequest,
    id: RequestId,
    now: Timestamp,
    deadline: Option<Deadline>,
) -> Result<Answer, Status> {
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
    let mut outcome = served.recommender.run(&query, options).await.map_err(|error| {
        tracing::warn!(%error, "no answer");
        of_run(&error)
    })?;
    served.metrics.ran(&outcome.report);
    let names = names(stores, &query, request, &mut outcome, served).await?;
    for degraded in &outcome.report.degraded {
        tracing::debug!(stage = degraded.stage.name(), component = %degraded.component, error = %degraded.error, "degraded");
    }

    let response = response(served, request, id, &outcome, names);
    Ok(Answer { query, outcome, response })
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
    served: &Served,
    request: &RecommendRequest,
    id: RequestId,
    outcome: &Outcome,
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
        })
        .collect();
    for (recommendation, explained) in recommendations.iter_mut().zip(&outcome.explained) {
        recommendation.explanation = Some(explain::explanation(explained));
    }
    RecommendResponse {
        request_id: id.to_string(),
        recommendations,
        degraded: outcome.report.degraded.iter().map(explain::degradation).collect(),
        model_version: served.model.to_string(),
        report: request.explain.then(|| explain::report(&outcome.report)),
        why_not: outcome
            .why_not
            .as_ref()
            .map(|why_not| explain::why_not(&request.why_not, why_not))
            .unwrap_or_default(),
    }
}
