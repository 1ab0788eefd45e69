//! What goes wrong with Slack, and that no message is lost or counted twice for it.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::app::{App, TOKEN, alerts, installed, now, sizes};
use crate::fake::{Channel, Fake, Fault};

#[tokio::test]
async fn limits_failures_timeouts_and_garbage_lose_no_message_and_double_none() {
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    fake.channel(TOKEN, "C1", alerts(now(), 300));
    let directory = tempfile::tempdir().unwrap();
    let app =
        App::start(directory.path(), &fake, |settings| settings.limits.call = Duration::from_millis(300))
            .await;
    app.install(TOKEN).await;
    fake.with(|slack| {
        slack.fault(
            "conversations.history",
            [
                Fault::RateLimit(1),
                Fault::Status(500),
                Fault::Malformed,
                Fault::Page,
                Fault::Hang,
                Fault::Error("internal_error"),
                Fault::Status(503),
            ],
        );
        slack.fault("chat.postMessage", [Fault::RateLimit(0), Fault::Status(502)]);
        slack.fault("chat.update", [Fault::Hang, Fault::RateLimit(0)]);
    });
    let report = app.digest("T1").await;
    assert_eq!(report["digest"]["messages"], 300);
    assert_eq!(sizes(&report), [("certificate", 100), ("disk", 100), ("latency", 100)].into());
    fake.until("the result is posted", |slack| slack.called("chat.update").len() == 3).await;
    assert!(app.metric("alert_digest_rate_limited_seconds_total").await >= 1.0);
    let malformed = "alert_digest_slack_calls_total{method=\"conversations.history\",outcome=\"malformed\"}";
    assert_eq!(app.metric(malformed).await, 2.0);
}

#[tokio::test]
async fn a_slack_that_stays_down_ends_the_job_with_a_reason() {
    let (_directory, app) = installed().await;
    app.fake.with(|slack| slack.always.insert("conversations.history".into(), Fault::Status(503)));
    let link = app.command("T1", "24h").await.link();
    let page = app.finished(&link).await;
    assert!(page.contains("There is no digest.") && page.contains("Ask again later"), "{page}");
    assert_eq!(app.fake.with(|slack| slack.called("conversations.history").len()), 8);
    app.fake.until("the failure is posted", |slack| !slack.called("chat.update").is_empty()).await;
}

#[tokio::test]
async fn a_token_revoked_in_mid_job_ends_it_and_is_forgotten() {
    let (_directory, app) = installed().await;
    app.fake.with(|slack| slack.fault("conversations.history", [Fault::RateLimit(1)]));
    let link = app.command("T1", "24h").await.link();
    app.fake.until("reading begins", |slack| !slack.called("conversations.history").is_empty()).await;
    app.fake.with(|slack| slack.revoked.insert(TOKEN.into()));
    let page = app.finished(&link).await;
    assert!(page.contains("Install it again"), "{page}");
    assert!(app.command("T1", "24h").await.body.contains("not installed"));
    assert!(app.fake.with(|slack| slack.called("chat.update").is_empty()), "a dead token is not used again");
    app.fake.with(|slack| slack.revoked.clear());
    app.install(TOKEN).await;
    app.digest("T1").await;
}

