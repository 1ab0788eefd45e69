//! What people do: install, ask, read, mute, schedule, leave.

use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, OTHER_TOKEN, TOKEN, alerts, installed, link, now, sizes, unique};
use crate::fake::{Fake, Said, ts};

#[tokio::test]
async fn a_command_opens_the_modal_and_the_modal_starts_a_digest_that_is_posted() {
    let (_directory, app) = installed().await;
    let acknowledged = app.command("T1", "").await;
    assert_eq!((acknowledged.status, acknowledged.body.as_str()), (StatusCode::OK, ""));
    app.fake.until("the modal opens", |slack| !slack.called("views.open").is_empty()).await;
    let view = app.fake.with(|slack| slack.called("views.open")[0].parameters["view"].clone());
    assert_eq!(view["callback_id"], "digest");
    assert_eq!(view["blocks"][0]["element"]["initial_conversation"], "C1");

    let answer = app.submit("T1", "V1", json!({})).await;
    assert_eq!(answer.json()["response_action"], "update");
    let page = app.finished(&answer.link()).await;
    assert!(page.contains("Digest of #alerts"), "{page}");
    app.fake.until("the result is posted", |slack| !slack.called("chat.update").is_empty()).await;
    let (first, last) = app.fake.with(|slack| {
        let first = slack.called("chat.postMessage")[0].parameters.clone();
        (first, slack.called("chat.update")[0].parameters.clone())
    });
    assert_eq!(link(&first.to_string()), answer.link(), "the message in progress leads to the same report");
    assert!(last["text"].as_str().unwrap().starts_with("60 messages in <#C1> are 3 clusters"), "{last}");
    let kinds: Vec<&str> =
        last["blocks"].as_array().unwrap().iter().map(|b| b["type"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"data_visualization") && kinds.contains(&"actions"), "{kinds:?}");
    let report = app.export(&answer.link()).await;
    assert_eq!(sizes(&report), [("certificate", 20), ("disk", 20), ("latency", 20)].into());
    let example = report["digest"]["clusters"][0]["medoid"]["permalink"].as_str().unwrap();
    assert!(example.starts_with("https://t1.slack.com/archives/C1/p"), "{example}");
}

#[tokio::test]
async fn the_global_shortcut_opens_the_modal_without_a_channel() {
    let (_directory, app) = installed().await;
    let answer = app
        .interact(json!({ "type": "shortcut", "callback_id": "digest", "trigger_id": unique(), "action_ts": "1.2", "token": "legacy",
            "team": { "id": "T1", "domain": "acme" }, "user": { "id": "U1", "username": "ada", "team_id": "T1" }, "is_enterprise_install": false }))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    app.fake.until("the modal opens", |slack| !slack.called("views.open").is_empty()).await;
}

#[tokio::test]
async fn a_range_after_the_command_starts_at_once_and_anything_else_helps() {
    let (_directory, app) = installed().await;
    let link = app.command("T1", "1h").await.link();
    assert!(app.finished(&link).await.contains("Digest of #alerts"));
    assert!(app.command("T1", "please").await.body.contains("/alert-digest 24h"));
}

#[tokio::test]
async fn a_report_says_that_it_is_in_progress_and_then_is_there_under_the_same_link() {
    let (_directory, app) = installed().await;
    app.fake.with(|slack| slack.always.insert("conversations.history".into(), crate::fake::Fault::Hang));
    let link = app.command("T1", "24h").await.link();
    app.fake.until("reading begins", |slack| !slack.called("conversations.history").is_empty()).await;
    let page = app.open(&link).await;
    assert!(page.body.contains("The report fills itself"), "{}", page.body);
    assert!(page.body.contains(&format!(
        "data-status=\"{}",
        link.split("/T1/").nth(1).unwrap().split('?').next().unwrap()
    )));
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    app.fake.with(|slack| slack.always.clear());
    assert!(app.finished(&link).await.contains("id=\"clusters\""));
}

