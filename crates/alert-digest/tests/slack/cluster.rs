//! `alert-digest cluster`, the real binary: what it makes of a file as JSON and as a page, by DBSCAN and by HDBSCAN.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::chrome::Chrome;
use crate::html::{self, Element};

const HOSTILE: &str =
    "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1> \"quoted\" & 'so' <!-- ]]>";
const WORDS: [&str; 24] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "knoll",
    "larch", "maple", "north", "ocean", "pearl", "quartz", "river", "stone", "tulip", "umber", "vista",
    "willow", "yarrow",
];

fn run(arguments: &[&str], file: &Path) -> Output {
    let mut cluster = Command::new(env!("CARGO_BIN_EXE_alert-digest"));
    cluster.arg("cluster").args(arguments).arg(file).env_remove("RUST_LOG").output().unwrap()
}

fn stdout(arguments: &[&str], file: &Path) -> String {
    let output = run(arguments, file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn labels(arguments: &[&str], file: &Path) -> Vec<i64> {
    let json: Value = serde_json::from_str(&stdout(arguments, file)).unwrap();
    let labels: Vec<i64> = json["labels"].as_array().unwrap().iter().map(|l| l.as_i64().unwrap()).collect();
    // Clusters and labels say the same.
    for cluster in json["clusters"].as_array().unwrap() {
        let size = labels.iter().filter(|label| **label == cluster["id"]).count();
        assert_eq!(cluster["size"], size, "{cluster}");
    }
    labels
}

/// Messages that differ in one number, messages of which only half the words are the same, and some like no other: each
/// with its kind.
fn dense_and_sparse() -> Vec<(&'static str, String)> {
    let mut messages = Vec::new();
    for at in 0..24 {
        messages.push(("dense", format!("disk sda1 is almost full on storage host number {}", 100 + at)));
        let (a, b) = (WORDS[at], WORDS[(at * 7 + 3) % WORDS.len()]);
        messages.push(("sparse", format!("payment worker stalled waiting ledger {a}ine {b}ous{at}")));
    }
    for text in ["lunch anyone", "rebooting my laptop", "who broke staging yesterday"] {
        messages.push(("none", text.to_owned()));
    }
    messages
}

#[test]
fn hdbscan_finds_clusters_of_a_density_that_dbscan_takes_for_noise() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("messages.log");
    let messages = dense_and_sparse();
    std::fs::write(&file, messages.iter().map(|(_, text)| format!("{text}\n")).collect::<String>()).unwrap();
    let of = |labels: &[i64], kind: &str| -> BTreeSet<i64> {
        let pairs = messages.iter().zip(labels);
        pairs.filter(|((of, _), _)| *of == kind).map(|(_, label)| *label).collect()
    };
    let output = ["--output", "json", "--no-mask", "--min-samples", "5"];
    let dbscan = labels(&[&output[..], &["--eps", "0.5"]].concat(), &file);
    assert_eq!((of(&dbscan, "dense"), of(&dbscan, "sparse")), ([0].into(), [-1].into()));
    let hdbscan = labels(&[&output[..], &["--algorithm", "hdbscan"]].concat(), &file);
    // Numbered in the order of their first messages.
    assert_eq!((of(&hdbscan, "dense"), of(&hdbscan, "sparse")), ([0].into(), [1].into()));
    assert_eq!(of(&hdbscan, "none"), [-1].into());

    let table = stdout(&["--no-mask", "--min-samples", "5", "--algorithm", "hdbscan"], &file);
    assert!(table.contains("51 messages, 2 clusters, 3 messages in none"), "{table}");
}

#[test]
fn a_radius_for_hdbscan_is_refused_with_the_fix() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("messages.log");
    std::fs::write(&file, "disk full\n").unwrap();
    for eps in ["0.3", "auto"] {
        let output = run(&["--algorithm", "hdbscan", "--eps", eps], &file);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(said.contains("HDBSCAN has no radius") && said.contains("--min-samples"), "{said}");
    }
}

/// A day of two kinds of alerts, one of which attacks whoever reads it, and a message like no other.
fn alerts() -> String {
    let line = |minute: usize, text: String| {
        let time = 1_700_000_000 + 60 * minute;
        format!("{}\n", json!({ "text": text, "time": time, "channel": format!("C{}", minute % 2) }))
    };
    let disk = (0..30).map(|at| line(at, format!("disk sda{at} is full on web-{at} {HOSTILE}")));
    let certificate =
        (0..20).map(|at| line(40 + at, format!("certificate of shop-{at}.example.com expires in {at} days")));
    let other = line(300, "lunch <anyone>?".to_owned());
    disk.chain(certificate).chain([other]).collect()
}

