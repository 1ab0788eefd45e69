//! What is past and what is future: the cut of a history into what is learnt from and what is asked about.

use std::str::FromStr;
use std::time::Duration;

use recommend_core::Timestamp;

use crate::error::BacktestError;
use crate::history::History;

/// Where the future begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Split {
    /// At a moment: what happened before it is the past.
    At(Timestamp),
    /// At the moment before which this share of all interactions lies, above 0 and below 1.
    Time(f64),
    /// For each user apart: this share of the user's own interactions, the last ones, is the future. Then the past of
    /// one user may be later than the future of another, as is customary for MovieLens.
    Last(f64),
}

/// The text is no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no split; write at:2025-06-30, time:0.8 (the first 80 % are the past) or last:0.2 (the last 20 % of each user are the future)"
)]
pub struct SplitError(pub String);

impl Split {
    /// Reads `time:0.8` and `last:0.2`; `moment` reads what follows `at:`.
    ///
    /// # Errors
    /// [`SplitError`] when it is neither, or a share is not between 0 and 1.
    pub fn parse(text: &str, moment: impl FnOnce(&str) -> Option<Timestamp>) -> Result<Self, SplitError> {
        let share = |text: &str| text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
        let split = match text.split_once(':') {
            Some(("at", time)) => moment(time).map(Split::At),
            Some(("time", text)) => share(text).map(Split::Time),
            Some(("last", text)) => share(text).map(Split::Last),
            _ => None,
        };
        split.ok_or_else(|| SplitError(text.to_owned()))
    }
}

impl FromStr for Split {
    type Err = SplitError;

    /// ```
    /// use recommend_backtest::Split;
    /// assert_eq!("last:0.2".parse(), Ok(Split::Last(0.2)));
    /// assert!("last:20".parse::<Split>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, SplitError> {
        Split::parse(text, |time| time.parse().ok().map(Timestamp::from_seconds))
    }
}

/// One step of a replay: what becomes known, when questions are asked, and what answers them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fold {
    /// Rows of events that become known with this fold, oldest first.
    pub(crate) learn: Vec<u32>,
    /// Rows of events that are the future of this fold.
    pub(crate) ask: Vec<u32>,
    /// The time of its questions.
    pub(crate) now: Timestamp,
}

/// Cuts a history. With `rolling` the future is walked through in steps of that length, and what one step asked about is
/// past in the next.
pub(crate) fn folds(
    history: &History,
    split: Split,
    rolling: Option<Duration>,
) -> Result<Vec<Fold>, BacktestError> {
    let events = history.events();
    let at = match split {
        Split::At(at) => at,
        Split::Time(share) => {
            let place = ((events.len() as f64 * share) as usize).min(events.len().saturating_sub(1));
            events.get(place).map_or(Timestamp(0), |event| event.time)
        }
        Split::Last(share) => return Ok(vec![last(history, share)?]),
    };
    let mut from = events.partition_point(|event| event.time < at);
    if from == 0 {
        return Err(BacktestError::NothingBefore);
    }
    let mut folds = Vec::new();
    let (mut learnt, mut now) = (0, at);
    while from < events.len() {
        let next = rolling.map(|step| now.after(step.max(Duration::from_millis(1))));
        let to = next.map_or(events.len(), |next| events.partition_point(|event| event.time < next));
        if to > from {
            let rows = |range: std::ops::Range<usize>| range.map(|row| row as u32).collect();
            folds.push(Fold { learn: rows(learnt..from), ask: rows(from..to), now });
            learnt = from;
        }
        from = to;
        now = next.unwrap_or(now);
    }
    Ok(folds)
}

