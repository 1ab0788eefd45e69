//! Runs again, late interactions, several days, little memory, and mistakes.

use std::fs;
use std::path::Path;

use recommend_core::{Interaction, Name, TenantId, Timestamp};
use recommend_training::Dataset;
use recommend_training::join::{JoinOptions, JoinSpec, join};

use crate::logs::{MIDNIGHT, interaction, request, write};
use crate::{run, spec};

const HOUR: i64 = 3_600_000;

fn labels(output: &Path) -> Vec<f32> {
    Dataset::read(output).unwrap().labels().to_vec()
}

#[tokio::test]
async fn a_run_again_does_nothing_until_the_log_has_something_new() {
    let folder = tempfile::tempdir().unwrap();
    let (log, output) = (folder.path().join("log"), folder.path().join("dataset"));
    write(
        &log,
        vec![(vec![request(1, 0, 2), request(2, 26 * HOUR, 2)], vec![interaction(1, 1, 10, 0, "click")])],
    )
    .await;
    let first = run(&log, &output, &spec(), &JoinOptions::default()).await;
    assert_eq!((first.days.len(), first.up_to_date), (2, 0));
    let file = output.join("date=2026-03-01/rows.parquet");
    let bytes = fs::read(&file).unwrap();

    let again = run(&log, &output, &spec(), &JoinOptions::default()).await;
    assert_eq!((again.days.len(), again.up_to_date), (0, 2));
    let forced = JoinOptions { force: true, ..JoinOptions::default() };
    assert_eq!(run(&log, &output, &spec(), &forced).await.days.len(), 2);
    assert_eq!(fs::read(&file).unwrap(), bytes, "the same log gives the same file");

    // It comes a day later, as a phone that was offline sends it, and answers the first day.
    write(&log, vec![(Vec::new(), vec![interaction(2, 1, HOUR, 1, "message")])]).await;
    let late = run(&log, &output, &spec(), &JoinOptions::default()).await;
    assert_eq!(late.days.iter().map(|day| &*day.date).collect::<Vec<_>>(), ["2026-03-01"]);
    assert_eq!(labels(&output), [1.0, 3.0, 0.0, 0.0]);
}

#[tokio::test]
async fn an_interaction_after_midnight_answers_the_day_before() {
    let folder = tempfile::tempdir().unwrap();
    let (log, output) = (folder.path().join("log"), folder.path().join("dataset"));
    let late = 23 * HOUR + 59 * 60_000;
    let done =
        vec![interaction(1, 1, late + HOUR, 0, "click"), interaction(2, 1, late + 3 * HOUR, 1, "click")];
    write(&log, vec![(vec![request(1, late, 2)], done)]).await;
    let outcome = run(&log, &output, &spec(), &JoinOptions::default()).await.total();
    assert_eq!(labels(&output), [1.0, 0.0], "the second came after the window");
    assert_eq!((outcome.answers, outcome.positives, outcome.requests), (1, 1, 1));
}

#[tokio::test]
async fn an_interaction_of_another_tenant_or_corpus_answers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (log, output) = (folder.path().join("log"), folder.path().join("dataset"));
    let other = Interaction { tenant: TenantId(99), ..interaction(1, 1, 5, 0, "click") };
    let corpus = Interaction { corpus: Name::literal("topic"), ..interaction(2, 1, 5, 1, "click") };
    let kind = interaction(3, 1, 5, 1, "open");
    write(&log, vec![(vec![request(1, 0, 2)], vec![other, corpus, kind])]).await;
    run(&log, &output, &spec(), &JoinOptions::default()).await;
    assert_eq!(labels(&output), [0.0, 0.0]);
}

#[tokio::test]
async fn what_was_never_seen_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (log, output) = (folder.path().join("log"), folder.path().join("dataset"));
    let done = vec![interaction(1, 1, 5, 1, "click"), interaction(2, 2, 5, 0, "dismiss")];
    write(&log, vec![(vec![request(1, 0, 4), request(2, 0, 3)], done)]).await;
    let spec = JoinSpec { above_last_positive: true, ..spec() };
    run(&log, &output, &spec, &JoinOptions::default()).await;
    assert_eq!(labels(&output), [0.0, 1.0, -1.0, 0.0, 0.0], "a request without a click stays whole");
}

