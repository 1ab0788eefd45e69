//! What the store promises: workspaces apart, pages once, nothing readable on disk, and forgetting.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::digest::{Digest, Message, Sensitivity};

fn keys() -> Keyring {
    Keyring::new(&[7; 32]).unwrap()
}

fn open() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), keys()).unwrap();
    (directory, store)
}

fn workspace(store: &Store, id: &str) -> WorkspaceStore {
    store.workspace(&WorkspaceId::new(id).unwrap()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn request(channel: &str) -> Request {
    Request {
        channel: channel.into(),
        from: at(0),
        to: at(1000),
        sensitivity: Sensitivity::Normal,
        compare: false,
        threads: false,
        post_to: channel.into(),
        user: "U1".into(),
        scheduled: false,
    }
}

fn job(rows: &WorkspaceStore, channel: &str) -> Job {
    rows.create_job(request(channel), at(0), at(1000), 100, None).unwrap().unwrap()
}

fn installation(id: &str) -> Installation {
    Installation {
        workspace: WorkspaceId::new(id).unwrap(),
        name: "Acme".into(),
        url: None,
        bot_user: None,
        app: "A1".into(),
        token: Secret::new("xoxb-very-secret"),
        scopes: String::new(),
        at: at(0),
    }
}

#[test]
fn neither_tokens_nor_messages_are_readable_in_the_file() {
    let (directory, store) = open();
    let rows = workspace(&store, "T1");
    rows.install(&installation("T1")).unwrap();
    let mut job = job(&rows, "C1");
    job.pages = 1;
    rows.add_page(&job, &[Message::new("1.0", "the launch code is swordfish")]).unwrap();
    drop((rows, store));
    let bytes = std::fs::read(directory.path().join(FILE)).unwrap();
    for secret in ["xoxb-very-secret", "swordfish"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn one_workspace_sees_nothing_of_another_even_by_the_same_names() {
    let (_directory, store) = open();
    let (ours, theirs) = (workspace(&store, "T1"), workspace(&store, "T10"));
    ours.install(&installation("T1")).unwrap();
    let mut job = job(&ours, "C1");
    job.pages = 1;
    ours.add_page(&job, &[Message::new("1.0", "ours")]).unwrap();
    ours.mute(&Mute { channel: "C1".into(), key: "k".into(), user: "U1".into(), until: at(10) }).unwrap();
    assert_eq!(theirs.installation().unwrap(), None);
    assert_eq!(theirs.job(&job.id).unwrap(), None);
    assert_eq!(theirs.messages(&job.id).unwrap(), []);
    assert_eq!(theirs.mutes("C1", at(0)).unwrap(), []);
    theirs.uninstall(None).unwrap();
    assert_eq!(ours.messages(&job.id).unwrap().len(), 1);
    ours.uninstall(None).unwrap();
    assert_eq!(ours.job(&job.id).unwrap(), None);
    assert_eq!(store.workspaces().unwrap(), []);
}

#[test]
fn a_row_that_is_moved_to_another_workspace_does_not_open() {
    let (_directory, store) = open();
    workspace(&store, "T1").install(&installation("T1")).unwrap();
    let write = store.database.begin_write().unwrap();
    {
        let mut table = write.open_table(tables::INSTALLATIONS).unwrap();
        let row = table.get(("T1", "")).unwrap().unwrap().value().to_vec();
        table.insert(("T2", ""), row.as_slice()).unwrap();
    }
    write.commit().unwrap();
    assert!(matches!(workspace(&store, "T2").installation(), Err(StoreError::Sealed { .. })));
}

#[test]
fn a_damaged_row_of_one_workspace_does_not_stop_the_others() {
    let (_directory, store) = open();
    let (broken, sound) = (job(&workspace(&store, "T1"), "C1"), job(&workspace(&store, "T2"), "C1"));
    let write = store.database.begin_write().unwrap();
    write
        .open_table(tables::JOBS)
        .unwrap()
        .insert(("T1", broken.id.as_str()), [1_u8; 40].as_slice())
        .unwrap();
    write.commit().unwrap();
    assert_eq!(store.unfinished().unwrap(), [sound]);
}

#[test]
fn a_delivery_that_comes_again_makes_no_second_job() {
    let (_directory, store) = open();
    let rows = workspace(&store, "T1");
    let create = |now: i64| rows.create_job(request("C1"), at(now), at(9000), 100, Some("view:V1")).unwrap();
    assert!(create(0).is_some());
    assert!(create(5).is_none());
    assert!(!workspace(&store, "T2").seen("view:V1", at(5)).unwrap(), "another workspace's ids are its own");
    assert!(create(8000).is_some(), "an hour later it is another delivery");
}

#[test]
fn a_workspace_has_a_bounded_number_of_jobs_waiting() {
    let (_directory, store) = open();
    let rows = workspace(&store, "T1");
    let create = |rows: &WorkspaceStore| rows.create_job(request("C1"), at(0), at(9000), 2, None);
    let mut first = create(&rows).unwrap().unwrap();
    create(&rows).unwrap();
    assert!(matches!(create(&rows), Err(StoreError::Full(2))));
    assert!(create(&workspace(&store, "T2")).is_ok());
    first.stage = Stage::Done;
    rows.finish_job(&first, None).unwrap();
    assert!(create(&rows).is_ok());
}

#[test]
fn what_expires_is_forgotten_and_the_rest_stays() {
    let (_directory, store) = open();
    let rows = workspace(&store, "T1");
    let mut old = job(&rows, "C1");
    old.pages = 1;
    rows.add_page(&old, &[Message::new("1.0", "text")]).unwrap();
    let young = rows.create_job(request("C1"), at(0), at(5000), 100, Some("once")).unwrap().unwrap();
    rows.mute(&Mute { channel: "C1".into(), key: "k".into(), user: "U1".into(), until: at(900) }).unwrap();
    let swept = store.sweep(at(1000)).unwrap();
    assert_eq!(swept, Swept { jobs: 1, mutes: 1, seen: 0 });
    assert_eq!(rows.job(&old.id).unwrap(), None);
    assert_eq!(rows.messages(&old.id).unwrap(), []);
    assert!(rows.job(&young.id).unwrap().is_some());
    assert_eq!(store.sweep(at(4000)).unwrap().seen, 1);
}

#[test]
fn a_message_that_is_deleted_or_edited_in_slack_is_so_in_jobs_and_reports() {
    let (_directory, store) = open();
    let rows = workspace(&store, "T1");
    let mut job = job(&rows, "C1");
    job.pages = 1;
    let texts: Vec<Message> = (0..4).map(|n| Message::new(format!("{n}.0"), "disk full on web")).collect();
    rows.add_page(&job, &texts).unwrap();
    let amend = |channel: &str, ts: &str, text: Option<&str>, id: &str| {
        rows.amend(channel, ts, text, Some((id, at(0)))).unwrap()
    };
    assert_eq!(amend("C2", "1.0", None, "e1"), Some(0), "another channel's");
    assert_eq!(amend("C1", "1.0", None, "e2"), Some(1));
    assert_eq!(amend("C1", "2.0", Some("edited"), "e3"), Some(1));
    assert_eq!(amend("C1", "2.0", Some("an earlier edit, delivered again"), "e3"), None);
    let kept = rows.messages(&job.id).unwrap();
    assert_eq!(
        kept.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(),
        ["disk full on web", "edited", "disk full on web"]
    );

    let digest = crate::digest::digest(&texts, &crate::digest::Options::default(), None).unwrap();
    job.stage = Stage::Done;
    rows.finish_job(&job, Some(&Report::of("C1", digest, at(0)))).unwrap();
    assert_eq!(rows.messages(&job.id).unwrap(), [], "a job that is done keeps no messages");
    for n in 0..4 {
        rows.amend("C1", &format!("{n}.0"), None, None).unwrap();
    }
    let report = rows.report(&job.id).unwrap().unwrap();
    let examples = report.digest.clusters.iter().flat_map(|c| std::iter::once(&c.medoid).chain(&c.examples));
    for example in examples {
        assert_eq!(example.text, "(deleted in Slack)");
    }
}

#[test]
fn what_is_due_comes_in_order_across_workspaces() {
    let (_directory, store) = open();
    let schedule = |channel: &str, next: i64| Schedule {
        channel: channel.into(),
        post_to: channel.into(),
        user: "U1".into(),
        minute: 0,
        zone: "UTC".into(),
        sensitivity: Sensitivity::Normal,
        threads: false,
        next: at(next),
    };
    workspace(&store, "T1").put_schedule(&schedule("C1", 30)).unwrap();
    workspace(&store, "T2").put_schedule(&schedule("C2", 10)).unwrap();
    workspace(&store, "T1").put_schedule(&schedule("C3", 99)).unwrap();
    let due: Vec<String> = store.due(at(50)).unwrap().into_iter().map(|(_, due)| due.channel).collect();
    assert_eq!(due, ["C2", "C1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn pages_come_back_whole_and_in_order_after_a_restart(
        pages in proptest::collection::vec(proptest::collection::vec("[a-zé ]{0,12}", 0..5), 0..14),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut expected = Vec::new();
        let id = {
            let store = Store::open(directory.path(), keys()).unwrap();
            let rows = workspace(&store, "T1");
            let mut job = job(&rows, "C1");
            job.stage = Stage::Downloading;
            for page in &pages {
                let page: Vec<Message> = page.iter().map(|text| Message::new("1.0", text.clone())).collect();
                job.pages += 1;
                job.messages += page.len();
                rows.add_page(&job, &page).unwrap();
                expected.extend(page);
            }
            job.id
        };
        let store = Store::open(directory.path(), keys()).unwrap();
        let unfinished = store.unfinished().unwrap();
        prop_assert_eq!(unfinished.len(), 1);
        prop_assert_eq!(unfinished[0].messages, expected.len());
        prop_assert_eq!(workspace(&store, "T1").messages(&id).unwrap(), expected);
    }
}

#[test]
fn a_report_comes_back_as_it_was() {
    let (_directory, store) = open();
    let rows = workspace(&store, "T1");
    let mut job = job(&rows, "C1");
    job.stage = Stage::Done;
    let report = Report::of("alerts", Digest::default(), at(5));
    rows.finish_job(&job, Some(&report)).unwrap();
    assert_eq!(rows.report(&job.id).unwrap(), Some(report));
}
