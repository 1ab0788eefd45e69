//! The result for people: what was tested, a table for each cut-off with the best in bold, and what to beware of.

use recommend_backtest::{AtCutoff, BacktestResult, History};
use recommend_training::Metric;
use recommend_training::metrics::Interval;

use super::args::BacktestArgs;
use super::compare;
use super::read::span;
use crate::import::time;
use crate::render::{Paint, count, table};

const METRICS: [(&str, Metric); 6] = [
    ("recall", Metric::RecallCapped),
    ("all_recall", Metric::Recall),
    ("nDCG", Metric::Ndcg),
    ("MAP", Metric::Map),
    ("MRR", Metric::Mrr),
    ("hit rate", Metric::HitRate),
];

/// The whole result.
pub(super) fn show(args: &BacktestArgs, result: &BacktestResult, history: &History) -> String {
    let (notes, paint) = (&result.notes, Paint::auto());
    let n = |n: usize| count(n as u64);
    let folds = match notes.folds {
        1 => String::new(),
        folds => format!("; {folds} folds, {} questions", n(notes.questions)),
    };
    let mut text = format!(
        "{} interactions, {}; asked at {}, with {} entities known\n{} users with {} relevant entities, {} of the \
         questions without any history{folds}\n",
        n(history.events().len()),
        span(history),
        time::show(notes.split),
        n(notes.entities),
        n(notes.users),
        n(notes.relevant),
        n(notes.cold),
    );
    if notes.unknown > 0 {
        text.push_str(&format!(
            "{} of what people turned to nobody had touched before the split{}\n",
            n(notes.unknown),
            if args.test.known_entities { "; it is left out" } else { "; it counts as not found" }
        ));
    }
    text.push_str(&format!("recent-popularity looks back {}\n", days(notes.recent.as_secs_f64())));
    let places = result.evaluations.first().map(|evaluation| evaluation.at.as_slice()).unwrap_or_default();
    let cutoffs = args.cutoffs();
    for (at, _) in places.iter().enumerate().filter(|(_, place)| cutoffs.contains(&place.k)) {
        text.push('\n');
        text.push_str(&cutoff(result, at, args.test.seed, paint));
        text.push('\n');
        if result.evaluations.len() > 1 {
            text.push('\n');
            text.push_str(&comparisons(result, at, places[at].k, paint));
            text.push('\n');
        }
    }
    text.trim_end().to_owned()
}

/// What the recommender is better by than each of the others.
fn comparisons(result: &BacktestResult, at: usize, k: usize, paint: Paint) -> String {
    let mut header = vec![format!("at {k}, the recommender is better by")];
    for (name, _) in compare::COMPARED {
        header.extend([name.to_owned(), "95 %".to_owned(), "p".to_owned()]);
    }
    let rows: Vec<Vec<String>> = compare::all(result, at)
        .iter()
        .map(|comparison| {
            let mut cells = vec![format!("than {}", comparison.other)];
            for by in &comparison.by {
                let Interval { mean, low, high } = by.difference;
                let text = format!("{mean:+.4}");
                // In bold what is not chance: the whole interval lies on one side of zero.
                let sure = low > 0.0 || high < 0.0;
                cells.push(if sure { paint.bold(&text) } else { text });
                cells.push(format!("[{low:+.4}, {high:+.4}]"));
                cells.push(format!("{:.4}", by.p_value));
            }
            cells
        })
        .collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, &rows, &(1..header.len()).collect::<Vec<_>>())
}

fn days(seconds: f64) -> String {
    if seconds >= 86_400.0 {
        format!("{:.1} days", seconds / 86_400.0)
    } else {
        format!("{:.1} hours", seconds / 3_600.0)
    }
}

fn cutoff(result: &BacktestResult, at: usize, seed: u64, paint: Paint) -> String {
    let rows: Vec<(&str, &AtCutoff)> =
        result.evaluations.iter().map(|evaluation| (evaluation.name.as_str(), &evaluation.at[at])).collect();
    let Some((_, first)) = rows.first() else { return String::new() };
    let mut header = vec![format!("at {}", first.k)];
    header.extend(METRICS.iter().map(|(name, _)| (*name).to_owned()));
    header.extend(["coverage", "novelty", "diversity", "pop. bias"].map(str::to_owned));
    let best = |metric: Metric| rows.iter().map(|(_, at)| at.mean(metric)).fold(f64::MIN, f64::max);
    let cells = rows.iter().map(|(name, at)| {
        let mut cells = vec![(*name).to_owned()];
        for (place, (_, metric)) in METRICS.iter().enumerate() {
            let mean = at.mean(*metric);
            let text = match place {
                0 => {
                    let interval = at.interval(*metric, seed);
                    format!("{mean:.4} [{:.4}, {:.4}]", interval.low, interval.high)
                }
                _ => format!("{mean:.4}"),
            };
            cells.push(if mean >= best(*metric) { paint.bold(&text) } else { text });
        }
        cells.push(format!("{:.3}", at.coverage));
        cells.push(format!("{:.2}", at.novelty));
        cells.push(format!("{:.3}", at.diversity));
        cells.push(format!("{:.3}", at.popularity_bias));
        cells
    });
    let cells: Vec<Vec<String>> = cells.collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, &cells, &(1..header.len()).collect::<Vec<_>>())
}

/// What makes the result less than it seems.
pub(super) fn warnings(result: &BacktestResult) -> Vec<String> {
    let mut warnings = Vec::new();
    let notes = &result.notes;
    for (name, short) in notes.short.iter().filter(|(_, short)| **short > 0) {
        let mut text = format!(
            "{} of {} answers of {name} were shorter than asked for; a larger `limit` of its fetchers, or a fetcher \
             that knows something about everybody, fills them",
            count(*short as u64),
            count(notes.questions as u64)
        );
        let drops = notes.drops.get(name).into_iter().flatten();
        let drops: Vec<String> = drops
            .map(|drop| format!("{} ({}) {}", drop.component, drop.reason, count(drop.count as u64)))
            .collect();
        if !drops.is_empty() {
            text.push_str(&format!("; dropped were, by filter: {}", drops.join(", ")));
        }
        warnings.push(text);
    }
    for (name, degraded) in &notes.degraded {
        for (what, answers) in degraded {
            warnings.push(format!("{} answers of {name} were degraded: {what}", count(*answers as u64)));
        }
    }
    warnings
}
