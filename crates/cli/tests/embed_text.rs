//! `recommend embed text`: messages become a cosine, and no byte of a text is left on disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "../../embeddings/tests/common/tiny.rs"]
mod tiny;

use std::path::PathBuf;

use common::{Place, folder_holds};

/// In every text, and in no name.
const CANARY: &str = "xyzzycanary";

const CONFIG: &str = r#"
[server]
data = "data"

[features.near]
kind = "cosine"
embedding = "topics"

[[recommender]]
corpus = "channel"
source = "home"
fetchers = [{ kind = "popular" }]
features = ["near"]

[recommender.model]
kind = "linear"
weights = { near = 1.0 }
"#;

/// all-MiniLM-L6-v2 where it is, and otherwise a tiny model that knows nothing of meaning.
fn model(place: &Place) -> (PathBuf, bool) {
    if let Some(folder) = std::env::var_os("RECOMMEND_TEXT_MODEL") {
        return (folder.into(), true);
    }
    let folder = place.path().join("model");
    std::fs::create_dir_all(&folder).unwrap();
    tiny::write(&folder);
    (folder, false)
}

fn place() -> Place {
    let place = Place::new();
    place.write("recommend.toml", CONFIG);
    let (mut messages, mut events) =
        (String::from("channel,who,ts,body\n"), String::from("user,entity,time,kind\n"));
    let topics = [
        ("food", ["who wants lunch", "the soup is good today", "pizza at noon"]),
        ("code", ["the build is red again", "merge my pull request", "a null pointer in the parser"]),
    ];
    for (topic, texts) in topics {
        for (at, text) in texts.iter().enumerate() {
            let time = 1_700_000_000 + at * 3_600;
            messages.push_str(&format!("{topic},{topic}-fan,{time},{text} {CANARY}\n"));
            messages.push_str(&format!("{topic},other-{at},{time},{CANARY} {text}\n"));
            events.push_str(&format!("reader,{topic},{time},view\n"));
        }
    }
    place.write("messages.csv", &messages);
    place.write("events.csv", &events);
    place
        .run("import interactions events.csv --config recommend.toml --tenant acme --corpus channel")
        .code(0);
    place
}

/// All files of the place but those that were put there with the texts in them.
fn assert_no_text_is_kept(place: &Place) {
    std::fs::remove_file(place.path().join("messages.csv")).unwrap();
    for words in [CANARY, "xyzzy", "null pointer", "soup"] {
        assert!(!folder_holds(place.path(), words.as_bytes()), "{words:?} is on disk");
    }
    // And it does find what is there.
    assert!(folder_holds(place.path(), b"food-fan"));
}

const EMBED: &str = "embed text --input messages.csv --map user=who --map entity=channel --map time=ts --map text=body \
                     --embedding topics --tenant acme --config recommend.toml --model";

fn near(place: &Place, user: &str, channel: &str) -> f64 {
    let asked = "query --config recommend.toml --tenant acme --corpus channel --source home --json --user";
    let answer = place.run(&format!("{asked} {user}")).code(0).out;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let found = answer["recommendations"].as_array().unwrap();
    found.iter().find(|row| row["entity"] == channel).unwrap()["score"].as_f64().unwrap()
}

#[test]
fn messages_become_cosines_and_nothing_of_them_stays_on_disk() {
    let place = place();
    let (model, real) = model(&place);
    let embed = format!("{EMBED} {}", model.display());
    let said = "12 messages became vectors of 5 users and 2 entities in the embedding topics of acme";
    place.run(&embed).code(0).says(said);
    let first = near(&place, "food-fan", "food");
    let elsewhere = near(&place, "food-fan", "code");
    assert!(first > elsewhere, "{first} {elsewhere}");
    assert!(!real || near(&place, "code-fan", "code") > near(&place, "code-fan", "food") + 0.1);
    // Once more is the same; on top of it is the same direction, because all of it counts twice.
    place.run(&embed).code(0).says(said);
    assert!((near(&place, "food-fan", "food") - first).abs() < 1e-5);
    place.run(&format!("{embed} --add")).code(0);
    assert!((near(&place, "food-fan", "food") - first).abs() < 1e-5);
    // While a server has the folder, and as it stops.
    let server = place.serve("serve --config recommend.toml");
    place.run(&embed).code(1).says("stop the server");
    assert_eq!(server.stop(), 0);
    assert_no_text_is_kept(&place);
}

