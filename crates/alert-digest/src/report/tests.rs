//! What a page must hold, and what it must never let through.

use proptest::prelude::*;

use super::*;
use crate::digest::{Author, Digest, Message, Options, digest};
use crate::store::Report;

fn report(texts: &[String]) -> Report {
    let messages: Vec<Message> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| Message {
            time: jiff::Timestamp::from_second(1_700_000_000 + 60 * at as i64).ok(),
            author: Some(Author::Bot(text.clone())),
            permalink: Some(if at % 2 == 0 {
                format!("javascript:{text}")
            } else {
                format!("https://x.io/{at}")
            }),
            ..Message::new(at.to_string(), text.clone())
        })
        .collect();
    let digest = digest(&messages, &Options::default(), None).unwrap();
    Report::of("alerts", digest, jiff::Timestamp::UNIX_EPOCH)
}

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \" ' &";

#[test]
fn text_from_a_channel_is_text_on_the_page() {
    let mut report = report(&vec![format!("disk full {HOSTILE}"); 5]);
    report.title = HOSTILE.into();
    report.notes.push(HOSTILE.into());
    let html = file(&report);
    assert_eq!(html.matches("<script").count(), 1);
    assert_eq!(html.matches("<img").count(), 0);
    assert!(!html.contains("href=\"javascript:"));
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn a_page_loads_nothing_from_elsewhere() {
    let html = file(&report(&vec![String::from("disk full"); 5]));
    for attribute in ["src=", "@import", "url(", "<link", "<iframe", " style="] {
        assert!(!html.contains(attribute), "{attribute}");
    }
}

#[test]
fn an_empty_digest_says_so() {
    let html = file(&Report::of("alerts", Digest::default(), jiff::Timestamp::UNIX_EPOCH));
    assert!(html.contains("No messages in this time."));
}

#[test]
fn a_muted_cluster_is_shown_last() {
    let mut texts = vec![String::from("disk is full"); 5];
    texts.extend(vec![String::from("certificate expires soon"); 5]);
    let mut report = report(&texts);
    let key = report.digest.clusters[0].key.clone();
    report.muted.push(key.clone());
    let html = file(&report);
    let muted = html.find("that this channel has muted").unwrap();
    assert!(html.find(&format!("cluster-{key}")).unwrap() > muted);
    assert!(html.find(&format!("cluster-{}", report.digest.clusters[1].key)).unwrap() < muted);
}

#[test]
fn the_csv_has_a_row_per_cluster_and_no_formula() {
    let report = report(&vec![String::from("=HYPERLINK(\"http://x\",\"a\"), \"quoted\"\nline"); 5]);
    let csv = csv(&report);
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<::csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), report.digest.clusters.len());
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '@']), "{cell}");
    }
    assert!(rows[0][13].contains("\nline"));
}

#[test]
fn the_json_is_the_report() {
    let report = report(&vec![String::from("disk full"); 5]);
    assert_eq!(serde_json::from_str::<Report>(&json(&report)).unwrap(), report);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_message_adds_an_element_to_the_page(texts in proptest::collection::vec("[<>/\"'&a-c=` ]{1,24}", 1..12)) {
        let html = file(&report(&texts));
        let elements = |html: &str| html.matches("<a ").count();
        prop_assert_eq!(html.matches("<script").count(), 1);
        prop_assert_eq!(html.matches("</script").count(), 1);
        // The links of the exports and of examples that lead to the web; a message adds none.
        prop_assert_eq!(elements(&html), 2 + html.matches("href=\"https://x.io/").count());
    }
}
