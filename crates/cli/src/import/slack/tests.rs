//! An export with everything in it, read from a folder and from a zip; Slack's published payloads.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;
use crate::records::Batch;

const CANARY: &str = "canary-7f3a";

const FILES: &[(&str, &str)] = &[
    (
        "users.json",
        r#"[
  {"id":"U00000001","name":"canary-7f3a","deleted":false,"is_admin":true,"tz_offset":3600,
   "profile":{"email":"canary-7f3a@example.com"}},
  {"id":"U00000002","deleted":true,"is_bot":false},
  {"id":"U00000003","is_bot":true},
  {"id":42},
  {"name":"no id"}
]"#,
    ),
    (
        "channels.json",
        r#"[{"id":"C00000001","name":"general","created":1700000000,"creator":"U00000001","is_general":true,
            "is_archived":false,"members":["U00000001","U00000002"],"topic":{"value":"canary-7f3a"}},
           {"id":"C00000002","name":"random","created":1700000000,"creator":"U00000002","is_archived":true,"members":[]}]"#,
    ),
    ("groups.json", r#"[{"id":"G00000001","name":"secret","created":1700000000,"members":["U00000001"]}]"#),
    ("dms.json", r#"[{"id":"D00000001","members":["U00000001","U00000002"]}]"#),
    (
        "general/2023-11-20.json",
        r#"[
  {"type":"message","user":"U00000001","text":"canary-7f3a <@U00000002> hello","ts":"1700470000.000100",
   "reactions":[{"name":"canary-7f3a","users":["U00000002","U00000003"],"count":2}]},
  {"type":"message","user":"U00000002","text":"yes","ts":"1700470001.000100","thread_ts":"1700470000.000100",
   "parent_user_id":"U00000001"},
  {"type":"message","subtype":"channel_join","user":"U00000002","ts":"1700400000.000200","text":"has joined"},
  {"type":"message","subtype":"bot_message","bot_id":"B00000001","text":"canary-7f3a","ts":"1700470002.000100"},
  {"type":"message","subtype":"channel_topic","user":"U00000001","text":"canary-7f3a","ts":"1700470003.000100"},
  {"type":"message","user":"U00000001","text":"no time"},
  {"type":"message","user":{"canary-7f3a":1},"ts":"1700470004.000100"}
]"#,
    ),
    (
        "random/2023-11-20.json",
        r#"[{"type":"message","subtype":"channel_join","user":"U00000001","ts":"1700400000.000100"},
           {"type":"message","subtype":"channel_join","user":"U00000002","ts":"1700400001.000100"},
           {"type":"message","subtype":"channel_leave","user":"U00000002","ts":"1700400002.000100"}]"#,
    ),
    ("random/2023-11-21.json", r#"[{"canary-7f3a": tru"#),
    (
        "D00000001/2023-11-20.json",
        r#"[{"type":"message","user":"U00000001","text":"psst","ts":"1700470009.000100"}]"#,
    ),
    ("elsewhere/2023-11-20.json", "[]"),
];

