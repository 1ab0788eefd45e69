//! The table that compares models: a line each, the best value of each metric in bold.

use recommend_artifacts::{Figure, Part};
use recommend_training::evaluate::Evaluation;
use recommend_training::spec::Judge;

use crate::render::{self, Paint};

/// One model on one part of the data.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// What it reaches on what it learned from.
    pub(crate) train: Option<f64>,
    pub(crate) part: Part,
    pub(crate) evaluation: Evaluation,
}

/// Models side by side; the metric that judges comes first, with its interval.
pub(crate) fn table_of(lines: &[Line], judge: Judge, paint: Paint) -> String {
    let first = judge.to_string();
    let mut metrics: Vec<String> = vec![first.clone()];
    for name in lines.iter().flat_map(|line| line.evaluation.figures.keys()) {
        if !metrics.contains(name) {
            metrics.push(name.clone());
        }
    }
    let train = format!("{first} (train)");
    let mut header = vec!["model", "kind"];
    header.extend(metrics.iter().map(String::as_str));
    header.push(&train);
    let best = |metric: &String| {
        let values =
            lines.iter().filter_map(|line| line.evaluation.figures.get(metric)).map(|figure| figure.value);
        match smaller_is_better(metric) {
            true => values.min_by(f64::total_cmp),
            false => values.max_by(f64::total_cmp),
        }
    };
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let cell = |metric: &String| match line.evaluation.figures.get(metric) {
                None => "–".to_owned(),
                Some(figure) => {
                    let text =
                        if *metric == first { with_interval(figure) } else { format!("{:.4}", figure.value) };
                    if best(metric) == Some(figure.value) { paint.bold(&text) } else { text }
                }
            };
            let mut row = vec![line.name.clone(), line.kind.clone()];
            row.extend(metrics.iter().map(cell));
            row.push(line.train.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}")));
            row
        })
        .collect();
    let right: Vec<usize> = (2..header.len()).collect();
    let about = lines.first().map_or_else(String::new, |line| {
        let found = &line.evaluation;
        format!(
            "{} part: {} rows, {} requests, {} of them with a positive label; intervals are 95 %, over requests\n",
            line.part, found.rows, found.requests, found.ranked
        )
    });
    format!("{about}{}", render::table(&header, &rows, &right))
}

/// [`table_of`] as standard output allows.
pub(crate) fn table(lines: &[Line], judge: Judge) -> String {
    table_of(lines, judge, Paint::auto())
}

pub(crate) fn with_interval(figure: &Figure) -> String {
    format!("{:.4} [{:.4}, {:.4}]", figure.value, figure.low, figure.high)
}

fn smaller_is_better(metric: &str) -> bool {
    metric == "log_loss" || metric == "ece"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_metric_that_judges_comes_first_and_the_best_value_is_bold() {
        let line = |name: &str, ndcg: f64, ece: f64| Line {
            name: name.into(),
            kind: "k".into(),
            train: Some(0.9),
            part: Part::Validation,
            evaluation: Evaluation {
                name: name.into(),
                rows: 9,
                requests: 3,
                ranked: 2,
                positives: 2,
                figures: BTreeMap::from([
                    ("ece".to_owned(), Figure { value: ece, low: 0.0, high: 1.0 }),
                    ("ndcg@10".to_owned(), Figure { value: ndcg, low: 0.1, high: 0.8 }),
                ]),
                reliability: vec![],
            },
        };
        let text = table_of(&[line("a", 0.5, 0.02), line("b", 0.25, 0.01)], Judge::Ndcg(10), Paint(true));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("validation part: 9 rows, 3 requests, 2 of them"));
        assert!(lines[1].find("ndcg@10").unwrap() < lines[1].find("ece").unwrap());
        assert!(lines[2].contains("\x1b[1m0.5000 [0.1000, 0.8000]") && lines[3].contains("\x1b[1m0.0100"));
    }
}
