//! The pages in a real browser: they fill themselves, search, fit a phone, follow the dark, and let no message in.
//!
//! `make digest-browser` runs this with the pictures for the documentation.

use std::path::Path;

use serde_json::json;

use crate::app::{App, TOKEN, installed, now};
use crate::chrome::Chrome;
use crate::fake::{Channel, Fault, Said};

/// A day of a channel in trouble: what always is, what began at noon, what came in one burst, and what nobody repeats.
fn day() -> Channel {
    const MINUTE: i64 = 60_000_000;
    let mut messages = Vec::new();
    let mut say = |minutes_ago: f64, bot: &str, text: String| {
        let micros = now() - (minutes_ago * MINUTE as f64) as i64 - messages.len() as i64;
        let more = json!({ "subtype": "bot_message", "bot_id": "B1", "bot_profile": { "name": bot, "app_id": "A2" } });
        messages.push(Said { micros, text, more });
    };
    for n in 0..620 {
        let node = 1 + n % 14;
        let text = format!(
            "[FIRING:1] KubePodCrashLooping payments/checkout-7f9c{n:04x}-x{node} has restarted {} times in the last 10 minutes",
            3 + n % 9
        );
        say(f64::from(n) * 0.55, "Alertmanager", text);
    }
    for n in 0..410 {
        let text = format!(
            "[RESOLVED] NodeFilesystemSpaceFillingUp /dev/nvme{}n1 on ip-10-0-{}-{}: only {}.{}% is left",
            n % 3,
            n % 8,
            n % 250,
            n % 12,
            n % 10
        );
        say(f64::from(n) * 3.4, "Alertmanager", text);
    }
    for n in 0..240 {
        let text = format!(
            "Triggered: p99 latency of service:checkout is {} ms, above the threshold of 2000 ms <https://app.datadoghq.eu/monitors/{}|Monitor>",
            2000 + n * 7 % 5100,
            8_812_000 + n
        );
        say(430.0 + f64::from(n) * 0.2, "Datadog", text);
    }
    for n in 0..96 {
        let text = format!(
            "Backup of database orders-{} finished with 0 errors, {} tables in {} s",
            n % 6,
            180 + n % 4,
            310 + n
        );
        say(f64::from(n) * 15.0, "backupd", text);
    }
    for n in 0..58 {
        let text = format!(
            "Certificate for shop-{}.example.com expires in {} days, renewal failed: rate limited by the authority",
            n % 9,
            13 - n % 7
        );
        say(90.0 + f64::from(n) * 20.0, "cert-manager", text);
    }
    for n in 0..33 {
        let text = format!(
            "Deploy #{} of web to eu-central-1 failed at step migrate: lock timeout after {} s",
            4410 + n,
            30 + n % 5
        );
        say(20.0 + f64::from(n) * 1.5, "GitHub", text);
    }
    for (n, text) in [
        "Anyone else seeing slow logins since lunch?",
        "I am rolling checkout back to yesterday's image",
        "The vendor's status page is green, as always",
        "Reminder: the on-call handover is at five",
        "<!here> war room is open, link in the topic",
    ]
    .into_iter()
    .enumerate()
    {
        say(35.0 * (n as f64 + 1.0), "ada", text.to_owned());
    }
    // The day before was quieter: no crash loops, no failed deploys.
    for n in 0..200 {
        let text = format!(
            "[RESOLVED] NodeFilesystemSpaceFillingUp /dev/nvme{}n1 on ip-10-0-{}-{}: only {}.{}% is left",
            n % 3,
            n % 8,
            n % 250,
            n % 12,
            n % 10
        );
        say(1500.0 + f64::from(n) * 6.0, "Alertmanager", text);
    }
    for n in 0..96 {
        let text = format!(
            "Backup of database orders-{} finished with 0 errors, {} tables in {} s",
            n % 6,
            180 + n % 4,
            310 + n
        );
        say(1450.0 + f64::from(n) * 14.0, "backupd", text);
    }
    for n in 0..25 {
        let text = format!(
            "Queue invoices has {} jobs waiting, the oldest for {} s: no consumer is connected",
            900 + n * 31,
            1200 + n
        );
        say(1800.0 + f64::from(n) * 9.0, "Alertmanager", text);
    }
    messages.sort_by_key(|said| std::cmp::Reverse(said.micros));
    Channel { name: "prod-alerts".into(), is_member: true, messages, ..Channel::default() }
}

/// The link as the browser reaches it: the public address of the tests leads nowhere.
fn reachable(app: &App, link: &str) -> String {
    let url: url::Url = link.parse().unwrap();
    format!("http://{}{}", app.address(), &url[url::Position::BeforePath..])
}

async fn keep(chrome: &mut Chrome, name: &str, whole: bool) {
    if let Ok(directory) = std::env::var("ALERT_DIGEST_SCREENSHOTS") {
        std::fs::create_dir_all(&directory).unwrap();
        let picture = chrome.picture(whole).await;
        std::fs::write(Path::new(&directory).join(name), picture).unwrap();
    }
}

const OVERFLOW: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

