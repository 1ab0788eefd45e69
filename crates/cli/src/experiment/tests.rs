//! Reports of logs whose answer is known.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use recommend_core::{
    EntityId, FeatureMatrix, FeatureSchema, Interaction, InteractionId, Name, Recommended, RequestId,
    TenantId, Timestamp, UserId,
};
use recommend_events::{EventLog, LogOptions, RequestLog};
use recommend_experiments::assignment::Unit;
use recommend_experiments::statistics::compare::Settings;

use super::observe::{Observed, Of, Wanted, observe};
use super::report::{Arms, MetricKind, Report, report};
use super::{plot, show};
use crate::render::Paint;

const ITEMS: u64 = 5;
const HOUR: i64 = 3_600_000;
/// 2026-03-01.
const START: i64 = 1_772_323_200_000;

struct World(EventLog);

impl World {
    fn new(folder: &Path) -> Self {
        World(EventLog::open(folder, LogOptions::default(), [7; 16]).unwrap().0)
    }

    fn request(&self, id: u64, user: u64, hour: i64, variant: Option<&'static str>) -> RequestLog {
        RequestLog {
            request: RequestId(u128::from(id)),
            time: Timestamp(START + hour * HOUR),
            tenant: TenantId(1),
            user: UserId(user),
            corpus: Name::literal("channel"),
            source: Name::literal("browser"),
            experiment: Some(Name::literal("learned")),
            variant: variant.map(Name::literal),
            shadow_of: None,
            drafted: Vec::new(),
            model: "m".into(),
            schema: Arc::new(FeatureSchema::new(Vec::new())),
            fetchers: Vec::new().into(),
            limit: ITEMS as u32,
            candidates: 9,
            scored: 9,
            latency: Duration::from_micros(100 + id % 100),
            seed: 0,
            degraded: Vec::new(),
            items: (0..ITEMS)
                .map(|at| Recommended { entity: EntityId(at), score: 1.0, propensity: 1.0, fetched_by: 0 })
                .collect(),
            features: FeatureMatrix::from_shape_fn((ITEMS as usize, 0), |_| 0.0),
        }
    }

    fn answer(
        &self,
        id: u64,
        request: u64,
        user: u64,
        entity: u64,
        kind: &'static str,
        hour: i64,
    ) -> Interaction {
        Interaction {
            id: InteractionId(u128::from(id)),
            request: Some(RequestId(u128::from(request))),
            tenant: TenantId(1),
            user: UserId(user),
            corpus: Name::literal("channel"),
            entity: EntityId(entity),
            kind: Name::literal(kind),
            time: Timestamp(START + hour * HOUR),
            value: 1.0,
        }
    }
}

fn wanted() -> Wanted {
    Wanted {
        of: Of::Experiment(Name::literal("learned")),
        objective: [(Name::literal("click"), 1.0), (Name::literal("join"), 3.0)].into(),
        click: Name::literal("click"),
        window: Duration::from_secs(24 * 3600),
        unit: Unit::User,
    }
}

fn reported(observed: &Observed, arms: &Arms) -> Report {
    report(observed, &wanted(), arms, &Settings::default()).unwrap()
}

/// 600 users over six days, half of them in either arm; one in ten of the control clicks, one in five of the treatment.
async fn split(folder: &Path) {
    let world = World::new(folder);
    let mut answers = Vec::new();
    for user in 0..600_u64 {
        let variant = if user % 2 == 0 { "control" } else { "learned" };
        let hour = (user % 144) as i64;
        for visit in 0..2 {
            world.0.log_request(world.request(10 * user + visit, user, hour, Some(variant)));
        }
        let of = if user % 2 == 0 { 10 } else { 5 };
        if (user / 2) % of == 0 {
            answers.push(world.answer(user, 10 * user, user, 1, "click", hour + 1));
        }
    }
    // What counts once, late or twice, and what does not count: another's kind, too late, not shown, another tenant's.
    let click = answers[0].clone();
    answers.push(click.clone());
    answers.push(Interaction { id: InteractionId(1 << 70), ..click.clone() });
    answers.push(world.answer(9_001, 0, 0, 1, "join", 23));
    answers.push(world.answer(9_002, 0, 0, 2, "message", 2));
    answers.push(world.answer(9_003, 0, 0, 3, "click", 25));
    answers.push(world.answer(9_004, 0, 0, 77, "click", 1));
    answers.push(Interaction { tenant: TenantId(2), ..world.answer(9_005, 0, 0, 4, "click", 1) });
    world.0.log_interactions(answers.into_iter().rev().collect()).await.unwrap();
    // A request that the log holds twice, and a shadow of it, which would have put what was clicked on top.
    world.0.log_request(world.request(0, 0, 0, Some("control")));
    let mut shadow = world.request(1 << 40, 0, 0, Some("forest"));
    shadow.shadow_of = Some(RequestId(0));
    shadow.items.swap(0, 1);
    world.0.log_request(shadow);
    // Somebody who was moved when a weight was changed.
    world.0.log_request(world.request(1 << 41, 9_999, 3, Some("control")));
    world.0.log_request(world.request((1 << 41) + 1, 9_999, 4, Some("learned")));
    world.0.close().await.unwrap();
}