#[tokio::test]
async fn bots_attachments_and_replies_are_read_and_deleted_messages_and_our_own_are_not() {
    let (_directory, app) = installed().await;
    let at = |back: i64| now() - back * 1_000_000;
    let said = |back: i64, text: &str, more: Value| Said { micros: at(back), text: text.into(), more };
    let parent = said(50, "Deploy of checkout failed on node 1", json!({}));
    let parent_ts = ts(parent.micros);
    let with_replies = Said {
        more: json!({ "thread_ts": parent_ts, "reply_count": 30, "latest_reply": ts(at(1)) }),
        ..parent.clone()
    };
    let mut messages: Vec<Said> = (0..4)
        .map(|n| said(10 + n, "", json!({ "subtype": "bot_message", "bot_id": "B1", "bot_profile": { "name": "Grafana", "app_id": "A2" },
            "attachments": [{ "fallback": "x", "title": format!("Queue {n} is stuck"), "text": "oldest job waits for 900 s" }] })))
        .collect();
    messages.push(said(20, "This message was deleted.", json!({ "subtype": "tombstone" })));
    messages.push(said(21, "our own digest", json!({ "app_id": "ADIGEST", "bot_id": "BBOT" })));
    messages.push(with_replies);
    let replies = std::iter::once(parent).chain((0..30).map(|n| {
        said(
            40 - n,
            &format!("Deploy of checkout failed on node {}", n + 2),
            json!({ "thread_ts": parent_ts }),
        )
    }));
    let mut channel = alerts(now(), 0);
    channel.messages = messages;
    channel.replies.insert(parent_ts.clone(), replies.collect());
    app.fake.channel(TOKEN, "C1", channel);

    let answer = app.submit("T1", "V1", json!({})).await;
    app.finished(&answer.link()).await;
    let report = app.export(&answer.link()).await;
    assert_eq!(report["digest"]["messages"], 35, "four alerts, a parent and its thirty replies: {report}");
    let clusters = report["digest"]["clusters"].as_array().unwrap();
    let of =
        |word: &str| clusters.iter().find(|c| c["medoid"]["text"].as_str().unwrap().contains(word)).unwrap();
    assert_eq!(of("Queue")["authors"][0]["name"], "Grafana");
    assert_eq!(of("Deploy")["size"], 31);
    assert!(!report.to_string().contains("our own digest"));
}

#[tokio::test]
async fn what_is_new_is_told_from_the_period_before() {
    let (_directory, app) = installed().await;
    let day = 86_400_000_000;
    let mut channel = alerts(now(), 30);
    let before = alerts(now() - day, 30).messages.into_iter().filter(|said| !said.text.starts_with("Disk"));
    channel.messages.extend(before);
    app.fake.channel(TOKEN, "C1", channel);
    let report = app.digest("T1").await;
    assert_eq!(report["digest"]["messages"], 30);
    for cluster in report["digest"]["clusters"].as_array().unwrap() {
        let is_disk = cluster["template"].as_str().unwrap().to_lowercase().contains("disk");
        assert_eq!(cluster["trend"] == "new", is_disk, "{cluster}");
    }
}

#[tokio::test]
async fn a_muted_cluster_is_gone_from_the_next_result_and_can_be_shown_again() {
    let (_directory, app) = installed().await;
    let report = app.digest("T1").await;
    let disk = |report: &Value| {
        let clusters = report["digest"]["clusters"].as_array().unwrap().clone();
        clusters
            .into_iter()
            .find(|c| c["template"].as_str().unwrap().to_lowercase().contains("disk"))
            .unwrap()
    };
    let key = disk(&report)["key"].as_str().unwrap().to_owned();
    let button = format!("C1/{key}");
    assert!(app.fake.with(|slack| slack.called("chat.update")[0].parameters.to_string().contains(&button)));
    app.click("T1", "mute", &button).await;
    app.fake.until("the click is answered", |slack| slack.called("response").len() == 1).await;
    let report = app.digest("T1").await;
    assert_eq!(report["muted"], json!([key]));
    app.fake.until("the result is posted", |slack| slack.called("chat.update").len() == 2).await;
    assert!(
        !app.fake
            .with(|slack| slack.called("chat.update")[1].parameters["blocks"].to_string().contains(&button))
    );
    app.click("T1", "unmute", &button).await;
    app.fake.until("the click is answered", |slack| slack.called("response").len() == 2).await;
    assert_eq!(app.digest("T1").await["muted"], json!([]));
}

