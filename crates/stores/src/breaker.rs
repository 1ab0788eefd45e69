//! A circuit breaker: after a few failures in a row nobody asks for a while, and then one asks for all.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Failures in a row after which it opens.
const FAILURES: u32 = 5;
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Opens for 50 ms after five failures in a row, and for twice as long each time that the one who asks then fails too,
/// up to a second; a quarter of each wait is left to chance, so that replicas do not ask in step.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    wait: Duration,
    /// Nobody asks before this.
    until: Option<Instant>,
}

impl Breaker {
    /// Whether to ask; if not, for how long not.
    pub(crate) fn ask(&self, now: Instant, patience: Duration) -> Result<(), Duration> {
        let mut state = self.0.lock();
        match state.until {
            Some(until) if until > now => Err(until - now),
            Some(_) => {
                // This one asks; the others wait until it must have an answer.
                state.until = Some(now + patience);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The answer was one. Whether this closed the breaker.
    pub(crate) fn answered(&self) -> bool {
        let mut state = self.0.lock();
        let was_open = state.until.is_some();
        *state = State::default();
        was_open
    }

    /// There was none. Whether this opened the breaker.
    pub(crate) fn failed(&self, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures < FAILURES {
            return false;
        }
        let opened = state.until.is_none();
        state.wait = (state.wait * 2).clamp(SHORTEST, LONGEST);
        let chance = RandomState::new().hash_one(now) as u32;
        state.until = Some(now + state.wait.mul_f64(0.75 + 0.25 * f64::from(chance) / f64::from(u32::MAX)));
        opened
    }

    /// Whether nobody asks now.
    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_lets_one_ask_and_closes_with_an_answer() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let patience = Duration::from_millis(20);
        for _ in 0..FAILURES - 1 {
            assert!(breaker.ask(start, patience).is_ok() && !breaker.failed(start));
        }
        assert!(!breaker.answered());
        assert!((0..FAILURES).any(|_| breaker.failed(start)));
        let wait = breaker.ask(start, patience).unwrap_err();
        assert!(wait <= SHORTEST && wait >= SHORTEST / 2);
        let later = start + SHORTEST;
        assert!(breaker.ask(later, patience).is_ok());
        assert!(breaker.ask(later, patience).is_err(), "one asks at a time");
        breaker.failed(later);
        assert!(breaker.ask(later + SHORTEST, patience).is_err(), "the wait has doubled");
        assert!(breaker.ask(later + 2 * SHORTEST, patience).is_ok());
        assert!(breaker.answered() && breaker.ask(later, patience).is_ok());
    }
}
