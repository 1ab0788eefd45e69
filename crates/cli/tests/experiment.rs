//! `recommend experiment plan` and `report` on a log that a real server wrote, their numbers computed once more by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of a test")]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{Place, Ran};
use recommend_server::proto::catalog_service_client::CatalogServiceClient;
use recommend_server::proto::recommend_service_client::RecommendServiceClient;
use recommend_server::proto::{
    Entity, Interaction, PutEntitiesRequest, RecommendRequest, RecordInteractionsRequest,
};
use serde_json::Value;

const CONFIG: &str = r#"
[[recommender]]
corpus = "channel"
source = "browser"
fetchers = ["all", "popular"]
features = ["popular.score"]
model = { kind = "linear", weights = { "popular.score" = 1.0 } }

[[experiment]]
name = "upside-down"
corpus = "channel"
source = "browser"
ramp = 0.9
variants = [
    { name = "control" },
    { name = "reversed", model = { kind = "linear", weights = { "popular.score" = -1.0 } } },
]
"#;
const CHANNELS: u64 = 6;
const LIMIT: u32 = 4;
/// A plan needs users, and a line over time needs some seconds.
const USERS: u64 = 400;
const LASTS: Duration = Duration::from_millis(2_500);

/// What one user saw and did, kept beside the log: requests, impressions, clicks, the sum of labels, DCG.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    requests: f64,
    impressions: f64,
    clicks: f64,
    label: f64,
    dcg: f64,
}

/// By variant (empty outside of the experiment): the users.
type Seen = BTreeMap<String, Vec<Sums>>;

/// Serves until enough users have asked for long enough. Some click what they see first, some join what they see third; of
/// the reversed slates more than of the others.
fn served(place: &Place) -> Seen {
    place.write("recommend.toml", CONFIG);
    let server = place.serve("serve --config recommend.toml --data data");
    let address = format!("http://{}", server.grpc);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let seen = runtime.block_on(async {
        let mut api = RecommendServiceClient::connect(address.clone()).await.unwrap();
        let mut catalog = CatalogServiceClient::connect(address).await.unwrap();
        let channel = |at| Entity { corpus: "channel".into(), id: format!("c{at}"), ..Entity::default() };
        let entities = (0..CHANNELS).map(channel).collect();
        catalog.put_entities(PutEntitiesRequest { tenant: "acme".into(), entities }).await.unwrap();
        let (start, mut seen) = (Instant::now(), Seen::new());
        for user in 0.. {
            if user >= USERS && start.elapsed() >= LASTS {
                break;
            }
            let (mut sums, mut variant) = (Sums::default(), String::new());
            for _ in 0..=user % 3 {
                let request = RecommendRequest {
                    tenant: "acme".into(),
                    user: format!("u{user}"),
                    corpus: "channel".into(),
                    source: "browser".into(),
                    limit: LIMIT,
                    ..RecommendRequest::default()
                };
                let answer = api.recommend(request).await.unwrap().into_inner();
                assert_eq!(answer.recommendations.len(), LIMIT as usize);
                variant.clone_from(&answer.variant);
                sums.requests += 1.0;
                sums.impressions += f64::from(LIMIT);
                let act = |position: usize, kind: &str| Interaction {
                    request_id: answer.request_id.clone(),
                    user: format!("u{user}"),
                    corpus: "channel".into(),
                    entity: answer.recommendations[position].entity.clone(),
                    kind: kind.into(),
                    ..Interaction::default()
                };
                let mut interactions = Vec::new();
                if user % if variant == "reversed" { 3 } else { 5 } == 0 {
                    interactions.push(act(0, "click"));
                    sums.clicks += 1.0;
                    sums.label += 1.0;
                    sums.dcg += 1.0;
                }
                if user % 7 == 1 {
                    interactions.push(act(2, "join"));
                    sums.label += 3.0;
                    sums.dcg += 3.0 / 2.0;
                }
                if !interactions.is_empty() {
                    let record = RecordInteractionsRequest { tenant: "acme".into(), interactions };
                    api.record_interactions(record).await.unwrap();
                }
            }
            seen.entry(variant).or_default().push(sums);
        }
        seen
    });
    assert_eq!(server.stop(), 0);
    seen
}

/// The sum of a column over users.
fn sum(users: &[Sums], of: impl Fn(&Sums) -> f64) -> f64 {
    users.iter().map(of).sum()
}

