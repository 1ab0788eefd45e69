//! Work in the background, a little at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// After so much work there is a rest, as long as the work was.
const PIECE: Duration = Duration::from_micros(250);
/// No rest is longer.
const LONGEST_REST: Duration = Duration::from_millis(5);

/// How many wait for the end of the work: while anybody does, there is no rest.
#[derive(Debug, Default)]
pub(crate) struct Hurry {
    waiting: Mutex<usize>,
    came: Condvar,
}

impl Hurry {
    /// For work without rests.
    pub(crate) fn always() -> Arc<Self> {
        Arc::new(Hurry { waiting: Mutex::new(1), came: Condvar::new() })
    }

    pub(crate) fn begin(&self) {
        *self.waiting.lock() += 1;
        self.came.notify_all();
    }

    pub(crate) fn end(&self) {
        let mut waiting = self.waiting.lock();
        *waiting = waiting.saturating_sub(1);
    }

    fn rest(&self, most: Duration) {
        let mut waiting = self.waiting.lock();
        self.came.wait_while_for(&mut waiting, |waiting| *waiting == 0, most);
    }
}

/// Has a thread rest as long as it works. What runs without a pause keeps its core for a time slice, which is milliseconds
/// long, however little it may have: a request on the same core would wait for all of it.
pub(crate) struct Pace {
    since: Instant,
    hurry: Arc<Hurry>,
}

impl Pace {
    pub(crate) fn new(hurry: Arc<Hurry>) -> Self {
        Pace { since: Instant::now(), hurry }
    }

    /// Between two pieces of work.
    pub(crate) fn step(&mut self) {
        let worked = self.since.elapsed();
        if worked >= PIECE {
            self.hurry.rest(worked.min(LONGEST_REST));
            self.since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_until_somebody_waits() {
        let hurry = Arc::<Hurry>::default();
        let mut pace = Pace::new(hurry.clone());
        pace.since -= PIECE;
        let before = Instant::now();
        pace.step();
        assert!(before.elapsed() >= PIECE);
        let long = Duration::from_secs(600);
        std::thread::scope(|scope| {
            scope.spawn(|| hurry.begin());
            hurry.rest(long);
        });
        hurry.rest(long);
        hurry.end();
        assert_eq!(*hurry.waiting.lock(), 0);
        assert!(before.elapsed() < long);
    }
}
