//! Work on many items by all cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many items a thread takes at once.
const CHUNK: usize = 256;

/// Calls `each` for every item below `count`; a thread's calls share what its `room` made.
pub(crate) fn for_each<R>(count: usize, room: impl Fn() -> R + Sync, each: impl Fn(&mut R, usize) + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(count.div_ceil(CHUNK));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut room = room();
        loop {
            let from = next.fetch_add(CHUNK, Relaxed);
            if from >= count {
                return;
            }
            (from..count.min(from + CHUNK)).for_each(|item| each(&mut room, item));
        }
    };
    if threads < 2 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        let seen: Vec<AtomicUsize> = (0..10_000).map(|_| AtomicUsize::new(0)).collect();
        for_each(
            seen.len(),
            || (),
            |(), item| {
                seen[item].fetch_add(1, Relaxed);
            },
        );
        assert!(seen.iter().all(|count| count.load(Relaxed) == 1));
    }
}