#[test]
fn further_messages_move_the_vectors_on() {
    let place = place();
    let (model, _) = model(&place);
    let embed = format!("{EMBED} {}", model.display());
    place.run(&embed).code(0);
    let before = near(&place, "food-fan", "code");
    let much: String = (0..40)
        .map(|n| format!("code,food-fan,{},the parser again {n} {CANARY}\n", 1_700_090_000 + n))
        .collect();
    place.write("messages.csv", &format!("channel,who,ts,body\n{much}"));
    place
        .run(&format!("{embed} --add --half-life 1h"))
        .code(0)
        .says("40 messages became vectors of 1 users and 1 entities");
    assert!(near(&place, "food-fan", "code") > before + 0.01, "they write about the same now");
    assert_no_text_is_kept(&place);
}

#[test]
fn what_cannot_be_read_is_said_without_its_text() {
    let place = place();
    let (model, _) = model(&place);
    let rows = [
        format!("food,food-fan,soon {CANARY},{CANARY}"),
        format!("food,{},1700000000,{CANARY}", "w".repeat(70)),
        "food,food-fan,1700000000,".to_owned(),
        format!("food,food-fan,1700000000,{CANARY}"),
        "food,food-fan,1700000000,?!".to_owned(),
        format!("food,{CANARY}"),
    ];
    place.write("messages.csv", &format!("channel,who,ts,body\n{}\n", rows.join("\n")));
    let embed = format!("{EMBED} {}", model.display());
    let ran = place
        .run(&embed)
        .code(3)
        .says("1 messages became vectors")
        .says("1 had no letter or digit")
        .says("3 could not be read");
    assert!(!ran.out.contains(CANARY) && !ran.err.contains(CANARY), "{ran:?}");
    let rejects = place.read("messages.csv.rejects.csv");
    assert!(
        rejects.contains("messages.csv,2,") && rejects.contains("time: ") && rejects.contains("user: "),
        "{rejects}"
    );
    assert_no_text_is_kept(&place);
    let place = Place::new();
    place.write("messages.csv", "channel,who,ts,body\n");
    let wrong = format!(
        "embed text --input messages.csv --map time=ts --map text=body --embedding topics --tenant acme \
                         --data data --model {}",
        model.display()
    );
    place.run(&wrong).code(2).says("--map user=COLUMN");
    place.run(&format!("{wrong} --half-life 0s")).code(2).says("--half-life 0");
    place
        .run("embed text --input messages.csv --embedding x --tenant acme --data data --model nowhere")
        .code(1)
        .says("config.json");
}

#[test]
fn an_export_of_slack_is_read_and_forgotten() {
    let place = Place::new();
    place.write("recommend.toml", CONFIG);
    let (model, _) = model(&place);
    place.write("export/users.json", "[]");
    place.write("export/channels.json", r#"[{"id":"C00000001","name":"general"}]"#);
    place.write("export/dms.json", r#"[{"id":"D00000001","members":["U00000001","U00000002"]}]"#);
    let message = |user: &str, second: u32| {
        format!(
            r#"{{"type":"message","user":"{user}","text":"lunch {CANARY} <@U00000002>","ts":"17004700{second:02}.000100"}}"#
        )
    };
    place.write(
        "export/general/2023-11-20.json",
        &format!("[{},{}]", message("U00000001", 1), message("U00000002", 2)),
    );
    place.write("export/D00000001/2023-11-20.json", &format!("[{}]", message("U00000001", 3)));
    let model = model.display();
    for (of, entities) in [("channel", 1), ("user", 2)] {
        place
            .run(&format!(
                "embed text --slack export --of {of} --embedding of-{of} --tenant acme --config recommend.toml --model {model}"
            ))
            .code(0)
            .says(&format!("2 messages became vectors of 2 users and {entities} entities"))
            .says("1 were between people and not read");
    }
    std::fs::remove_dir_all(place.path().join("export")).unwrap();
    assert!(!folder_holds(place.path(), CANARY.as_bytes()));
}