#[tokio::test(flavor = "multi_thread")]
async fn a_report_fills_itself_and_is_searched_on_a_phone_and_a_desktop() {
    let Some(mut chrome) = Chrome::start().await else { return };
    let (_directory, app) = installed().await;
    app.fake.channel(TOKEN, "C1", day());
    app.fake.with(|slack| slack.always.insert("conversations.history".into(), Fault::RateLimit(1)));
    let answer = app.submit("T1", "V1", json!({})).await;
    let link = reachable(&app, &answer.link());

    chrome.screen(390, 844, false).await;
    chrome.open(&link).await;
    chrome.until("document.querySelector('#stage').textContent === 'Reading messages'").await;
    app.fake.with(|slack| slack.always.clear());
    chrome.until("document.querySelector('#clusters') && document.readyState === 'complete'").await;

    assert_eq!(chrome.look(OVERFLOW).await, 0, "a phone scrolls in one direction");
    let shown =
        "[...document.querySelectorAll('#clusters > article')].filter((card) => card.offsetParent).length";
    let all = chrome.look(shown).await.as_u64().unwrap();
    assert!(all >= 6, "{all} clusters");
    keep(&mut chrome, "report-phone.png", false).await;
    chrome.screen(390, 844, true).await;
    keep(&mut chrome, "report-phone-dark.png", false).await;
    let background = "getComputedStyle(document.body).backgroundColor";
    let dark = chrome.look(background).await;

    chrome.screen(1280, 1000, false).await;
    assert_ne!(chrome.look(background).await, dark, "the page follows the system's scheme");
    assert_eq!(chrome.look(OVERFLOW).await, 0);
    keep(&mut chrome, "report.png", false).await;
    let type_in = |text: &str| {
        format!(
            "(() => {{ const s = document.querySelector('#search'); s.value = '{text}'; s.dispatchEvent(new Event('input')); }})()"
        )
    };
    chrome.look(&type_in("CERT-MANAGER rate")).await;
    assert_eq!(chrome.look(shown).await, 1);
    assert_eq!(
        chrome.look("document.querySelector('#found').textContent").await,
        format!("1 of {all} clusters")
    );
    chrome.look("document.querySelector('#clusters article:not([hidden]) details').open = true").await;
    keep(&mut chrome, "search.png", false).await;
    chrome.look(&type_in("no such words")).await;
    assert_eq!(chrome.look(shown).await, 0);
    chrome.look(&type_in("")).await;
    chrome.look("(() => { const o = document.querySelector('#order'); o.value = 'size'; o.dispatchEvent(new Event('change')); })()").await;
    let sizes =
        "[...document.querySelectorAll('#clusters > article')].map((card) => Number(card.dataset.size))";
    let sizes: Vec<u64> = serde_json::from_value(chrome.look(sizes).await).unwrap();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    let new = "(() => { const t = document.querySelector('#trend'); t.value = 'new'; t.dispatchEvent(new Event('change')); })()";
    chrome.look(new).await;
    let new = chrome.look(shown).await.as_u64().unwrap();
    assert!((1..all).contains(&new), "{new} of {all} are new");
    assert_eq!(chrome.look("document.querySelector('#zone').textContent").await, "Europe/Berlin");
    // The exports open by the page's own links.
    let csv = "fetch([...document.querySelectorAll('.exports a')][0].href).then((answer) => answer.text())";
    assert!(chrome.look(csv).await.as_str().unwrap().starts_with("rank,key,size"));
    // Browsers ask for a favicon by themselves.
    chrome.complaints.retain(|complaint| !complaint.contains("favicon"));
    assert_eq!(chrome.complaints, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_runs_anything_in_the_browser() {
    let Some(mut chrome) = Chrome::start().await else { return };
    let (directory, app) = installed().await;
    let attack = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1><svg onload=window.pwned=1> \
                  \"onmouseover=\"window.pwned=1 javascript:window.pwned=1 disk full";
    let more = json!({ "bot_id": "B1", "bot_profile": { "name": attack } });
    let messages =
        (0..9).map(|n| Said { micros: now() - n * 1_000_000, text: attack.into(), more: more.clone() });
    app.fake.channel(
        TOKEN,
        "C1",
        Channel { name: attack.into(), is_member: true, messages: messages.collect(), ..Channel::default() },
    );
    let link = app.command("T1", "24h").await.link();
    app.finished(&link).await;
    let served = reachable(&app, &link);
    // The same as a file, which has no headers to protect it.
    let report: alert_digest::store::Report = serde_json::from_value(app.export(&link).await).unwrap();
    let file = directory.path().join("report.html");
    std::fs::write(&file, alert_digest::report::file(&report)).unwrap();
    for url in [served, format!("file://{}", file.display())] {
        chrome.open(&url).await;
        assert_eq!(chrome.look("document.querySelectorAll('#clusters > article').length").await, 1, "{url}");
        assert_eq!(chrome.look("typeof window.pwned").await, "undefined", "{url}");
        assert_eq!(chrome.look("document.querySelectorAll('img, iframe, object, embed').length").await, 0);
        // Even a script that got in would not run.
        let inject = "(() => { const s = document.createElement('script'); s.textContent = 'window.pwned=2'; document.body.append(s); return typeof window.pwned })()";
        assert_eq!(chrome.look(inject).await, "undefined");
    }
}
