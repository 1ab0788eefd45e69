//! `recommend embed`: from a file of interactions to vectors, into the store, and to recommendations.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Place;

/// Two groups of thirty people, each with twelve things of its own, eight of which everybody has turned to.
fn interactions() -> String {
    let mut text = String::from("user,entity,time,kind\n");
    for turn in 0..8 {
        for person in 0..60 {
            let thing = (person * 5 + turn * (1 + person % 3)) % 12 + 12 * (person % 2);
            text.push_str(&format!(
                "person-{person},thing-{thing},{},play\n",
                1_700_000_000 + turn * 3600 + person
            ));
        }
    }
    text
}

const CONFIG: &str = r#"
[server]
data = "data"

[features.taste_cosine]
kind = "cosine"
embedding = "taste"

[[recommender]]
corpus = "item"
source = "home"
fetchers = [{ kind = "neighbours", embedding = "taste", limit = 30 }]
filters = ["not-interacted"]
features = ["taste_cosine"]

[recommender.model]
kind = "linear"
weights = { "neighbours.score" = 1.0 }
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("events.csv", &interactions());
    place.write("recommend.toml", CONFIG);
    place
}

#[test]
fn vectors_are_learned_loaded_and_recommend_what_the_group_has() {
    let place = place();
    for (method, number) in [("als --regularization 1", 0), ("ease", 1), ("item-cosine", 2)] {
        let learned = place.run(&format!(
            "embed {method} --interactions events.csv --factors 8 --validate 0.2 --output vectors-{number}"
        ));
        let learned = learned.code(0).says("popularity").says("recall@10").says("60 users and 24 entities");
        if number == 0 {
            learned.says("iteration loss nDCG@10");
        }
        let manifest: serde_json::Value =
            serde_json::from_str(&place.read(&format!("vectors-{number}/manifest.json"))).unwrap();
        let ndcg = |at: usize| manifest["validation"][at]["ndcg"].as_f64().unwrap();
        assert!(ndcg(1) > ndcg(0), "{method}: better than popularity: {manifest}");
        let load =
            format!("embed load vectors-{number} --embedding taste --tenant acme --config recommend.toml");
        place.run(&load).code(0).says("60 users and 24 entities are in the embedding taste of acme");
        place.run(&load).code(0);
        let asked = "query --config recommend.toml --tenant acme --corpus item --source home --limit 5";
        for (person, group) in [("person-4", 0), ("person-7", 1)] {
            let answer = place.run(&format!("{asked} --user {person} --json")).code(0).out;
            let things: Vec<u32> = answer
                .split("thing-")
                .skip(1)
                .map(|rest| {
                    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
                })
                .collect();
            assert!(
                !things.is_empty() && things.iter().all(|thing| thing / 12 == group),
                "{method}: {answer}"
            );
        }
        // The three have one dimension and one comparison, so that each takes the place of the last.
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_fix() {
    let place = place();
    let embed = "embed als --interactions events.csv --output out";
    place.run(&format!("{embed} --factors 0")).code(2).says("--factors 0: choose 1 to 256");
    place.run(&format!("{embed} --validate 2")).code(2).says("--validate 2: choose a share");
    place
        .run(&format!("{embed} --corpus film --map corpus==item"))
        .code(2)
        .says("the interactions are with item");
    place.run(&format!("{embed} --weight look=1")).code(2).says("no interaction counts");
    place.run(&format!("{embed} --validate 0 --regularization 0")).code(2).says("regularisation is 0");
    place.run(&format!("{embed} --validate 0 --factors 4 --iterations 2")).code(0);
    place.run(embed).code(2).says("out holds something already");
    let load = "embed load out --embedding taste --tenant acme --data data";
    place.run(load).code(0);
    place
        .run("embed als --interactions events.csv --output wider --validate 0 --factors 5 --iterations 2")
        .code(0);
    place
        .run("embed load wider --embedding taste --tenant acme --data data")
        .code(1)
        .says("give it another name");
    std::fs::write(place.path().join("out/vectors.parquet"), "something else").unwrap();
    place.run(load).code(1).says("is not as it was written");
    place.run("embed load nowhere --embedding taste --tenant acme --data data").code(1).says("no folder of");
}
