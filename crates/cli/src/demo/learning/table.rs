//! The table that the demo is about: what each step was worth, as text and as `report.json`.

use std::path::Path;

use anyhow::{Context, Result};
use recommend_experiments::statistics::Metric;
use recommend_experiments::statistics::compare::{Settings, compare};
use serde::Serialize;

use crate::render::{Paint, count, table};

/// What a row compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The same model twice: nothing to find, and what is found says how often the others may be wrong.
    Aa,
    /// A new model and an older one.
    Ab,
    /// The true optimum of the simulator, which nobody can serve: expected clicks for the same people, and no experiment.
    Ceiling,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) source: String,
    pub(crate) kind: Kind,
    pub(crate) control: String,
    pub(crate) treatment: String,
    /// Clicks per impression.
    pub(crate) control_ctr: f64,
    pub(crate) treatment_ctr: f64,
    /// Treatment over control, less one.
    pub(crate) lift: f64,
    /// The 95 % interval of the lift.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Two-sided, of the one look that was planned.
    pub(crate) p_value: f64,
    /// One that would hold had somebody looked every day.
    pub(crate) always_p_value: f64,
    /// Of both sides.
    pub(crate) users: u64,
}

impl Row {
    /// Compares two sides of a source; `None` while one of them has no clicks.
    pub(crate) fn of(
        source: &str,
        kind: Kind,
        (control, of_control): (&str, &Metric),
        (treatment, of_treatment): (&str, &Metric),
    ) -> Option<Self> {
        let found = compare(of_control, of_treatment, &Settings::default())?;
        Some(Row {
            source: source.to_owned(),
            kind,
            control: control.to_owned(),
            treatment: treatment.to_owned(),
            control_ctr: found.control,
            treatment_ctr: found.treatment,
            lift: found.lift,
            low: found.low,
            high: found.high,
            p_value: found.p_value,
            always_p_value: found.always_p_value,
            users: found.users,
        })
    }

    /// Whether the interval leaves nothing out but a gain.
    pub(crate) fn wins(&self) -> bool {
        self.low > 0.0
    }

    /// Whether the interval leaves nothing out but a loss.
    pub(crate) fn loses(&self) -> bool {
        self.high < 0.0
    }
}

/// The rows as people read them.
pub(crate) fn text(rows: &[Row], paint: Paint) -> String {
    let header = ["source", "control", "treatment", "CTR", "CTR", "lift", "95 % interval", "p", "users"];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let again = at > 0 && rows[at - 1].source == row.source;
            let verdict = match row.kind {
                Kind::Ceiling | Kind::Aa => paint.dim(&percent(row.lift)),
                Kind::Ab if row.wins() => paint.green(&percent(row.lift)),
                Kind::Ab if row.loses() => paint.red(&percent(row.lift)),
                Kind::Ab => percent(row.lift),
            };
            vec![
                if again { String::new() } else { row.source.clone() },
                row.control.clone(),
                row.treatment.clone(),
                format!("{:.4}", row.control_ctr),
                format!("{:.4}", row.treatment_ctr),
                verdict,
                format!("{} … {}", percent(row.low), percent(row.high)),
                p_value(row.p_value),
                count(row.users),
            ]
        })
        .collect();
    table(&header, &cells, &[3, 4, 5, 6, 7, 8])
}

/// `+12.3 %`.
fn percent(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

/// Three digits, and no more zeros than one can count.
fn p_value(p: f64) -> String {
    match p {
        p if p < 0.0001 => "< 0.0001".to_owned(),
        p if p < 0.01 => format!("{p:.4}"),
        p => format!("{p:.2}"),
    }
}

/// Writes the rows as a JSON array.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn save(rows: &[Row], file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(rows)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    }
    std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(clicks: u32) -> Metric {
        (0..4_000_u32).map(|user| (f64::from(u8::from(user % 100 < clicks)), 5.0)).collect()
    }

    fn row(kind: Kind, control: u32, treatment: u32) -> Row {
        let (a, b) = (arm(control), arm(treatment));
        Row::of("channel-browser", kind, ("hand-tuned", &a), ("xgboost-ranker", &b)).unwrap()
    }

    #[test]
    fn a_lift_is_told_with_its_interval_and_the_verdict_follows_from_it() {
        let (better, worse, same) = (row(Kind::Ab, 40, 60), row(Kind::Ab, 60, 40), row(Kind::Aa, 50, 50));
        assert!(better.wins() && !better.loses() && worse.loses() && !worse.wins());
        assert!(!same.wins() && !same.loses() && same.p_value > 0.99);
        assert!((better.lift - 0.5).abs() < 1e-9 && better.users == 8_000);

        let shown = text(&[same, better], Paint(false));
        let lines: Vec<String> =
            shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(
            lines[1].starts_with("channel-browser hand-tuned xgboost-ranker 0.1000 0.1000 +0.0 %"),
            "{shown}"
        );
        assert!(lines[2].starts_with("hand-tuned xgboost-ranker 0.0800 0.1200 +50.0 %"), "{shown}");
        assert!(lines[2].contains("< 0.0001 8,000"), "{shown}");
    }

    #[test]
    fn no_clicks_are_no_comparison() {
        assert_eq!(
            Row::of("s", Kind::Ab, ("a", &Metric::default()), ("b", &arm(5))),
            None,
            "nobody has seen the control"
        );
    }

    #[test]
    fn the_report_is_rows_that_others_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("demo/report.json");
        save(&[row(Kind::Ceiling, 40, 60)], &file).unwrap();
        let read: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for key in ["source", "control", "treatment", "lift", "low", "high", "p_value", "users"] {
            assert!(!read[0][key].is_null(), "no {key} in {read}");
        }
        assert_eq!(read[0]["kind"], "ceiling");
    }
}
