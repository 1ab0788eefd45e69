//! Deadlines are data: every stage spends from the query's, and the clock of these tests moves only when all wait.

mod common;

use std::time::Duration;

use common::*;
use recommend_core::*;
use tokio::time::Instant;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[tokio::test(start_paused = true)]
async fn a_slow_optional_fetcher_is_cut_off_at_its_share_and_the_rest_answers() {
    let started = Instant::now();
    let recommender =
        by_id().fetcher(fetch([1, 2])).fetcher(Fetch(vec![(9, 1.0)], Does::Hang)).build().unwrap();
    let outcome = run(&recommender).await.unwrap();
    assert_eq!(ids(&outcome), [2, 1]);
    assert_eq!(degraded(&outcome), [(Stage::Fetch, "stub-2", Cause::Timeout)]);
    // 60 % of the 100 ms that the query has; timers have a grain of 1 ms.
    assert!((ms(60)..=ms(61)).contains(&started.elapsed()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn fetchers_run_side_by_side() {
    let started = Instant::now();
    let slow = |id| Fetch(vec![(id, 1.0)], Does::WorkAfter(ms(40)));
    let recommender = by_id().fetcher(slow(1)).fetcher(slow(2)).fetcher(slow(3)).build().unwrap();
    assert_eq!(ids(&run(&recommender).await.unwrap()), [3, 2, 1]);
    assert!(started.elapsed() <= ms(41), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_required_fetcher_may_use_the_whole_deadline_and_its_own_timeout_binds_it() {
    let slow = || Component::from(Fetch(vec![(1, 1.0)], Does::WorkAfter(ms(80)))).required();
    assert_eq!(ids(&run(&by_id().fetcher(slow()).build().unwrap()).await.unwrap()), [1]);

    let error = run(&by_id().fetcher(slow().timeout(ms(20))).build().unwrap()).await.unwrap_err();
    assert!(matches!(error, RunError::Required { stage: Stage::Fetch, error: ComponentError::Timeout, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_component_gets_no_more_than_its_timeout() {
    let started = Instant::now();
    let mut source = fill(&["x"], |_, _| 1.0);
    source.does = Does::Hang;
    let recommender =
        by_id().fetcher(fetch([1])).features(Component::from(source).timeout(ms(5))).build().unwrap();
    let outcome = run(&recommender).await.unwrap();
    assert_eq!(degraded(&outcome), [(Stage::Features, "fill-2", Cause::Timeout)]);
    assert!(started.elapsed() <= ms(6), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_filter_and_a_slow_source_leave_time_for_the_answer() {
    let mut source = fill(&["x"], |_, _| 1.0);
    source.does = Does::Hang;
    let filter = Drop { ids: vec![1], does: Does::Hang, guards: false };
    let recommender = by_id().fetcher(fetch([1, 2])).filter(filter).features(source).build().unwrap();
    let outcome = run(&recommender).await.unwrap();
    assert_eq!(ids(&outcome), [2]);
    let causes: Vec<_> = degraded(&outcome).iter().map(|d| (d.0, d.2)).collect();
    assert_eq!(causes, [(Stage::Filter, Cause::Timeout), (Stage::Features, Cause::Timeout)]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_before_the_start_costs_nothing() {
    let recommender = by_id().fetcher(Fetch(vec![], Does::Panic)).build().unwrap();
    let query = query(10);
    tokio::time::advance(ms(101)).await;
    let error = recommender.run(&query, RunOptions::default()).await.unwrap_err();
    assert_eq!(error, RunError::DeadlineExceeded(Stage::Fetch));
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_ends_after_the_deadline_ends_the_run() {
    // 79 ms of 80 for a filter, and the source then takes more than what is left.
    let filter = Drop { ids: vec![], does: Does::WorkAfter(ms(79)), guards: false };
    let mut source = fill(&["x"], |_, _| 1.0);
    source.does = Does::Hang;
    let slow = Component::from(source).required();
    let recommender = by_id().fetcher(fetch([1])).filter(filter).features(slow).build().unwrap();
    let error = run(&recommender).await.unwrap_err();
    assert!(matches!(
        error,
        RunError::Required { stage: Stage::Features, error: ComponentError::Timeout, .. }
    ));

    let late = Component::from(Fetch(vec![(1, 1.0)], Does::WorkAfter(ms(100)))).required();
    let error = run(&by_id().fetcher(late).build().unwrap()).await.unwrap_err();
    assert!(matches!(error, RunError::DeadlineExceeded(Stage::Fetch) | RunError::Required { .. }), "{error}");
}
