//! One process hands the store to the next, and nobody notices.

use std::time::Duration;

use http::StatusCode;

use crate::app::{App, TOKEN, alerts, now};
use crate::fake::{Fake, Fault};

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_is_ready_in_standby_and_answers_what_came_meanwhile() {
    let fake = Fake::start().await;
    fake.workspace(TOKEN, "T1");
    fake.channel(TOKEN, "C1", alerts(now(), 100));
    let directory = tempfile::tempdir().unwrap();
    let old =
        App::start(directory.path(), &fake, |settings| settings.limits.drain = Duration::from_millis(300))
            .await;
    old.install(TOKEN).await;
    fake.with(|slack| slack.always.insert("conversations.history".into(), Fault::Hang));
    let link = old.command("T1", "24h").await.link();
    fake.until("reading begins", |slack| !slack.called("conversations.history").is_empty()).await;

    let new =
        App::start(directory.path(), &fake, |settings| settings.limits.call = Duration::from_millis(300))
            .await;
    assert_eq!(new.get("/readyz").await.status, StatusCode::OK, "a process in standby is ready");
    assert_eq!(new.metric("alert_digest_phase").await, 0.0);
    let address = old.address();
    let asked = tokio::spawn({
        let fake = fake.clone();
        let to = new.address();
        async move {
            let body = crate::app::command(&fake, "T1", "schedules");
            let headers = alert_digest::slack::signature::sign(
                &alert_digest::store::Secret::new(crate::app::SIGNING),
                jiff::Timestamp::now().as_second(),
                &body,
            );
            crate::app::send(to, http::Method::POST, "/slack/commands", headers, body).await
        }
    });
    let stopping = tokio::spawn(old.server.stop());
    assert!(
        asked.await.unwrap().body.contains("No daily digests"),
        "the new process answers as soon as it can"
    );
    // The old one still answers, and says what to do.
    let body = crate::app::command(&fake, "T1", "schedules");
    let headers = alert_digest::slack::signature::sign(
        &alert_digest::store::Secret::new(crate::app::SIGNING),
        jiff::Timestamp::now().as_second(),
        &body,
    );
    let answer = crate::app::send(address, http::Method::POST, "/slack/commands", headers, body).await;
    assert!(answer.body.contains("being restarted"), "{}", answer.body);
    let ready =
        crate::app::send(address, http::Method::GET, "/readyz", http::HeaderMap::new(), String::new()).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    stopping.await.unwrap().unwrap();
    fake.with(|slack| slack.always.clear());
    new.finished(&link).await;
    assert_eq!(new.export(&link).await["digest"]["messages"], 100, "the job goes on in the new process");
}

#[tokio::test]
async fn a_store_sealed_with_another_key_ends_the_server_with_a_reason() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().unwrap();
    let first = App::start(directory.path(), &fake, |_| {}).await;
    while first.metric("alert_digest_phase").await != 1.0 {}
    first.server.stop().await.unwrap();
    let second = App::start(directory.path(), &fake, |settings| {
        settings.keys = alert_digest::store::Keyring::new(&[1; 32]).unwrap();
    })
    .await;
    let error = second.server.wait().await.unwrap_err().to_string();
    assert!(error.contains("encryption key differs"), "{error}");
}
