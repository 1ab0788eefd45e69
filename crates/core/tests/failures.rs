//! What the failure of a component does to an answer: required and optional, errors and panics, guards that cannot decide.

mod common;

use std::sync::Arc;

use common::*;
use recommend_core::*;

fn named<T: ?Sized>(name: &'static str, part: impl Into<Component<T>>) -> Component<T> {
    let mut component = part.into();
    component.name = Name::literal(name);
    component
}

fn optional<T: ?Sized>(part: impl Into<Component<T>>) -> Component<T> {
    let mut component = part.into();
    component.policy = Some(Policy::Optional);
    component
}

#[tokio::test(start_paused = true)]
async fn an_optional_fetcher_that_fails_or_panics_is_done_without_and_said() {
    for (does, cause) in [(Does::Fail, Cause::Unavailable), (Does::Panic, Cause::Panic)] {
        let recommender = by_id()
            .fetcher(fetch([1, 2]))
            .fetcher(named("other", Fetch(vec![(3, 1.0)], does)))
            .build()
            .unwrap();
        let outcome = run(&recommender).await.unwrap();
        assert_eq!(ids(&outcome), [2, 1]);
        assert_eq!(degraded(&outcome), [(Stage::Fetch, "other", cause)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_required_component_that_fails_fails_the_request_at_every_stage() {
    let with = |stage: Stage, does: Does| {
        let builder = Recommender::builder("channel", "test").fetcher(fetch([1]));
        let required = matches!(stage, Stage::Fetch);
        let builder = if required {
            builder.fetcher(Component::from(Fetch(vec![], does.clone())).required())
        } else {
            builder
        };
        let builder = match stage {
            Stage::Filter => {
                let drop = Drop { ids: vec![], does: does.clone(), guards: false };
                builder.filter(Component::from(drop).required())
            }
            _ => builder,
        };
        let mut source = fill(&["id"], |id, _| id as f32);
        source.does = if stage == Stage::Features { does.clone() } else { Does::Work };
        let mut model = sum(&["id"]);
        model.does = if stage == Stage::Score { does.clone() } else { Does::Work };
        let builder = builder.features(Component::from(source).required()).model(model);
        match stage {
            Stage::Rerank => {
                let panics = matches!(does, Does::Panic);
                let reranker = change(move |_, _| if panics { panic!("boom") } else { Err(failure()) });
                builder.reranker(Component::from(reranker).required())
            }
            _ => builder,
        }
    };
    for stage in [Stage::Fetch, Stage::Filter, Stage::Features, Stage::Score, Stage::Rerank] {
        for does in [Does::Fail, Does::Panic] {
            let panics = matches!(does, Does::Panic);
            let error = run(&with(stage, does).build().unwrap()).await.unwrap_err();
            let RunError::Required { stage: at, error, .. } = error else { panic!("{stage}: {error}") };
            assert_eq!(at, stage);
            assert_eq!(error, if panics { ComponentError::Panicked("boom".into()) } else { failure() });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_every_fetcher_fails_there_is_no_answer() {
    let recommender =
        by_id().fetcher(Fetch(vec![], Does::Panic)).fetcher(Fetch(vec![], Does::Fail)).build().unwrap();
    let error = run(&recommender).await.unwrap_err();
    assert!(matches!(error, RunError::NoFetcher { .. }), "{error}");
    assert_eq!(error.to_string(), "every fetcher failed; the first, \"stub\": panicked: boom");
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_fails_keeps_what_it_dropped_and_lets_the_rest_through() {
    let drop = Drop { ids: vec![2], does: Does::Fail, guards: false };
    let outcome = run(&by_id().fetcher(fetch([1, 2, 3])).filter(drop).build().unwrap()).await.unwrap();
    assert_eq!(ids(&outcome), [3, 1]);
    assert_eq!(degraded(&outcome), [(Stage::Filter, "listed", Cause::Unavailable)]);
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_fails_drops_everything() {
    for does in [Does::Fail, Does::Panic, Does::Hang] {
        let guard = Drop { ids: vec![2], does, guards: true };
        let outcome = run(&by_id().fetcher(fetch([1, 2, 3])).filter(guard).build().unwrap()).await.unwrap();
        assert_eq!(ids(&outcome), [0_u64; 0]);
        let drops: Vec<_> = outcome.report.drops.iter().map(|d| (d.reason, d.count)).collect();
        assert_eq!(drops, [("listed", 1), ("undecided", 2)]);
        assert_eq!(degraded(&outcome).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_guard_drops_everything_when_the_catalog_fails_panics_or_hangs() {
    let guarded = |does| by_id().fetcher(fetch(1..=6)).filter(Guard).catalog(Arc::new(StubCatalog(does)));
    let outcome = run(&guarded(Does::Work).build().unwrap()).await.unwrap();
    assert_eq!(ids(&outcome), [6, 4, 2], "in tenant 1 the odd ones are private");
    for (does, cause) in
        [(Does::Fail, Cause::Unavailable), (Does::Panic, Cause::Panic), (Does::Hang, Cause::Timeout)]
    {
        let outcome = run(&guarded(does).build().unwrap()).await.unwrap();
        assert_eq!(ids(&outcome), [0_u64; 0]);
        let said = [(Stage::Lookup, "attributes", cause), (Stage::Filter, "guard", Cause::Unavailable)];
        assert_eq!(degraded(&outcome), said);
    }
}

#[tokio::test(start_paused = true)]
async fn a_feature_source_that_fails_keeps_what_it_filled_and_the_rest_is_missing() {
    for does in [Does::Fail, Does::Panic, Does::Hang] {
        let mut other = fill(&["x", "y"], |_, at| if at == 0 { 7.0 } else { f32::NAN });
        other.does = does;
        let recommender = by_id().features(named("other", other)).fetcher(fetch([1, 2])).build().unwrap();
        let outcome = run(&recommender).await.unwrap();
        assert_eq!(ids(&outcome), [2, 1]);
        assert_eq!(outcome.features.column(0).to_vec(), [2.0, 1.0]);
        assert_eq!(outcome.features.column(1).to_vec(), [7.0, 7.0]);
        assert!(outcome.features.column(2).iter().all(|cell| cell.is_nan()));
        assert_eq!(degraded(&outcome)[0].1, "other");
    }
}

#[tokio::test(start_paused = true)]
async fn an_infinite_feature_is_a_broken_contract_of_its_source_alone() {
    let recommender = by_id()
        .features(named(
            "other",
            fill(&["x", "y"], |id, at| if (id, at) == (2, 1) { f32::INFINITY } else { 7.0 }),
        ))
        .features(named("third", fill(&["z"], |_, _| 5.0)))
        .fetcher(fetch([1, 2]))
        .build()
        .unwrap();
    let outcome = run(&recommender).await.unwrap();
    assert_eq!(degraded(&outcome), [(Stage::Features, "other", Cause::Contract)]);
    assert!(outcome.report.degraded[0].error.to_string().contains("\"y\" is inf"));
    assert!(outcome.features.row(0)[1].is_nan() && outcome.features.row(0)[3] == 5.0);
}

#[tokio::test(start_paused = true)]
async fn a_score_that_is_no_number_fails_the_model_and_fused_ranks_stand_in_when_it_is_optional() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let model = || {
            let mut model = sum(&["id"]);
            model.change = match bad {
                b if b.is_nan() => |row, score| if row == 1 { f32::NAN } else { score },
                b if b > 0.0 => |row, score| if row == 1 { f32::INFINITY } else { score },
                _ => |row, score| if row == 1 { f32::NEG_INFINITY } else { score },
            };
            model
        };
        let builder = || {
            Recommender::builder("channel", "test")
                .features(fill(&["id"], |id, _| id as f32))
                .fetcher(fetch([1, 2, 3]))
                .fetcher(fetch([3, 2]))
        };
        let error = run(&builder().model(model()).build().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("EntityId(2)"), "{error}");
        let outcome = run(&builder().model(optional(model())).build().unwrap()).await.unwrap();
        assert_eq!(ids(&outcome), [3, 2, 1], "1/61 + 1/63 beats 2/62 beats 1/61");
        assert_eq!(degraded(&outcome), [(Stage::Score, "sum", Cause::Contract)]);
        let score = outcome.items[0].score;
        assert!((score - (1.0 / 61.0 + 1.0 / 63.0)).abs() < 1e-7, "{score}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reranker_that_breaks_the_slate_is_undone() {
    type Breaks = fn(&View<'_>, &mut Slate) -> Result<(), ComponentError>;
    let breaks: [(Breaks, Cause); 8] = [
        (
            |_, slate| {
                slate.entries.push(slate.entries[0]);
                Ok(())
            },
            Cause::Contract,
        ),
        (
            |_, slate| {
                slate.entries[0].row = 99;
                Ok(())
            },
            Cause::Contract,
        ),
        (
            |_, slate| {
                slate.entries[0].score = f32::NAN;
                Ok(())
            },
            Cause::Contract,
        ),
        (
            |_, slate| {
                slate.entries[0].propensity = 1.5;
                Ok(())
            },
            Cause::Contract,
        ),
        (
            |_, slate| {
                slate.entries[0].propensity = f32::NAN;
                Ok(())
            },
            Cause::Contract,
        ),
        (
            |_, slate| {
                slate.entries.clear();
                Err(failure())
            },
            Cause::Unavailable,
        ),
        (
            |_, slate| {
                slate.entries.reverse();
                slate.limit = 0;
                panic!("boom")
            },
            Cause::Panic,
        ),
        // The one before dropped row 0; this one brings it back.
        (
            |_, slate| {
                slate.entries[0].row = 0;
                Ok(())
            },
            Cause::Contract,
        ),
    ];
    for (at, (breaks, cause)) in breaks.into_iter().enumerate() {
        let recommender = by_id()
            .fetcher(fetch([1, 2, 3]))
            .reranker(change(|_, slate| {
                slate.entries.retain(|entry| entry.row != 0);
                Ok(())
            }))
            .reranker(named("breaks", change(breaks)))
            .reranker(change(|_, slate| {
                assert_eq!(slate.limit, 10);
                Ok(())
            }))
            .build()
            .unwrap();
        let outcome = run(&recommender).await.unwrap();
        assert_eq!(ids(&outcome), [3, 2], "case {at}");
        assert_eq!(degraded(&outcome), [(Stage::Rerank, "breaks", cause)], "case {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reranker_cannot_change_the_limit() {
    let recommender = by_id()
        .fetcher(fetch(1..=20))
        .reranker(change(|_, slate| {
            slate.limit = 99;
            Ok(())
        }))
        .reranker(change(|_, slate| {
            assert_eq!(slate.limit, 10);
            Ok(())
        }))
        .build()
        .unwrap();
    let outcome = run(&recommender).await.unwrap();
    assert_eq!((outcome.items.len(), outcome.report.degraded.len()), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn with_no_candidates_left_nothing_else_runs_and_nothing_can_fail() {
    let mut model = sum(&["id"]);
    model.does = Does::Panic;
    let recommender = Recommender::builder("channel", "test")
        .features(fill(&["id"], |id, _| id as f32))
        .model(model)
        .catalog(Arc::new(StubCatalog(Does::Panic)))
        .fetcher(fetch([]))
        .filter(Guard)
        .reranker(change(|_, _| panic!("boom")))
        .build()
        .unwrap();
    let outcome = run(&recommender).await.unwrap();
    assert!(outcome.items.is_empty() && outcome.report.degraded.is_empty());
    assert_eq!(outcome.report.stages.len(), Stage::ALL.len());
}