/// The last share of each user's interactions is the future. There is one clock for all, just after the last
/// interaction of the past: whose past ends earlier was away since then, for all that the stores know.
fn last(history: &History, share: f64) -> Result<Fold, BacktestError> {
    let mut counts = vec![0_u32; history.users().len()];
    for event in history.events() {
        counts[event.user as usize] += 1;
    }
    // What is left of the past of each user; rounding down the future, but not for a rounding error in the product.
    let mut past: Vec<u32> =
        counts.iter().map(|count| count - (f64::from(*count) * share + 1e-9) as u32).collect();
    let (mut learn, mut ask) = (Vec::new(), Vec::new());
    for (row, event) in history.events().iter().enumerate() {
        let left = &mut past[event.user as usize];
        if *left > 0 {
            *left -= 1;
            learn.push(row as u32);
        } else {
            ask.push(row as u32);
        }
    }
    let newest = learn.last().map(|row| history.events()[*row as usize].time);
    let now = newest.ok_or(BacktestError::NothingBefore)?.after(Duration::from_millis(1));
    Ok(Fold { learn, ask, now })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use recommend_core::{EntityId, Name, UserId};

    use super::*;

    fn history(events: &[(u64, i64)]) -> History {
        let mut builder = History::builder();
        for (at, (user, time)) in events.iter().enumerate() {
            let (corpus, kind) = (Name::literal("c"), Name::literal("k"));
            builder.push(UserId(*user), &corpus, EntityId(at as u64), &kind, Timestamp(*time), 1.0);
        }
        builder.build()
    }

    #[test]
    fn the_last_fifth_of_each_user_is_the_future() {
        let events: Vec<(u64, i64)> = (0..10).map(|t| (1, t)).chain((100..104).map(|t| (2, t))).collect();
        let folds = folds(&history(&events), Split::Last(0.2), None).unwrap();
        assert_eq!(folds.len(), 1);
        assert_eq!(folds[0].ask, [8, 9], "two of ten; four are too few for a fifth");
        assert_eq!(folds[0].now, Timestamp(104));
    }

    #[test]
    fn a_share_of_time_is_a_share_of_the_interactions_and_no_moment_is_torn() {
        let history = history(&[(1, 1), (1, 2), (1, 3), (1, 3), (1, 3)]);
        let folds = folds(&history, Split::Time(0.8), None).unwrap();
        assert_eq!((folds[0].learn.len(), folds[0].ask.len(), folds[0].now), (2, 3, Timestamp(3)));
    }

    #[test]
    fn what_a_rolling_step_asked_about_is_past_in_the_next() {
        let history = history(&[(1, 0), (1, 10), (1, 15), (1, 40)]);
        let folds = folds(&history, Split::At(Timestamp(10)), Some(Duration::from_millis(10))).unwrap();
        let seen: Vec<_> = folds.iter().map(|f| (f.now.0, f.learn.clone(), f.ask.clone())).collect();
        assert_eq!(seen, [(10, vec![0], vec![1, 2]), (40, vec![1, 2], vec![3])], "empty steps are left out");
    }

    #[test]
    fn a_split_before_everything_is_refused() {
        let result = folds(&history(&[(1, 5)]), Split::At(Timestamp(5)), None);
        assert!(matches!(result, Err(BacktestError::NothingBefore)));
    }

    proptest! {
        #[test]
        fn nothing_that_is_learnt_is_later_than_the_question(
            events in prop::collection::vec((0_u64..5, 0_i64..1000), 1..80),
            share in 0.05_f64..0.95,
            step in prop::option::of(1_u64..400),
        ) {
            let history = history(&events);
            for split in [Split::Time(share), Split::Last(share)] {
                let Ok(folds) = folds(&history, split, step.map(Duration::from_millis)) else { continue };
                let mut seen = vec![0; events.len()];
                for fold in &folds {
                    let time = |row: &u32| history.events()[*row as usize].time;
                    prop_assert!(fold.learn.iter().all(|row| time(row) < fold.now));
                    if split == Split::Time(share) {
                        prop_assert!(fold.ask.iter().all(|row| time(row) >= fold.now));
                    }
                    fold.ask.iter().for_each(|row| seen[*row as usize] += 1);
                }
                folds[0].learn.iter().for_each(|row| seen[*row as usize] += 1);
                prop_assert!(seen.iter().all(|count| *count == 1), "each is past at first or asked about, once");
            }
        }
    }
}
