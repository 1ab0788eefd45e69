//! The engine: fills stores fold by fold, asks every contestant the same questions, and hands the answers to the report.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use recommend_core::{
    Deadline, EntityId, IdCodec, Interaction, InteractionId, Name, Query, Recommender, RequestId, RunOptions,
    TenantId, Timestamp, days,
};
use recommend_stores::{Stores, WriteBatch};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::runtime::Runtime;

use crate::baselines::{Baselines, Prepared};
use crate::error::BacktestError;
use crate::history::History;
use crate::question::{Labels, Question, Touched, questions};
use crate::report::{BacktestResult, Notes, Tally};
use crate::split::{Fold, Split, folds};

const TENANT: TenantId = TenantId(1);
/// How many interactions go into the stores at once.
const BATCH: usize = 8_192;
/// How many questions a thread takes at once.
const TURN: usize = 16;

/// What is tested.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The type of entity that is recommended.
    pub corpus: Name,
    /// The part of the product that asks.
    pub source: Name,
    /// The kinds of interaction that are to be foretold; none means all.
    pub label_kinds: Vec<Name>,
    /// The least value with which one counts, such as 4 of 5 stars.
    pub min_value: Option<f32>,
    /// What is past and what is future.
    pub split: Split,
    /// Walk through the future in steps of this length, each with all that happened before it.
    pub rolling: Option<Duration>,
    /// The cut-offs, each at least 1.
    pub cutoffs: Vec<usize>,
    /// What the user touched before may be recommended, and counts.
    pub repeats: bool,
    /// Entities that first appear after the split do not count as relevant.
    pub known_only: bool,
    /// How far back recent popularity looks; by default a tenth of the time of the past.
    pub recent: Option<Duration>,
    /// Whether the baselines are asked too.
    pub baselines: bool,
    /// Seeds all randomness.
    pub seed: u64,
    /// How many threads ask; 0 is one for each core.
    pub threads: usize,
}

/// Puts a recommender together over stores.
pub type Assemble<'a> = dyn Fn(&Stores) -> Result<Recommender, String> + Sync + 'a;

/// One recommender in a backtest.
pub struct Contestant<'a> {
    /// What tables call it.
    pub name: String,
    /// Makes it anew for each fold, as a deployment that retrains would.
    pub assemble: &'a Assemble<'a>,
}

/// Is told how far a backtest has come.
pub trait Progress: Sync {
    /// A part begins, of so many steps.
    fn begin(&self, part: &str, steps: u64);
    /// So many steps more are done.
    fn advance(&self, steps: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// A history and what to test on it.
pub struct Backtest<'a> {
    history: &'a History,
    settings: Settings,
    labels: Labels,
    codec: IdCodec,
    /// The rows of the entities of the corpus.
    rows: FxHashMap<EntityId, u32>,
}

impl<'a> Backtest<'a> {
    /// Checks the settings against the history. `codec` is the one that made the history's ids.
    ///
    /// # Errors
    /// [`BacktestError::UnknownKind`] when a label is of a kind that never happened.
    pub fn new(history: &'a History, settings: Settings, codec: IdCodec) -> Result<Self, BacktestError> {
        let mut kinds = Vec::new();
        for name in &settings.label_kinds {
            kinds.push(history.kind(name).ok_or_else(|| BacktestError::UnknownKind {
                wanted: name.to_string(),
                known: history.kinds().iter().map(ToString::to_string).collect(),
            })?);
        }
        if kinds.is_empty() {
            kinds = (0..history.kinds().len() as u16).collect();
        }
        let corpus = history.corpus(&settings.corpus).unwrap_or(u16::MAX);
        let of_corpus = history.entities().iter().enumerate().filter(|(_, (of, _))| *of == corpus);
        let rows = of_corpus.map(|(row, (_, id))| (*id, row as u32)).collect();
        let labels = Labels {
            corpus,
            kinds,
            min_value: settings.min_value,
            repeats: settings.repeats,
            known_only: settings.known_only,
        };
        Ok(Backtest { history, settings, labels, codec, rows })
    }

