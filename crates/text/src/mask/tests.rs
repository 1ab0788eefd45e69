//! What is masked, by example; and what must hold for any text.

use proptest::prelude::*;

use super::{Kind, Mask};

fn masked(text: &str) -> String {
    Mask::alerts().apply(text)
}

/// Each left becomes its right.
fn all(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(text, expected)| masked(text) != *expected)
        .map(|(text, expected)| format!("{text:?}\n  gives    {:?}\n  expected {expected:?}", masked(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn numbers_lose_sign_thousands_fraction_exponent_and_unit() {
    all(&[
        ("value is 5", "value is <num>"),
        ("VALUE = -3.25e-7", "VALUE = <num>"),
        ("1,204,117 rows", "<num> rows"),
        ("disk at 93.4%, 12GiB left", "disk at <num>, <num> left"),
        ("(> 80%)", "(> <num>)"),
        ("12.", "<num>."),
        ("93 MB of 2.5 GiB, 3 C files", "<num> of <num>, <num> C files"),
        ("size 67108864", "size <num>"),
        ("state 6", "state <num>"),
    ]);
}

#[test]
fn durations_with_letters_and_with_words() {
    all(&[
        ("for 1h30m", "for <duration>"),
        ("took 250ms.", "took <duration>."),
        ("in the last 5 minutes", "in the last <duration>"),
        ("2m3.5s", "<duration>"),
        ("for 1h 2m 3s now", "for <duration> now"),
        ("30s timeout", "<duration> timeout"),
    ]);
}

#[test]
fn dates_and_times_of_day() {
    all(&[
        ("2024-05-01T12:33:44.123Z up", "<time> up"),
        ("2024-05-01 12:33:44,123 +0200 up", "<time> up"),
        ("[Sun Dec 04 04:47:44 2005] ok", "[<time>] ok"),
        ("Dec  4 04:47:44 host", "<time> host"),
        ("[04/Dec/2005:04:47:44 +0000] GET", "[<time>] GET"),
        ("at 12:30 UTC", "at <time>"),
        ("since 2024/05/01", "since <time>"),
        ("Monday, March 4, 2024", "<time>"),
        ("May be late", "May be late"),
        ("Marching 4 times", "Marching <num> times"),
    ]);
}

#[test]
fn addresses() {
    all(&[
        ("10.251.73.220:50010 is", "<ip> is"),
        ("src: /10.0.0.1:80 dest: /10.0.0.2", "src: /<ip> dest: /<ip>"),
        ("from fe80::1ff:fe23:4567:890a and [::1]:8080", "from <ip> and <ip>"),
        ("10.0.0.0/8", "<ip>"),
        ("see https://grafana.example.com/d/abc?x=1.", "see <url>."),
        ("mail ops+x@example.org", "mail <email>"),
        ("redis-1.prod:6379", "<host>"),
        ("db.prod.internal is down", "<host> is down"),
        ("java.net.SocketTimeoutException: x", "java.net.SocketTimeoutException: x"),
        ("BLOCK* NameSystem.addStoredBlock: blockMap", "BLOCK* NameSystem.addStoredBlock: blockMap"),
        ("mac 00:1a:2b:3c:4d:5e", "mac <hex>"),
    ]);
}

#[test]
fn paths() {
    all(&[
        ("no space on /var/lib/docker", "no space on <path>"),
        ("rule: /home/httpd/conf/workers2.properties", "rule: <path>"),
        (r"open C:\Windows\x.dll now", "open <path> now"),
        ("and/or", "and/or"),
        ("~/logs/x", "<path>"),
    ]);
}

#[test]
fn identifiers_by_their_numbers() {
    all(&[
        ("pod api-7d9f8b6c5-x2x4z restarted", "pod <id> restarted"),
        ("block blk_-6952295868487656571 terminating", "block <id> terminating"),
        ("on web-12.prod and eth0", "on <id> and <id>"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301 gone", "<uuid> gone"),
        ("commit 9fceb02d0ae", "commit <hex>"),
        ("at 0x7ffee4", "at <hex>"),
        ("4xx and 5xx over http2 on k8s, p99", "4xx and 5xx over http2 on k8s, p99"),
        ("jk2_init() Found child 6725", "jk2_init() Found child <num>"),
        ("facade deadbeef", "facade deadbeef"),
    ]);
}

#[test]
fn values_of_known_keys_are_names() {
    all(&[
        ("pod=checkout level=error", "pod=<id> level=error"),
        ("*instance:* `web` down", "*instance:* `<id>` down"),
        ("in namespace kube-system is", "in namespace <id> is"),
        ("Error on server: connection refused", "Error on server: connection refused"),
        ("instance is down", "instance is down"),
    ]);
}

#[test]
fn quotes_hold_names_or_what_was_said() {
    all(&[
        ("Certificate 'shop-tls' is late", "Certificate <str> is late"),
        ("can't and won't", "can't and won't"),
        (r#"{"level":"error","msg":"disk full"}"#, r#"{"level":<str>,"msg":"disk full"}"#),
        (r#"err="dial tcp 10.0.0.1:80: connection refused""#, r#"err="dial tcp <ip>: connection refused""#),
        (r#""the whole disk is full on web-1""#, r#""the whole disk is full on <id>""#),
    ]);
}

#[test]
fn label_sets() {
    all(&[
        ("LABELS = map[instance:10.0.0.1:9100 job:node]", "LABELS = <labels>"),
        (r#"up{job="api", instance="a:1"} == 0"#, r#"up<labels> == <num>"#),
        ("{not labels}", "{not labels}"),
    ]);
}

#[test]
fn slack_markup() {
    all(&[
        ("<@U012AB3CD> see <#C012|ops> <!here>", "<user> see <channel> <group>"),
        ("<https://x.example/1|View runbook> :fire: now", "View runbook <emoji> now"),
        ("<https://x.example/1>", "<url>"),
        ("trace: ```panic at 3\nline``` end", "trace: <code> end"),
        ("```disk full on 10.0.0.1```", "```disk full on <ip>```"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
    ]);
}

#[test]
fn a_kind_that_is_left_out_stays() {
    let mask = Mask::alerts().without(Kind::Ip).without(Kind::Number).without(Kind::Id).without(Kind::Host);
    assert_eq!(mask.apply("10.0.0.1 took 5ms"), "10.0.0.1 took <duration>");
    assert_eq!(Mask::none().with(Kind::Ip).apply("10.0.0.1 took 5ms"), "<ip> took 5ms");
    assert_eq!(Mask::none().apply("10.0.0.1"), "10.0.0.1");
}

proptest! {
    #[test]
    fn any_text_can_be_masked(text in "\\PC{0,60}") {
        masked(&text);
    }

    #[test]
    fn any_mix_of_what_recognisers_look_for_can_be_masked(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<", ">", "|", "`", "```", ":", "::", "[", "]", "{", "}", "\"", "'", "/", "\\", ".", "-", "1", "12", "0x",
                "a", "é", "map[", "=", " ", "\n", "Dec", "@", "://", "http", "&lt;", ",", "%", "ms", "µs", "~", "pod", "err",
            ]),
            0..24,
        )
    ) {
        masked(&parts.concat());
    }

    #[test]
    fn a_text_of_lower_case_words_stays_as_it_is(text in "[a-z]{1,12}( [a-z]{1,12}){0,8}") {
        prop_assert_eq!(masked(&text), text);
    }

    #[test]
    fn other_numbers_give_the_same_text(a in 0_u32..1_000_000, b in 0_u32..1_000_000, c in 0_u8..255, d in 0_u8..255) {
        let alert = |value: u32, part: u8| {
            masked(&format!("host web-{value} ({part}.0.0.{part}:9100) used {value} of {value} bytes"))
        };
        prop_assert_eq!(alert(a, c), alert(b, d));
    }
}
