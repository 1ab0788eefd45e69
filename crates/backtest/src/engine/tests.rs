//! Tests of the engine: nothing later is read, and what is counted is what happened.

use proptest::prelude::*;
use recommend_core::{
    ComponentError, Explanation, FeatureRows, Model, Name, Query, Recommender, Timestamp, UserId, days, hours,
};
use recommend_core::{EntityId, Fetcher, Proposals};
use recommend_fetchers::{All, Popular, Related};
use recommend_stores::Stores;
use recommend_training::Metric;

use super::*;
use crate::history::Event;
use crate::settings::NoProgress;
use crate::split::Split;

/// Scores everything alike, so that the order is that of the ids.
struct Flat;

impl Model for Flat {
    fn kind(&self) -> &'static str {
        "flat"
    }
    fn version(&self) -> &str {
        "1"
    }
    fn features(&self) -> &[Name] {
        &[]
    }
    fn score(&self, _: &FeatureRows<'_>, scores: &mut [f32]) -> Result<(), ComponentError> {
        scores.fill(0.0);
        Ok(())
    }
    fn explain(&self, _: &FeatureRows<'_>, _: usize) -> Result<Explanation, ComponentError> {
        Ok(Explanation { bias: 0.0, contributions: Vec::new(), raw: 0.0 })
    }
}

/// A model that fails, so that the order of the fetchers decides.
struct InOrderOfFetchers;

impl Model for InOrderOfFetchers {
    fn kind(&self) -> &'static str {
        "fusion"
    }
    fn version(&self) -> &str {
        "1"
    }
    fn features(&self) -> &[Name] {
        &[]
    }
    fn score(&self, _: &FeatureRows<'_>, _: &mut [f32]) -> Result<(), ComponentError> {
        Err(ComponentError::Failed("ranks are fused instead".into()))
    }
    fn explain(&self, _: &FeatureRows<'_>, _: usize) -> Result<Explanation, ComponentError> {
        Err(ComponentError::Failed("there is nothing to explain".into()))
    }
}

fn fused(stores: &Stores) -> Result<Recommender, String> {
    let mut model: recommend_core::Component<dyn Model> = InOrderOfFetchers.into();
    model.policy = Some(recommend_core::Policy::Optional);
    let builder = Recommender::builder("item", "home")
        .fetcher(Popular::in_tenant(stores).window(days(3)).half_life(hours(12)))
        .fetcher(Related::to_history(stores).shrinkage(1.0))
        .model(model);
    builder.build().map_err(|error| error.to_string())
}

fn settings(split: Split) -> Settings {
    Settings { split, cutoffs: vec![2, 4], threads: 2, ..Settings::new("item", "home").unwrap() }
}

/// (user, entity, hour) triples of one kind.
fn history(events: &[(u64, u64, i64)]) -> History {
    let (corpus, kind) = (Name::literal("item"), Name::literal("view"));
    let mut builder = History::builder();
    for (user, entity, hour) in events {
        let time = Timestamp(1_600_000_000_000 + hour * 3_600_000);
        builder.push(UserId(*user), &corpus, EntityId(*entity), &kind, time, 1.0);
    }
    builder.build()
}

/// What a contestant and all baselines show to each user of the first fold.
fn answers(history: &History, split: Split) -> Vec<(String, u64, Vec<u64>)> {
    let backtest = Backtest::new(history, settings(split), IdCodec::new([0; 16])).unwrap();
    let mut replay = Replay::new(&backtest).unwrap();
    let fold = &folds(history, split, None).unwrap()[0];
    replay.learn(fold, &NoProgress).unwrap();
    let (questions, _) = replay.questions(fold);
    let contestant = Contestant { name: "fused".into(), assemble: &fused };
    let mut all = vec![("fused", replay.ask(&contestant, &questions, 0, &NoProgress).unwrap().0)];
    let baselines = replay.baselines(fold).unwrap();
    for name in Baselines::NAMES {
        all.push((name, replay.ask_baseline(&baselines, name, &questions, &NoProgress).unwrap()));
    }
    let mut found = Vec::new();
    for (name, slates) in all {
        for (question, slate) in questions.iter().zip(slates) {
            let ids = slate.iter().map(|row| history.entities()[*row as usize].1.0).collect();
            found.push((name.to_owned(), history.users()[question.user as usize].0, ids));
        }
    }
    found
}

