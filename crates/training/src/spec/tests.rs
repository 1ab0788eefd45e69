//! What specs accept, and what they say about what they do not.

use super::*;

const SPEC: &str = r#"
name = "people_browser_v0_xgbr"
model = { kind = "xgboost-ranker", objective = "rank:map", n_estimators = 500 }
input = { corpus = "user", source = "people-browser", features = "user-base" }
objective = { click = 1.0, message = 3.0, dismiss = -1.0 }
"#;

fn error(text: &str) -> String {
    Spec::parse("s.toml", text).unwrap_err().to_string()
}

#[test]
fn a_spec_survives_its_manifest() {
    let more = "monotone = { a = 1 }\ndebias = { position = true }\nmetric = \"map@5\"\n";
    let spec = Spec::parse("s.toml", &format!("{SPEC}{more}search = {{ space = {{ max_depth = [3, 4] }} }}"))
        .unwrap();
    assert_eq!(spec.model.settings["n_estimators"].as_integer(), Some(500));
    let again: Spec = spec.to_table().try_into().unwrap();
    assert_eq!(again, spec);
}

#[test]
fn mistakes_are_told_with_the_key_and_the_fix() {
    for (text, parts) in [
        (SPEC.replace("xgboost-ranker", "xgboost-rank"), ["model.kind", "did you mean \"xgboost-ranker\""]),
        (format!("{SPEC}monoton = {{ a = 1 }}"), ["s.toml:6: ", "did you mean `monotone`?"]),
        (format!("{SPEC}monotone = {{ a = 2 }}"), ["monotone.a", "write 1, -1"]),
        (format!("{SPEC}metric = \"ndgc@10\""), ["metric", "ndcg@K"]),
        (format!("{SPEC}debias = {{ max_weight = 0.5 }}"), ["max_weight", "at least 1"]),
        (SPEC.replace("name = \"people_browser_v0_xgbr\"", ""), ["s.toml", "name"]),
        (SPEC.replace("people_browser_v0_xgbr", "People"), ["s.toml", "is not a name"]),
    ] {
        let message = error(&text);
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    let monotone = SPEC.replace("xgboost-ranker", "logistic-regression") + "monotone = { a = 1 }";
    assert!(error(&monotone).contains("XGBoost's trees"));
}

#[test]
fn a_dataset_of_something_else_is_refused() {
    let spec = Spec::parse("s.toml", SPEC).unwrap();
    let mut about = About::foreign(Name::literal("user"), Name::literal("people-browser"));
    spec.fits(&about).unwrap();
    about.objective = BTreeMap::from([(Name::literal("click"), 1.0)]);
    let message = spec.fits(&about).unwrap_err().to_string();
    assert!(message.contains("click=1,dismiss=-1,message=3") && message.contains("click=1"), "{message}");
    about.source = Name::literal("sidebar");
    assert!(spec.fits(&about).unwrap_err().to_string().contains("source is people-browser"));
}

#[test]
fn feature_sets_beside_the_spec_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.toml");
    std::fs::write(&path, SPEC).unwrap();
    let known = [Name::literal("a"), Name::literal("b")];
    assert!(Spec::load(&path).unwrap().features(&known).unwrap_err().to_string().contains("user-base"));
    std::fs::write(folder.path().join(SETS), "user-base = [\"b\"]").unwrap();
    assert_eq!(Spec::load(&path).unwrap().features(&known).unwrap(), [Name::literal("b")]);
}
