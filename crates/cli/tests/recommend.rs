//! From nothing to answers: `new`, `validate`, `serve`, `query`, as a newcomer runs them.

mod common;

use common::Place;
use recommend_core::{Clock, SystemClock};

/// Thirty users who joined some of twelve channels in the last days.
fn history() -> String {
    let now = SystemClock.now().millis() / 1000;
    let mut text = String::from("user,entity,kind,time\n");
    for user in 0..30 {
        for channel in 0..12 {
            if (user * 7 + channel * 5) % 11 < 4 {
                let time = now - 3600 * (1 + (user * 31 + channel * 17) % 150);
                text.push_str(&format!("U{user:08},C{channel:08},channel_join,{time}\n"));
                text.push_str(&format!("U{user:08},C{channel:08},message,{}\n", time + 60));
            }
        }
    }
    text
}

fn channels() -> String {
    let now = SystemClock.now().millis() / 1000;
    let mut text = String::from("id,created,private\n");
    for channel in 0..12 {
        text.push_str(&format!("C{channel:08},{},{}\n", now - 86_400 * (10 + channel), channel == 3));
    }
    text
}

fn filled() -> Place {
    let place = Place::new();
    place.write("events.csv", &history());
    place.write("channels.csv", &channels());
    place
        .run("import interactions events.csv --data data --tenant acme --corpus channel --relation-add member=channel_join")
        .code(0);
    place
        .run("import entities channels.csv --data data --tenant acme --corpus channel --attr created:time=created --attr private:bool=private")
        .code(0);
    place
}

#[test]
fn a_new_recommender_is_checked_served_and_asked_at_once() {
    let place = filled();
    place.run("new channel channel-browser").code(0).says("added to recommend.toml").says("--tenant acme");
    place.run("new channel channel-browser").code(1).says("has channel/channel-browser already");
    place.run("new channel other").code(0);
    place.run("validate --config recommend.toml").code(0).says("0 errors");

    let ask = "query --tenant acme --corpus channel --source channel-browser --user U00000004";
    let here = place.run(&format!("{ask} --config recommend.toml")).code(0);
    assert!(here.out.contains("C0000"), "{}", here.out);
    assert!(!here.out.contains("C00000003"), "a private channel of others is not shown: {}", here.out);
    place
        .run(&format!("{ask} --config recommend.toml --why-not C00000003"))
        .code(0)
        .says("C00000003 was dropped by the filter not-private");

    let server = place.serve("serve --config recommend.toml");
    let explained = place.run(&format!("{ask} --to {} --explain --limit 3", server.grpc)).code(0);
    let explained = explained.says("proposed by popular").says("= raw score").says("stage time in out");
    assert!(explained.out.contains("popular.score"), "{}", explained.out);
    let json = place.run(&format!("{ask} --to {} --json --limit 3", server.grpc)).code(0);
    let answer: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(answer["recommendations"].as_array().unwrap().len(), 3);
    place
        .run(&format!("query --tenant acme --corpus chanel --source x --user u --to {}", server.grpc))
        .code(1)
        .says("there are channel/channel-browser");
    assert_eq!(server.stop(), 0);
}

#[test]
fn validate_finds_what_does_not_fit() {
    let place = filled();
    place.write(
        "bad.toml",
        "[[recommender]]\ncorpus = \"channel\"\nsource = \"a\"\nfetchers = [ { kind = \"populr\" } ]\nmodel = { kind = \
         \"linear\", weights = { x = 1.0 } }\n\n[sever]\n",
    );
    place.run("validate --config bad.toml").code(1).says("bad.toml:7: there is no section `sever`");
    place.write(
        "odd.toml",
        "[features.talk]\nkind = \"count\"\ninteractions = [\"mesage\"]\n\n[[recommender]]\ncorpus = \"channel\"\nsource = \
         \"a\"\nfetchers = [ { kind = \"popular\" } ]\nfilters = [ { kind = \"related\", relation = \"membr\" } ]\n\
         features = [\"talk\"]\nmodel = { kind = \"linear\", weights = { \"popular.score\" = 1.0 } }\n",
    );
    let ran = place.run("validate --config odd.toml --data data").code(1);
    let ran = ran
        .says(
            "error: odd.toml:5: recommender channel/a: 1 of the channel entities of tenant acme are private",
        )
        .says("odd.toml:3: the data has no interaction \"mesage\"; did you mean \"message\"?")
        .says("odd.toml:9: the data has no relation \"membr\"; did you mean \"member\"?")
        .says("20 of 20 sampled users of tenant acme get nothing");
    assert_eq!(ran.out.lines().last().unwrap().split(' ').next(), Some("1"), "{}", ran.out);
    let json = place.run("validate --config odd.toml --data data --json").code(1);
    let found: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(found["errors"], 1);
    assert!(found["findings"].as_array().unwrap().len() >= 4);
    place.run("validate --config odd.toml --no-data").code(0);
}