fn run(history: &History, settings: Settings) -> BacktestResult {
    let backtest = Backtest::new(history, settings, IdCodec::new([0; 16])).unwrap();
    backtest.run(&[Contestant { name: "fused".into(), assemble: &fused }], &NoProgress).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn altering_the_future_changes_no_answer(
        past in prop::collection::vec((0_u64..8, 0_u64..12, 0_i64..200), 5..60),
        future in prop::collection::vec((0_u64..8, 0_u64..12, 201_i64..400), 2..30),
        other in prop::collection::vec((0_u64..8, 0_u64..12, 201_i64..400), 2..30),
    ) {
        let split = Split::At(Timestamp(1_600_000_000_000 + 201 * 3_600_000));
        let with = |future: &[(u64, u64, i64)]| answers(&history(&[&past[..], future].concat()), split);
        let (one, two) = (with(&future), with(&other));
        for (name, user, slate) in &one {
            for (_, _, same) in two.iter().filter(|(n, u, _)| n == name && u == user) {
                prop_assert_eq!(slate, same, "{} of user {}", name, user);
            }
        }
    }

    #[test]
    fn shuffling_the_last_of_each_user_changes_no_answer(
        events in prop::collection::vec((0_u64..6, 0_u64..12, 0_i64..200), 20..80),
        seed in any::<u64>(),
    ) {
        let whole = history(&events);
        let split = Split::Last(0.3);
        let fold = &folds(&whole, split, None).unwrap()[0];
        // The entities of the future are dealt out anew; users and times stay, so that the split does.
        let mut shuffled: Vec<Event> = whole.events().to_vec();
        for (at, row) in fold.ask.iter().enumerate() {
            let other = fold.ask[(mix(seed ^ at as u64) % fold.ask.len() as u64) as usize];
            shuffled[*row as usize].entity = whole.events()[other as usize].entity;
        }
        let (one, two) = (answers(&whole, split), answers(&whole.with_events(shuffled), split));
        for (name, user, slate) in &one {
            for (_, _, same) in two.iter().filter(|(n, u, _)| n == name && u == user) {
                prop_assert_eq!(slate, same, "{} of user {}", name, user);
            }
        }
    }

    #[test]
    fn nobody_is_shown_what_they_touched(
        events in prop::collection::vec((0_u64..6, 0_u64..12, 0_i64..200), 10..80),
    ) {
        let (history, split) = (history(&events), Split::Last(0.4));
        let fold = &folds(&history, split, None).unwrap()[0];
        prop_assume!(!fold.ask.is_empty());
        let past: Vec<(u64, u64)> = fold.learn.iter().map(|row| {
            let event = &history.events()[*row as usize];
            (history.users()[event.user as usize].0, history.entities()[event.entity as usize].1.0)
        }).collect();
        for (name, user, slate) in answers(&history, split) {
            prop_assert!(slate.iter().all(|entity| !past.contains(&(user, *entity))), "{name}");
            let mut once = slate.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), slate.len());
            let known: std::collections::BTreeSet<u64> = past.iter().map(|pair| pair.1).collect();
            let untouched = known.iter().filter(|entity| !past.contains(&(user, **entity))).count();
            if name != "fused" {
                prop_assert_eq!(slate.len(), untouched.min(4), "{} ranks all there is", name);
            }
        }
    }
}

/// Everybody views 1 to 3; then user 9 turns to 3, 4 and 7, of which 7 was unknown.
fn worked() -> History {
    let mut events: Vec<(u64, u64, i64)> = Vec::new();
    for user in 1..=4 {
        events.extend([(user, 1, 1), (user, 2, 2), (user, 3, 3)]);
    }
    events.extend([(5, 4, 3), (9, 1, 4), (9, 3, 50), (9, 4, 51), (9, 7, 52), (9, 1, 53)]);
    history(&events)
}

fn at(hour: i64) -> Split {
    Split::At(Timestamp(1_600_000_000_000 + hour * 3_600_000))
}

