//! The engine: replays fold by fold, asks every contestant the same questions, and hands the answers to the report.

mod ask;
mod replay;
mod shown;

use std::time::Duration;

use recommend_core::{EntityId, IdCodec, Name};
use rustc_hash::FxHashMap;

use self::replay::Replay;
use self::shown::Collected;
use crate::baselines::Baselines;
use crate::error::BacktestError;
use crate::history::History;
use crate::question::Labels;
use crate::report::{BacktestResult, Evaluation, Notes, Tally};
use crate::settings::{Contestant, Progress, Settings};
use crate::split::{Fold, folds};

pub(crate) use self::ask::Asked;
pub(crate) use self::ask::mix;

/// A history and what to test on it.
///
/// ```
/// use recommend_backtest::{Backtest, Contestant, History, NoProgress, Settings, Split};
/// use recommend_core::{EntityId, IdCodec, Name, Recommender, Timestamp, UserId};
/// use recommend_stores::Stores;
///
/// let (corpus, kind) = (Name::literal("item"), Name::literal("view"));
/// let mut builder = History::builder();
/// for at in 0..100 {
///     builder.push(UserId(at % 7), &corpus, EntityId(at % 11), &kind, Timestamp(at as i64 * 1000), 1.0);
/// }
/// let history = builder.build();
/// let settings = Settings { split: Split::Time(0.5), ..Settings::new("item", "home")? };
/// let backtest = Backtest::new(&history, settings, IdCodec::new([0; 16]))?;
/// let result = backtest.run(&[], &NoProgress)?; // the baselines alone
/// assert_eq!(result.evaluations[0].name, "random");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        let mut replay = Replay::new(self)?;
        let (mut tally, mut notes) =
            (Tally::new(&self.settings.cutoffs, self.settings.answers), Notes::default());
        let mut impressions = Collected::default();
        for fold in &folds(self.history, self.settings.split, self.settings.rolling)? {
            replay.learn(fold, progress)?;
            let (questions, unknown) = replay.questions(fold);
            notes.fold(&questions, unknown, self.recent(fold));
            if questions.is_empty() {
                continue;
            }
            tally.catalogue(replay.catalogue());
            for (at, contestant) in contestants.iter().enumerate() {
                let keep = if at == 0 { self.settings.impressions } else { 0 };
                let (slates, mut asked) = replay.ask(contestant, &questions, keep, progress)?;
                asked
                    .iter_mut()
                    .filter_map(|asked| asked.shown.take())
                    .for_each(|shown| impressions.take(shown));
                notes.asked(&contestant.name, &asked, &slates, self.depth());
                tally.add(&contestant.name, self.history, &questions, &slates);
            }
            if self.settings.baselines {
                let baselines = replay.baselines(fold)?;
                for name in Baselines::NAMES {
                    let slates = replay.ask_baseline(&baselines, name, &questions, progress)?;
                    tally.add(name, self.history, &questions, &slates);
                }
            }
        }
        match notes.questions {
            0 => Err(self.nobody()),
            _ => {
                let mut result = tally.finish(self.history, notes, self.settings.seed);
                result.impressions = impressions.dataset(&self.settings)?;
                Ok(result)
            }
        }
    }

    /// Opens the first fold for contestants that come one after the other, as in a search: what they ask of is filled
    /// once.
    ///
    /// # Errors
    /// When the split leaves nothing to learn or to ask.
    pub fn session(&'a self, progress: &dyn Progress) -> Result<Session<'a>, BacktestError> {
        let mut replay = Replay::new(self)?;
        let folds = folds(self.history, self.settings.split, None)?;
        let Some(fold) = folds.first() else { return Err(self.nobody()) };
        replay.learn(fold, progress)?;
        let (mut questions, _) = replay.questions(fold);
        if questions.is_empty() {
            return Err(self.nobody());
        }
        // In an order that has nothing to do with the users, so that the first ones are a sample.
        questions.sort_by_key(|question| mix(self.settings.seed ^ mix(u64::from(question.user))));
        Ok(Session { backtest: self, replay, questions })
    }

    /// The interactions before the (first) split: all that a search for settings may look at.
    ///
    /// # Errors
    /// When there is none.
    pub fn past(&self) -> Result<History, BacktestError> {
        let folds = folds(self.history, self.settings.split, None)?;
        let learn = folds.first().map(|fold| fold.learn.as_slice()).unwrap_or_default();
        let events = learn.iter().map(|row| self.history.events()[*row as usize]).collect();
        Ok(self.history.with_events(events))
    }

    fn nobody(&self) -> BacktestError {
        let kinds: Vec<&str> = self.settings.label_kinds.iter().map(Name::as_str).collect();
        let kinds = if kinds.is_empty() { "any".to_owned() } else { kinds.join(", ") };
        let corpus = self.settings.corpus.as_str();
        BacktestError::NoQuestions {
            reason: format!(
                "interactions of kind {kinds} in the corpus {corpus:?} with what the user had not touched"
            ),
        }
    }

    /// The largest cut-off.
    fn depth(&self) -> usize {
        self.settings.cutoffs.iter().copied().max().unwrap_or(1).max(1)
    }

    /// How far back recent popularity looks.
    fn recent(&self, fold: &Fold) -> Duration {
        let first = self.history.events().first().map_or(fold.now, |event| event.time);
        self.settings.recent.unwrap_or_else(|| (fold.now.since(first) / 10).max(Duration::from_secs(60)))
    }

    fn row(&self, id: EntityId) -> Option<u32> {
        self.rows.get(&id).copied()
    }
}

/// A fold that stays open.
pub struct Session<'a> {
    backtest: &'a Backtest<'a>,
    replay: Replay<'a>,
    questions: Vec<crate::question::Question>,
}

impl Session<'_> {
    /// How many users there are to ask for.
    pub fn users(&self) -> usize {
        self.questions.len()
    }

    /// Asks for so many of the users, always the same ones first.
    ///
    /// # Errors
    /// When the contestant cannot be assembled or gives no answer.
    pub fn evaluate(
        &self,
        contestant: &Contestant<'_>,
        users: usize,
        progress: &dyn Progress,
    ) -> Result<Evaluation, BacktestError> {
        let questions = &self.questions[..users.clamp(1, self.questions.len())];
        let (slates, _) = self.replay.ask(contestant, questions, 0, progress)?;
        let mut tally = Tally::new(&self.backtest.settings.cutoffs, false);
        tally.add(&contestant.name, self.backtest.history, questions, &slates);
        let result =
            tally.finish(self.backtest.history, Notes::default(), self.backtest.settings.seed).evaluations;
        result.into_iter().next().ok_or_else(|| self.backtest.nobody())
    }
}

#[cfg(test)]
mod tests;
