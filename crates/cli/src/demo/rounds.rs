//! Rounds: one recommender gets asked over gRPC by many people, who look, click, and have that recorded.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use recommend_core::{Deadline, EntityId, IdCodec, Timestamp};
use recommend_server::Offline;
use recommend_server::limits::MAX_LIMIT;
use recommend_server::proto;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_simulator::{Ask, Personas, Visit, Workspace, action_of};
use tonic::transport::Channel;

/// What a product would show.
const SLATE: u32 = 5;
/// The first request builds the derived tables of a recommender, and a debug build on a busy machine is slow: the demo
/// shows how long answers take, and does not cut them off.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What came of asking one recommender.
#[derive(Debug)]
pub(crate) struct Rounds {
    pub(crate) corpus: String,
    pub(crate) source: String,
    /// Whose slate is shown, and the explained answer to that request.
    pub(crate) hero: Ask,
    pub(crate) answer: proto::RecommendResponse,
    /// How long the very first request took.
    pub(crate) first: Duration,
    /// Round trips of all others, sorted.
    pub(crate) trips: Vec<Duration>,
    /// Answers that lacked a part.
    pub(crate) degraded: usize,
    /// Answers without any recommendation.
    pub(crate) empty: usize,
    /// Recommendations returned, the explained ones included.
    pub(crate) impressions: usize,
    /// Requests sent, the first and the explained one included.
    pub(crate) requests: usize,
    /// How much people wanted what they got, and what chance would have given them; 0 to 1.
    pub(crate) wanted: f64,
    pub(crate) by_chance: f64,
    /// How many candidates the filters leave, on average.
    pub(crate) candidates: f64,
    /// Slates on which something was clicked.
    pub(crate) clicked: usize,
    /// Interactions recorded.
    pub(crate) recorded: usize,
}

impl Rounds {
    /// The round trip below which this share of them lies.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.trips.len().saturating_sub(1);
        self.trips.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    /// How many times better than chance; none where a slate shows most of what there is, whatever its order.
    pub(crate) fn lift(&self) -> Option<f64> {
        (self.candidates >= 2.0 * f64::from(SLATE)).then(|| self.wanted / self.by_chance.max(1e-9))
    }
}

/// Asks, and lets the simulated people answer with clicks.
pub(crate) struct Asker<'a> {
    pub(crate) client: RecommendServiceClient<Channel>,
    pub(crate) workspace: &'a Workspace,
    pub(crate) personas: &'a Personas<'a>,
    /// The same recommenders, asked for all that is left after the filters; that leaves no trace in the log.
    pub(crate) offline: &'a Offline,
    pub(crate) codec: IdCodec,
    pub(crate) now: Timestamp,
    pub(crate) rounds: usize,
}

