//! When a derived table is good enough for a query, and when a new one may be built.

use std::time::{Duration, Instant};

use recommend_core::{Timestamp, hours, seconds};

/// What is built of so little work is built by the query that needs it. Counted, not timed, so that it does not depend
/// on the machine's mood.
const SMALL_WORK: usize = 5_000;
/// What the build of a small table is charged at most.
const SMALL_COST: Duration = Duration::from_millis(1);
/// The share of one core that the builds of one tenant's table may take over time.
const SHARE: f64 = 0.05;
/// What may be built before that share counts.
const SAVINGS: Duration = Duration::from_millis(250);
/// How old a stale table may be and still serve while the next one is built.
const STALE: Duration = hours(1);
/// Requests in flight together may see what was recorded while they were; so much may lie between them, and so little
/// does a replay notice.
const IN_FLIGHT: Duration = seconds(1);
/// Which part of the window may pass before a table without new interactions is stale at the window's far end.
const DRIFT: u32 = 2_000;

/// What a query asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    /// The query's time.
    pub(super) now: Timestamp,
    /// The version of the store.
    pub(super) version: u64,
    /// How far back interactions count.
    pub(super) window: Option<Duration>,
    /// When it asks, by the clock on the wall.
    pub(super) at: Instant,
}

/// What is known about a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// It holds nothing later than this.
    pub(super) as_of: Timestamp,
    /// The store's version before it was built.
    pub(super) version: u64,
    /// The time of the newest interaction in the store, in the table or not.
    pub(super) newest: Timestamp,
    /// How much went through its build.
    pub(super) work: usize,
    /// How long its build took.
    pub(super) cost: Duration,
    /// When the query asked that it was built for, by the clock on the wall.
    pub(super) at: Instant,
}

/// Which table is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The one that held all there was.
    Present,
    /// The one that was built for a time before some interactions.
    Past,
}

/// What to do for a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Serve the table.
    Serve,
    /// Serve it, and build the next one meanwhile.
    Refresh,
    /// Build one and serve that: on this thread, or on one where it may take long.
    Build {
        /// Whether on this thread.
        here: bool,
    },
}

impl Facts {
    /// Whether the table holds all that the store held.
    pub(super) fn complete(&self) -> bool {
        self.newest <= self.as_of
    }

    fn small(&self) -> bool {
        self.work <= SMALL_WORK
    }

    /// Whether the next build is surely small too: versions grow with every interaction.
    fn still_small(&self, ask: &Ask) -> bool {
        self.small() && ask.version.saturating_sub(self.version) <= SMALL_WORK as u64
    }

    /// How much time may pass between builds for them to stay within their share.
    fn pause(&self) -> Duration {
        self.cost.mul_f64(1.0 / SHARE)
    }

    /// Whether a new table would be the same, but for what leaves the far end of the window meanwhile.
    fn exact(&self, ask: &Ask) -> bool {
        let drift = ask.window.map_or(Duration::MAX, |window| window / DRIFT);
        self.version >= ask.version
            && (self.as_of == ask.now
                || self.complete() && self.newest <= ask.now && apart(self.as_of, ask.now) <= drift)
    }

    /// Whether the table is near enough to serve while a better one is built, or when none can be afforded.
    fn usable(&self, ask: &Ask) -> bool {
        // Where the time of the queries runs ahead of the clock on the wall, this is a replay, and wants what was.
        let elapsed = ask.at.saturating_duration_since(self.at);
        if ask.now.since(self.as_of) > elapsed + IN_FLIGHT {
            return false;
        }
        if self.complete() {
            return self.newest <= ask.now.after(IN_FLIGHT) && apart(self.as_of, ask.now) <= STALE;
        }
        // Of the past, or of a present in which some client's clock is ahead: never later than asked, and only so far
        // off that the next one can be built meanwhile.
        self.as_of <= ask.now && ask.now.since(self.as_of) <= 2 * self.pause()
    }
}

fn apart(a: Timestamp, b: Timestamp) -> Duration {
    a.since(b).max(b.since(a))
}

