//! `recommend backtest` and `recommend tune` on small files, and on real joins.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::fmt::Write;

use common::{Place, shared};
use serde_json::Value;

const CONFIG: &str = "\
# what people like
[[recommender]]
corpus = \"item\"
source = \"home\"
fetchers = [
    { kind = \"popular\", limit = 50 },
    { kind = \"related\", shrinkage = 1.0, limit = 50 }, # the better one
]
filters = [\"not-interacted\"]

[recommender.model]
kind = \"linear\"
weights = { \"popular.score\" = 1.0, \"related.score\" = 0.0 }
";

const FLAGS: &str = "--recommender item/home --interactions events.csv --map entity=what --label-kind view";

/// Two groups of people, each with tastes of its own: popularity says little, what goes together much.
fn events() -> String {
    let mut text = String::from("time,user,what,kind\n");
    for round in 0..12_u64 {
        for user in 0..40_u64 {
            let group = user % 2;
            let item = group * 12 + (user * 7 + round * 5) % 12;
            let time = 1_600_000_000 + round * 86_400 + user;
            writeln!(text, "{time},u{user},i{item},view").unwrap();
        }
    }
    text
}

fn place() -> Place {
    let place = Place::new();
    place.write("events.csv", &events());
    place.write("recommend.toml", CONFIG);
    place
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recall(lines: &[Value], name: &str, k: u64) -> f64 {
    let line = lines.iter().find(|line| line["name"] == name && line["k"] == k).unwrap();
    line["recall"].as_f64().unwrap()
}

#[test]
fn every_name_has_a_line_for_every_k() {
    let place = place();
    let ran = place.run(&format!("backtest --config recommend.toml {FLAGS} --split last:0.2 --k 5,3 --json"));
    let found = lines(&ran.code(0).out);
    let names: Vec<String> =
        found.iter().map(|line| format!("{} {}", line["name"].as_str().unwrap(), line["k"])).collect();
    let expected = ["recommender", "random", "popularity", "recent-popularity", "item-cosine"];
    let expected: Vec<String> =
        expected.iter().flat_map(|name| [3, 5].map(|k| format!("{name} {k}"))).collect();
    assert_eq!(names, expected);
    for line in &found {
        for key in ["recall", "recall_low", "recall_high", "ndcg", "map", "mrr", "hit_rate", "coverage"] {
            let value = line[key].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value), "{key} {line}");
        }
        assert!(line["recall_low"].as_f64() <= line["recall"].as_f64());
        assert_eq!(line["users"], 40);
    }
    assert!(recall(&found, "item-cosine", 5) > recall(&found, "random", 5));
}

#[test]
fn the_table_the_plot_and_the_answers_tell_the_same_story() {
    let place = place();
    let ran = place.run(&format!(
        "backtest --config recommend.toml {FLAGS} --split time:0.8 --k 4 --plot k.svg --answers a.jsonl --without each"
    ));
    ran.code(0)
        .says("40 users")
        .says("at 4")
        .says("without fetcher:related")
        .says("without filter:not-interacted")
        .says("without feature:popular.score")
        .says("than popularity");
    let plot = place.read("k.svg");
    assert!(plot.starts_with("<svg") && plot.contains("item-cosine") && plot.contains("nDCG"));
    let answers = lines(&place.read("a.jsonl"));
    let shown = |answer: &Value| answer["shown"].as_array().unwrap().len();
    assert!(
        answers.iter().all(|answer| shown(answer) <= 4 && answer["user"].as_str().unwrap().starts_with('u'))
    );
    let of = |name: &str| answers.iter().filter(|answer| answer["name"] == name).count();
    assert_eq!(of("recommender"), 40);
}

#[test]
fn two_configurations_are_compared_user_by_user() {
    let place = place();
    place.write("other.toml", &CONFIG.replace("\"related.score\" = 0.0", "\"related.score\" = 50.0"));
    let ran = place.run(&format!(
        "backtest --config recommend.toml {FLAGS} --split last:0.3 --k 5 --against other.toml --no-baselines --json"
    ));
    let found = lines(&ran.code(0).out);
    assert_eq!(found.len(), 2);
    let better = &found[1]["recommender_better_by"];
    assert!(
        better["recall"].as_f64().unwrap() < 0.0 && better["recall_p_value"].as_f64().unwrap() < 0.05,
        "{better}"
    );
}

#[test]
fn tuning_finds_the_better_weights_on_the_past_alone_and_keeps_the_comments() {
    let place = place();
    place.write("space.toml", "[model.weights]\n\"related.score\" = { from = 0.0, to = 50.0 }\n");
    for method in ["random", "halving", "coordinate"] {
        let ran = place.run(&format!(
            "tune --config recommend.toml {FLAGS} --split last:0.2 --space space.toml --method {method} --trials 10 \
             --k 5 --output tuned.toml"
        ));
        ran.code(0).says("as it was").says("best");
        let tuned = place.read("tuned.toml");
        assert!(tuned.contains("# what people like") && tuned.contains("# the better one"), "{tuned}");
        assert!(!tuned.contains("\"related.score\" = 0.0"), "{method}: {tuned}");
        let test = |config: &str| {
            let ran = place.run(&format!(
                "backtest --config {config} {FLAGS} --split last:0.2 --k 5 --no-baselines --json"
            ));
            recall(&lines(&ran.code(0).out), "recommender", 5)
        };
        assert!(test("tuned.toml") > test("recommend.toml"), "{method}");
    }
    // What lies after the split may be anything.
    let tuned = place.read("tuned.toml");
    let mut rows: Vec<String> = events().lines().map(str::to_owned).collect();
    for user in 0..40 {
        let last = rows.iter().rposition(|row| row.contains(&format!(",u{user},"))).unwrap();
        rows[last] = rows[last].replace(",i", ",j");
    }
    place.write("events.csv", &rows.join("\n"));
    let ran = place.run(&format!(
        "tune --config recommend.toml {FLAGS} --split last:0.2 --space space.toml --method coordinate --trials 10 --k 5 \
         --output again.toml"
    ));
    ran.code(0);
    assert_eq!(place.read("again.toml"), tuned);
}

#[test]
fn what_was_shown_is_a_dataset_that_models_learn_from() {
    let place = place();
    let backtest = format!("backtest --config recommend.toml {FLAGS} --split last:0.3 --no-baselines --json");
    let plain = place.run(&backtest).code(0).out;
    let written = place.run(&format!("{backtest} --dataset shown --depth 20")).code(0).out;
    assert_eq!(plain, written, "asking deeper changes nothing above");
    place
        .run("dataset show shown")
        .code(0)
        .says("rows 600, queries 40")
        .says("popular.score")
        .says("related.score")
        .says("served by linear@");
    place.write(
        "lr.toml",
        "name = \"items\"\nmodel = { kind = \"logistic-regression\" }\nsplit = { by = \"user\" }\n\
         input = { corpus = \"item\", source = \"home\" }\n",
    );
    place
        .run("train --spec lr.toml --data shown --artifacts store")
        .code(0)
        .says("as served")
        .says("published in store: items@");
    place.run(&format!("{backtest} --dataset shown")).code(2).says("is there already");
}

#[test]
fn what_is_wrong_is_said_with_the_flag_that_mends_it() {
    let place = place();
    let run = |flags: &str| place.run(&format!("backtest --config recommend.toml {flags}"));
    let from = "--interactions events.csv --map entity=what";
    run(&format!("--recommender item/hom {from}")).code(2).says("did you mean item/home?");
    run(&format!("--recommender item {from}")).code(2).says("CORPUS/SOURCE");
    run(&format!("{FLAGS} --split last:20")).code(2).says("last:0.2");
    run(&format!("{FLAGS} --split last:0.2 --rolling 1d")).code(2).says("--rolling");
    run(&format!("{FLAGS} --split at:2030-01-01")).code(2).says("--split");
    run(&format!("{FLAGS} --without fetcher:populer")).code(2).says("did you mean \"popular\"?");
    run("--recommender item/home --interactions events.csv").code(2).says("--map entity=COLUMN");
    run(&format!("--recommender item/home {from} --label-kind vieww")).code(2).says("there are view");
    run(&format!("--recommender item/home {from} --where kind=no")).code(2).says("there is no row");
    place.write(
        "bad.csv",
        "time,user,what,kind\nsoon,u1,i1,view\n1600000000,u1,i1,view\n1600000001,u1,i2,view\n",
    );
    run("--recommender item/home --interactions bad.csv --map entity=what --split time:0.5")
        .says("1 of 3 rows cannot be read")
        .says("line 2");
}

#[test]
fn a_column_of_values_and_no_column_of_kinds_will_do() {
    let place = place();
    let mut text = String::from("user_id\titem_id\trating\ttimestamp\n");
    for n in 0..200_u64 {
        writeln!(text, "{}\t{}\t{}\t{}", n % 20, (n * 13 + n / 20) % 30, n % 5 + 1, 1_600_000_000 + n * 60)
            .unwrap();
    }
    place.write("ratings.inter", &text);
    let ran = place.run(
        "backtest --config recommend.toml --recommender item/home --interactions ratings.inter --map user=user_id \
         --map entity=item_id --map value=rating --map time=timestamp --label-kind rating --min-value 4 --split last:0.4",
    );
    ran.code(0).says("recommender").says("200 interactions");
}

#[test]
fn real_joins_are_foretold_better_than_by_chance() {
    let Some(data) = shared("clojurians-events") else { return };
    let place = Place::new();
    place.write("c.toml", &CONFIG.replace("item", "channel").replace("home", "browser"));
    let ran = place.run(&format!(
        "backtest --config c.toml --recommender channel/browser --interactions {}/events.csv --map entity=channel \
         --map time=ts --label-kind channel_join --split time:0.8 --k 5,10 --json",
        data.display()
    ));
    let found = lines(&ran.code(0).out);
    for name in ["recommender", "popularity", "recent-popularity", "item-cosine"] {
        assert!(recall(&found, name, 10) > 2.0 * recall(&found, "random", 10), "{name}");
    }
}
