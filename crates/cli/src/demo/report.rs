//! The report: a screenful for each recommender in a few lines, and a table of all.

use std::fmt::Write;
use std::time::Duration;

use recommend_core::IdCodec;
use recommend_simulator::Workspace;

use super::logged::Logged;
use super::rounds::{Rounds, entities};
use super::words::Words;
use crate::render::{Paint, count, table};

/// Recommendations shown of each slate.
const SHOWN: usize = 3;

/// Turns what happened into text.
pub(crate) struct Reporter<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) words: &'a Words,
    pub(crate) codec: IdCodec,
    pub(crate) paint: Paint,
}

impl Reporter<'_> {
    /// One recommender: for whom, what, why, and how long it took.
    pub(crate) fn section(&self, rounds: &Rounds) -> String {
        let person = self.workspace.people()[rounds.hero.person].entity;
        let mut text = String::new();
        let title = format!("{} / {}", rounds.corpus, rounds.source);
        let _ = write!(text, "{}", self.paint.bold(&format!("{title:<28}")));
        let _ = write!(text, " for {}", self.workspace.label("user", person));
        if !rounds.hero.seeds.is_empty() {
            let names: Vec<String> = rounds
                .hero
                .seeds
                .iter()
                .map(|seed| first_words(&self.workspace.label("user", *seed)))
                .collect();
            let _ = write!(text, ", who writes to {}", names.join(" and "));
        }
        text.push('\n');
        let slate = entities(self.codec, &rounds.answer).unwrap_or_default();
        let labels: Vec<String> =
            slate.iter().take(SHOWN).map(|entity| self.workspace.label(&rounds.corpus, *entity)).collect();
        let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        for (at, (label, item)) in labels.iter().zip(&rounds.answer.recommendations).enumerate() {
            let why =
                item.explanation.as_ref().map(|explanation| self.words.why(explanation)).unwrap_or_default();
            let _ = writeln!(
                text,
                "  {}  {}  {:>6.2}  {}",
                at + 1,
                self.paint.green(&format!("{label:<width$}")),
                item.score,
                self.paint.dim(&why)
            );
        }
        let _ = write!(text, "{}", self.paint.dim(&format!("     {}", stages(&rounds.answer))));
        text
    }

    /// All recommenders in one table.
    pub(crate) fn summary(&self, all: &[Rounds], logged: &Logged) -> String {
        let header = [
            "recommender",
            "first",
            "p50",
            "p99",
            "wanted",
            "by chance",
            "lift",
            "slates",
            "clicked",
            "impressions logged",
            "clicks logged",
        ];
        let rows: Vec<Vec<String>> = all
            .iter()
            .map(|rounds| {
                let log = logged.of(&rounds.corpus, &rounds.source);
                vec![
                    format!("{}/{}", rounds.corpus, rounds.source),
                    time(rounds.first),
                    time(rounds.quantile(0.5)),
                    time(rounds.quantile(0.99)),
                    format!("{:.2}", rounds.wanted),
                    format!("{:.2}", rounds.by_chance),
                    rounds.lift().map_or_else(|| "no choice".to_owned(), |lift| format!("{lift:.1}×")),
                    count(rounds.trips.len() as u64),
                    count(rounds.clicked as u64),
                    format!("{} × {} features", count(log.impressions as u64), log.features),
                    count(log.answers as u64),
                ]
            })
            .collect();
        table(&header, &rows, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    }
}

/// `600 fetched, 312 scored · fetch 61 µs · … · 0.14 ms in all`.
fn stages(answer: &recommend_server::proto::RecommendResponse) -> String {
    let Some(report) = &answer.report else { return "no report".to_owned() };
    let fetched =
        report.stages.iter().find(|stage| stage.stage == "fetch").map_or(0, |stage| stage.candidates_out);
    let scored =
        report.stages.iter().find(|stage| stage.stage == "score").map_or(0, |stage| stage.candidates_in);
    let total: u64 = report.stages.iter().map(|stage| stage.micros).sum();
    let parts: Vec<String> = report
        .stages
        .iter()
        .filter(|stage| stage.micros > 0)
        .map(|stage| format!("{} {}", stage.stage, stage.micros))
        .collect();
    format!(
        "{} candidates, {} after the filters · {} µs = {}",
        count(fetched.into()),
        count(scored.into()),
        count(total),
        parts.join(" + ")
    )
}

/// A duration with three digits at most: `320 µs`, `1.42 ms`, `12.3 s`.
pub(crate) fn time(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1e-2 => format!("{:.2} ms", seconds * 1e3),
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

/// The name without what stands in brackets behind it.
fn first_words(label: &str) -> String {
    label.split(" (").next().unwrap_or(label).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_that_matter() {
        let micros = [320, 1_420, 12_300, 2_340_000].map(|micros| time(Duration::from_micros(micros)));
        assert_eq!(micros, ["320 µs", "1.42 ms", "12 ms", "2.3 s"]);
        assert_eq!(first_words("Ada Rossi (growth, Berlin)"), "Ada Rossi");
    }
}