#[test]
fn a_worked_example_comes_out_as_by_hand() {
    let result = run(&worked(), settings(at(40)));
    // Popularity shows user 9 first 2 and 3 (four users each, the smaller id first), then 4.
    let popularity = &result.evaluation("popularity").unwrap().at;
    assert_eq!(popularity[0].k, 2);
    assert!((popularity[0].mean(Metric::RecallCapped) - 0.5).abs() < 1e-12, "one of two that fit");
    assert!((popularity[0].mean(Metric::Recall) - 1.0 / 3.0).abs() < 1e-12);
    assert!((popularity[1].mean(Metric::Recall) - 2.0 / 3.0).abs() < 1e-12, "3 and 4; nobody knew 7");
    assert!((popularity[1].mean(Metric::Mrr) - 0.5).abs() < 1e-12);
    let notes = &result.notes;
    assert_eq!((notes.users, notes.relevant, notes.unknown, notes.cold, notes.entities), (1, 3, 1, 0, 4));
    assert!(notes.degraded["fused"].keys().any(|what| what.contains("ranks are fused")), "and said so");
}

#[test]
fn what_nobody_knew_can_be_left_out_and_repeats_can_count() {
    let known = run(&worked(), Settings { known_only: true, ..settings(at(40)) });
    let popularity = &known.evaluation("popularity").unwrap().at[1];
    assert_eq!(popularity.mean(Metric::Recall), 1.0, "of 3 and 4");
    let repeats = run(&worked(), Settings { repeats: true, ..settings(at(40)) });
    assert_eq!(repeats.notes.relevant, 4);
    let popularity = &repeats.evaluation("popularity").unwrap().at[0];
    assert_eq!(popularity.mean(Metric::Mrr), 1.0, "1 is the most popular, and 9 views it again");
}

#[test]
fn values_below_the_least_are_no_labels() {
    let (corpus, kind) = (Name::literal("item"), Name::literal("rating"));
    let mut builder = History::builder();
    for (user, entity, time, value) in [(1, 1, 1, 5.0), (2, 2, 2, 5.0), (1, 2, 3, 2.0), (2, 1, 3, 4.0)] {
        builder.push(UserId(user), &corpus, EntityId(entity), &kind, Timestamp(time), value);
    }
    let history = builder.build();
    let rated =
        Settings { min_value: Some(4.0), label_kinds: vec![kind], ..settings(Split::At(Timestamp(3))) };
    assert_eq!(run(&history, rated).notes.users, 1);
}

#[test]
fn a_rolling_replay_learns_from_what_it_asked_about() {
    // 4 becomes known with the first step and is what user 6 turns to in the second.
    let history = history(&[(1, 1, 0), (2, 1, 1), (6, 1, 2), (1, 4, 10), (2, 4, 11), (6, 4, 30)]);
    let once = run(&history, settings(at(10)));
    assert_eq!(once.evaluation("popularity").unwrap().at[0].mean(Metric::HitRate), 0.0);
    let rolling = run(&history, Settings { rolling: Some(hours(20)), ..settings(at(10)) });
    assert_eq!(rolling.notes.folds, 2);
    let hits: Vec<f64> = rolling.evaluation("popularity").unwrap().at[0].values(Metric::HitRate);
    assert_eq!(hits, [0.0, 0.0, 1.0], "users 1, 2 and 6");
}

#[test]
fn the_impressions_are_what_was_shown_and_labelled_by_what_was_relevant() {
    let events: Vec<_> = (0..200).map(|n| (n % 20, mix(n) % 30, n as i64)).collect();
    let history = history(&events);
    let wanted = Settings { impressions: 4, answers: true, ..settings(Split::Time(0.7)) };
    let result = run(&history, wanted.clone());
    let answers: Vec<_> =
        result.answers.iter().filter(|a| a.name == "fused" && !a.shown.is_empty()).collect();
    let shown = result.impressions.unwrap();
    assert_eq!(shown.groups().len(), answers.len());
    let id = |row: &u32| history.entities()[*row as usize].1;
    for (group, answer) in shown.groups().iter().zip(&answers) {
        assert_eq!(group.time, answer.now);
        let (entities, labels) = (&shown.entities()[group.rows.clone()], &shown.labels()[group.rows.clone()]);
        assert_eq!(entities, answer.shown.iter().map(id).collect::<Vec<_>>());
        for (row, label) in answer.shown.iter().zip(labels) {
            assert_eq!(*label, f32::from(u8::from(answer.relevant.contains(row))));
        }
    }
    assert!(shown.positives() > 0);
    // Asked deeper, the slates that are judged stay as they are.
    let deeper = run(&history, Settings { impressions: 10, ..wanted });
    assert_eq!(deeper.answers, result.answers);
    assert!(deeper.impressions.unwrap().len() > shown.len());
}