fn has<'a>(page: &'a [Element], attribute: &'a str, value: &'a str) -> impl Iterator<Item = &'a Element> {
    page.iter().filter(move |e| e.attributes.get(attribute).is_some_and(|v| v.split(' ').any(|v| v == value)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_valid_stands_alone_and_shows_every_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("prod <alerts> & \"more\".jsonl");
    std::fs::write(&file, alerts()).unwrap();
    let text = stdout(&["--output", "html"], &file);
    let page = html::elements(&text);
    let named = |name: &'static str| page.iter().filter(move |element| element.name == name);

    // What it is called and what is in it.
    assert_eq!(named("title").next().unwrap().text, "Digest of prod <alerts> & \"more\".jsonl");
    assert_eq!(named("h1").count(), 1);
    let cards: Vec<&Element> = named("article").collect();
    let sizes: BTreeSet<&str> = cards.iter().map(|card| card.attributes["data-size"].as_str()).collect();
    assert_eq!((cards.len(), sizes), (2, ["20", "30"].into()));
    let templates: Vec<&str> = has(&page, "class", "template").map(|e| e.text.as_str()).collect();
    assert!(templates.iter().any(|template| template.starts_with("certificate of ")), "{templates:?}");
    let quoted: Vec<&str> = named("pre").map(|example| example.text.as_str()).collect();
    assert!(quoted.contains(&"lunch <anyone>?"), "{quoted:?}");
    assert!(
        quoted.iter().any(|text| text.contains(HOSTILE)),
        "a message is shown as it was written: {quoted:?}"
    );
    assert_eq!(has(&page, "class", "plot").count(), 1, "the messages have times");

    // Nothing comes from elsewhere, and the policy names by hash what is here.
    for element in &page {
        assert!(!["img", "link", "iframe", "object", "embed", "base"].contains(&element.name.as_str()));
        for (name, value) in &element.attributes {
            let is_harmless = match name.as_str() {
                "href" => value.starts_with("data:"),
                "src" | "srcset" | "style" | "action" | "formaction" => false,
                name => !name.starts_with("on"),
            };
            assert!(is_harmless, "<{} {name}={value:.60}>", element.name);
        }
    }
    let policy = &has(&page, "http-equiv", "Content-Security-Policy").next().unwrap().attributes["content"];
    assert!(policy.contains("default-src 'none'"), "{policy}");
    for (directive, name) in [("style-src", "style"), ("script-src", "script")] {
        let all: Vec<&Element> = named(name).collect();
        assert_eq!(all.len(), 1, "<{name}>");
        let hash = BASE64_STANDARD.encode(digest(&SHA256, all[0].text.as_bytes()));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{policy}");
    }

    // The exports are in the page.
    let export = |name: &str| has(&page, "download", name).next().unwrap().attributes["href"].clone();
    let report: Value =
        serde_json::from_str(&html::data(&export("digest.json"), "application/json")).unwrap();
    assert_eq!(report["digest"]["clusters"].as_array().unwrap().len(), 2);
    let csv = html::data(&export("digest.csv"), "text/csv");
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(csv.as_bytes()).records().collect::<Result<_, _>>().unwrap();
    let mut by_size: Vec<u64> = rows.iter().map(|row| row[2].parse().unwrap()).collect();
    by_size.sort_unstable();
    assert_eq!(by_size, [20, 30]);

    // A browser agrees: from disk, with the scripts running and nothing refused.
    let Some(mut chrome) = Chrome::start().await else { return };
    let saved = directory.path().join("report.html");
    std::fs::write(&saved, &text).unwrap();
    chrome.open(&format!("file://{}", saved.display())).await;
    let count = |name: &str| format!("document.getElementsByTagName('{name}').length");
    for name in ["article", "li", "svg", "rect", "details", "pre", "p", "script", "img"] {
        assert_eq!(chrome.look(&count(name)).await, named_count(&page, name), "<{name}>");
    }
    assert_eq!(chrome.look("document.querySelector('.tools').hidden").await, false, "the script has run");
    assert_eq!(chrome.look("typeof window.pwned").await, "undefined");
    assert_eq!(chrome.complaints, Vec::<String>::new());
}

fn named_count(page: &[Element], name: &str) -> usize {
    page.iter().filter(|element| element.name == name).count()
}

#[test]
fn the_page_of_nothing_and_of_messages_without_times_is_valid_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.log");
    for (lines, said) in
        [("", "No messages in this time."), ("disk full\nhello\n", "No two messages are alike.")]
    {
        std::fs::write(&file, lines).unwrap();
        let page = html::elements(&stdout(&["--output", "html"], &file));
        assert!(page.iter().any(|element| element.text == said), "{said}");
        assert_eq!(has(&page, "class", "plot").count(), 0);
    }
    std::fs::write(&file, "disk 1 full\ndisk 2 full\n").unwrap();
    let page = html::elements(&stdout(&["--output", "html", "--algorithm", "hdbscan"], &file));
    assert_eq!(named_count(&page, "article") + has(&page, "class", "empty").count(), 1);
}
