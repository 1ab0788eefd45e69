//! `recommend import` as people run it: counts, rejects, reruns, and where it writes.

mod common;

use common::{Place, files, folder_holds};

const EVENTS: &str = "\
who,what,did,at
ada,general,channel_join,2024-01-01T10:00:00Z
ada,general,message,2024-01-01T10:05:00Z
ada,general,message,2024-01-01T10:05:00Z
bob,general,channel_join,2024-01-01T11:00:00Z
bob,general,channel_leave,2024-01-02T11:00:00Z
";

const INTERACTIONS: &str = "import interactions events.csv --tenant acme --corpus channel --map user=who \
    --map entity=what --map kind=did --map time=at \
    --relation-add member=channel_join --relation-remove member=channel_leave";

#[test]
fn an_import_counts_what_it_wrote_and_a_second_one_writes_nothing() {
    let place = Place::new();
    place.write("events.csv", EVENTS);
    let command = format!("{INTERACTIONS} --data data");
    place
        .run(&command)
        .code(0)
        .says("channel message 2 2024-01-01 10:05:00 2024-01-01 10:05:00")
        .says("interactions: 5 new, 0 already there")
        .says("relations: 2 put");
    let logged = files(&place.path().join("data/log"), "parquet");
    assert!(!logged.is_empty(), "what is imported is in the event log too");
    place.run(&command).code(0).says("interactions: 0 new, 5 already there");
    assert_eq!(files(&place.path().join("data/log"), "parquet"), logged);
}

#[test]
fn formats_and_destinations_are_one_and_the_same_import() {
    let place = Place::new();
    place.write("events.csv", EVENTS);
    place.run(&format!("{INTERACTIONS} --data data")).code(0).says("5 new");
    let lines: String = EVENTS
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!(
                "{{\"who\":\"{}\",\"what\":\"{}\",\"did\":\"{}\",\"at\":\"{}\"}}\n",
                cells[0], cells[1], cells[2], cells[3]
            )
        })
        .collect();
    place.write("events.jsonl", &lines);
    let jsonl = INTERACTIONS.replace("events.csv", "events.jsonl");
    place.run(&format!("{jsonl} --data data")).code(0).says("0 new, 5 already there");

    place.write("recommend.toml", CONFIG);
    let server = place.serve("serve --config recommend.toml");
    let to = format!("{INTERACTIONS} --to {}", server.grpc);
    place.run(&to).code(0).says("0 new, 5 already there");
    place.run(&to.replace("--tenant acme", "--tenant other")).code(0).says("5 new, 0 already there");
    // The server has the folder, so nobody else writes into it, and the message says how to go on.
    place.run(&format!("{INTERACTIONS} --data data")).code(1).says("in use").says("--to");
    assert_eq!(server.stop(), 0);
}

const CONFIG: &str = "\
[[recommender]]
corpus = \"channel\"
source = \"browser\"
fetchers = [ { kind = \"popular\" } ]
model = { kind = \"linear\", weights = { \"popular.score\" = 1.0 } }
";

#[test]
fn bad_rows_are_rejected_with_line_and_reason_and_the_rest_is_written() {
    let place = Place::new();
    let broken = format!(
        "{EVENTS}eve,general,message,someday\n,general,message,2024-01-01\nx,y\nzoe,ops,message,2024-01-03\n"
    );
    place.write("events.csv", &broken);
    let ran = place.run(&format!("{INTERACTIONS} --data data")).code(3);
    ran.says("interactions: 6 new").says("rejected: 3, see events.csv.rejects.csv");
    let rejects = place.read("events.csv.rejects.csv");
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines[0], "file,line,reason,ids");
    assert!(
        lines[1].starts_with("events.csv,7,") && lines[1].ends_with("user=eve entity=general"),
        "{rejects}"
    );
    assert!(lines[2].contains("user: is missing"), "{rejects}");
    assert!(lines[3].contains("has 2 cells where the header has 4"), "{rejects}");
    place
        .run(&format!("{INTERACTIONS} --data data --rejects other.csv"))
        .code(3)
        .says("0 new, 6 already there");
    assert_eq!(place.read("other.csv"), rejects);
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    place.write("events.csv", EVENTS);
    place
        .run(&format!("{INTERACTIONS} --data data --dry-run"))
        .code(0)
        .says("a dry run")
        .says("channel message 2");
    assert!(!place.path().join("data").exists());
}

#[test]
fn what_does_not_fit_is_a_usage_error_that_says_what_would() {
    let place = Place::new();
    place.write("events.csv", EVENTS);
    let run = |arguments: &str| {
        place.run(&format!("import interactions events.csv --tenant acme --data data {arguments}"))
    };
    run("--map user=who --map entity=what --map kind=did --map time=at").code(2).says("add --corpus NAME");
    run("--corpus channel --map user=who").code(2).says("add --map entity=COLUMN");
    run("--corpus channel --map usr=who").code(2).says("did you mean \"user\"?");
    run("--corpus channel --map user=whoo --map entity=what --map kind=did --map time=at")
        .code(1)
        .says("did you mean \"who\"?");
    run("--corpus channel --timezone Mars").code(2).says("Europe/Berlin");
    place.run("import interactions none.csv --tenant acme --data data --corpus c").code(1).says("none.csv");
    place.run("import interactions events.csv --tenant acme").code(2).says("--data");
}

#[test]
fn entities_and_relations_come_from_files_too() {
    let place = Place::new();
    place.write("channels.csv", "\"\",id,made,size\n1,general,2020-01-01,12\n2,ops,NA,3\n");
    place
        .run("import entities channels.csv --tenant acme --data data --corpus channel --attr created:time=made --all-attributes")
        .code(0)
        .says("entities: 2 put");
    place.write("members.csv", "user,entity,since\nada,general,2021-01-01\n");
    place
        .run("import relations members.csv --tenant acme --data data --corpus channel --kind member")
        .code(0)
        .says("relations: 1 put");
}

#[test]
fn a_slack_export_leaves_no_text_in_the_data_folder() {
    const CANARY: &str = "canary-7f3a";
    let place = Place::new();
    place.write(
        "export/users.json",
        &format!("[{{\"id\":\"U00000001\",\"name\":\"{CANARY}\"}},{{\"id\":\"U00000002\"}}]"),
    );
    place.write(
        "export/channels.json",
        &format!(
            "[{{\"id\":\"C00000001\",\"name\":\"general\",\"created\":1700000000,\"topic\":{{\"value\":\"{CANARY}\"}},\
             \"members\":[\"U00000001\"]}}]"
        ),
    );
    place.write(
        "export/general/2023-11-20.json",
        &format!(
            "[{{\"type\":\"message\",\"user\":\"U00000001\",\"text\":\"{CANARY} <@U00000002>\",\"ts\":\"1700470000.000100\"}},\
             {{\"type\":\"message\",\"user\":\"U00000001\",\"text\":[\"{CANARY}\"],\"ts\":\"1700470001.000100\"}}]"
        ),
    );
    let command = "import slack export --tenant acme --data data";
    place
        .run(command)
        .code(3)
        .says("channel message 1")
        .says("user mention 1")
        .says("interactions: 2 new")
        .says("entities: 3 put")
        .says("relations: 1 put");
    place.run(command).code(3).says("0 new, 2 already there");
    assert!(!folder_holds(&place.path().join("data"), CANARY.as_bytes()));
    assert!(!folder_holds(&place.path().join("data"), &CANARY.as_bytes()[..10]));
    assert!(!place.read("export.rejects.csv").contains(CANARY));
}
