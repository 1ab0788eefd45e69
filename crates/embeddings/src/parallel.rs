//! Work on many rows by several threads, each with room of its own.

use std::num::NonZero;

use parking_lot::Mutex;

/// How many threads are meant; 0 is one for each core.
pub(crate) fn threads(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        wanted => wanted,
    }
}

/// Calls `each` for every piece of work, by so many threads; what `room` makes is a thread's own. Stops at the first
/// error.
pub(crate) fn for_each<W: Send, R, E: Send>(
    threads: usize,
    work: impl Iterator<Item = W> + Send,
    room: impl Fn() -> R + Sync,
    each: impl Fn(&mut R, W) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (work, failed) = (Mutex::new(work), Mutex::new(None));
    let run = || {
        let mut room = room();
        loop {
            // A statement of its own, so that the lock is not held meanwhile.
            let next = work.lock().next();
            let Some(next) = next else { return };
            if failed.lock().is_some() {
                return;
            }
            if let Err(error) = each(&mut room, next) {
                failed.lock().get_or_insert(error);
            }
        }
    };
    if threads < 2 {
        run();
    } else {
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(run))));
    }
    failed.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn all_work_is_done_once_and_an_error_comes_back() {
        for threads in [1, 3] {
            let seen: Vec<AtomicUsize> = (0..1_000).map(|_| AtomicUsize::new(0)).collect();
            let done: Result<(), ()> = for_each(
                threads,
                0..1_000_usize,
                || (),
                |(), at| {
                    seen[at].fetch_add(1, Ordering::Relaxed);
                    Ok(())
                },
            );
            assert!(done.is_ok() && seen.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            let failed =
                for_each(threads, 0..1_000, || (), |(), at| if at == 500 { Err(at) } else { Ok(()) });
            assert_eq!(failed, Err(500));
        }
    }
}
