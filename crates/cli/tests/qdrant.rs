//! The binary with its vectors in Qdrant: loaded, searched, migrated into, and gone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Place;
use recommend_stores::vectors::qdrant::exact::Server;

/// Two groups of twenty people, each with eight things of its own, of which everybody has turned to six.
fn interactions() -> String {
    let mut text = String::from("user,entity,time,kind\n");
    for turn in 0..6 {
        for person in 0..40 {
            let thing = (person / 2 + turn) % 8 + 8 * (person % 2);
            text.push_str(&format!(
                "person-{person},thing-{thing},{},click\n",
                1_700_000_000 + turn * 3600 + person
            ));
        }
    }
    text
}

/// The example, over another address.
fn config(url: &str) -> String {
    let example = include_str!("../../../examples/qdrant/recommend.toml");
    assert!(example.contains("http://127.0.0.1:6334"));
    example.replace("http://127.0.0.1:6334", url).replace("100ms", "5s")
}

const LOAD: &str = "embed load vectors --embedding tastes --tenant acme --config";
const ASK: &str =
    "query --tenant acme --corpus channel --source browser --user person-4 --limit 8 --json --config";

#[test]
fn vectors_are_loaded_searched_migrated_and_missed_in_qdrant() {
    let mut qdrant = Server::start().unwrap();
    let place = Place::new();
    place.write("events.csv", &interactions());
    place.write("recommend.toml", &config(&qdrant.url()));
    place.write("folder.toml", &config(&qdrant.url()).replace("kind = \"qdrant\"", "kind = \"embedded\""));
    place
        .run("embed als --interactions events.csv --corpus channel --map corpus==channel --factors 4 --output vectors --validate 0 --regularization 1")
        .code(0);
    place
        .run(&format!("{LOAD} recommend.toml"))
        .code(0)
        .says("40 users and 16 entities are in the embedding tastes");
    let made = qdrant.collection("recommend.tastes.4.dot.f32.entities").unwrap();
    assert!(
        made.points == 16 && made.tenants_apart && made.quantised && made.replicas == Some(1),
        "{made:?}"
    );

    let mine = |answer: &str| {
        let things = answer.split("thing-").skip(1);
        let things = things.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        let things: Vec<u32> = things.map(|thing| thing.parse().unwrap()).collect();
        !things.is_empty() && things.iter().all(|thing| *thing < 8)
    };
    let answer = place.run(&format!("{ASK} recommend.toml")).code(0).out;
    assert!(mine(&answer), "{answer}");

    // The same vectors in a folder, and from there into collections of another name.
    place.run(&format!("{LOAD} folder.toml --data folder")).code(0);
    place
        .run(&format!("stores migrate folder {} --prefix moved", qdrant.url()))
        .code(0)
        .says("56 vectors of 1 embeddings; 2 compared, 0 differ");
    assert_eq!(qdrant.collection("moved.tastes.4.dot.f32.users").unwrap().points, 40);
    place.write("moved.toml", &config(&qdrant.url()).replace("prefix = \"recommend\"", "prefix = \"moved\""));
    let moved = place.run(&format!("{ASK} moved.toml --data folder")).code(0).out;
    assert!(mine(&moved), "{moved}");
    place
        .run(&format!("stores migrate nowhere {}", qdrant.url()))
        .code(1)
        .says("there are no vectors in nowhere");

    // Without it: nothing is near, and the answer says why.
    qdrant.kill();
    place.write(
        "gone.toml",
        &config(&qdrant.url()).replace("\"5s\"", "\"50ms\"").replace("\"10s\"", "\"200ms\""),
    );
    place.run(&format!("{ASK} gone.toml")).code(0).says("neighbours").says("Qdrant at http://127.0.0.1:");
    place.run(&format!("{LOAD} gone.toml")).code(1).says("Qdrant at http://127.0.0.1:");
}

#[test]
fn a_key_that_is_wrong_is_named_and_not_shown() {
    let qdrant = Server::start().unwrap();
    qdrant.demand_key("s3cret");
    let place = Place::new();
    place.write("recommend.toml", &config(&qdrant.url()));
    place.write("data/made", "");
    let ran = place.run(&format!("{ASK} recommend.toml")).code(1).says("QDRANT_API_KEY");
    assert!(!ran.err.contains("s3cret") && !ran.out.contains("s3cret"));
}
