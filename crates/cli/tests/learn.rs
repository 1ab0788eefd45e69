//! From impressions of another system to a dataset, as people run it.

mod common;

use common::{Place, files};

/// Two slates of three and one of one; who, what, at which place, with which probability, and whether they bought it.
const SHOWN: &str = "\
visitor,item,at,slate,place,p,price,bought
1,10,2026-03-01T10:00:00Z,s1,1,0.5,3.5,0
1,11,2026-03-01T10:00:00Z,s1,2,0.25,4,1
1,12,2026-03-01T10:00:00Z,s1,3,0.25,,0
2,11,2026-03-01T11:00:00Z,s2,1,0.25,4,0
2,10,2026-03-01T11:00:00Z,s2,2,0.5,3.5,1
2,12,2026-03-01T11:00:00Z,s2,3,0.25,,0
3,12,2026-03-02T11:00:00Z,s3,1,0.25,2,0
3,13,2026-03-02T11:00:00Z,s4,1,2,2,0
";

const IMPORT: &str = "import impressions shown.csv --data data --tenant shop --corpus item --source home \
    --map user=visitor --map entity=item --map time=at --map request=slate --map position=place --map propensity=p \
    --feature price=price --feature place=place --answer purchase=bought";

#[cfg(feature = "training")]
const JOIN: &str = "join --log data --corpus item --source home --objective purchase=1 --output set";

#[test]
fn impressions_of_another_system_come_into_the_log() {
    let place = Place::new();
    place.write("shown.csv", SHOWN);
    let dry = place.run(&format!("{IMPORT} --dry-run"));
    dry.code(3).says("requests: 3, impressions: 7, interactions: 2").says("nothing was written");
    assert!(!place.path().join("data").exists());
    place
        .run(IMPORT)
        .code(3)
        .says("requests: 3, impressions: 7, interactions: 2")
        .says("rejected: 1")
        .says("line 9: propensity: 2 is no probability above 0 and up to 1");
    assert_eq!(files(&place.path().join("data/log/impressions"), "parquet").len(), 2, "two days");
    place.run(&IMPORT.replace("--map user=visitor ", "")).code(2).says("add --map user=COLUMN");
}

#[cfg(not(feature = "training"))]
#[test]
fn a_binary_without_the_join_says_how_to_get_one_with_it() {
    let place = Place::new();
    place
        .run("join --log data --corpus item --source home --objective purchase=1 --output set")
        .code(1)
        .says("cargo build --release -p recommend --features training");
}

#[cfg(feature = "training")]
#[test]
fn a_log_is_joined_looked_at_and_evaluated() {
    let place = Place::new();
    place.write("shown.csv", SHOWN);
    // Twice: what is there already is not joined twice.
    place.run(IMPORT).code(3);
    place.run(IMPORT).code(3);
    place
        .run(JOIN)
        .code(0)
        .says("2026-03-01 12 6 2 2 2 0 33.33 %")
        .says("requests that the log held more than once: 3");
    place.run(JOIN).code(0).says("days left alone, nothing new for them: 2");
    let report = place.run("dataset show set").code(0);
    report
        .says("rows 7, queries 3 (median 3 rows, largest 3), users 3, tenants 1")
        .says("positive 2 (28.57 %)");
    place.run("dataset show set --from 2026-03-02 --strict").code(1).says("has one value in all rows");
    // Always item 10, wherever: it was bought once of twice, and shown with probability 1/2.
    place.write("policy.csv", "entity,probability\n10,1\n");
    place
        .run("dataset value set --policy policy.csv")
        .code(0)
        .says("SNIPS 0.500000")
        .says("effective size 2");
    place.run(&JOIN.replace("purchase=1", "click=1")).code(1).says("another join");
    place.run(&JOIN.replace("purchase=1", "purchase")).code(2).says("write for example purchase=1");
    place.run(&JOIN.replace("--source home", "--source hone")).code(1).says("another join");
}

#[test]
fn ranking_data_becomes_a_dataset_with_its_report() {
    let place = Place::new();
    place.write("rank.txt", "1 qid:1 1:0.5 2:1\n0 qid:1 1:0.25 2:1\n0 qid:2 1:0.75 2:1\n");
    place
        .run("dataset import rank.txt --one-based --output set")
        .code(0)
        .says("3 rows of 2 queries, 2 features");
    place.run("dataset show set").code(0).says("queries 2").says("2: has one value in all rows");
    place.run("dataset import rank.txt --output set").code(2).says("is there already");
    place.run("dataset import rank.txt --one-based --output set2 ").code(0);
    place.run("dataset show nothing").code(1).says("holds no dataset");
}
