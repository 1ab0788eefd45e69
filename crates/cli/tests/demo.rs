//! The demo, run as people run it, on a workspace small enough for a test.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output};

fn demo(data: &Path, rounds: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recommend"))
        .args(["demo", "--people", "300", "--channels", "120", "--days", "40", "--rounds", rounds])
        .args(["--until", "2026-05-29T15:00:00Z", "--data"])
        .arg(data)
        .output()
        .unwrap()
}

#[test]
fn the_demo_shows_every_recommender_and_passes_its_own_checks() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = demo(&data, "20");
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
    assert!(demo(&data, "5").status.success());
}

#[test]
fn the_demo_leaves_other_peoples_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "x").unwrap();
    let output = demo(folder.path(), "20");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("choose another --data"));
    assert!(folder.path().join("precious").exists());
}