#[tokio::test]
async fn a_schedule_posts_a_digest_every_day_until_it_ends() {
    let (_directory, app) = installed().await;
    let daily =
        json!({ "channel": "C1", "post_to": "C1", "sensitivity": "normal", "threads": false }).to_string();
    app.click("T1", "schedule", &daily).await;
    app.fake.until("the modal opens", |slack| !slack.called("views.open").is_empty()).await;
    let view = app.fake.with(|slack| slack.called("views.open")[0].parameters["view"].clone());
    assert_eq!(view["blocks"][1]["element"]["timezone"], "Europe/Berlin");

    let mut submission = crate::app::submission(
        "T1",
        "V9",
        json!({ "time": { "time": { "type": "timepicker", "selected_time": "07:45" } } }),
    );
    submission["view"]["callback_id"] = "schedule".into();
    submission["view"]["private_metadata"] = view["private_metadata"].clone();
    let answer = app.interact(submission).await;
    assert!(answer.body.contains("Every day at 07:45 (Europe/Berlin)"), "{}", answer.body);
    assert!(app.command("T1", "schedules").await.body.contains("daily at 07:45"));

    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let mut clock = jiff::Timestamp::now().to_zoned(berlin);
    for days in 1..=2_usize {
        let due = clock.with().hour(7).minute(45).second(0).subsec_nanosecond(0).build().unwrap();
        clock = if due > clock { due } else { due.tomorrow().unwrap() };
        let ahead = clock.timestamp().as_second() - jiff::Timestamp::now().as_second() + 60;
        app.fake.channel(TOKEN, "C1", alerts(clock.timestamp().as_microsecond(), 9));
        app.clock.store(ahead, Ordering::Relaxed);
        app.fake.until("the digest is posted", |slack| slack.called("chat.update").len() == days).await;
    }
    let text = app.fake.with(|slack| slack.called("chat.postMessage")[0].parameters["text"].clone());
    assert!(text.as_str().unwrap().contains("the daily schedule"), "{text}");
    app.click("T1", "unschedule", "C1").await;
    app.fake.until("the click is answered", |slack| slack.called("response").len() == 1).await;
    assert!(app.command("T1", "schedules").await.body.contains("No daily digests"));
}

#[tokio::test]
async fn a_workspace_that_removes_the_app_is_forgotten_and_may_come_back() {
    let (_directory, app) = installed().await;
    let link = app.command("T1", "24h").await.link();
    app.finished(&link).await;
    assert_eq!(app.event("T1", "Ev1", json!({ "type": "app_uninstalled" })).await.status, StatusCode::OK);
    assert_eq!(app.open(&link).await.status, StatusCode::NOT_FOUND);
    assert!(app.command("T1", "24h").await.body.contains("not installed"));
    assert_eq!(app.install(TOKEN).await.status, StatusCode::OK);
    // Slack delivers the old event once more: it must not remove the new installation.
    app.event("T1", "Ev1", json!({ "type": "app_uninstalled" })).await;
    app.digest("T1").await;
}

#[tokio::test]
async fn a_job_whose_workspace_removes_the_app_leaves_nothing_behind() {
    let (directory, app) = installed().await;
    app.fake.with(|slack| slack.fault("conversations.history", [crate::fake::Fault::RateLimit(1)]));
    let link = app.command("T1", "24h").await.link();
    app.fake.until("reading begins", |slack| !slack.called("conversations.history").is_empty()).await;
    app.event("T1", "Ev1", json!({ "type": "app_uninstalled" })).await;
    app.fake.until("reading goes on", |slack| slack.called("conversations.history").len() == 2).await;
    while app.metric("alert_digest_jobs_running").await > 0.0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(app.open(&link).await.status, StatusCode::NOT_FOUND);
    app.server.stop().await.unwrap();
    let keys = alert_digest::store::Keyring::new(&crate::app::KEY).unwrap();
    let store = alert_digest::store::Store::open(directory.path(), keys).unwrap();
    assert!(store.unfinished().unwrap().is_empty() && store.workspaces().unwrap().is_empty());
}

