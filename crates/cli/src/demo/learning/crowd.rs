//! The crowd: everybody of some simulated workspaces asks over gRPC, looks at the slate, and has what they did recorded.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use recommend_core::{IdCodec, seconds};
use recommend_server::proto;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_simulator::{Ask, Personas, Settings, Visit, Workspace, action_of};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::source::{SOURCES, Source};
use crate::demo::rounds::{PATIENCE, entities, question, stamp};

/// Requests that are on their way at once.
const AT_ONCE: usize = 8;
/// Interactions recorded in one call.
const BATCH: usize = 5_000;

/// One workspace, and who of it asks which of [`SOURCES`].
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) workspace: Workspace,
    asks: Vec<Vec<Ask>>,
}

/// Some workspaces under one server.
#[derive(Debug, Clone)]
pub(crate) struct Crowd {
    towns: Arc<[Town]>,
    codec: IdCodec,
}

/// What came of one round of visits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: usize,
    pub(crate) impressions: usize,
    pub(crate) clicks: usize,
    /// Answers that lacked a part.
    pub(crate) degraded: usize,
}

/// Clicks of one visit: how many, of how many impressions, for whom.
type Expected = (f64, f64);

impl Crowd {
    /// Generates workspaces, each from its own settings; takes all cores.
    ///
    /// # Errors
    /// When settings are out of range.
    pub(crate) fn generate(all: &[Settings], codec: IdCodec) -> Result<Self> {
        let town = |settings: &Settings| {
            let workspace = Workspace::generate(settings.clone())?;
            let personas = Personas::of(&workspace);
            let asks = SOURCES.iter().map(|source| personas.asks(source.source, usize::MAX)).collect();
            Ok(Town { workspace, asks })
        };
        let made: Result<Vec<Town>> = std::thread::scope(|scope| {
            let threads: Vec<_> = all.iter().map(|settings| scope.spawn(move || town(settings))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Town>>| match thread.join() {
                Ok(town) => town,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            threads.into_iter().map(join).collect()
        });
        Ok(Crowd { towns: made?.into(), codec })
    }

    /// The workspaces.
    pub(crate) fn towns(&self) -> &[Town] {
        &self.towns
    }

    /// How many people ask a source.
    pub(crate) fn users(&self, source: usize) -> usize {
        self.towns.iter().map(|town| town.asks[source].len()).sum()
    }

    /// Lets everybody who would ask a source do so once for each number; the same number meets the same mood.
    ///
    /// What people did is recorded after the last visit, so that everybody asks the same stores.
    ///
    /// # Errors
    /// When the server refuses a request, or does not take what people did.
    pub(crate) async fn visit(
        &self,
        client: &RecommendServiceClient<Channel>,
        source: usize,
        numbers: Range<u64>,
        bar: &ProgressBar,
    ) -> Result<Tally> {
        let visits: Vec<(usize, usize, u64)> = numbers
            .flat_map(|number| {
                let towns = self.towns.iter().enumerate();
                towns.flat_map(move |(at, town)| {
                    (0..town.asks[source].len()).map(move |ask| (at, ask, number))
                })
            })
            .collect();
        let (visits, next) = (Arc::new(visits), Arc::new(AtomicUsize::new(0)));
        let mut visitors = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (crowd, visits, next) = (self.clone(), visits.clone(), next.clone());
            let (mut client, bar) = (client.clone(), bar.clone());
            visitors.spawn(async move {
                let mut tally = Tally::default();
                let mut did: Vec<(usize, proto::Interaction)> = Vec::new();
                while let Some((town, ask, number)) =
                    visits.get(next.fetch_add(1, Ordering::Relaxed)).copied()
                {
                    let home = &crowd.towns[town];
                    let seen = home.visit(
                        &mut client,
                        crowd.codec,
                        &SOURCES[source],
                        &home.asks[source][ask],
                        number,
                    );
                    did.extend(
                        seen.await?.add_to(&mut tally).into_iter().map(|interaction| (town, interaction)),
                    );
                    bar.inc(1);
                }
                anyhow::Ok((tally, did))
            });
        }
        let (mut total, mut did) = (Tally::default(), vec![Vec::new(); self.towns.len()]);
        while let Some(done) = visitors.join_next().await {
            let (tally, interactions) = done??;
            total.add(tally);
            interactions.into_iter().for_each(|(town, interaction): (usize, _)| did[town].push(interaction));
        }
        for (town, interactions) in self.towns.iter().zip(did) {
            town.record(client.clone(), interactions).await?;
        }
        Ok(total)
    }

    /// What everybody would click on average if each were shown what they want most: per user, the expected clicks and the
    /// impressions of one visit.
    pub(crate) fn ceiling(&self, source: usize) -> Vec<Expected> {
        let Source { corpus, source: name, slate, .. } = SOURCES[source];
        let of_town = |town: &Town| -> Vec<Expected> {
            let personas = Personas::of(&town.workspace);
            let time = town.workspace.settings().end;
            let one = |ask: &Ask| {
                let visit =
                    Visit { person: ask.person, corpus, source: name, seeds: &ask.seeds, time, number: 0 };
                let ideal = personas.ideal(&visit, slate as usize);
                (town.workspace.expected_clicks(&visit, &ideal), ideal.len() as f64)
            };
            town.asks[source].iter().map(one).collect()
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = self.towns.iter().map(|town| scope.spawn(move || of_town(town))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<Expected>>| match thread.join() {
                Ok(all) => all,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            threads.into_iter().flat_map(join).collect()
        })
    }
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.requests += other.requests;
        self.impressions += other.impressions;
        self.clicks += other.clicks;
        self.degraded += other.degraded;
    }
}

/// One visit.
struct Seen {
    tally: Tally,
    did: Vec<proto::Interaction>,
}

impl Seen {
    fn add_to(self, total: &mut Tally) -> Vec<proto::Interaction> {
        total.add(self.tally);
        self.did
    }
}

impl Town {
    async fn visit(
        &self,
        client: &mut RecommendServiceClient<Channel>,
        codec: IdCodec,
        source: &Source,
        ask: &Ask,
        number: u64,
    ) -> Result<Seen> {
        let (workspace, Source { corpus, source: name, slate, .. }) = (&self.workspace, *source);
        let mut request = tonic::Request::new(question(workspace, codec, corpus, name, ask, slate));
        request.set_timeout(PATIENCE);
        let answer = client.recommend(request).await;
        let answer = answer.with_context(|| format!("asking {corpus}/{name}"))?.into_inner();
        let shown = entities(codec, &answer)?;
        let time = workspace.settings().end;
        let visit = Visit { person: ask.person, corpus, source: name, seeds: &ask.seeds, time, number };
        let mut did = Vec::new();
        let responses = workspace.would_click(&visit, &shown);
        for response in &responses {
            let kinds = [
                (response.clicked, "click"),
                (response.acted, action_of(name)),
                (response.dismissed, "dismiss"),
            ];
            for (_, kind) in kinds.into_iter().filter(|(happened, _)| *happened) {
                did.push(proto::Interaction {
                    request_id: answer.request_id.clone(),
                    user: workspace.people()[ask.person].id.clone(),
                    corpus: corpus.to_owned(),
                    entity: answer.recommendations[response.place].entity.clone(),
                    kind: kind.to_owned(),
                    // After the question: nobody who asks at the same moment asks stores that know of it.
                    time: Some(stamp(time.after(seconds(1 + response.place as u64)))),
                    ..proto::Interaction::default()
                });
            }
        }
        let tally = Tally {
            requests: 1,
            impressions: shown.len(),
            clicks: responses.iter().filter(|response| response.clicked).count(),
            degraded: usize::from(!answer.degraded.is_empty()),
        };
        Ok(Seen { tally, did })
    }

    async fn record(
        &self,
        mut client: RecommendServiceClient<Channel>,
        interactions: Vec<proto::Interaction>,
    ) -> Result<()> {
        for batch in interactions.chunks(BATCH) {
            let request = proto::RecordInteractionsRequest {
                tenant: self.workspace.settings().tenant.clone(),
                interactions: batch.to_vec(),
            };
            let accepted = client.record_interactions(request).await?.into_inner().accepted as usize;
            ensure!(
                accepted == batch.len(),
                "{} interactions were sent and {accepted} accepted",
                batch.len()
            );
        }
        Ok(())
    }
}