    /// Asks everybody everything. Blocks; not to be called from asynchronous code.
    ///
    /// # Errors
    /// When the split leaves nothing to learn or to ask, or a contestant cannot be assembled or gives no answer.
    pub fn run(
        &self,
        contestants: &[Contestant<'_>],
        progress: &dyn Progress,
    ) -> Result<BacktestResult, BacktestError> {
        let stopped = |error: std::io::Error| BacktestError::Stopped(error.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(stopped)?;
        let stores = Stores::in_memory(self.codec);
        let (mut touched, mut tally, mut notes) = (Touched::default(), None::<Tally>, Notes::default());
        for (number, fold) in
            folds(self.history, self.settings.split, self.settings.rolling)?.iter().enumerate()
        {
            self.learn(&runtime, &stores, fold, progress)?;
            touched.learn(self.history, fold, self.labels.corpus);
            let known = touched.entities();
            let (questions, unknown) = questions(self.history, fold, &self.labels, &touched, &known);
            notes.fold(&questions, unknown, self.recent(fold));
            if questions.is_empty() {
                continue;
            }
            let tally = tally.get_or_insert_with(|| Tally::new(&self.settings.cutoffs));
            tally.catalogue(self.history, &touched, &known);
            for contestant in contestants {
                let recommender = (contestant.assemble)(&stores).map_err(BacktestError::Assemble)?;
                progress.begin(&contestant.name, questions.len() as u64);
                let answers = self.ask(&runtime, &questions, progress, |question| {
                    self.answer(&recommender, question, number, &contestant.name)
                })?;
                let (slates, asked): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
                notes.asked(&contestant.name, &asked, &slates, self.depth());
                tally.add(&contestant.name, self.history, &questions, &slates);
            }
            if self.settings.baselines {
                self.ask_baselines(&runtime, &stores, fold, &questions, known, tally, progress)?;
            }
        }
        let Some(tally) = tally else {
            let kinds: Vec<&str> = self.settings.label_kinds.iter().map(Name::as_str).collect();
            let reason = format!(
                "interactions of kind {} in the corpus {:?} with what the user had not touched",
                if kinds.is_empty() { "any".to_owned() } else { kinds.join(", ") },
                self.settings.corpus.as_str()
            );
            return Err(BacktestError::NoQuestions { reason });
        };
        Ok(tally.finish(self.history, notes, self.settings.seed))
    }

    /// The largest cut-off.
    fn depth(&self) -> usize {
        self.settings.cutoffs.iter().copied().max().unwrap_or(1).max(1)
    }

    fn recent(&self, fold: &Fold) -> Duration {
        let first = self.history.events().first().map_or(fold.now, |event| event.time);
        self.settings.recent.unwrap_or_else(|| (fold.now.since(first) / 10).max(Duration::from_secs(60)))
    }

    /// Writes what a fold learns into the stores.
    fn learn(
        &self,
        runtime: &Runtime,
        stores: &Stores,
        fold: &Fold,
        progress: &dyn Progress,
    ) -> Result<(), BacktestError> {
        progress.begin("filling the stores", fold.learn.len() as u64);
        for rows in fold.learn.chunks(BATCH) {
            let interactions = rows.iter().map(|row| self.interaction(*row)).collect();
            let batch = WriteBatch { interactions, ..WriteBatch::default() };
            runtime.block_on(stores.writer.write(TENANT, batch))?;
            progress.advance(rows.len() as u64);
        }
        Ok(())
    }

    fn interaction(&self, row: u32) -> Interaction {
        let event = &self.history.events()[row as usize];
        let (corpus, entity) = self.history.entities()[event.entity as usize];
        Interaction {
            // Spread over all numbers, as hashes are: the stores look ids up by where they should be.
            id: InteractionId(u128::from(mix(u64::from(row))) << 64 | u128::from(row)),
            request: None,
            tenant: TENANT,
            user: self.history.users()[event.user as usize],
            corpus: self.history.corpora()[usize::from(corpus)].clone(),
            entity,
            kind: self.history.kinds()[usize::from(event.kind)].clone(),
            time: event.time,
            value: event.value,
        }
    }

    /// The query of a question. What the user touched comes on top of the limit, because it is taken out of the answer.
    fn query(&self, user: u32, now: Timestamp, limit: usize) -> Query {
        let user = self.history.users()[user as usize];
        let seed = mix(self.settings.seed ^ mix(user.0) ^ now.0 as u64);
        Query {
            request: RequestId(u128::from(seed)),
            tenant: TENANT,
            user,
            corpus: self.settings.corpus.clone(),
            source: self.settings.source.clone(),
            limit,
            context: Vec::new(),
            seeds: Vec::new(),
            given: Vec::new(),
            now,
            // Quality is measured here, not speed: nothing is cut short.
            deadline: Deadline::after(days(1)),
            seed,
        }
    }

    fn skip<'q>(&self, question: &'q Question) -> impl Fn(u32) -> bool + 'q {
        let repeats = self.settings.repeats;
        move |row| !repeats && question.touched.binary_search(&row).is_ok()
    }

