//! What the configuration says about mistakes.

use recommend_core::IdCodec;
use recommend_stores::Stores;

use super::*;

const GOOD: &str = r#"
[server]
timeout = "100ms"
data = "somewhere"

[log]
flush_interval = "50ms"

[[recommender]]
corpus = "channel"
source = "channel-browser"
timeout = "80ms"
fetchers = [ { kind = "given" } ]
filters = [ "not-private", { kind = "not-related", relation = "member", name = "not-member" } ]
features = [ "given.rank" ]
model = { kind = "linear", weights = { "given.score" = 1.0 } }
rerankers = [ { kind = "cap-per-group", by = "topic", max = 3 } ]
"#;

fn errors(text: &str) -> String {
    match Config::parse("f.toml", text) {
        Err(errors) => errors.to_string(),
        Ok(config) => config
            .build(&Stores::in_memory(IdCodec::new([0; 16])), &crate::default_registry())
            .unwrap_err()
            .to_string(),
    }
}

/// The good text with one line changed.
fn with(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    errors(&GOOD.replace(old, new))
}

#[test]
fn a_good_file_is_read_with_its_defaults() {
    let config = Config::parse("f.toml", GOOD).unwrap();
    assert_eq!(config.server.timeout.as_millis(), 100);
    assert_eq!(config.server.max_in_flight, 256);
    assert_eq!(config.log.flush_interval.as_millis(), 50);
    let recommender = &config.recommenders[0];
    assert_eq!(recommender.place(), "recommender channel/channel-browser");
    assert_eq!((recommender.line, recommender.filters[1].line), (9, 14));
    assert_eq!(recommender.filters[0].table["kind"].as_str(), Some("not-private"));
}