#[tokio::test]
async fn a_message_deleted_in_slack_disappears_from_the_report() {
    let (_directory, app) = installed().await;
    let link = app.command("T1", "24h").await.link();
    app.finished(&link).await;
    let report = app.export(&link).await;
    let example = report["digest"]["clusters"][0]["medoid"].clone();
    let (id, text) = (example["id"].as_str().unwrap(), example["text"].as_str().unwrap());
    let deleted = json!({ "type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": id, "ts": "9.9", "hidden": true });
    app.event("T1", "Ev2", deleted).await;
    let page = app.open(&link).await.body;
    assert!(!page.contains(text) && page.contains("(deleted in Slack)"));
}

#[tokio::test]
async fn two_workspaces_with_the_same_channel_never_meet() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().unwrap();
    let app = App::start(directory.path(), &fake, |_| {}).await;
    for (token, workspace, word) in [(TOKEN, "T1", "acme"), (OTHER_TOKEN, "T2", "globex")] {
        fake.workspace(token, workspace);
        let mut channel = alerts(now(), 30);
        channel.messages.iter_mut().for_each(|said| said.text = format!("{word} {}", said.text));
        fake.channel(token, "C1", channel);
        app.install(token).await;
    }
    let links = [app.command("T1", "24h").await.link(), app.command("T2", "24h").await.link()];
    for (link, ours, theirs) in [(&links[0], "acme", "globex"), (&links[1], "globex", "acme")] {
        app.finished(link).await;
        let report = app.export(link).await.to_string();
        assert!(report.contains(ours) && !report.contains(theirs));
    }
    // The one's signature opens nothing of the other's.
    let crossed = links[0].replace("/r/T1/", "/r/T2/");
    assert_eq!(app.open(&crossed).await.status, StatusCode::NOT_FOUND);
    app.click("T1", "mute", "C1/00ff").await;
    let muted = app.digest("T2").await["muted"].clone();
    assert_eq!(muted, json!([]));
    let tokens = fake.with(|slack| {
        slack
            .calls
            .iter()
            .filter(|c| c.method.starts_with("conversations"))
            .map(|c| c.token.clone())
            .collect::<Vec<_>>()
    });
    assert!(tokens.iter().all(|token| token == TOKEN || token == OTHER_TOKEN));
}

#[tokio::test]
async fn a_result_that_may_not_be_posted_in_the_channel_goes_to_the_person() {
    let (_directory, app) = installed().await;
    let elsewhere = json!({ "post_to": { "post_to": { "type": "conversations_select", "selected_conversation": "CPRIVATE" } } });
    let answer = app.submit("T1", "V1", elsewhere).await;
    app.finished(&answer.link()).await;
    app.fake.until("the result is posted", |slack| !slack.called("chat.update").is_empty()).await;
    assert_eq!(app.fake.with(|slack| slack.called("chat.update")[0].parameters["channel"].clone()), "D1");
}

#[tokio::test]
async fn a_public_channel_is_joined_and_a_private_one_says_what_to_do() {
    let (_directory, app) = installed().await;
    let mut channel = alerts(now(), 30);
    channel.is_member = false;
    app.fake.channel(TOKEN, "C1", channel);
    assert_eq!(app.digest("T1").await["digest"]["messages"], 30);
    assert!(app.fake.with(|slack| !slack.called("conversations.join").is_empty()));

    let private = json!({ "channel": { "channel": { "type": "conversations_select", "selected_conversation": "CPRIVATE" } } });
    let answer = app.submit("T1", "V2", private).await;
    assert!(app.finished(&answer.link()).await.contains("Invite it with"));
}
