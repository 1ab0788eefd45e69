//! Questions: for whom a fold asks, what they had touched, and what they did next.

use recommend_core::Timestamp;

use crate::history::{Event, History};
use crate::split::Fold;

/// What counts as an answer.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    /// The row of the corpus that is recommended.
    pub(crate) corpus: u16,
    /// Rows of the kinds that count.
    pub(crate) kinds: Vec<u16>,
    /// The least value that counts.
    pub(crate) min_value: Option<f32>,
    /// Entities touched before count too.
    pub(crate) repeats: bool,
    /// Entities that nobody had touched before do not count.
    pub(crate) known_only: bool,
}

impl Labels {
    fn counts(&self, history: &History, event: &Event) -> bool {
        self.kinds.contains(&event.kind)
            && history.entities()[event.entity as usize].0 == self.corpus
            && self.min_value.is_none_or(|least| event.value >= least)
    }
}

/// One user at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    /// The user's row.
    pub(crate) user: u32,
    /// The time.
    pub(crate) now: Timestamp,
    /// Rows of what turned out to be relevant, sorted; at least one.
    pub(crate) relevant: Vec<u32>,
    /// Rows of what the user had touched in the corpus, sorted.
    pub(crate) touched: Vec<u32>,
}

/// Who had touched what by now: sorted pairs.
#[derive(Debug, Default)]
pub(crate) struct Touched(Vec<u64>);

fn pair(user: u32, entity: u32) -> u64 {
    u64::from(user) << 32 | u64::from(entity)
}

impl Touched {
    /// Takes what a fold learns of one corpus.
    pub(crate) fn learn(&mut self, history: &History, fold: &Fold, corpus: u16) {
        let events = fold.learn.iter().map(|row| &history.events()[*row as usize]);
        let events = events.filter(|event| history.entities()[event.entity as usize].0 == corpus);
        self.0.extend(events.map(|event| pair(event.user, event.entity)));
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// What one user touched, sorted.
    pub(crate) fn of(&self, user: u32) -> impl Iterator<Item = u32> + '_ {
        let from = self.0.partition_point(|pair| pair >> 32 < u64::from(user));
        self.0[from..].iter().take_while(move |pair| *pair >> 32 == u64::from(user)).map(|pair| *pair as u32)
    }

    /// All (user, entity) pairs, by user and then entity.
    pub(crate) fn pairs(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        self.0.iter().map(|pair| ((pair >> 32) as u32, *pair as u32))
    }

    /// The entities that anybody touched, sorted.
    pub(crate) fn entities(&self) -> Vec<u32> {
        let mut entities: Vec<u32> = self.0.iter().map(|pair| *pair as u32).collect();
        entities.sort_unstable();
        entities.dedup();
        entities
    }
}

/// The questions of a fold, by user, and how many relevant entities nobody could have known.
pub(crate) fn questions(
    history: &History,
    fold: &Fold,
    labels: &Labels,
    touched: &Touched,
    known: &[u32],
) -> (Vec<Question>, usize) {
    let events = fold.ask.iter().map(|row| &history.events()[*row as usize]);
    let mut pairs: Vec<u64> = events
        .filter(|event| labels.counts(history, event))
        .map(|event| pair(event.user, event.entity))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let (mut questions, mut unknown) = (Vec::new(), 0);
    for of_user in pairs.chunk_by(|a, b| a >> 32 == b >> 32) {
        let user = (of_user[0] >> 32) as u32;
        let history: Vec<u32> = touched.of(user).collect();
        let mut relevant: Vec<u32> = of_user.iter().map(|pair| *pair as u32).collect();
        if !labels.repeats {
            relevant.retain(|entity| history.binary_search(entity).is_err());
        }
        let before = relevant.len();
        let new = relevant.iter().filter(|entity| known.binary_search(entity).is_err()).count();
        if labels.known_only {
            relevant.retain(|entity| known.binary_search(entity).is_ok());
        }
        unknown += new;
        if before > 0 && !relevant.is_empty() {
            questions.push(Question { user, now: fold.now, relevant, touched: history });
        }
    }
    (questions, unknown)
}