#[test]
fn it_says_when_there_is_nothing_to_ask() {
    let history = worked();
    let of = |settings| Backtest::new(&history, settings, IdCodec::new([0; 16]));
    let kinds = vec![Name::literal("vieww")];
    let error = of(Settings { label_kinds: kinds, ..settings(at(40)) }).err().unwrap().to_string();
    assert!(error.contains("view"), "{error}");
    let late = of(settings(at(90))).unwrap().run(&[], &NoProgress).unwrap_err();
    assert!(matches!(late, BacktestError::NoQuestions { .. }));
    let early = of(settings(at(0))).unwrap().run(&[], &NoProgress).unwrap_err();
    assert!(matches!(early, BacktestError::NothingBefore));
}

#[test]
fn a_filtered_or_short_slate_is_not_filled_up() {
    let all = |stores: &Stores| {
        let builder =
            Recommender::builder("item", "home").fetcher(All::in_tenant(stores).limit(1)).model(Flat);
        builder.build().map_err(|error| error.to_string())
    };
    let history = worked();
    let backtest = Backtest::new(&history, settings(at(40)), IdCodec::new([0; 16])).unwrap();
    let contestant = Contestant { name: "first".into(), assemble: &all };
    let result = backtest.run(&[contestant], &NoProgress).unwrap();
    assert_eq!(result.notes.short["first"], 1);
    assert_eq!(result.evaluation("first").unwrap().at[1].mean(Metric::HitRate), 0.0, "1 was touched");
}

#[test]
fn a_session_asks_the_same_users_first() {
    let events: Vec<_> = (0..200).map(|n| (n % 20, mix(n) % 30, n as i64)).collect();
    let history = history(&events);
    let backtest = Backtest::new(&history, settings(Split::Time(0.7)), IdCodec::new([0; 16])).unwrap();
    let session = backtest.session(&NoProgress).unwrap();
    let contestant = Contestant { name: "fused".into(), assemble: &fused };
    let few = session.evaluate(&contestant, 5, &NoProgress).unwrap();
    let all = session.evaluate(&contestant, usize::MAX, &NoProgress).unwrap();
    assert_eq!((few.at[0].scores.len(), all.at[0].scores.len()), (5, session.users()));
    assert!(few.at[0].scores.iter().all(|scores| all.at[0].scores.contains(scores)));
    let run = run(&history, settings(Split::Time(0.7)));
    let of = |evaluation: &Evaluation| evaluation.at[1].mean(Metric::Ndcg);
    assert!((of(&all) - of(run.evaluation("fused").unwrap())).abs() < 1e-12, "as in a whole run");
}

/// A fetcher that would cheat if it could: it proposes what the newest interaction in the store is with.
struct Newest(Stores);

#[async_trait::async_trait]
impl Fetcher for Newest {
    fn kind(&self) -> &'static str {
        "newest"
    }
    async fn fetch(&self, query: &Query) -> Result<Proposals, ComponentError> {
        let forever = Timestamp(i64::MAX);
        let store = &self.0.interactions;
        let popular =
            store.popularity(query.tenant, &query.corpus, &[], None, Some(hours(1)), forever).await?;
        Ok(Proposals::from_pairs(popular).top(1))
    }
}

#[test]
fn even_a_fetcher_that_ignores_the_clock_finds_nothing_later() {
    let history = history(&[(1, 1, 0), (2, 2, 1), (3, 3, 2), (1, 9, 50), (2, 9, 51), (3, 9, 52)]);
    let cheat = |stores: &Stores| {
        let builder = Recommender::builder("item", "home").fetcher(Newest(stores.clone())).model(Flat);
        builder.build().map_err(|error| error.to_string())
    };
    let backtest = Backtest::new(&history, settings(at(40)), IdCodec::new([0; 16])).unwrap();
    let contestant = Contestant { name: "cheat".into(), assemble: &cheat };
    let result = backtest.run(&[contestant], &NoProgress).unwrap();
    assert_eq!(result.evaluation("cheat").unwrap().at[0].mean(Metric::HitRate), 0.0);
}