#[test]
fn a_feature_that_never_varies_is_pointed_out() {
    let place = filled();
    place.write(
        "flat.toml",
        "[features.fixed]\nkind = \"predicate\"\nwhere = \"created is missing\"\n\n[[recommender]]\ncorpus = \"channel\"\nsource = \
         \"a\"\nfetchers = [ { kind = \"popular\" } ]\nfilters = [\"not-private\"]\nfeatures = [\"fixed\"]\nmodel = { kind = \
         \"linear\", weights = { \"popular.score\" = 1.0 } }\n",
    );
    let ran = place.run("validate --config flat.toml --data data").code(0);
    let ran = ran.says("the feature fixed is always 0 in");
    assert!(!ran.out.contains("popular.score is"), "{}", ran.out);
    place.run("validate --config flat.toml --data data --strict").code(1);
}

#[test]
fn a_server_lets_a_tenant_have_so_much_and_counts_what_gives_way() {
    use std::io::{Read, Write};
    let place = Place::new();
    let config = "[server]\ndata = \"data\"\n\n[stores]\ninteractions_per_tenant = 1000\n\n[[recommender]]\ncorpus = \
                  \"channel\"\nsource = \"a\"\nfetchers = [ { kind = \"popular\" } ]\nmodel = { kind = \"linear\", weights = \
                  { \"popular.score\" = 1.0 } }\n";
    place.write("small.toml", config);
    // The popular channel of long ago, and then another one.
    let start = SystemClock.now().millis() / 1000 - 86_400;
    let mut text = String::from("user,entity,kind,time\n");
    for number in 0..2_500 {
        let channel = u32::from(number >= 1_400) + 1;
        text.push_str(&format!("U{:08},C{channel:08},message,{}\n", number % 40, start + number));
    }
    place.write("events.csv", &text);
    let server = place.serve("serve --config small.toml");
    let import = "import interactions events.csv --tenant acme --corpus channel --to";
    place.run(&format!("{import} {}", server.grpc)).code(0).says("2,500 new");
    // The writer answers first and tidies up after that.
    let name = "recommend_store_interactions_dropped_total{reason=\"limit\"} ";
    let dropped = || {
        let mut connection = std::net::TcpStream::connect(&server.http).unwrap();
        write!(connection, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut metrics = String::new();
        connection.read_to_string(&mut metrics).unwrap();
        metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse::<f64>().unwrap()
    };
    assert!((0..200).any(|_| (1_500.0..=1_600.0).contains(&dropped())), "{}", dropped());
    let ask =
        format!("query --tenant acme --corpus channel --source a --user U00000004 --to {}", server.grpc);
    let answer = place.run(&ask).code(0);
    assert!(answer.out.contains("C00000002") && !answer.out.contains("C00000001"), "{}", answer.out);
    assert_eq!(server.stop(), 0);
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    for command in [
        "",
        "serve",
        "query",
        "validate",
        "new",
        "demo",
        "import",
        "import interactions",
        "import entities",
        "import relations",
        "import slack",
    ] {
        let ran = place.run(&format!("{command} --help")).code(0);
        assert!(ran.out.contains("Usage: recommend"), "{command}: {}", ran.out);
        if !matches!(command, "" | "import" | "demo") {
            assert!(ran.out.contains("Examples:"), "{command}: {}", ran.out);
        }
    }
    place.run("--help").code(0).says("Exit codes: 0 done");
    place.run("impotr").code(2).says("import");
    place.run("query --config none.toml --tenant t --corpus c --source s --user u").code(1).says("none.toml");
    place.run("--log-level nonsense=x=y validate --config x.toml").code(2).says("--log-level");
}