#[tokio::test]
async fn a_job_survives_a_restart_and_reads_no_page_twice() {
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    fake.channel(TOKEN, "C1", alerts(now(), 100));
    let directory = tempfile::tempdir().unwrap();
    let app = App::start(directory.path(), &fake, |_| {}).await;
    app.install(TOKEN).await;
    // The third page of five does not come.
    fake.with(|slack| slack.fault("conversations.history", [Fault::Status(500), Fault::Status(500)]));
    let link = app.command("T1", "24h").await.link();
    fake.until("two pages are read", |slack| {
        slack.called("conversations.history").iter().any(|call| call.parameters["cursor"] == "next:40")
    })
    .await;
    fake.with(|slack| slack.always.insert("conversations.history".into(), Fault::Hang));
    app.server.stop().await.unwrap();
    fake.with(|slack| {
        slack.always.clear();
        slack.calls.clear();
    });

    let app = App::start(directory.path(), &fake, |_| {}).await;
    app.finished(&link).await;
    let report = app.export(&link).await;
    assert_eq!(report["digest"]["messages"], 100);
    assert_eq!(sizes(&report).values().sum::<u64>(), 100);
    let cursors = fake.with(|slack| {
        let calls = slack.called("conversations.history").into_iter();
        calls.map(|call| call.parameters["cursor"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    });
    assert!(!cursors.contains(&String::new()), "it does not begin again: {cursors:?}");
    assert!(
        fake.with(|slack| slack.called("chat.postMessage").is_empty()),
        "nor does it announce itself again"
    );
}

#[tokio::test]
async fn a_workspace_that_can_not_draw_charts_gets_the_line_of_characters() {
    let (_directory, app) = installed().await;
    app.fake.with(|slack| slack.is_old = true);
    app.digest("T1").await;
    app.fake.until("the result is posted", |slack| slack.called("chat.update").len() == 2).await;
    let blocks = app.fake.with(|slack| slack.called("chat.update")[1].parameters["blocks"].to_string());
    assert!(blocks.contains("all messages") && !blocks.contains("data_visualization"), "{blocks}");
}

#[tokio::test]
async fn answers_do_not_wait_for_slack_and_the_queue_behind_them_is_bounded() {
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    fake.channel(TOKEN, "C1", Channel { is_member: true, ..Channel::default() });
    let directory = tempfile::tempdir().unwrap();
    let app = App::start(directory.path(), &fake, |settings| {
        settings.limits.queue = 40;
        settings.limits.call = Duration::from_secs(60);
    })
    .await;
    app.install(TOKEN).await;
    fake.with(|slack| slack.always.insert("views.open".into(), Fault::Hang));
    let commands = (0..300).map(|_| app.command("T1", ""));
    let answers = futures::future::join_all(commands).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let busy = answers.iter().filter(|answer| answer.body.contains("a lot to do")).count();
    // 32 calls are under way, one is held by the dispatcher and 40 wait; none of the 300 answers waited for them.
    assert!((300 - 32 - 1 - 40..=300 - 40).contains(&busy), "{busy}");
    assert_eq!(app.metric("alert_digest_tasks_lost_total{reason=\"full\"}").await, busy as f64);
}

#[tokio::test]
async fn a_channel_larger_than_the_limit_is_read_from_the_newest_and_says_so() {
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    fake.channel(TOKEN, "C1", alerts(now(), 200));
    let directory = tempfile::tempdir().unwrap();
    let app = App::start(directory.path(), &fake, |settings| settings.limits.messages = 100).await;
    app.install(TOKEN).await;
    let report = app.digest("T1").await;
    assert_eq!(report["digest"]["messages"], 100);
    assert_eq!(report["notes"], json!(["Only the newest 100 messages were read."]));
}

/// The number of messages; `make digest-load` runs it with 200,000 in a release build.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_channel_is_read_to_its_end_while_commands_are_answered() {
    let count: usize = std::env::var("ALERT_DIGEST_LOAD").map_or(20_000, |count| count.parse().unwrap());
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    let mut channel = alerts(now(), count);
    for (back, said) in channel.messages.iter_mut().enumerate() {
        // All within the last day, however many.
        said.micros = now() - 1_000_000 - back as i64 * (80_000_000_000 / count as i64);
    }
    fake.channel(TOKEN, "C1", channel);
    let directory = tempfile::tempdir().unwrap();
    let app = App::start(directory.path(), &fake, |settings| settings.limits.page = 999).await;
    app.install(TOKEN).await;
    let link = app.command("T1", "24h").await.link();
    let mut slowest = Duration::ZERO;
    let mut answered = 0;
    let finished = app.finished(&link);
    tokio::pin!(finished);
    loop {
        let asked = tokio::time::Instant::now();
        tokio::select! {
            _ = &mut finished => break,
            answer = app.command("T1", "schedules") => assert_eq!(answer.status, StatusCode::OK),
        }
        slowest = slowest.max(asked.elapsed());
        answered += 1;
        // One person after the other: the digest needs the processor too.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{count} messages; meanwhile {answered} commands were answered, the slowest in {slowest:?}");
    let report = app.export(&link).await;
    assert_eq!(report["digest"]["messages"], count);
    assert_eq!(app.metric("alert_digest_messages_total").await, count as f64);
    assert_eq!(fake.with(|slack| slack.called("conversations.history").len()), count.div_ceil(999));
}