/// What to do with the tables that there are.
pub(super) fn decide(
    present: Option<Facts>,
    past: Option<Facts>,
    ask: &Ask,
    affordable: bool,
) -> (Decision, Place) {
    let places = [(Place::Present, present), (Place::Past, past)];
    let tables = || places.into_iter().filter_map(|(place, facts)| facts.map(|facts| (place, facts)));
    if let Some((place, _)) = tables().find(|(_, facts)| facts.exact(ask)) {
        return (Decision::Serve, place);
    }
    let here = tables().any(|(_, facts)| facts.still_small(ask));
    match tables().find(|(_, facts)| facts.usable(ask)) {
        None => (Decision::Build { here }, Place::Present),
        Some((place, _)) if !affordable => (Decision::Serve, place),
        Some((place, facts)) if facts.still_small(ask) => (Decision::Build { here: true }, place),
        // What a replay asks for next is another time yet: it is not worth a build at every step.
        Some((Place::Past, facts)) if ask.now.since(facts.as_of) <= facts.pause() => {
            (Decision::Serve, Place::Past)
        }
        Some((place, _)) => (Decision::Refresh, place),
    }
}

/// The time that builds may take: it accrues at [`SHARE`] of a second per second, up to [`SAVINGS`]. A long build
/// overdraws it, so that the next one comes after twenty times as long.
#[derive(Debug)]
pub(super) struct Budget {
    /// Seconds; may be negative.
    balance: f64,
    as_of: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Budget { balance: SAVINGS.as_secs_f64(), as_of: now }
    }

    /// Whether another build may be afforded.
    pub(super) fn affords(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        self.as_of = self.as_of.max(now);
        self.balance = (self.balance + passed * SHARE).min(SAVINGS.as_secs_f64());
        self.balance > 0.0
    }

    /// Pays for a build of so much work, if it succeeded.
    pub(super) fn charge(&mut self, cost: Duration, work: Option<usize>) {
        // A small build that took long was kept waiting by others: it is not what the tenant costs.
        let small = work.is_some_and(|work| work <= SMALL_WORK);
        self.balance -= if small { cost.min(SMALL_COST) } else { cost }.as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use recommend_core::{days, minutes};

    use super::*;

    const T: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const LARGE: usize = 1_000_000;

    /// The moment on the wall at which the time is [`T`].
    static WALL: LazyLock<Instant> = LazyLock::new(Instant::now);

    fn facts(as_of: Timestamp, newest: Timestamp, work: usize) -> Facts {
        Facts { as_of, version: 5, newest, work, cost: Duration::from_millis(200), at: *WALL }
    }

    /// A query at `now`, when as much time has passed on the wall since [`T`].
    fn ask(now: Timestamp, version: u64) -> Ask {
        Ask { now, version, window: Some(days(30)), at: *WALL + now.since(T) }
    }

    /// The same in a replay, which takes no time.
    fn replay(now: Timestamp, version: u64) -> Ask {
        Ask { at: *WALL, ..ask(now, version) }
    }

    fn with_present(facts: Facts, ask: Ask) -> Decision {
        decide(Some(facts), None, &ask, true).0
    }

    #[test]
    fn the_first_table_is_built_elsewhere() {
        assert_eq!(decide(None, None, &ask(T, 0), true), (Decision::Build { here: false }, Place::Present));
    }

    #[test]
    fn nothing_new_means_nothing_to_build() {
        for work in [1, LARGE] {
            assert_eq!(
                with_present(facts(T, T.before(days(1)), work), ask(T.after(minutes(5)), 5)),
                Decision::Serve
            );
        }
    }

    #[test]
    fn a_query_between_the_newest_interaction_and_the_table_is_served() {
        let table = facts(T, T.before(minutes(10)), 1);
        assert_eq!(with_present(table, ask(T.before(minutes(9)), 5)), Decision::Serve);
        assert_eq!(with_present(table, ask(T.before(minutes(11)), 5)), Decision::Build { here: true });
    }

    #[test]
    fn what_leaves_the_window_counts() {
        let table = facts(T, T.before(days(1)), 1);
        assert_eq!(with_present(table, ask(T.after(days(1)), 5)), Decision::Build { here: true });
        let all_time = Ask { window: None, ..ask(T.after(days(1)), 5) };
        assert_eq!(with_present(table, all_time), Decision::Serve);
    }

    #[test]
    fn a_stale_small_table_is_rebuilt_and_a_stale_large_one_serves_meanwhile() {
        let (now, newest) = (T.after(seconds(1)), T.before(seconds(5)));
        assert_eq!(with_present(facts(T, newest, 10), ask(now, 6)), Decision::Build { here: true });
        assert_eq!(with_present(facts(T, newest, LARGE), ask(now, 6)), Decision::Refresh);
        let long_ago = ask(T.after(hours(2)), 6);
        assert_eq!(with_present(facts(T, newest, LARGE), long_ago), Decision::Build { here: false });
    }

    #[test]
    fn a_small_tenant_that_grew_much_is_built_elsewhere() {
        let (newest, grown) = (T.before(seconds(5)), ask(T.after(seconds(1)), 1_000_000));
        assert_eq!(with_present(facts(T, newest, 10), grown), Decision::Refresh);
        let first_in_hours = ask(T.after(hours(2)), 1_000_000);
        assert_eq!(with_present(facts(T, newest, 10), first_in_hours), Decision::Build { here: false });
    }

    #[test]
    fn without_budget_the_stale_serves() {
        for work in [10, LARGE] {
            let decision = decide(Some(facts(T, T, work)), None, &ask(T.after(seconds(1)), 6), false);
            assert_eq!(decision, (Decision::Serve, Place::Present));
        }
    }

    #[test]
    fn a_query_of_the_past_never_sees_the_present() {
        for work in [10, LARGE] {
            for affordable in [true, false] {
                let yesterday = ask(T.before(days(1)), 5);
                let (decision, _) = decide(Some(facts(T, T, work)), None, &yesterday, affordable);
                assert_eq!(decision, Decision::Build { here: work == 10 });
            }
        }
    }

    #[test]
    fn a_table_of_the_past_serves_its_own_time() {
        let yesterday = T.before(days(1));
        let (present, past) = (facts(T, T, LARGE), facts(yesterday, T, LARGE));
        let decision = |now| decide(Some(present), Some(past), &replay(now, 5), true);
        assert_eq!(decision(yesterday), (Decision::Serve, Place::Past));
        assert_eq!(decision(T), (Decision::Serve, Place::Present));
        for other in [yesterday.after(seconds(2)), Timestamp(yesterday.0 - 1)] {
            assert_eq!(decision(other).0, Decision::Build { here: false });
        }
    }

    #[test]
    fn a_replay_that_records_as_it_goes_sees_all_of_it() {
        let table = facts(T, T.before(seconds(5)), LARGE);
        assert_eq!(with_present(table, replay(T.after(minutes(1)), 6)), Decision::Build { here: false });
        assert_eq!(with_present(table, ask(T.after(minutes(1)), 6)), Decision::Refresh, "this is no replay");
        let stands_still = Ask { at: *WALL + minutes(1), ..replay(T, 6) };
        assert_eq!(with_present(table, stands_still), Decision::Refresh, "nor is this");
    }

    #[test]
    fn a_client_whose_clock_is_ahead_does_not_stop_the_present() {
        let table = facts(T, T.after(hours(1)), LARGE);
        let decision =
            |passed, affordable| decide(None, Some(table), &ask(T.after(seconds(passed)), 6), affordable);
        assert_eq!(decision(3, true), (Decision::Serve, Place::Past), "20 x 200 ms");
        assert_eq!(decision(5, true), (Decision::Refresh, Place::Past));
        assert_eq!(decision(5, false), (Decision::Serve, Place::Past));
        assert_eq!(decision(9, true).0, Decision::Build { here: false });
    }

    #[test]
    fn a_long_build_is_followed_by_a_long_pause() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert!(budget.affords(start));
        budget.charge(Duration::from_millis(1250), Some(LARGE));
        assert!(!budget.affords(start + seconds(19)), "one second over what was saved");
        assert!(budget.affords(start + seconds(21)));
    }

    #[test]
    fn small_builds_may_come_in_bursts() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for _ in 0..200 {
            assert!(budget.affords(start));
            budget.charge(seconds(9), Some(3));
        }
        budget.charge(seconds(1), None);
        assert!(!budget.affords(start), "a failed build costs what it took");
    }
}
