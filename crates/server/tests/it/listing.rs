//! What `ListRecommenders` says about experiments, over gRPC and as JSON.

use recommend_server::Config;
use recommend_server::proto::*;
use serde_json::{Value, json};

use crate::common::raw::http;
use crate::common::{CONFIG, TestServer};

const REVERSED: &str = "model = { kind = \"linear\", weights = { clicks = -1.0 } }";

/// Two experiments in one layer, one that is stopped, and one that is decided on a recommender of its own.
fn config() -> String {
    let sidebar = CONFIG.split_once("[[recommender]]").unwrap().1.replace("\"browser\"", "\"sidebar\"");
    let experiment = |name: &str, source: &str, settings: &str| {
        format!(
            "\n[[experiment]]\nname = \"{name}\"\ncorpus = \"channel\"\nsource = \"{source}\"\n{settings}\n\
             variants = [ {{ name = \"control\" }}, {{ name = \"reversed\", weight = 2.5, {REVERSED} }},"
        )
    };
    [
        CONFIG.to_owned(),
        format!("\n[[recommender]]{sidebar}"),
        experiment(
            "upside-down",
            "browser",
            "ramp = 0.2\nholdout = 0.05\nlayer = { name = \"ranking\", from = 0.25, to = 0.5 }",
        ),
        format!("{{ name = \"beside\", shadow = true, {REVERSED} }} ]"),
        experiment(
            "together",
            "browser",
            "method = \"interleave\"\nlayer = { name = \"ranking\", from = 0.5, to = 1.0 }",
        )
        .replace("weight = 2.5, ", "")
            + "]",
        experiment("given-up", "browser", "stop = true") + "]",
        experiment("won", "sidebar", "unit = \"tenant\"\nwinner = \"reversed\"") + "]",
    ]
    .join("\n")
}

fn find<'a>(recommenders: &'a [Recommender], source: &str) -> &'a Recommender {
    recommenders.iter().find(|recommender| recommender.source == source).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn experiments_are_listed_with_their_variants_weights_ramp_and_layer() {
    let server = TestServer::start(&config()).await;
    let list = server.recommend().list_recommenders(ListRecommendersRequest {}).await.unwrap().into_inner();
    let browser = find(&list.recommenders, "browser");
    let names: Vec<&str> = browser.experiments.iter().map(|experiment| experiment.name.as_str()).collect();
    assert_eq!(names, ["upside-down", "together", "given-up"]);

    let first = &browser.experiments[0];
    assert_eq!(
        (first.state(), first.unit(), first.method()),
        (ExperimentState::Running, ExperimentUnit::User, ExperimentMethod::Split,)
    );
    assert_eq!((first.ramp, first.holdout, first.winner.as_str()), (0.2, 0.05, ""));
    let layer = first.layer.as_ref().unwrap();
    assert_eq!((layer.name.as_str(), layer.from, layer.to), ("ranking", 0.25, 0.5));
    let variants: Vec<(&str, f64)> = first.variants.iter().map(|v| (v.name.as_str(), v.weight)).collect();
    assert_eq!(variants, [("control", 1.0), ("reversed", 2.5)]);
    assert_eq!(first.variants[0].model_version, browser.model_version, "the control is the recommender");
    assert_ne!(first.variants[1].model_version, browser.model_version);
    assert_eq!(
        (first.shadows.len(), first.shadows[0].name.as_str(), first.shadows[0].weight),
        (1, "beside", 0.0)
    );
    assert_eq!(first.shadows[0].model_version, first.variants[1].model_version, "they say the same");

    let second = &browser.experiments[1];
    assert_eq!((second.unit(), second.method()), (ExperimentUnit::User, ExperimentMethod::Interleave));
    assert_eq!((second.ramp, second.holdout), (1.0, 0.0));
    assert_eq!(browser.experiments[2].state(), ExperimentState::Stopped);
    assert_eq!(browser.experiments[2].layer, None);
    let won = &find(&list.recommenders, "sidebar").experiments[0];
    assert_eq!((won.state(), won.winner.as_str()), (ExperimentState::Decided, "reversed"));
    assert_eq!(won.unit(), ExperimentUnit::Tenant);

    // As JSON: enums by their names, numbers as numbers, what is not there as it is by default.
    let json = http(server.server.http_addr(), "GET", "/v1/recommenders", &[], "").await.json();
    let experiment = |source: &str, at: usize| -> Value {
        let all = json["recommenders"].as_array().unwrap();
        all.iter().find(|recommender| recommender["source"] == source).unwrap()["experiments"][at].clone()
    };
    let first = experiment("browser", 0);
    assert_eq!(first["state"], "EXPERIMENT_STATE_RUNNING");
    assert_eq!(first["layer"], json!({ "name": "ranking", "from": 0.25, "to": 0.5 }));
    assert_eq!((&first["ramp"], &first["variants"][1]["weight"]), (&json!(0.2), &json!(2.5)));
    assert_eq!(experiment("browser", 1)["method"], "EXPERIMENT_METHOD_INTERLEAVE");
    assert_eq!(experiment("sidebar", 0)["winner"], "reversed");

    // A reload is seen at once.
    let changed = config().replace("ramp = 0.2", "ramp = 0.6").replace("weight = 2.5", "weight = 1.0");
    let changed = Config::parse("test.toml", &changed).unwrap_or_else(|errors| panic!("{errors}"));
    server.server.reload(changed).unwrap();
    let list = server.recommend().list_recommenders(ListRecommendersRequest {}).await.unwrap().into_inner();
    let first = &find(&list.recommenders, "browser").experiments[0];
    assert_eq!((first.ramp, first.variants[1].weight), (0.6, 1.0));
    server.server.shutdown().await.unwrap();
}
