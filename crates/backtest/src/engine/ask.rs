//! Asking: from a question to a query, and all questions on all threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use recommend_core::{Deadline, DropCount, Query, Recommender, RequestId, RunOptions, Timestamp, days};
use tokio::runtime::Runtime;

use super::Backtest;
use super::replay::TENANT;
use super::shown::Shown;
use crate::error::BacktestError;
use crate::question::Question;
use crate::settings::Progress;

/// How many questions a thread takes at once.
const TURN: usize = 16;

/// What a run said beside its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What was degraded and why.
    pub(crate) degraded: Vec<String>,
    /// What the filters dropped.
    pub(crate) drops: Vec<DropCount>,
    /// The first items with their features, where they are kept.
    pub(super) shown: Option<Shown>,
}

impl Backtest<'_> {
    /// A query of a user.
    pub(super) fn query(&self, user: u32, now: Timestamp, limit: usize) -> Query {
        let user = self.history.users()[user as usize];
        // Of the user and the time alone, so that it does not matter who else is asked for.
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

    /// Whether an entity is out of the question because the user touched it before.
    pub(super) fn skip<'q>(&self, question: &'q Question) -> impl Fn(u32) -> bool + 'q {
        let repeats = self.settings.repeats;
        move |row| !repeats && question.touched.binary_search(&row).is_ok()
    }

    /// What the recommender would have shown: its answer without what the user touched, which it may not know better.
    /// That much comes on top of the limit. The first `keep` items are kept with their features.
    pub(super) async fn answer(
        &self,
        recommender: &Recommender,
        question: &Question,
        name: &str,
        keep: usize,
    ) -> Result<(Vec<u32>, Asked), BacktestError> {
        let depth = self.depth();
        let taken = if self.settings.repeats { 0 } else { question.touched.len() };
        let query = self.query(question.user, question.now, depth.max(keep) + taken);
        let outcome = recommender.run(&query, RunOptions::default()).await;
        let outcome = outcome.map_err(|error| BacktestError::Run { name: name.to_owned(), error })?;
        let skip = self.skip(question);
        let rows = outcome.items.iter().enumerate();
        let rows = rows.filter_map(|(place, item)| Some((place, self.row(item.entity)?)));
        let rows: Vec<(usize, u32)> = rows.filter(|(_, row)| !skip(*row)).take(depth.max(keep)).collect();
        let slate = rows.iter().take(depth).map(|(_, row)| *row).collect();
        let shown = (keep > 0)
            .then(|| Shown::of(recommender, &query, &outcome, question, &rows[..rows.len().min(keep)]));
        let degraded = outcome.report.degraded.iter();
        let degraded = degraded.map(|part| format!("{} {}: {}", part.stage, part.component, part.error));
        Ok((slate, Asked { degraded: degraded.collect(), drops: outcome.report.drops, shown }))
    }
}

/// Asks all questions, on so many threads (0 is one for each core); answers are in the order of the questions.
pub(super) fn ask_all<'q, T, F>(
    runtime: &Runtime,
    threads: usize,
    questions: &'q [Question],
    progress: &dyn Progress,
    ask: impl Fn(&'q Question) -> F + Sync,
) -> Result<Vec<T>, BacktestError>
where
    T: Send,
    F: Future<Output = Result<T, BacktestError>>,
{
    let threads = match threads {
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

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): numbers in a row become numbers all over.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
