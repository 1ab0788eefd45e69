//! What an answer holds: merged candidates in total order, features as scored, explanations that sum up, and what became of
//! an entity that is missed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::*;
use proptest::prelude::*;
use recommend_core::*;

async fn ask(recommender: &Recommender, query: &Query, options: RunOptions) -> Outcome {
    recommender.run(query, options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn candidates_of_several_fetchers_are_merged_and_remember_who_proposed_them() {
    let recommender =
        by_id().fetcher(fetch([3, 1])).fetcher(fetch([])).fetcher(fetch([1, 2])).build().unwrap();
    let outcome = run(&recommender).await.unwrap();
    let bits: Vec<_> = outcome.items.iter().map(|item| (item.entity.0, item.fetched_by)).collect();
    assert_eq!(bits, [(3, 0b001), (2, 0b100), (1, 0b101)]);
    let fetched: Vec<_> =
        outcome.report.fetched.iter().map(|f| (f.component.as_str(), f.candidates)).collect();
    assert_eq!(fetched, [("stub", 2), ("stub-2", 0), ("stub-3", 2)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_scored_is_what_comes_back_row_by_row() {
    let recommender = by_id()
        .features(fill(&["ten", "missing"], |id, at| if at == 0 { 10.0 * id as f32 } else { f32::NAN }))
        .fetcher(fetch([4, 9, 2, 7]))
        .filter(drop_ids([9]))
        .log_also(["ten"])
        .build()
        .unwrap();
    let outcome = ask(&recommender, &query(2), RunOptions::default()).await;
    assert_eq!(ids(&outcome), [7, 4]);
    assert_eq!(outcome.features.dim(), (2, 3));
    assert_eq!(outcome.features.column(1).to_vec(), [70.0, 40.0]);
    assert!(outcome.features.column(2).iter().all(|cell| cell.is_nan()));
    assert_eq!(recommender.schema().names().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn too_many_candidates_are_cut_by_their_fused_ranks_and_said() {
    let recommender =
        by_id().fetcher(fetch(100..110)).fetcher(fetch([1, 105, 2, 3])).max_candidates(3).build().unwrap();
    let why_not = |id| RunOptions { why_not: Some(EntityId(id)), explain: false };
    let outcome = ask(&recommender, &query(10), why_not(109)).await;
    assert_eq!(ids(&outcome), [105, 100, 1], "no fetcher is cut off as a whole");
    let merge = Name::literal("merge");
    let dropped = DropCount { component: merge.clone(), reason: "over max_candidates", count: 10 };
    assert_eq!(outcome.report.drops, [dropped]);
    assert_eq!(outcome.why_not, Some(WhyNot::Dropped { filter: merge, reason: "over max_candidates" }));
    let fetch = outcome.report.stage(Stage::Fetch).unwrap();
    assert_eq!((fetch.candidates_in, fetch.candidates_out), (13, 3));
}

#[tokio::test(start_paused = true)]
async fn a_missed_entity_is_followed_through_every_stage() {
    let recommender = by_id()
        .fetcher(fetch(1..=9))
        .filter(drop_ids([8]))
        .reranker(change(|view, slate| {
            let ids = view.candidates.ids();
            slate.entries.retain(|entry| ids[entry.row as usize].0 != 7);
            Ok(())
        }))
        .build()
        .unwrap();
    let query = query(3);
    let ask = async |id| {
        let options = RunOptions { why_not: Some(EntityId(id)), explain: false };
        recommender.run(&query, options).await.unwrap().why_not.unwrap()
    };
    let name = Name::literal;
    assert_eq!(ask(77).await, WhyNot::NotProposed { fetchers: vec![name("stub")] });
    assert_eq!(ask(8).await, WhyNot::Dropped { filter: name("listed"), reason: "listed" });
    assert_eq!(ask(7).await, WhyNot::Removed { reranker: name("change"), from: 1 });
    assert_eq!(ask(9).await, WhyNot::Returned { rank: 0 });
    assert_eq!(ask(2).await, WhyNot::BelowLimit { rank: 5, score: 2.0, last_score: 5.0 });
}

#[tokio::test(start_paused = true)]
async fn rank_moves_tell_who_moved_what() {
    let recommender = by_id()
        .fetcher(fetch([1, 2, 3]))
        .reranker(change(|_, slate| {
            slate.entries.rotate_left(1);
            Ok(())
        }))
        .reranker(change(|_, slate| {
            slate.entries.swap(0, 1);
            Ok(())
        }))
        .build()
        .unwrap();
    let outcome = ask(&recommender, &query(3), RunOptions { explain: true, why_not: None }).await;
    assert_eq!(ids(&outcome), [1, 2, 3]);
    let moves: Vec<Vec<_>> = outcome
        .explained
        .iter()
        .map(|e| e.moves.iter().map(|m| (m.component.as_str(), m.from, m.to)).collect())
        .collect();
    assert_eq!(moves[0], [("change", 2, 1), ("change-2", 1, 0)]);
    assert_eq!(moves[1], [("change", 1, 0), ("change-2", 0, 1)]);
    assert_eq!(moves[2], [("change", 0, 2)]);
    assert_eq!(outcome.explained[0].fetchers, [(Name::literal("stub"), 1.0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn two_tenants_with_the_same_ids_see_each_their_own_catalog() {
    let recommender = by_id()
        .fetcher(fetch(1..=6))
        .filter(Guard)
        .catalog(Arc::new(StubCatalog(Does::Work)))
        .build()
        .unwrap();
    for (tenant, seen) in [(1, [6, 4, 2]), (2, [5, 3, 1])] {
        let query = Query { tenant: TenantId(tenant), ..query(10) };
        assert_eq!(ids(&ask(&recommender, &query, RunOptions::default()).await), seen);
    }
}

/// A recommender of every kind of component, with a drawing reranker.
fn whole(first: Vec<u64>, second: Vec<u64>, dropped: Vec<u64>, modulus: bool) -> Recommender {
    let value = |id: u64, at: usize| match at {
        // Few values, so that ties are many; both zeros among them.
        0 => ((id % 5) as f32 - 2.0) * if id.is_multiple_of(2) { 1.0 } else { -0.0 },
        _ => (id % 3) as f32,
    };
    let builder = Recommender::builder("channel", "test")
        .features(fill(&["a", "b"], value))
        .model(sum(&["b", "a"]))
        .fetcher(fetch(first))
        .fetcher(fetch(second))
        .filter(drop_ids(dropped));
    let draws = change(|view, slate| {
        use rand::seq::SliceRandom;
        slate.entries.shuffle(&mut view.query.rng("change"));
        Ok(())
    });
    if modulus { builder.reranker(draws).build().unwrap() } else { builder.build().unwrap() }
}

proptest! {
    #[test]
    fn every_answer_keeps_the_promises(
        first in proptest::collection::vec(0_u64..60, 0..40),
        second in proptest::collection::vec(0_u64..60, 0..40),
        dropped in proptest::collection::vec(0_u64..60, 0..20),
        draws: bool,
        limit in 1_usize..50,
        seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let recommender = whole(first.clone(), second.clone(), dropped.clone(), draws);
            let query = Query { seed, limit, ..query(limit) };
            let options = RunOptions { explain: true, why_not: Some(EntityId(3)) };
            let outcome = recommender.run(&query, options).await.unwrap();

            // Each proposed and not dropped entity comes back once, up to the limit.
            let mut expected: Vec<u64> = first.iter().chain(&second).copied().filter(|id| !dropped.contains(id)).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(outcome.items.len(), expected.len().min(limit));
            let mut got = ids(&outcome);
            got.sort_unstable();
            let all = got.len();
            got.dedup();
            prop_assert_eq!(got.len(), all);
            prop_assert!(got.iter().all(|id| expected.contains(id)));

            // The order is total: score descending, then id.
            if !draws {
                for pair in outcome.items.windows(2) {
                    let (a, b) = (&pair[0], &pair[1]);
                    prop_assert!(a.score > b.score || (a.score == b.score && a.entity < b.entity));
                }
            }
            for (at, item) in outcome.items.iter().enumerate() {
                // Bits say who proposed it.
                let bits = u64::from(first.contains(&item.entity.0)) | u64::from(second.contains(&item.entity.0)) << 1;
                prop_assert_eq!(item.fetched_by, bits);
                // Explanations sum up to the score, out of the features that came back.
                let explained = &outcome.explained[at];
                let sum = explained.contributions.iter().fold(explained.bias, |sum, c| sum + c.contribution);
                prop_assert_eq!(sum, explained.raw);
                prop_assert_eq!(sum, item.score);
                prop_assert_eq!(explained.contributions[0].value, outcome.features[[at, 1]]);
            }
            // What became of entity 3 agrees with the answer.
            let rank = outcome.items.iter().position(|item| item.entity.0 == 3);
            let said = outcome.why_not.clone().unwrap();
            match &said {
                WhyNot::Returned { rank: at } => prop_assert_eq!(rank, Some(*at)),
                WhyNot::NotProposed { .. } => prop_assert!(!first.contains(&3) && !second.contains(&3)),
                WhyNot::Dropped { .. } => prop_assert!(dropped.contains(&3)),
                WhyNot::BelowLimit { rank: at, .. } => prop_assert!(rank.is_none() && *at >= limit),
                other => prop_assert!(false, "{:?}", other),
            }
            // Being asked does not change the answer, and a replay gives it again.
            let again = recommender.run(&query, RunOptions::default()).await.unwrap();
            prop_assert_eq!(&again.items, &outcome.items);
            prop_assert_eq!(&again.features, &outcome.features);
            // Every candidate that came in went out or was dropped for a reason.
            let drops: usize = outcome.report.drops.iter().map(|d| d.count).sum();
            let filter = outcome.report.stage(Stage::Filter).unwrap();
            prop_assert_eq!(filter.candidates_in - filter.candidates_out, drops);
            Ok(())
        })?;
    }
}
