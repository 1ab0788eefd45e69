//! From a dataset to a model that serves, as a scheduler runs it: train, evaluate and gate, promote, roll back, verify.

mod common;

use common::Place;

/// Requests of five rows. Feature 0 tells the clicked one, feature 1 is noise.
fn data(place: &Place, file: &str, requests: u32) {
    let (mut rows, mut sizes) = (String::new(), String::new());
    for request in 0..requests {
        for row in 0..5 {
            let label = u32::from(row == request % 5);
            let (signal, noise) = (label * 2 + (request * 3 + row * 5) % 4, (request * 7 + row * 13) % 9);
            rows += &format!("{label} 0:{signal} 1:{noise}\n");
        }
        sizes += "5\n";
    }
    place.write(file, &rows);
    place.write(&format!("{file}.query"), &sizes);
}

fn spec(place: &Place, file: &str, name: &str, more: &str) {
    place.write(file, &format!("name = \"{name}\"\nmodel = {{ kind = \"logistic-regression\" }}\n{more}"));
}

#[test]
fn a_model_is_trained_gated_promoted_rolled_back_and_verified() {
    let place = Place::new();
    data(&place, "rows.libsvm", 200);
    spec(&place, "good.toml", "channels", "input = { features = [\"0\", \"1\"] }\n");
    spec(&place, "noise.toml", "noise", "input = { features = [\"1\"] }\n");
    place
        .run("train --spec good.toml --spec noise.toml --data rows.libsvm --artifacts store")
        .code(0)
        .says("validation part: 200 rows, 40 requests, 40 of them with a positive label")
        .says("ndcg@10")
        .says("published in store: channels@");
    place.run("artifacts list --artifacts store").code(0).says("logistic-regression");

    // Nothing serves yet, so anything passes; then the noise must not displace what is better.
    let evaluate = "--data rows.libsvm --artifacts store --gate better";
    place
        .run(&format!("evaluate --artifact channels {evaluate}"))
        .code(0)
        .says("no version of channels is promoted");
    place.run("artifacts promote channels latest --artifacts store").code(0).says("before it: nothing");
    place.run(&format!("evaluate --artifact channels {evaluate}")).code(4).says("gate: not passed");
    place
        .run("evaluate --artifact channels --artifact noise --data rows.libsvm --artifacts store --reliability r.svg")
        .code(0)
        .says("channels@1970-01-01")
        .says("against noise@");
    assert!(place.read("r.svg").matches("<polyline").count() == 2);

    // The same again is the same version; with less to learn from it is another, and worse than what serves.
    place.run("train --spec good.toml --data rows.libsvm --artifacts store").code(0);
    let versions = |place: &Place| {
        place.run("artifacts list channels --artifacts store --json").code(0).out.lines().count()
    };
    assert_eq!(versions(&place), 1);
    spec(&place, "good.toml", "channels", "input = { features = [\"1\"] }\n");
    place.run("train --spec good.toml --data rows.libsvm --artifacts store").code(0);
    assert_eq!(versions(&place), 2);
    place.run(&format!("evaluate --artifact channels {evaluate}")).code(4).says("gate: not passed");
    place.run("artifacts promote channels --artifacts store").code(0);
    place.run("artifacts rollback channels --artifacts store").code(0).says("is promoted again");
    place.run("artifacts rollback channels --artifacts store").code(1).says("nothing to roll back to");
    place.run("artifacts show channels --artifacts store").code(0).says("promoted since").says("importance");
    place.run("artifacts verify --artifacts store").code(0).says("verified");

    let folder = place.path().join("store/noise");
    let version = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(version.join("model.json"), "{}").unwrap();
    place.run("artifacts verify --artifacts store").code(1).says("is not what was published");
}

#[test]
fn mistakes_are_told_before_anything_is_trained() {
    let place = Place::new();
    data(&place, "rows.libsvm", 20);
    spec(&place, "s.toml", "channels", "input = { corpus = \"channel\" }\n");
    let train = "train --spec s.toml --data rows.libsvm --artifacts store";
    place.run(train).code(1).says("the spec's corpus is channel, and the dataset's is document");
    spec(&place, "s.toml", "channels", "input = { features = [\"clicks\"] }\n");
    place.run(train).code(1).says("the dataset has no feature \"clicks\"");
    place.run("train --spec gone.toml --data rows.libsvm").code(1).says("reading gone.toml");
    place.run("artifacts promote channels --artifacts store").code(1).says("there is none at all");
    place
        .run("evaluate --artifact channels@1 --data rows.libsvm --artifacts store")
        .code(1)
        .says("channels@1");
    assert!(!place.path().join("store").exists(), "nothing was published");
}

/// Without the library, XGBoost's kinds say how to get it.
#[cfg(not(feature = "xgboost"))]
#[test]
fn a_kind_that_was_not_built_in_says_how_to_get_it() {
    let place = Place::new();
    data(&place, "rows.libsvm", 20);
    place.write("s.toml", "name = \"x\"\nmodel = { kind = \"xgboost-ranker\" }\n");
    place.run("train --spec s.toml --data rows.libsvm --artifacts store").code(1).says("make train-xgboost");
}