/// A ratio over users, and the variance of its logarithm times the users: the squares of what each user's numerator is off
/// the line through the origin, as in a weighted regression.
fn ratio(users: &[Sums], of: impl Fn(&Sums) -> (f64, f64)) -> (f64, f64) {
    let (over, under) = users.iter().map(&of).fold((0.0, 0.0), |(a, b), (n, d)| (a + n, b + d));
    let (ratio, n) = (over / under, users.len() as f64);
    let squares: f64 = users.iter().map(&of).map(|(n, d)| (n - ratio * d).powi(2)).sum();
    (ratio, n * n / (n - 1.0) * squares / (under * under) / (ratio * ratio))
}

fn per_request(user: &Sums) -> (f64, f64) {
    (user.label, user.requests)
}

fn clicks(user: &Sums) -> (f64, f64) {
    (user.clicks, user.impressions)
}

fn json(ran: Ran) -> Value {
    serde_json::from_str(&ran.code(0).out).unwrap()
}

#[track_caller]
fn same(found: &Value, wanted: f64) {
    let found = found.as_f64().unwrap_or_else(|| panic!("{found} is no number"));
    assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{found} is not {wanted}");
}

/// The 97.5 % and 80 % points of the normal distribution.
const Z: (f64, f64) = (1.959_963_984_540_054, 0.841_621_233_572_914_3);

