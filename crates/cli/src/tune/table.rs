//! What a search tried, for people.

use recommend_backtest::tune::Trial;

use super::space::Space;
use crate::render::{count, table};

/// The most trials that are shown.
const SHOWN: usize = 12;

/// The start and the best trials, those of all users first.
pub(super) fn show(trials: &[Trial], best: &Trial, space: &Space, k: u16, users: usize) -> String {
    let mut header = vec!["trial".to_owned(), format!("score at {k}"), "users".to_owned()];
    header.extend(space.parameters().iter().map(super::space::Parameter::name));
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&trials[*a], &trials[*b]);
        b.users.cmp(&a.users).then(b.score.total_cmp(&a.score))
    });
    let shown: Vec<usize> = order.iter().copied().take(SHOWN).collect();
    let start = (!shown.contains(&0)).then_some(0);
    let rows = shown.into_iter().chain(start).map(|at| {
        let trial = &trials[at];
        let mark = match (trial == best, at) {
            (true, 0) => "0, as it was, and best".to_owned(),
            (true, at) => format!("{at}, best"),
            (false, 0) => "0, as it was".to_owned(),
            (false, at) => at.to_string(),
        };
        let mut cells = vec![mark, format!("{:.4}", trial.score), count(trial.users as u64)];
        let numbers = space.parameters().iter().zip(&trial.point);
        cells.extend(numbers.map(|(parameter, number)| parameter.show(*number)));
        cells
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let right: Vec<usize> = (1..header.len()).collect();
    let shown = if trials.len() > SHOWN { ", the best of them" } else { "" };
    format!(
        "{} trials on a validation part of the past with {} users{shown}:\n\n{}\n",
        trials.len(),
        count(users as u64),
        table(&header, &rows, &right)
    )
}