#[tokio::test]
async fn with_little_memory_it_sorts_on_disk_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let requests: Vec<_> = (0..3000).map(|n| request(n, n as i64 * 100, 3)).collect();
    let done =
        (0..9000).map(|n| interaction(n, n / 3, n as i64 / 3 * 100 + 5, (n % 3) as u64, "click")).collect();
    write(&log, vec![(requests, done)]).await;
    let outcome = |memory, name| {
        let (log, output) = (log.clone(), folder.path().join(name));
        async move {
            let options = JoinOptions { memory, ..JoinOptions::default() };
            let outcome = run(&log, &output, &spec(), &options).await.total();
            let dataset = Dataset::read(&output).unwrap();
            let mut requests: Vec<_> = dataset.groups().iter().map(|group| group.request).collect();
            requests.sort();
            (outcome, requests, dataset.labels().to_vec())
        }
    };
    let (much, of_much, labels) = outcome(256 << 20, "much").await;
    let (little, of_little, same) = outcome(1 << 20, "little").await;
    assert_eq!((much.spilled, little.spilled), (0, 1));
    assert_eq!((of_much, labels), (of_little, same));
    assert_eq!((much.rows, much.answers), (little.rows, little.answers));
}

#[tokio::test]
async fn mistakes_are_named_with_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let (log, output) = (folder.path().join("log"), folder.path().join("dataset"));
    write(&log, vec![(vec![request(1, 0, 2)], Vec::new())]).await;
    let error = |spec: JoinSpec, dates: &[&str]| {
        let options =
            JoinOptions { dates: dates.iter().map(ToString::to_string).collect(), ..JoinOptions::default() };
        let (log, output) = (log.clone(), output.clone());
        async move { join(&log, &output, &spec, &options, &|_| ()).await.unwrap_err().to_string() }
    };
    let unknown = error(JoinSpec { source: Name::literal("bowser"), ..spec() }, &[]).await;
    assert!(unknown.contains("channel/bowser") || unknown.contains("it has channel/browser"), "{unknown}");
    fs::remove_dir_all(&output).unwrap();
    let day = error(spec(), &["2026-04-01"]).await;
    assert!(day.contains("it has 2026-03-01 to 2026-03-01"), "{day}");
    assert!(error(spec(), &["yesterday"]).await.contains("write it as 2026-01-31"));
    run(&log, &output, &spec(), &JoinOptions::default()).await;
    let other = error(JoinSpec { above_last_positive: true, ..spec() }, &[]).await;
    assert!(other.contains("another join") && other.contains("choose another --output"), "{other}");
    let file =
        fs::read_dir(log.join("impressions/corpus=channel/source=browser/date=2026-03-01")).unwrap().next();
    fs::write(file.unwrap().unwrap().path(), b"PAR1").unwrap();
    assert!(error(spec(), &[]).await.contains("the log's file"), "a damaged file is named");
}

#[tokio::test]
async fn a_failed_run_leaves_the_day_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (log, output) = (folder.path().join("log"), folder.path().join("dataset"));
    write(&log, vec![(vec![request(1, 0, 2)], Vec::new())]).await;
    run(&log, &output, &spec(), &JoinOptions::default()).await;
    let file = output.join("date=2026-03-01/rows.parquet");
    let before = fs::read(&file).unwrap();
    write(&log, vec![(vec![request(2, 0, 2)], vec![interaction(1, 1, 5, 0, "click")])]).await;
    let day = log.join("interactions/corpus=channel/date=2026-03-01");
    let answers = fs::read_dir(&day).unwrap().next().unwrap().unwrap().path();
    // Its footer is whole, so that the join begins; its pages are not.
    let mut bytes = fs::read(&answers).unwrap();
    let end = bytes.len() / 3;
    bytes[4..end].fill(0xff);
    fs::write(&answers, bytes).unwrap();
    assert!(join(&log, &output, &spec(), &JoinOptions::default(), &|_| ()).await.is_err());
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "and nothing half-written");
    assert_eq!(Timestamp(MIDNIGHT), Dataset::read(&output).unwrap().groups()[0].time);
}
