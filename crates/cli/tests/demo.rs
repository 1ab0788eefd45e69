//! The demo, run as people run it, on a workspace small enough for a test.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

fn demo(data: &Path, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recommend"))
        .args(["demo", "--people", "300", "--channels", "120", "--days", "40"])
        .args(["--until", "2026-05-29T15:00:00Z", "--data"])
        .arg(data)
        .args(flags)
        .output()
        .unwrap()
}

#[test]
fn the_demo_shows_every_recommender_and_passes_its_own_checks() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = demo(&data, &["--no-learning", "--rounds", "20"]);
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
    for source in [
        "channel-browser",
        "slackbot-leave",
        "slackbot-archive",
        "composer-dms",
        "people-browser",
        "creator-invite",
        "invite-reminder",
    ] {
        assert!(told.contains(&format!("/ {source}")), "{source} is missing in\n{told}");
    }
    assert!(told.contains("all checks passed"), "{told}");
    assert!(!told.contains('\x1b'), "no colours without a terminal");
    assert!(data.join("log").is_dir() && data.join("store").exists());
    // The folder is the demo's own by now, and may be used again.
    assert!(demo(&data, &["--quick", "--rounds", "5"]).status.success());
}

/// Without the trainers the loop is what judges: an A/A test on a real server, and the ceiling.
#[test]
fn people_of_other_workspaces_judge_and_the_table_says_what_they_clicked() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let output = demo(
        &folder.path().join("data"),
        &["--only-learning", "--teachers", "1", "--judges", "1", "--visits", "1", "--lessons", "1"]
            .into_iter()
            .chain(["--report", report.to_str().unwrap()])
            .collect::<Vec<_>>(),
    );
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    for source in ["channel-browser", "composer-dms", "slackbot-leave"] {
        let of = |kind: &str| {
            let found = rows.iter().find(|row| row["source"] == source && row["kind"] == kind);
            found.unwrap_or_else(|| panic!("no {kind} of {source} in {rows:?}"))
        };
        let (same, best) = (of("aa"), of("ceiling"));
        assert_eq!(
            (&same["control"], &same["treatment"]),
            (&"hand-tuned".into(), &"hand-tuned-again".into())
        );
        // One in twenty intervals of one look leaves zero out; the sequential test holds for all looks together.
        assert!(same["low"].as_f64() < same["high"].as_f64(), "{same}");
        assert!(same["always_p_value"].as_f64() > Some(0.05), "{same}");
        assert!(
            best["lift"].as_f64() > Some(0.0) && best["users"].as_u64() >= same["users"].as_u64(),
            "{best}"
        );
        assert!(told.contains(source), "{source} is missing in\n{told}");
    }
}

#[test]
fn the_demo_leaves_other_peoples_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "x").unwrap();
    let output = demo(folder.path(), &["--no-learning"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("choose another --data"));
    assert!(folder.path().join("precious").exists());
}
