//! Against numbers of scikit-learn, and against the definition.

use proptest::prelude::*;

use super::*;

fn fit(texts: &[&str], options: &TfidfOptions) -> (Tfidf, Rows) {
    Tfidf::fit(&Documents::of(&Analyzer::default(), texts), options).unwrap()
}

const TEXTS: [&str; 4] = ["disk full on web", "disk disk slow", "queue full", "queue slow slow slow"];

/// What `TfidfVectorizer(**options).fit_transform(TEXTS).toarray()` printed, version 1.9.1.
#[test]
fn weights_are_those_of_scikit_learn() {
    let (tfidf, rows) = fit(&TEXTS, &TfidfOptions::default());
    assert_eq!(tfidf.terms().collect::<Vec<_>>(), ["disk", "full", "on", "queue", "slow", "web"]);
    let dense = |rows: &Rows| (0..rows.len()).map(|row| rows.dense(row)).collect::<Vec<_>>();
    let expected = [
        [0.43779123108611473, 0.43779123108611473, 0.5552826649411127, 0.0, 0.0, 0.5552826649411127],
        [0.8944271909999159, 0.0, 0.0, 0.0, 0.4472135954999579, 0.0],
        [0.0, 0.7071067811865475, 0.0, 0.7071067811865475, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.31622776601683794, 0.9486832980505139, 0.0],
    ];
    for (ours, theirs) in dense(&rows).iter().flatten().zip(expected.iter().flatten()) {
        assert!((ours - theirs).abs() < 1e-15, "{ours} {theirs}");
    }
}

#[test]
fn bounds_of_document_frequency_are_inclusive() {
    let terms =
        |options: &TfidfOptions| fit(&TEXTS, options).0.terms().map(str::to_owned).collect::<Vec<_>>();
    let options = TfidfOptions { min_df: Frequency::Count(2), ..TfidfOptions::default() };
    assert_eq!(terms(&options), ["disk", "full", "queue", "slow"]);
    let options = TfidfOptions { max_df: Frequency::Share(0.25), ..TfidfOptions::default() };
    assert_eq!(terms(&options), ["on", "web"]);
}

#[test]
fn the_most_frequent_terms_stay_and_of_equals_the_first_by_code_point() {
    let options = TfidfOptions { max_features: Some(3), ..TfidfOptions::default() };
    let (tfidf, rows) = fit(&TEXTS, &options);
    assert_eq!(tfidf.terms().collect::<Vec<_>>(), ["disk", "full", "slow"]);
    assert_eq!(rows.columns(), 3);
}

#[test]
fn options_that_contradict_are_refused() {
    let documents = Documents::of(&Analyzer::default(), &TEXTS);
    let refused = |options: TfidfOptions| Tfidf::fit(&documents, &options).unwrap_err().to_string();
    let options = TfidfOptions { min_df: Frequency::Count(5), ..TfidfOptions::default() };
    assert!(refused(options).contains("no term has both"));
    let options = TfidfOptions { max_df: Frequency::Share(1.5), ..TfidfOptions::default() };
    assert!(refused(options).contains("max_df = 1.5"));
    assert!(
        refused(TfidfOptions { max_features: Some(0), ..TfidfOptions::default() }).contains("leave it out")
    );
}

#[test]
fn a_text_without_a_known_term_is_an_empty_row() {
    let (tfidf, _) = fit(&TEXTS, &TfidfOptions::default());
    let rows = tfidf.transform(&Analyzer::default(), &["unheard of", "disk"]);
    assert_eq!(rows.row(0).0.len(), 0);
    assert_eq!(rows.row(1), (&[0][..], &[1.0][..]));
}

fn options() -> impl Strategy<Value = TfidfOptions> {
    let norms = prop::sample::select(vec![Norm::L1, Norm::L2, Norm::None]);
    (any::<[bool; 4]>(), norms).prop_map(|([sublinear_tf, binary, use_idf, smooth_idf], norm)| TfidfOptions {
        sublinear_tf,
        binary,
        use_idf,
        smooth_idf,
        norm,
        ..TfidfOptions::default()
    })
}

proptest! {
    #[test]
    fn rows_follow_the_definition(
        texts in prop::collection::vec("(aa|bb|cc|dd)( (aa|bb|cc|dd|ee)){0,5}", 1..12),
        options in options(),
    ) {
        let documents = Documents::of(&Analyzer::default(), &texts);
        let (tfidf, rows) = Tfidf::fit(&documents, &options).unwrap();
        let rows = rows.repeat(documents.which());
        for (at, text) in texts.iter().enumerate() {
            let words: Vec<&str> = text.split(' ').collect();
            let raw: Vec<f64> = tfidf.terms().map(|term| {
                let occurrences = words.iter().filter(|word| **word == term).count() as f64;
                let occurrences = if options.binary { occurrences.min(1.0) } else { occurrences };
                if occurrences == 0.0 {
                    return 0.0;
                }
                let tf = if options.sublinear_tf { 1.0 + occurrences.ln() } else { occurrences };
                let with = texts.iter().filter(|text| text.split(' ').any(|word| word == term)).count() as f64;
                let (n, more) = (texts.len() as f64, if options.smooth_idf { 1.0 } else { 0.0 });
                tf * if options.use_idf { 1.0 + ((n + more) / (with + more)).ln() } else { 1.0 }
            }).collect();
            let length = match options.norm {
                Norm::L1 => raw.iter().sum(),
                Norm::L2 => raw.iter().map(|x| x * x).sum::<f64>().sqrt(),
                Norm::None => 1.0,
            };
            for (ours, raw) in rows.dense(at).iter().zip(raw) {
                prop_assert!((ours - raw / length).abs() < 1e-12);
            }
        }
        prop_assert_eq!(tfidf.transform(&Analyzer::default(), &texts), rows);
    }
}