fn write_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in FILES {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn import(path: &Path) -> (Batch, Vec<(String, u64, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let rejected = folder.path().join("rejects.csv");
    let (mut output, mut receiver) = Output::for_test();
    let mut rejects = Rejects::new(rejected.clone());
    read(Export::open(path).unwrap(), &mut output, &mut rejects).unwrap();
    output.flush().unwrap();
    rejects.flush().unwrap();
    let mut all = Batch::default();
    while let Ok(batch) = receiver.try_recv() {
        all.entities.extend(batch.entities);
        all.relations.extend(batch.relations);
        all.interactions.extend(batch.interactions);
    }
    let text = std::fs::read_to_string(&rejected).unwrap_or_default();
    let rows = csv::Reader::from_reader(text.as_bytes())
        .records()
        .map(|row| row.unwrap())
        .map(|row| (row[0].to_owned(), row[1].parse().unwrap(), row[2].to_owned()))
        .collect();
    (all, rows)
}

fn happened(batch: &Batch) -> Vec<String> {
    let mut rows: Vec<String> = batch
        .interactions
        .iter()
        .map(|row| format!("{} {} {}/{} {}", row.user, row.kind, row.corpus, row.entity, row.value))
        .collect();
    rows.sort();
    rows
}

#[test]
fn an_export_becomes_entities_memberships_and_interactions() {
    let (batch, _) = import(write_folder().path());
    let entities: Vec<String> = batch
        .entities
        .iter()
        .map(|row| {
            let flags: Vec<&str> = row
                .attributes
                .iter()
                .filter(|(_, value)| *value == Attribute::Flag(true))
                .map(|(name, _)| name.as_str())
                .collect();
            format!("{}/{} {}", row.corpus, row.id, flags.join(","))
        })
        .collect();
    assert_eq!(
        entities,
        [
            "user/U00000001 admin",
            "user/U00000002 deactivated",
            "user/U00000003 bot",
            "channel/C00000001 general",
            "channel/C00000002 archived",
            "channel/G00000001 private",
        ]
    );
    assert_eq!(
        happened(&batch),
        [
            "U00000001 channel_join channel/C00000002 1",
            "U00000001 dm user/U00000002 4",
            "U00000001 mention user/U00000002 1",
            "U00000001 message channel/C00000001 30",
            "U00000002 channel_join channel/C00000001 1",
            "U00000002 channel_join channel/C00000002 1",
            "U00000002 channel_leave channel/C00000002 1",
            "U00000002 reaction channel/C00000001 1",
            "U00000002 reaction user/U00000001 1",
            "U00000002 reply channel/C00000001 3",
            "U00000002 reply user/U00000001 1",
            "U00000003 reaction channel/C00000001 1",
            "U00000003 reaction user/U00000001 1",
        ]
    );
    let ties: Vec<String> = batch
        .relations
        .iter()
        .map(|row| format!("{} {} {} {}", row.user, row.entity, row.since.millis() / 1000, row.remove))
        .collect();
    assert_eq!(
        ties,
        [
            "U00000001 C00000001 1700000000 false",
            "U00000002 C00000001 1700400000 false",
            "U00000001 G00000001 1700000000 false",
            "U00000001 C00000002 1700400000 false",
            "U00000002 C00000002 1700400002 true",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_rejected_by_file_and_line_without_its_content() {
    let (batch, rejects) = import(write_folder().path());
    let places: Vec<(&str, u64)> = rejects.iter().map(|(file, line, _)| (file.as_str(), *line)).collect();
    assert_eq!(
        places,
        [
            ("users.json", 6),
            ("users.json", 7),
            ("elsewhere", 0),
            ("general/2023-11-20.json", 9),
            ("general/2023-11-20.json", 10),
            ("random/2023-11-21.json", 1),
        ]
    );
    let shown = format!("{batch:?} {rejects:?}");
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn a_zip_gives_the_same_as_its_folder_and_so_does_a_second_import() {
    let folder = write_folder();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
    for (name, content) in FILES {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let once = import(folder.path());
    assert_eq!(once, import(file.path()));
    assert_eq!(once, import(folder.path()));
    let mut ids: Vec<&str> = once.0.interactions.iter().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), once.0.interactions.len(), "each has an id of its own");
}

#[test]
fn events_and_an_export_of_the_same_messages_have_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let lines = [
        r#"{"type":"event_callback","event":{"type":"message","channel":"C00000001","user":"U00000001","text":"canary-7f3a <@U00000002> hello","ts":"1700470000.000100"}}"#,
        r#"{"event":{"type":"member_joined_channel","user":"U00000002","channel":"C00000001","event_ts":"1700400000.000900"}}"#,
        r#"{"type":"reaction_added","user":"U00000002","reaction":"canary-7f3a","item":{"channel":"C00000001","ts":"1700470000.000100"},"item_user":"U00000001","event_ts":"1700470005.000100"}"#,
        r#"{"event":{"type":"app_home_opened","user":"U00000002","channel":"D00000001"}}"#,
        "canary-7f3a",
    ];
    std::fs::write(&path, lines.join("\n")).unwrap();
    let (events, rejects) = import(&path);
    assert_eq!(rejects.iter().map(|(_, line, _)| *line).collect::<Vec<_>>(), [5]);
    assert!(!format!("{events:?}{rejects:?}").contains(CANARY));
    let (export, _) = import(write_folder().path());
    let known: Vec<&str> = export.interactions.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(events.interactions.len(), 5);
    for row in &events.interactions {
        assert!(known.contains(&row.id.as_str()), "{row:?}");
    }
    assert_eq!(events.relations.len(), 1);
}

/// Slack's published samples, beside the repository; `None` on a clone without them.
fn samples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/slack-api-samples");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there", folder.display());
    None
}

#[test]
fn the_answers_of_the_web_api_are_understood() {
    let Some(folder) = samples() else { return };
    fn items<T: DeserializeOwned>(path: PathBuf) -> Vec<T> {
        let text = std::fs::read(&path).unwrap();
        let items: Items<'_> = serde_json::from_slice(&text).unwrap();
        items.0.iter().map(|item| serde_json::from_str(item.get()).unwrap()).collect()
    }
    let api = folder.join("api");
    assert_eq!(items::<User>(api.join("users.list.json"))[0].id, "U00000000");
    assert_eq!(
        items::<Conversation>(api.join("conversations.list.json"))[0].creator.as_deref(),
        Some("U00000000")
    );
    for file in ["conversations.history.json", "conversations.replies.json"] {
        let messages = items::<Message>(api.join(file));
        assert!(messages.iter().any(|m| m.ts.as_deref() == Some("0000000000.000000")), "{file}");
    }
}

#[test]
fn every_payload_of_the_events_api_is_understood() {
    let Some(folder) = samples() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("events")).unwrap() {
        let path = entry.unwrap().path();
        let event = events::parse(&std::fs::read(&path).unwrap());
        let event = event.unwrap_or_else(|| panic!("{} was not understood", path.display()));
        assert!(!event.kind.is_empty(), "{}", path.display());
        count += 1;
    }
    assert!(count > 50, "{count}");
}