#[test]
fn a_window_that_redis_cannot_begin_where_it_should_is_warned_of() {
    let text = |stores: &str, feature: &str| {
        format!("[stores]\nkind = \"{stores}\"\n\n[features.clicks]\n{feature}\ninteractions = [\"click\"]\n")
    };
    let warnings = |stores: &str, feature: &str| {
        let config =
            Config::parse("f.toml", &text(stores, feature)).unwrap_or_else(|errors| panic!("{errors}"));
        config.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let long = "kind = \"count\"\nwindow = \"8d\"\nresolution = \"1h\"";
    let warned = warnings("redis", long);
    assert_eq!(warned.len(), 1);
    for part in ["f.toml:4", "features.clicks", "8d", "1h", "at most \"7d\"", "resolution = \"1d\""] {
        assert!(warned[0].contains(part), "{part}: {}", warned[0]);
    }
    assert_eq!(warnings("redis-cluster", long).len(), 1);
    assert!(warnings("embedded", long).is_empty());
    for (fine, feature) in [
        (true, "kind = \"count\"\nwindow = \"7d\"\nresolution = \"1h\""),
        (true, "kind = \"count\"\nwindow = \"30d\"\nresolution = \"1d\""),
        (true, "kind = \"count\"\nwindow = \"30d\""),
        (true, "kind = \"distinct\"\nwindow = \"30d\"\nresolution = \"1h\""),
        (false, "kind = \"sum\"\nwindow = \"30d\"\nresolution = \"36h\""),
        (false, "kind = \"rate\"\nscope = \"user\"\nwindow = \"3d\"\nresolution = \"1h\""),
        (true, "kind = \"count\"\nscope = \"pair\"\nwindow = \"30d\"\nresolution = \"1h\""),
        (true, "kind = \"count\"\nscope = \"tenant\"\nwindow = \"30d\"\nresolution = \"1h\""),
    ] {
        assert_eq!(warnings("redis", feature).is_empty(), fine, "{feature}");
    }
}

#[test]
fn a_good_file_builds_and_features_are_those_listed_and_those_read() {
    let config = Config::parse("f.toml", GOOD).unwrap();
    let stores = Stores::in_memory(IdCodec::new([0; 16]));
    let built = config.build(&stores, &crate::default_registry()).unwrap();
    assert_eq!(built[0].timeout.as_millis(), 80);
    let schema: Vec<_> = built[0].recommender.schema().names().iter().map(ToString::to_string).collect();
    assert_eq!(schema, ["given.rank", "given.score"]);
}

#[test]
fn mistakes_in_the_text_have_their_line_and_a_fix() {
    let cases = [
        ("[server]", "[sever]", "f.toml:2: there is no section `sever`; did you mean `server`?"),
        ("timeout = \"100ms\"", "timeout = \"soon\"", "f.toml:3: `server`: \"soon\" is not a duration"),
        ("timeout = \"100ms\"", "timeout = \"0s\"", "f.toml:3: `server.timeout` must be 1ms to 60s"),
        ("data = \"somewhere\"", "dta = \"x\"", "did you mean `data`?"),
        (
            "flush_interval = \"50ms\"",
            "flush_interval = \"2h\"",
            "f.toml:7: `log.flush_interval` must not be",
        ),
        (
            "corpus = \"channel\"",
            "corpus = \"Channel\"",
            "f.toml:10: recommender Channel/channel-browser: `corpus`:",
        ),
        ("corpus = \"channel\"", "", "f.toml:9: recommender ?/channel-browser: has no `corpus`"),
        (
            "rerankers = [",
            "reranker = [",
            "f.toml:17: recommender channel/channel-browser: there is no key `reranker`; did you mean `rerankers`?",
        ),
        (
            "timeout = \"80ms\"",
            "timeout = \"2m\"",
            "f.toml:12: recommender channel/channel-browser: `timeout`: must be",
        ),
        ("timeout = \"80ms\"", "max_candidates = 0", "`max_candidates` must be a whole number"),
        (
            "features = [ \"given.rank\" ]",
            "features = \"x\"",
            "f.toml:15: recommender channel/channel-browser: `features` must be a list",
        ),
        (
            "fetchers = [ { kind = \"given\" } ]",
            "fetchers = [ 5 ]",
            "f.toml:13: recommender channel/channel-browser: `fetchers`: a component is a table",
        ),
        (
            "[server]",
            "[stores]\ninteractions_per_tenant = 5\n[server]",
            "`stores.interactions_per_tenant` must be at least 1000",
        ),
        (
            "[server]",
            "[stores]\nretention = \"30d\"\n[features.seen]\nkind = \"count\"\nwindow = \"31d\"\n[server]",
            "looks back 31d, and `stores.retention` keeps interactions for 30d",
        ),
        (
            "[server]",
            "[stores]\nretention = \"30d\"\n[features.alike]\nkind = \"co-interaction\"\n[server]",
            "looks back 90d, and `stores.retention` keeps interactions for 30d",
        ),
        ("[[recommender]]", "[recommender]", "write `[[recommender]]` with two brackets"),
        ("[[recommender]]", "[[recommender", "f.toml:9: "),
    ];
    for (old, new, message) in cases {
        let found = with(old, new);
        assert!(found.contains(message), "{new}:\n{found}");
    }
}

#[test]
fn mistakes_in_components_have_their_line_and_a_fix() {
    let cases = [
        (
            "kind = \"given\"",
            "kind = \"gven\"",
            "f.toml:13: recommender channel/channel-browser: there is no fetcher of kind \"gven\"; did you mean \"given\"?",
        ),
        (
            "kind = \"given\"",
            "knd = \"given\"",
            "f.toml:13: recommender channel/channel-browser: fetcher: has no `kind`",
        ),
        ("max = 3", "mx = 3", "f.toml:17: recommender channel/channel-browser: reranker \"cap-per-group\":"),
        ("max = 3", "mx = 3", "did you mean `max`?"),
        ("\"given.score\" = 1.0", "\"given.scor\" = 1.0", "given.scor"),
        ("features = [ \"given.rank\" ]", "features = [ \"gvn.rank\" ]", "gvn.rank"),
        (
            "model = ",
            "# model = ",
            "f.toml:9: recommender channel/channel-browser: a recommender needs a model",
        ),
    ];
    for (old, new, message) in cases {
        let found = with(old, new);
        assert!(found.contains(message), "{new}:\n{found}");
    }
}

#[test]
fn all_mistakes_are_reported_by_line() {
    let text = GOOD
        .replace("kind = \"given\"", "kind = \"gven\"")
        .replace("\"not-private\"", "\"not-prvate\"")
        .replace("max = 3", "mx = 3");
    let found = errors(&text);
    let lines: Vec<&str> = found.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["f.toml:13", "f.toml:14", "f.toml:17"], "{found}");
}

#[test]
fn one_recommender_has_one_place() {
    let second = GOOD.split_once("[[recommender]]").unwrap().1;
    let found = errors(&format!("{GOOD}[[recommender]]{second}"));
    assert!(
        found.contains("f.toml:18: recommender channel/channel-browser: is configured already in line 9"),
        "{found}"
    );
    assert!(errors("[server]").contains("f.toml: has no [[recommender]]"));
}

#[test]
fn a_component_over_several_lines_has_the_line_of_the_wrong_key() {
    let text = GOOD.replace(
        "rerankers = [ { kind = \"cap-per-group\", by = \"topic\", max = 3 } ]",
        "[[recommender.rerankers]]\nkind = \"cap-per-group\"\nby = \"topic\"\nmx = 3",
    );
    assert!(errors(&text).starts_with("f.toml:20: "), "{}", errors(&text));
}