impl Asker<'_> {
    /// Asks one recommender `rounds` times and records what people clicked.
    ///
    /// # Errors
    /// When the server refuses a request, nobody in the workspace fits the recommender, or something is not recorded.
    pub(crate) async fn run(&mut self, corpus: &str, source: &str) -> Result<Rounds> {
        let asks = self.personas.asks(source, self.rounds);
        let Some(hero) = asks.get(asks.len() / 2).cloned() else {
            bail!(
                "nobody in this workspace would ask {corpus}/{source}; use more --people, --channels or --days"
            );
        };
        let started = Instant::now();
        let warm = self.ask(corpus, source, &hero, false).await?;
        let first = started.elapsed();
        let mut rounds = Rounds {
            corpus: corpus.to_owned(),
            source: source.to_owned(),
            hero: hero.clone(),
            answer: proto::RecommendResponse::default(),
            first,
            trips: Vec::with_capacity(self.rounds),
            degraded: usize::from(!warm.degraded.is_empty()),
            empty: 0,
            impressions: warm.recommendations.len(),
            requests: 1,
            wanted: 0.0,
            by_chance: 0.0,
            candidates: 0.0,
            clicked: 0,
            recorded: 0,
        };
        for ask in &asks {
            let (by_chance, candidates) = self.chance(corpus, source, ask).await?;
            rounds.by_chance += by_chance / asks.len() as f64;
            rounds.candidates += candidates as f64 / asks.len() as f64;
        }
        let mut clicks = Vec::new();
        for (number, ask) in asks.iter().cycle().take(self.rounds).enumerate() {
            let started = Instant::now();
            let answer = self.ask(corpus, source, ask, false).await?;
            rounds.trips.push(started.elapsed());
            self.look(&mut rounds, ask, &answer, number as u64, &mut clicks)?;
        }
        rounds.trips.sort_unstable();
        rounds.wanted /= self.rounds.max(1) as f64;

        rounds.answer = self.ask(corpus, source, &hero, true).await?;
        rounds.impressions += rounds.answer.recommendations.len();
        rounds.requests += 1;
        rounds.recorded = self.record(clicks).await?;
        Ok(rounds)
    }

    async fn ask(
        &mut self,
        corpus: &str,
        source: &str,
        ask: &Ask,
        explain: bool,
    ) -> Result<proto::RecommendResponse> {
        let message = question(self.workspace, self.codec, corpus, source, ask, SLATE);
        let mut request = tonic::Request::new(proto::RecommendRequest { explain, ..message });
        request.set_timeout(PATIENCE);
        let answer = self.client.recommend(request).await;
        Ok(answer.with_context(|| format!("asking {corpus}/{source}"))?.into_inner())
    }

    /// How much the person wants what the filters leave, on average, which is what drawing by chance would give; and how much
    /// is left.
    async fn chance(&self, corpus: &str, source: &str, ask: &Ask) -> Result<(f64, usize)> {
        let request = question(self.workspace, self.codec, corpus, source, ask, MAX_LIMIT);
        let deadline = Some(Deadline::after(PATIENCE));
        let answer = self.offline.recommend(&request, deadline).await;
        let answer = answer.with_context(|| format!("asking {corpus}/{source} for all candidates"))?;
        let all = entities(self.codec, &answer)?;
        let visit =
            Visit { person: ask.person, corpus, source, seeds: &ask.seeds, time: self.now, number: 0 };
        let total: f64 = all.iter().map(|entity| self.workspace.want(&visit, *entity)).sum();
        Ok((total / all.len().max(1) as f64, all.len()))
    }

    /// Lets the person look at the slate, and judges it by what the person wants.
    fn look(
        &self,
        rounds: &mut Rounds,
        ask: &Ask,
        answer: &proto::RecommendResponse,
        number: u64,
        clicks: &mut Vec<proto::Interaction>,
    ) -> Result<()> {
        rounds.requests += 1;
        rounds.impressions += answer.recommendations.len();
        rounds.degraded += usize::from(!answer.degraded.is_empty());
        rounds.empty += usize::from(answer.recommendations.is_empty());
        let slate = entities(self.codec, answer)?;
        let visit = Visit {
            person: ask.person,
            corpus: &rounds.corpus,
            source: &rounds.source,
            seeds: &ask.seeds,
            time: self.now,
            number,
        };
        let wanted: f64 = slate.iter().map(|entity| self.workspace.want(&visit, *entity)).sum();
        rounds.wanted += wanted / slate.len().max(1) as f64;
        let responses = self.workspace.would_click(&visit, &slate);
        rounds.clicked += usize::from(responses.iter().any(|response| response.clicked));
        for response in responses.iter().filter(|response| response.clicked) {
            let kinds = ["click", action_of(&rounds.source)];
            for kind in &kinds[..1 + usize::from(response.acted)] {
                clicks.push(proto::Interaction {
                    request_id: answer.request_id.clone(),
                    user: self.workspace.people()[ask.person].id.clone(),
                    corpus: rounds.corpus.clone(),
                    entity: answer.recommendations[response.place].entity.clone(),
                    kind: (*kind).to_owned(),
                    time: Some(stamp(self.now)),
                    ..proto::Interaction::default()
                });
            }
        }
        Ok(())
    }

    /// Records, and records again as a client does that did not hear the answer: nothing may be doubled.
    async fn record(&mut self, interactions: Vec<proto::Interaction>) -> Result<usize> {
        let sent = interactions.len();
        if sent == 0 {
            return Ok(0);
        }
        let request = proto::RecordInteractionsRequest {
            tenant: self.workspace.settings().tenant.clone(),
            interactions,
        };
        let told = self.client.record_interactions(request.clone()).await?.into_inner();
        ensure!(
            told.accepted as usize == sent,
            "{sent} interactions were sent and {} accepted",
            told.accepted
        );
        let again = self.client.record_interactions(request).await?.into_inner();
        ensure!(again.accepted == 0, "{} interactions were recorded twice", again.accepted);
        Ok(sent)
    }
}

/// The numbers of the recommended entities.
pub(crate) fn entities(codec: IdCodec, answer: &proto::RecommendResponse) -> Result<Vec<EntityId>> {
    let number = |recommended: &proto::Recommendation| Ok(EntityId(codec.encode(&recommended.entity)?));
    answer.recommendations.iter().map(number).collect()
}

/// What a person of a workspace asks, at the end of its history.
pub(crate) fn question(
    workspace: &Workspace,
    codec: IdCodec,
    corpus: &str,
    source: &str,
    ask: &Ask,
    limit: u32,
) -> proto::RecommendRequest {
    proto::RecommendRequest {
        tenant: workspace.settings().tenant.clone(),
        user: workspace.people()[ask.person].id.clone(),
        corpus: corpus.to_owned(),
        source: source.to_owned(),
        limit,
        seeds: ask.seeds.iter().filter_map(|seed| codec.decode(seed.0)).collect(),
        time: Some(stamp(workspace.settings().end)),
        ..proto::RecommendRequest::default()
    }
}

pub(crate) fn stamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.millis().div_euclid(1000),
        nanos: (time.millis().rem_euclid(1000) * 1_000_000) as i32,
    }
}
