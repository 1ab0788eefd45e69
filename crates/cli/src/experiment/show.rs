//! A report as a person reads it.

use recommend_core::Timestamp;

use super::report::{ComparisonReport, Report, VariantReport};
use crate::import::time::show;
use crate::render::{Paint, count, table};

/// The whole report.
pub(super) fn text(report: &Report, paint: Paint) -> String {
    let days = (report.to - report.from) as f64 / 86_400_000.0;
    let title = format!("experiment {}  on {}/{}", report.experiment, report.corpus, report.source);
    let when = format!(
        "{} to {} UTC ({days:.1} days), {} users",
        show(Timestamp(report.from)),
        show(Timestamp(report.to)),
        count(report.units as u64)
    );
    let mut parts = vec![format!("{}\n{}", paint.bold(&title), paint.dim(&when))];
    if !report.variants.is_empty() {
        parts.push(variants(&report.variants));
    }
    if !report.comparisons.is_empty() {
        parts.push(comparisons(report, paint));
    }
    parts.extend(ratio(report, paint));
    parts.extend(interleaved(report, paint));
    for shadow in &report.shadows {
        let share = |part: f64, whole: f64| if whole > 0.0 { 100.0 * part / whole } else { f64::NAN };
        parts.push(format!(
            "shadow {}: {} runs, p50 {}, p99 {}; of {} answers it would have shown {} ({:.0} %), with {:.0} % of the DCG \
             that the served slates had",
            paint.bold(&shadow.name),
            count(shadow.runs),
            micros(shadow.latency_p50_us),
            micros(shadow.latency_p99_us),
            count(shadow.answered),
            count(shadow.found),
            share(shadow.found as f64, shadow.answered as f64),
            share(shadow.dcg, shadow.served_dcg),
        ));
    }
    if report.moved > 0 {
        let text = format!(
            "{} users have seen more than one variant, because weights or the salt were changed; they are left out",
            count(report.moved as u64)
        );
        parts.push(paint.yellow(&text));
    }
    if report.open > 0 {
        let text = format!("{} requests may still be answered within the window", count(report.open as u64));
        parts.push(paint.dim(&text));
    }
    parts.join("\n\n")
}

fn variants(variants: &[VariantReport]) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
    let rows: Vec<Vec<String>> = variants
        .iter()
        .map(|variant| {
            vec![
                format!("{}{}", variant.name, if variant.a_a { " (A/A)" } else { "" }),
                count(variant.users),
                count(variant.requests),
                variant.ctr.map_or_else(|| "–".to_owned(), |ctr| format!("{:.2} %", 100.0 * ctr)),
                number(variant.objective_per_request),
                number(variant.objective_per_user),
                number(variant.dcg),
                micros(variant.latency_p50_us),
                micros(variant.latency_p99_us),
            ]
        })
        .collect();
    let header =
        ["variant", "users", "requests", "CTR", "objective a request", "a user", "DCG", "p50", "p99"];
    table(&header, &rows, &[1, 2, 3, 4, 5, 6, 7, 8])
}

fn comparisons(report: &Report, paint: Paint) -> String {
    let level = 100.0 * (1.0 - report.alpha);
    let rows: Vec<Vec<String>> =
        report.comparisons.iter().map(|found| comparison(found, report.alpha)).collect();
    let (one, always) = (format!("{level:.0} % interval"), format!("always {level:.0} %"));
    let control = report.control.as_deref().unwrap_or_default();
    let heading = format!("against {control}");
    let header = [heading.as_str(), "metric", "lift", &one, "p", &always, "always p", ""];
    let text = table(&header, &rows, &[2, 3, 4, 5, 6]);
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default().to_owned();
    let body = lines.map(|line| match line.trim_end() {
        line if line.ends_with("better") => paint.green(line),
        line if line.ends_with("worse") => paint.red(line),
        line => line.to_owned(),
    });
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

fn comparison(found: &ComparisonReport, alpha: f64) -> Vec<String> {
    let mut row = vec![found.variant.clone(), found.metric.title().to_owned()];
    match &found.comparison {
        None => row.extend(["–", "–", "–", "–", "–", "too little to compare"].map(ToOwned::to_owned)),
        Some(is) => row.extend([
            percent(is.lift),
            format!("{} to {}", percent(is.low), percent(is.high)),
            format!("{:.4}", is.p_value),
            format!("{} to {}", percent(is.always_low), percent(is.always_high)),
            format!("{:.4}", found.least_p_value),
            match (found.least_p_value <= alpha, is.lift > 0.0) {
                (true, true) => "better".to_owned(),
                (true, false) => "worse".to_owned(),
                (false, _) => "not decided".to_owned(),
            },
        ]),
    }
    row
}

fn ratio(report: &Report, paint: Paint) -> Option<String> {
    let ratio = report.sample_ratio.as_ref()?;
    let shares = |list: Vec<String>| list.join(" : ");
    let users = shares(ratio.users.iter().map(|users| count(*users)).collect());
    let expected = shares(ratio.expected.iter().map(|share| format!("{:.1} %", 100.0 * share)).collect());
    Some(match ratio.mismatch {
        true => paint.red(&format!(
            "sample-ratio mismatch: {users} users where {expected} should be (always p {:.2e}); something loses users of one \
             variant or a weight was changed: do not believe the comparisons before that is found",
            ratio.always_p_value
        )),
        false => paint.dim(&format!("users {users} where {expected} should be: no mismatch (p {:.2})", ratio.p_value)),
    })
}

fn interleaved(report: &Report, paint: Paint) -> Option<String> {
    let found = report.interleaved.as_ref()?;
    let mut text = format!(
        "interleaved {} and {}: {} slates of {} users, {} won by {}, {} by {}",
        paint.bold(&found.control),
        paint.bold(&found.treatment),
        count(found.slates),
        count(found.users),
        count(found.control_wins),
        found.control,
        count(found.treatment_wins),
        found.treatment,
    );
    match &found.preference {
        None => text.push_str("; too little to compare"),
        Some(is) => {
            let line = format!(
                "\n{} wins {} more slates than it loses (of all; 95 % {} to {}, always {} to {}), p {:.4}, always p {:.4}, sign \
                 test over slates p {:.4}",
                found.treatment,
                percent(2.0 * is.value),
                percent(2.0 * is.low),
                percent(2.0 * is.high),
                percent(2.0 * is.always_low),
                percent(2.0 * is.always_high),
                is.p_value,
                is.always_p_value,
                found.sign_test_p_value,
            );
            let level = format!("{:.0} %", 100.0 * (1.0 - report.alpha));
            text.push_str(&line.replace("95 %", &level));
        }
    }
    Some(text)
}

/// `+12.3 %`.
pub(super) fn percent(share: f64) -> String {
    match share.is_finite() {
        true => format!("{:+.1} %", 100.0 * share),
        false => "–".to_owned(),
    }
}

fn micros(time: u64) -> String {
    match time {
        0..10_000 => format!("{time} µs"),
        10_000..10_000_000 => format!("{:.1} ms", time as f64 / 1e3),
        _ => format!("{:.1} s", time as f64 / 1e6),
    }
}
