//! Two data sets that nobody on this project made, imported, served over gRPC and asked, with the shipped examples.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeSet;

use common::{Place, example, shared};

fn answer(place: &Place, command: &str) -> Vec<String> {
    let ran = place.run(command).code(0);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(answer.get("degraded").is_none(), "{answer}");
    let items = answer["recommendations"].as_array().unwrap();
    items.iter().map(|item| item["entity"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn clojurians_are_imported_once_and_shown_channels_that_they_are_not_in() {
    let Some(data) = shared("clojurians-events") else { return };
    let (place, data) = (Place::new(), data.display());
    let config = example("clojurians/recommend.toml");
    let config = config.display();
    let at = format!("--config {config} --data data --tenant clojurians --corpus channel");
    let interactions = format!(
        "{data}/events.csv --tenant clojurians --corpus channel --map entity=channel --map time=ts --map value=text_len \
         --relation-add member=channel_join,message --relation-remove member=channel_leave"
    );
    place
        .run(&format!("import interactions {interactions} --config {config} --data data"))
        .code(0)
        .says("channel message 7,855")
        .says("channel channel_join 1,142")
        .says("channel channel_leave 113")
        .says("interactions: 9,181 new, 0 already there");
    place
        .run(&format!("import entities {data}/events.csv {at} --map id=channel --attr private:bool==false"))
        .code(0);
    place
        .run(&format!(
            "import entities {data}/channels.csv {at} --map id=channel --attr created:time=created"
        ))
        .code(0)
        .says("entities: 82 put");
    place.run(&format!("validate --config {config} --data data")).code(0).says("0 errors");

    let server = place.serve(&format!("serve --config {config} --data data"));
    place
        .run(&format!("import interactions {interactions} --to {}", server.grpc))
        .code(0)
        .says("interactions: 0 new, 9,181 already there");
    let mut reader = csv::Reader::from_path(format!("{data}/events.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let ask =
        format!("query --to {} --tenant clojurians --corpus channel --source channel-browser", server.grpc);
    for user in ["u0236", "u0301", "u0221"] {
        let shown =
            answer(&place, &format!("{ask} --user {user} --limit 10 --at 2018-02-09T22:00:00Z --json"));
        assert_eq!(shown.len(), 10, "{user}");
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 10, "{user}");
        for channel in &shown {
            let of_channel = rows.iter().filter(|row| row[2] == *channel);
            let mut state = None;
            for row in of_channel.filter(|row| row[1] == *user) {
                match &row[3] {
                    "channel_join" | "message" => state = Some(true),
                    "channel_leave" => state = Some(false),
                    _ => {}
                }
            }
            assert_ne!(state, Some(true), "{user} is in {channel} already");
            assert!(rows.iter().any(|row| row[2] == *channel), "{channel}");
        }
    }
    assert_eq!(server.stop(), 0);
    place
        .run(&format!("import interactions {interactions} --data data"))
        .code(0)
        .says("interactions: 0 new, 9,181 already there");
}

#[test]
fn informfully_readers_are_shown_articles_that_they_have_not_rated() {
    let Some(data) = shared("informfully-idea") else { return };
    let (place, data) = (Place::new(), data.display());
    let config = example("informfully/recommend.toml");
    let config = config.display();
    let at = format!("--config {config} --data data --tenant informfully");
    let fields =
        "--corpus article --map id=_id --map user=informfully_id --map entity=articleId --map time=createdAt";
    for (file, kind, more, count) in [
        ("ratings", "rating", "--map value=articleAnswer", "28,382"),
        ("favourites", "favourite", "", "3,115"),
        ("bookmarks", "bookmark", "", "2,479"),
    ] {
        let command = format!("import interactions {data}/{file}.csv {at} {fields} --kind {kind} {more}");
        place.run(&command).code(0).says(&format!("interactions: {count} new, 0 already there"));
        place.run(&command).code(0).says(&format!("interactions: 0 new, {count} already there"));
    }
    place
        .run(&format!("import entities {data}/ratings.csv {data}/favourites.csv {data}/bookmarks.csv {at} --corpus article --map id=articleId"))
        .code(0)
        .says("entities: 1,191 put");
    place
        .run(&format!(
            "import entities {data}/users.csv {at} --corpus user --map id=informfully_id --all-attributes"
        ))
        .code(0)
        .says("entities: 593 put");
    place.run(&format!("validate --config {config} --data data")).code(0).says("0 errors");

    let server = place.serve(&format!("serve --config {config} --data data"));
    let user = "BFD75Ku3q7vDemext";
    let shown = answer(
        &place,
        &format!(
            "query --to {} --tenant informfully --corpus article --source front-page --user {user} --limit 20 --at 2023-12-01 --json",
            server.grpc
        ),
    );
    assert_eq!(shown.len(), 20);
    let mut reader = csv::Reader::from_path(format!("{data}/ratings.csv")).unwrap();
    for row in reader.records().map(Result::unwrap) {
        let known = &row[3] == user && &row[6] < "2023-12-01" && shown.contains(&row[2].to_owned());
        assert!(!known, "{} was rated before", &row[2]);
    }
    assert_eq!(server.stop(), 0);
}
