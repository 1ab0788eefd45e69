//! A replay in progress: stores that know what had happened by now, and the questions of the fold.

use recommend_core::{Interaction, InteractionId, Name, Query, TenantId};
use recommend_stores::{Stores, WriteBatch};
use recommend_training::Catalogue;
use tokio::runtime::Runtime;

use super::Backtest;
use super::ask::{Asked, ask_all, mix};
use crate::baselines::{Baselines, Prepared};
use crate::error::BacktestError;
use crate::question::{Question, Touched, questions};
use crate::settings::{Contestant, Progress};
use crate::split::Fold;

pub(super) const TENANT: TenantId = TenantId(1);
/// How many interactions go into the stores at once.
const BATCH: usize = 8_192;
/// Up to so many entities item cosine keeps all neighbours of each.
const ALL_NEIGHBOURS: usize = 2_000;
/// And beyond that so many.
const NEIGHBOURS: usize = 200;

/// Stores and who touched what, as of the fold that was learnt last.
pub(super) struct Replay<'a> {
    backtest: &'a Backtest<'a>,
    runtime: Runtime,
    stores: Stores,
    touched: Touched,
    /// Rows of the entities that anybody touched, sorted.
    known: Vec<u32>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(backtest: &'a Backtest<'a>) -> Result<Self, BacktestError> {
        let stopped = |error: std::io::Error| BacktestError::Stopped(error.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(stopped)?;
        let (stores, touched) = (Stores::in_memory(backtest.codec), Touched::default());
        Ok(Replay { backtest, runtime, stores, touched, known: Vec::new() })
    }

    /// Writes what a fold learns into the stores.
    pub(super) fn learn(&mut self, fold: &Fold, progress: &dyn Progress) -> Result<(), BacktestError> {
        progress.begin("filling the stores", fold.learn.len() as u64);
        for rows in fold.learn.chunks(BATCH) {
            let interactions = rows.iter().map(|row| self.interaction(*row)).collect();
            let batch = WriteBatch { interactions, ..WriteBatch::default() };
            self.runtime.block_on(self.stores.writer.write(TENANT, batch))?;
            progress.advance(rows.len() as u64);
        }
        self.touched.learn(self.backtest.history, fold, self.backtest.labels.corpus);
        self.known = self.touched.entities();
        Ok(())
    }

    fn interaction(&self, row: u32) -> Interaction {
        let history = self.backtest.history;
        let event = &history.events()[row as usize];
        let (corpus, entity) = history.entities()[event.entity as usize];
        Interaction {
            // Spread over all numbers, as hashes are: the stores look ids up by where they should be.
            id: InteractionId(u128::from(mix(u64::from(row))) << 64 | u128::from(row)),
            request: None,
            tenant: TENANT,
            user: history.users()[event.user as usize],
            corpus: history.corpora()[usize::from(corpus)].clone(),
            entity,
            kind: history.kinds()[usize::from(event.kind)].clone(),
            time: event.time,
            value: event.value,
        }
    }

    /// The questions of a fold, and how many relevant entities nobody could have known.
    pub(super) fn questions(&self, fold: &Fold) -> (Vec<Question>, usize) {
        questions(self.backtest.history, fold, &self.backtest.labels, &self.touched, &self.known)
    }

    /// Who touched what.
    pub(super) fn catalogue(&self) -> Catalogue {
        let history = self.backtest.history;
        let id = |row: u32| history.entities()[row as usize].1;
        let user = |row: u32| history.users()[row as usize];
        let pairs = self.touched.pairs().map(|(who, what)| (user(who), id(what)));
        Catalogue::new(self.known.iter().map(|row| id(*row)), pairs)
    }

    /// Assembles a contestant anew and asks it; so many items of each answer are kept with their features.
    pub(super) fn ask(
        &self,
        contestant: &Contestant<'_>,
        questions: &[Question],
        keep: usize,
        progress: &dyn Progress,
    ) -> Result<(Vec<Vec<u32>>, Vec<Asked>), BacktestError> {
        let recommender = (contestant.assemble)(&self.stores).map_err(BacktestError::Assemble)?;
        progress.begin(&contestant.name, questions.len() as u64);
        let answers =
            ask_all(&self.runtime, self.backtest.settings.threads, questions, progress, |question| {
                self.backtest.answer(&recommender, question, &contestant.name, keep)
            })?;
        Ok(answers.into_iter().unzip())
    }

    /// The baselines as of a fold.
    pub(super) fn baselines(&self, fold: &Fold) -> Result<Prepared, BacktestError> {
        let Backtest { settings, labels, history, .. } = self.backtest;
        let neighbours = if self.known.len() <= ALL_NEIGHBOURS { self.known.len() } else { NEIGHBOURS };
        let baselines = Baselines { recent: self.backtest.recent(fold), neighbours };
        let query = Query { seed: settings.seed, ..self.backtest.query(0, fold.now, self.backtest.depth()) };
        let row = |id| self.backtest.row(id);
        let kinds: Vec<Name> =
            labels.kinds.iter().map(|kind| history.kinds()[usize::from(*kind)].clone()).collect();
        let prepared = Prepared::new(&self.stores, &baselines, &kinds, &query, self.known.clone(), row);
        let failed = |(name, error)| BacktestError::Baseline { name, error };
        self.runtime.block_on(prepared).map_err(failed)
    }

    /// Asks one baseline.
    pub(super) fn ask_baseline(
        &self,
        baselines: &Prepared,
        name: &'static str,
        questions: &[Question],
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<u32>>, BacktestError> {
        progress.begin(name, questions.len() as u64);
        let (depth, row) = (self.backtest.depth(), |id| self.backtest.row(id));
        ask_all(&self.runtime, self.backtest.settings.threads, questions, progress, |question| async {
            let query = self.backtest.query(question.user, question.now, depth);
            let ranked = baselines.rank(name, question, &query, depth, self.backtest.skip(question), row);
            ranked.await.map_err(|error| BacktestError::Baseline { name, error })
        })
    }
}
