//! Reads cases from standard input, one JSON object a line, and answers each with terms, weights and labels, so that
//! another implementation can be the judge. `benches/peers/text.py` asks scikit-learn.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::io::{BufRead, Write};

use recommend_text::{Analyzer, Dbscan, Documents, Metric, Tfidf, TfidfOptions};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Case {
    texts: Vec<String>,
    #[serde(default)]
    tfidf: TfidfOptions,
    ngrams: (usize, usize),
    eps: f64,
    min_samples: usize,
    metric: Metric,
    weights: Option<Vec<f64>>,
}

#[derive(Serialize)]
struct Answer {
    terms: Vec<String>,
    /// By row: columns and weights.
    rows: Vec<(Vec<u32>, Vec<f64>)>,
    labels: Vec<i32>,
}

fn answer(case: &Case) -> Result<Answer, Box<dyn std::error::Error>> {
    let analyzer = Analyzer::default().ngrams(case.ngrams.0, case.ngrams.1);
    let documents = Documents::of(&analyzer, &case.texts);
    let (tfidf, rows) = Tfidf::fit(&documents, &case.tfidf)?;
    let rows = rows.repeat(documents.which());
    let dbscan = Dbscan::new(case.eps, case.min_samples)?.metric(case.metric);
    let labels = match &case.weights {
        Some(weights) => dbscan.labels_weighted(&rows, weights)?,
        None => dbscan.labels(&rows),
    };
    let row = |at| (rows.row(at).0.to_vec(), rows.row(at).1.to_vec());
    Ok(Answer {
        terms: tfidf.terms().map(str::to_owned).collect(),
        rows: (0..rows.len()).map(row).collect(),
        labels,
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        serde_json::to_writer(&mut out, &answer(&serde_json::from_str(&line?)?)?)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}