#[test]
fn plans_and_reports_on_a_servers_log_are_what_the_people_did() {
    let place = Place::new();
    let seen = served(&place);
    let everybody: Vec<Sums> = seen.values().flatten().copied().collect();
    assert!(seen[""].len() > 10 && seen["control"].len() > 100 && seen["reversed"].len() > 100);

    // The plan: the textbook's number of users for one look, from the variance of everybody's metric.
    let flags = "--log data --corpus channel --source browser --objective click=1,join=3";
    let plan = json(place.run(&format!("experiment plan {flags} --lift 10% --json")));
    let (value, deviation) = ratio(&everybody, per_request);
    assert_eq!(plan["metric"], "objective-per-request");
    assert_eq!(plan["users"], everybody.len());
    assert_eq!(plan["requests"], sum(&everybody, |user| user.requests) as u64);
    same(&plan["value"], value);
    same(&plan["deviation"], deviation.sqrt());
    let users = |lift: f64| {
        let arm = (Z.0 + Z.1).powi(2) * 2.0 * deviation / (1.0 + lift).ln().powi(2);
        (2.0 * arm).ceil()
    };
    assert!(users(0.1) > everybody.len() as f64, "more than there are, so that the whole log says it");
    same(&plan["once"]["users"], users(0.1));
    assert_eq!(plan["once"]["extrapolated"], true);
    let days = |need: &Value| need["days"].as_f64().unwrap();
    assert!(days(&plan["once"]) > plan["days"].as_f64().unwrap());
    // Looking at any time takes more users: as many as bring the sequential interval to where the lift is found.
    let any_time = plan["any_time"]["users"].as_f64().unwrap();
    let reaches = |users: f64| {
        let (variance, mixture) = (2.0 * deviation / (users / 2.0), 1.1_f64.ln().powi(2));
        let spread = (variance + mixture) / variance;
        let half = (variance * (variance + mixture) / mixture * (spread.ln() - 2.0 * 0.05_f64.ln())).sqrt();
        half + Z.1 * variance.sqrt() <= 1.1_f64.ln()
    };
    assert!(any_time > users(0.1) && reaches(any_time) && !reaches(any_time - 6.0));
    assert!(days(&plan["any_time"]) > days(&plan["once"]));

    // Twice the share of the users needs as many users in half the days; a large lift is found within the log.
    let half = json(place.run(&format!("experiment plan {flags} --lift 10% --ramp 50% --json")));
    assert_eq!(half["once"]["users"], plan["once"]["users"]);
    assert!(days(&half["once"]) > 1.5 * days(&plan["once"]));
    let large = json(place.run(&format!("experiment plan {flags} --lift 400% --json")));
    assert_eq!(large["once"]["extrapolated"], false);
    assert!(days(&large["once"]) < large["days"].as_f64().unwrap());
    let ctr = json(place.run(&format!("experiment plan {flags} --lift 5% --metric ctr --json")));
    same(&ctr["value"], ratio(&everybody, clicks).0);
    place.run(&format!("experiment plan {flags} --lift 10%")).code(0).says("with 80 % power at alpha 0.05");
    place
        .run("experiment plan --log data --corpus channel --source brwser --objective click=1 --lift 5%")
        .code(1)
        .says("it has channel/browser");

    // The report: sums by variant, and the difference between them.
    let flags = "--log data --experiment upside-down --objective click=1,join=3 --config recommend.toml";
    let report = json(place.run(&format!("experiment report {flags} --json --plot lift.svg --metric ctr")));
    let (control, reversed) = (&seen["control"], &seen["reversed"]);
    assert_eq!((&report["control"], &report["moved"]), (&"control".into(), &0.into()));
    assert_eq!(report["units"], control.len() + reversed.len());
    for (at, (name, users)) in [("control", control), ("reversed", reversed)].into_iter().enumerate() {
        let found = &report["variants"][at];
        assert_eq!((&found["name"], &found["a_a"]), (&name.into(), &false.into()));
        assert_eq!(found["users"], users.len());
        assert_eq!(found["requests"], sum(users, |user| user.requests) as u64);
        assert_eq!(found["impressions"], sum(users, |user| user.impressions) as u64);
        assert_eq!(found["clicks"], sum(users, |user| user.clicks) as u64);
        let (requests, label) = (sum(users, |user| user.requests), sum(users, |user| user.label));
        same(&found["ctr"], sum(users, |user| user.clicks) / sum(users, |user| user.impressions));
        same(&found["objective_per_request"], label / requests);
        same(&found["objective_per_user"], label / users.len() as f64);
        same(&found["dcg"], sum(users, |user| user.dcg) / requests);
    }
    let metrics = [("ctr", clicks as fn(&Sums) -> (f64, f64)), ("objective-per-request", per_request)];
    for (name, of) in metrics {
        let all = report["comparisons"].as_array().unwrap();
        let found = all.iter().find(|found| found["metric"] == name).unwrap();
        let (before, after) = (ratio(control, of), ratio(reversed, of));
        let effect = (after.0 / before.0).ln();
        let deviation = (before.1 / control.len() as f64 + after.1 / reversed.len() as f64).sqrt();
        same(&found["lift"], after.0 / before.0 - 1.0);
        same(&found["low"], (effect - Z.0 * deviation).exp() - 1.0);
        same(&found["high"], (effect + Z.0 * deviation).exp() - 1.0);
        let p_value = found["p_value"].as_f64().unwrap();
        assert_eq!(p_value < 0.05, effect.abs() > Z.0 * deviation, "{found}");
        assert!(found["always_low"].as_f64() < found["low"].as_f64());
        assert!(found["least_p_value"].as_f64() <= found["always_p_value"].as_f64());
    }
    assert_eq!(report["sample_ratio"]["expected"], serde_json::json!([0.5, 0.5]));
    assert_eq!(report["sample_ratio"]["users"], serde_json::json!([control.len(), reversed.len()]));

    // The plot: one line of as many points as the report has looks, in its band.
    let svg = place.read("lift.svg");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(svg.contains("upside-down: lift of CTR over control") && svg.contains("reversed"), "{svg}");
    let looks = report["looks"].as_array().unwrap().iter().filter(|look| look["metric"] == "ctr").count();
    assert!(looks >= 2, "{looks} looks");
    let lines = svg.split("<polyline ").skip(1).filter(|line| line.contains("stroke=\"#0072B2\""));
    let points = lines.map(|line| points(line).len()).max();
    assert_eq!(points, Some(looks), "{svg}");
    let band = svg.split("<polygon ").nth(1).unwrap();
    assert_eq!(self::points(band).len(), 2 * looks);
    let text = place.run(&format!("experiment report {flags}")).code(0);
    text.says("upside-down").code(0).says("no mismatch");
}

/// The points of an element of an SVG.
fn points(element: &str) -> Vec<&str> {
    let points = element.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    points.split_whitespace().collect()
}

#[test]
fn what_a_plan_cannot_say_names_the_fix() {
    let place = Place::new();
    let plan = |flags: &str| {
        place.run(&format!(
            "experiment plan --log data --corpus channel --source browser --objective click=1 {flags}"
        ))
    };
    plan("--lift 0%").code(2).says("such as 5%");
    plan("--lift 5% --power 1").code(2).says("between 0 and 1");
    plan("--lift 5% --ramp 0").code(2).says("at most 100%");
    plan("--lift 5%").code(1).says("data is no event log; give the folder <data>/log of a server");
}