#[tokio::test]
async fn every_answer_counts_once_and_every_user_is_one() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path()).await;
    let observed = observe(folder.path(), &wanted()).unwrap();
    let report = reported(&observed, &Arms::default());
    assert_eq!((report.units, report.moved), (601, 1));
    let [control, learned] = report.variants.as_slice() else { panic!("{report:?}") };
    let of = |variant: &super::report::VariantReport| {
        (variant.users, variant.requests, variant.impressions, variant.clicks)
    };
    assert_eq!(of(control), (300, 600, 3000, 30));
    assert_eq!(of(learned), (300, 600, 3000, 60));
    // User 0 has clicked and joined the same channel: the larger weight is its label.
    assert!((control.objective_per_request.unwrap() - 32.0 / 600.0).abs() < 1e-12);
    assert!((learned.objective_per_user.unwrap() - 60.0 / 300.0).abs() < 1e-12);
    assert!((learned.dcg.unwrap() - 60.0 / 3.0_f64.log2() / 600.0).abs() < 1e-12);
    assert!(control.latency_p50_us < control.latency_p99_us && control.latency_p99_us < 200);
    let ctr = report.comparisons.iter().find(|found| found.metric == MetricKind::Ctr).unwrap();
    let is = ctr.comparison.unwrap();
    assert!((is.lift - 1.0).abs() < 1e-9 && is.low < 1.0 && is.always_low < is.low);
    assert!(ctr.least_p_value <= is.always_p_value && is.p_value < 0.01);
    let shadow = &report.shadows[0];
    assert_eq!((shadow.runs, shadow.answered, shadow.found), (1, 1, 1));
    assert!((shadow.served_dcg - 3.0 / 3.0_f64.log2()).abs() < 1e-12 && (shadow.dcg - 3.0).abs() < 1e-12);
    assert!(!report.sample_ratio.as_ref().unwrap().mismatch);

    let text = show::text(&report, Paint(false));
    for part in
        ["600", "+100.0 %", "no mismatch", "1 users have seen more than one variant", "shadow forest: 1 runs"]
    {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let svg = plot::draw(&report, MetricKind::Ctr).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("learned"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["comparisons"][0]["variant"], "learned");
    assert!(
        json["comparisons"][0]["always_p_value"].is_number() && json["looks"].as_array().unwrap().len() > 10
    );
}

#[tokio::test]
async fn a_mismatch_is_said_before_anything_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path()).await;
    let observed = observe(folder.path(), &wanted()).unwrap();
    let weights = [(Name::literal("control"), 3.0), (Name::literal("learned"), 1.0)].into();
    let arms = Arms { weights, alike: vec![Name::literal("learned")], ..Arms::default() };
    let report = reported(&observed, &arms);
    assert!(report.sample_ratio.as_ref().unwrap().mismatch);
    let text = show::text(&report, Paint(false));
    assert!(text.contains("sample-ratio mismatch") && text.contains("learned (A/A)"), "{text}");
}

#[tokio::test]
async fn interleaved_slates_credit_who_was_clicked() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    let mut answers = Vec::new();
    for user in 0..100_u64 {
        let mut slate = world.request(user, user, 0, None);
        slate.drafted = (0..ITEMS).map(|at| Name::literal(["control", "learned"][at as usize % 2])).collect();
        world.0.log_request(slate);
        // Thirty like what the treatment put there, ten what the control did, and the others nothing.
        match user {
            0..30 => answers.push(world.answer(user, user, user, 1, "click", 1)),
            30..40 => answers.push(world.answer(user, user, user, 2, "click", 1)),
            _ => {}
        }
    }
    world.0.log_interactions(answers).await.unwrap();
    world.0.close().await.unwrap();
    let report = reported(&observe(folder.path(), &wanted()).unwrap(), &Arms::default());
    let found = report.interleaved.as_ref().unwrap();
    assert_eq!((found.slates, found.users, found.control_wins, found.treatment_wins), (100, 100, 10, 30));
    let preference = found.preference.unwrap();
    assert!((preference.value - 0.1).abs() < 1e-12 && preference.p_value < 0.01);
    assert!(found.sign_test_p_value < 0.01 && report.variants.is_empty());
    let text = show::text(&report, Paint(false));
    assert!(text.contains("10 won by control, 30 by learned"), "{text}");
}

#[tokio::test]
async fn what_the_log_does_not_have_is_named() {
    let folder = tempfile::tempdir().unwrap();
    split(folder.path()).await;
    let other = Wanted { of: Of::Experiment(Name::literal("lerned")), ..wanted() };
    let error = observe(folder.path(), &other).unwrap_err().to_string();
    assert!(error.contains("nothing of experiment lerned; it has learned ("), "{error}");
    let observed = observe(folder.path(), &wanted()).unwrap();
    let arms = Arms { control: Some(Name::literal("contrl")), ..Arms::default() };
    let error = report(&observed, &wanted(), &arms, &Settings::default()).unwrap_err().to_string();
    assert!(error.contains("the log has control, learned"), "{error}");
}
