//! What the configuration says about mistakes in experiments.

use recommend_core::IdCodec;
use recommend_stores::Stores;

use super::*;

const BASE: &str = r#"
[[recommender]]
corpus = "channel"
source = "browser"
fetchers = [ { kind = "given" } ]
filters = [ "not-private" ]
features = [ "given.rank" ]
model = { kind = "linear", weights = { "given.score" = 1.0 } }
"#;

const ON: &str = "[[experiment]]\nname = \"first\"\ncorpus = \"channel\"\nsource = \"browser\"\n";
const TWO: &str = "variants = [\n  { name = \"control\" },\n  { name = \"b\", filters = [] },\n]\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("f.toml", text).map_err(|errors| errors.to_string()).and_then(|config| {
        let stores = Stores::in_memory(IdCodec::new([0; 16]));
        config.build(&stores, &crate::default_registry()).map_err(|errors| errors.to_string())?;
        Ok(config)
    })
}

fn error(experiment: &str) -> String {
    parse(&format!("{BASE}{experiment}")).map(drop).unwrap_err()
}

#[test]
fn a_variant_is_the_recommender_with_what_it_says_anew() {
    // An experiment may stand before its recommender.
    let config = parse(&format!("{ON}ramp = 1\n{TWO}\n{BASE}")).unwrap();
    let experiment = &config.experiments[0];
    assert_eq!((experiment.place().as_str(), experiment.runs()), ("experiment first", true));
    let [control, b] = experiment.variants.as_slice() else { panic!("{experiment:?}") };
    assert_eq!(control.recommender, config.recommenders[0]);
    assert!(b.recommender.filters.is_empty() && b.recommender.fetchers == config.recommenders[0].fetchers);
    assert_eq!(b.recommender.place(), "experiment first, variant b");
    let pipelines = config.pipelines();
    assert_eq!(pipelines.list.len(), 2, "the control is the recommender itself");
    assert_eq!(pipelines.of, [(vec![0, 1], vec![])]);
}

#[test]
fn shadows_alone_run_beside_the_recommender() {
    let shadow = "variants = [ { name = \"b\", shadow = true, filters = [] } ]";
    let config = parse(&format!("{BASE}{ON}{shadow}")).unwrap();
    let experiment = &config.experiments[0];
    assert_eq!(experiment.variants[0].name, "control");
    assert_eq!(experiment.shadows[0].name, "b");
}

#[test]
fn mistakes_are_named_with_their_line_and_what_to_do() {
    let other = ON.replace("first", "second");
    let layer = |text: &str, from: f64, to: f64| {
        format!("{text}layer = {{ name = \"l\", from = {from:?}, to = {to:?} }}\n{TWO}")
    };
    for (text, wanted) in [
        (format!("{ON}{TWO}ramp = 1.5"), "f.toml:9: experiment first: ramp = 1.5 is no share; use 0 to 1"),
        (
            format!("{ON}rampp = 0.5\n{TWO}"),
            "f.toml:13: experiment first: there is no key `rampp`; did you mean `ramp`?",
        ),
        (
            format!("{}{TWO}", ON.replace("\"browser\"", "\"browsr\"")),
            "there is no recommender channel/browsr; did you mean channel/browser?",
        ),
        (ON.to_owned(), "experiment first: has no `variants`; write for example variants = ["),
        (format!("{ON}variants = [ {{ name = \"a\" }} ]"), "it takes two variants at least"),
        (
            format!("{ON}variants = [ {{ name = \"a\" }}, \"b\" ]"),
            "a variant is a table such as { name = \"control\" }",
        ),
        (format!("{ON}variants = [ {{ name = \"a\" }}, {{ weight = 1.0 }} ]"), "a variant has no `name`"),
        (
            format!("{ON}{}", TWO.replace("filters", "filtres")),
            "f.toml:15: experiment first, variant b: there is no key `filtres`; did you mean `filters`?",
        ),
        (
            format!("{ON}{}", TWO.replace("filters = []", "filters = [ \"not-privat\" ]")),
            "f.toml:15: experiment first, variant b: ",
        ),
        (
            format!("{ON}{}", TWO.replace("\"b\",", "\"b\", shadow = true, weight = 1.0,")),
            "a shadow has no weight",
        ),
        (format!("{ON}winner = \"c\"\n{TWO}"), "winner = \"c\" is none of its variants control, b"),
        (format!("{ON}winner = \"b\"\nstop = true\n{TWO}"), "has `stop` and `winner`"),
        (
            format!("{ON}method = \"interleave\"\n{}", TWO.replace("},\n]", "},\n  { name = \"c\" },\n]")),
            "interleaving compares two variants, not 3",
        ),
        (format!("{ON}unit = \"team\"\n{TWO}"), "`unit`: unknown variant `team`"),
        (format!("{ON}{TWO}{ON}{TWO}"), "is configured already in line 9"),
        (format!("{ON}{TWO}{other}{TWO}"), "nobody can see variants of both; give them parts of one layer"),
        (
            format!("{}{}", layer(ON, 0.0, 0.6), layer(&other, 0.5, 1.0)),
            "its part of the layer l overlaps that of experiment first (0 to 0.6)",
        ),
        (
            format!("{ON}winner = \"b\"\n{TWO}{other}{TWO}"),
            "one of them has a winner; write the winner's settings into the recommender",
        ),
    ] {
        let found = error(&text);
        assert!(found.contains(wanted), "{wanted:?} is not in {found:?}");
    }
    let apart = format!("{BASE}{}{}", layer(ON, 0.0, 0.5), layer(&other, 0.5, 1.0));
    assert_eq!(parse(&apart).unwrap().experiments.len(), 2);
    let stopped = format!("{BASE}{ON}stop = true\n{TWO}{other}{TWO}");
    assert!(!parse(&stopped).unwrap().experiments[0].runs());
}

#[test]
fn what_is_wrong_with_a_recommender_is_said_once() {
    let broken = BASE.replace("not-private", "not-privat");
    let found =
        parse(&format!("{broken}{ON}{}", TWO.replace("filters = []", "max_candidates = 5"))).unwrap_err();
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn a_variant_shares_what_it_does_not_change() {
    let two = "variants = [\n  { name = \"control\" },\n  { name = \"b\", rerankers = [ { kind = \"cap-per-group\", by = \"topic\", max = 1 } ] },\n]\n";
    let config = Config::parse("f.toml", &format!("{BASE}{ON}{two}")).unwrap();
    let stores = Stores::in_memory(IdCodec::new([0; 16]));
    let artifacts = config.server.artifact_store();
    let built = config.build_all(&artifacts, &stores, &crate::default_registry()).unwrap();
    let [base, b] = [0, 1].map(|at| &built[at].recommender);
    assert!(std::ptr::eq(base.fetchers()[0].part(), b.fetchers()[0].part()));
    assert!(std::ptr::eq(base.filters()[0].part(), b.filters()[0].part()));
    assert_eq!((base.rerankers().len(), b.rerankers().len()), (0, 1));
}