    fn row(&self, id: EntityId) -> Option<u32> {
        self.rows.get(&id).copied()
    }

    async fn answer(
        &self,
        recommender: &Recommender,
        question: &Question,
        _fold: usize,
        name: &str,
    ) -> Result<(Vec<u32>, Asked), BacktestError> {
        let depth = self.depth();
        let taken = if self.settings.repeats { 0 } else { question.touched.len() };
        let query = self.query(question.user, question.now, depth + taken);
        let outcome = recommender.run(&query, RunOptions::default()).await;
        let outcome = outcome.map_err(|error| BacktestError::Run { name: name.to_owned(), error })?;
        let skip = self.skip(question);
        let rows = outcome.items.iter().filter_map(|item| self.row(item.entity));
        let slate = rows.filter(|row| !skip(*row)).take(depth).collect();
        let degraded = outcome.report.degraded.iter();
        let degraded = degraded.map(|part| format!("{} {}: {}", part.stage, part.component, part.error));
        let drops = outcome.report.drops;
        Ok((slate, Asked { degraded: degraded.collect(), drops }))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one fold")]
    fn ask_baselines(
        &self,
        runtime: &Runtime,
        stores: &Stores,
        fold: &Fold,
        questions: &[Question],
        known: Vec<u32>,
        tally: &mut Tally,
        progress: &dyn Progress,
    ) -> Result<(), BacktestError> {
        let neighbours = if known.len() <= 5_000 { known.len() } else { 200 };
        let settings = Baselines { recent: self.recent(fold), neighbours };
        let query = Query { seed: self.settings.seed, ..self.query(0, fold.now, self.depth()) };
        let row = |id| self.row(id);
        let kinds: Vec<Name> =
            self.labels.kinds.iter().map(|kind| self.history.kinds()[usize::from(*kind)].clone()).collect();
        let prepared = runtime.block_on(Prepared::new(stores, &settings, &kinds, &query, known, row));
        let prepared = prepared.map_err(|(name, error)| BacktestError::Baseline { name, error })?;
        for name in Baselines::NAMES {
            progress.begin(name, questions.len() as u64);
            let slates = self.ask(runtime, questions, progress, |question| async {
                let query = self.query(question.user, question.now, self.depth());
                let ranked = prepared.rank(name, question, &query, self.depth(), self.skip(question), row);
                ranked.await.map_err(|error| BacktestError::Baseline { name, error })
            })?;
            tally.add(name, self.history, questions, &slates);
        }
        Ok(())
    }

    /// Asks all questions, on all threads; answers are in the order of the questions.
    fn ask<'q, T, F>(
        &self,
        runtime: &Runtime,
        questions: &'q [Question],
        progress: &dyn Progress,
        ask: impl Fn(&'q Question) -> F + Sync,
    ) -> Result<Vec<T>, BacktestError>
    where
        T: Send,
        F: Future<Output = Result<T, BacktestError>>,
    {
        let threads = match self.settings.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        let next = AtomicUsize::new(0);
        let work = || {
            runtime.block_on(async {
                let mut answers = Vec::new();
                loop {
                    let from = next.fetch_add(TURN, Ordering::Relaxed);
                    if from >= questions.len() {
                        return Ok::<_, BacktestError>(answers);
                    }
                    let turn = &questions[from..(from + TURN).min(questions.len())];
                    for (at, question) in turn.iter().enumerate() {
                        answers.push((from + at, ask(question).await?));
                    }
                    progress.advance(turn.len() as u64);
                }
            })
        };
        let mut answers = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let mut answers = Vec::with_capacity(questions.len());
            for worker in workers {
                let stopped = |_| BacktestError::Stopped("a thread panicked".into());
                answers.extend(worker.join().map_err(stopped)??);
            }
            Ok::<_, BacktestError>(answers)
        })?;
        answers.sort_unstable_by_key(|(at, _)| *at);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

/// What a run said beside its answer.
pub(crate) struct Asked {
    pub(crate) degraded: FxHashSet<String>,
    pub(crate) drops: Vec<recommend_core::DropCount>,
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): numbers in a row become numbers all over.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
