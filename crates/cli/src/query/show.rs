//! An answer as a person reads it.

use recommend_server::proto::{Explanation, RecommendRequest, RecommendResponse, RunReport};

use crate::render::{Paint, table};

/// The whole answer.
pub(super) fn response(request: &RecommendRequest, response: &RecommendResponse, paint: Paint) -> String {
    let title = format!("{}/{} for {} in {}", request.corpus, request.source, request.user, request.tenant);
    let mut parts = vec![format!(
        "{}  {}",
        paint.bold(&title),
        paint.dim(&format!(
            "model {}{}, request {}",
            response.model_version,
            experiment(response),
            response.request_id
        ))
    )];
    if response.recommendations.is_empty() {
        parts.push("nothing to recommend; --explain shows where the candidates went".into());
    } else if request.explain {
        for (at, item) in response.recommendations.iter().enumerate() {
            let mut head = format!("{}  {}  {}", at + 1, paint.bold(&item.entity), number(item.score));
            if item.propensity < 1.0 {
                head.push_str(&paint.dim(&format!("  propensity {}", number(item.propensity))));
            }
            match &item.explanation {
                Some(found) => parts.push(format!("{head}\n{}", explanation(found, paint))),
                None => parts.push(head),
            }
        }
    } else {
        parts.push(list(response));
    }
    if let Some(found) = &response.report {
        parts.push(report(found, paint));
    }
    if !response.why_not.is_empty() {
        parts.push(response.why_not.clone());
    }
    for degraded in &response.degraded {
        let what = format!("degraded: {} {}: {}", degraded.stage, degraded.component, degraded.message);
        parts.push(paint.yellow(&what));
    }
    parts.join("\n\n")
}

/// Which experiment, and what of it, if any.
fn experiment(response: &RecommendResponse) -> String {
    match (response.experiment.as_str(), response.variant.as_str()) {
        ("", _) => String::new(),
        (experiment, "") => format!(", experiment {experiment}, interleaved"),
        (experiment, variant) => format!(", experiment {experiment}, variant {variant}"),
    }
}

fn list(response: &RecommendResponse) -> String {
    // A column that says 1 everywhere says nothing.
    let random = response.recommendations.iter().any(|item| item.propensity < 1.0);
    let rows: Vec<Vec<String>> = response
        .recommendations
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let mut row = vec![(at + 1).to_string(), item.entity.clone(), number(item.score)];
            row.extend(random.then(|| number(item.propensity)));
            row
        })
        .collect();
    let header: &[&str] =
        if random { &["#", "entity", "score", "propensity"] } else { &["#", "entity", "score"] };
    table(header, &rows, &[0, 2, 3])
}

fn explanation(explanation: &Explanation, paint: Paint) -> String {
    let mut lines = Vec::new();
    let fetched = explanation
        .fetched_by
        .iter()
        .map(|by| format!("{} (rank {}, score {})", by.fetcher, by.rank, number(by.score)));
    lines.push(format!("   proposed by {}", fetched.collect::<Vec<_>>().join(", ")));
    for step in &explanation.moves {
        lines.push(format!("   moved from {} to {} by {}", step.from_rank, step.to_rank, step.reranker));
    }
    let mut parts: Vec<_> = explanation.contributions.iter().collect();
    parts.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    let (telling, silent): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.contribution != 0.0);
    let mut rows: Vec<Vec<String>> = telling
        .iter()
        .map(|part| vec![part.feature.clone(), number(part.value), signed(part.contribution)])
        .collect();
    if explanation.bias != 0.0 {
        rows.push(vec!["(bias)".into(), String::new(), signed(explanation.bias)]);
    }
    rows.push(vec!["= raw score".into(), String::new(), number(explanation.raw_score)]);
    let text = table(&["feature", "value", "adds"], &rows, &[1, 2]);
    lines.extend(text.lines().map(|line| format!("   {line}")));
    if !silent.is_empty() {
        let names: Vec<String> =
            silent.iter().map(|part| format!("{} ({})", part.feature, number(part.value))).collect();
        lines.push(paint.dim(&format!("   adds nothing: {}", names.join(", "))));
    }
    lines.join("\n")
}

fn report(report: &RunReport, paint: Paint) -> String {
    let total: u64 = report.stages.iter().map(|stage| stage.micros).sum();
    let rows: Vec<Vec<String>> = report
        .stages
        .iter()
        .map(|stage| {
            let what = match stage.stage.as_str() {
                "fetch" => {
                    let fetched = report.fetched.iter().map(|f| format!("{} {}", f.fetcher, f.candidates));
                    fetched.collect::<Vec<_>>().join(", ")
                }
                "filter" => {
                    let drops =
                        report.drops.iter().map(|d| format!("{} {} ({})", d.count, d.reason, d.filter));
                    drops.collect::<Vec<_>>().join(", ")
                }
                _ => String::new(),
            };
            vec![
                stage.stage.clone(),
                format!("{} µs", stage.micros),
                stage.candidates_in.to_string(),
                stage.candidates_out.to_string(),
                what,
            ]
        })
        .collect();
    let text = table(&["stage", "time", "in", "out", "proposed, dropped"], &rows, &[1, 2, 3]);
    format!("{text}\n{}", paint.dim(&format!("{total} µs in all")))
}

/// Four digits are enough to see what matters.
fn number(value: f32) -> String {
    if value.is_nan() {
        return "missing".into();
    }
    let size = value.abs();
    let decimals = match size {
        0.0 => 0,
        _ if size >= 1000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 10.0 => 2,
        _ if size >= 1.0 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn signed(value: f32) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

#[cfg(test)]
mod tests {
    use recommend_server::proto;

    use super::*;

    fn answer(explain: bool) -> (RecommendRequest, RecommendResponse) {
        let request = RecommendRequest {
            tenant: "acme".into(),
            user: "ada".into(),
            corpus: "channel".into(),
            source: "channel-browser".into(),
            explain,
            ..RecommendRequest::default()
        };
        let contribution = |feature: &str, value, contribution| proto::Contribution {
            feature: feature.into(),
            value,
            contribution,
        };
        let explanation = Explanation {
            fetched_by: vec![proto::FetchedBy { fetcher: "popular".into(), score: 812.25, rank: 1 }],
            bias: 0.5,
            contributions: vec![
                contribution("age", f32::NAN, 0.0),
                contribution("members", 12.0, -0.25),
                contribution("popular.score", 812.25, 3.0),
            ],
            raw_score: 3.25,
            moves: vec![proto::RankMove { reranker: "cap-per-group".into(), from_rank: 4, to_rank: 1 }],
        };
        let item = |entity: &str, score, propensity| proto::Recommendation {
            entity: entity.into(),
            score,
            propensity,
            explanation: explain.then(|| explanation.clone()),
            variant: String::new(),
        };
        let stage = |stage: &str, micros, into, out| proto::StageReport {
            stage: stage.into(),
            micros,
            candidates_in: into,
            candidates_out: out,
        };
        let report = RunReport {
            stages: vec![stage("fetch", 120, 40, 30), stage("filter", 9, 30, 12)],
            fetched: vec![proto::FetchReport { fetcher: "popular".into(), candidates: 40 }],
            drops: vec![proto::DropReport {
                filter: "not-private".into(),
                reason: "private".into(),
                count: 18,
            }],
        };
        let response = RecommendResponse {
            request_id: "0".repeat(32),
            recommendations: vec![item("general", 3.25, 1.0), item("random", 0.033_333, 0.25)],
            degraded: vec![proto::Degradation {
                stage: "fetch".into(),
                component: "related".into(),
                cause: "timeout".into(),
                message: "ran out of time".into(),
            }],
            model_version: "hand-tuned".into(),
            report: explain.then_some(report),
            why_not: if explain { "ops was proposed by no fetcher".into() } else { String::new() },
            experiment: String::new(),
            variant: String::new(),
        };
        (request, response)
    }

    #[test]
    fn an_answer_is_a_short_table() {
        let (request, answer) = answer(false);
        insta::assert_snapshot!(response(&request, &answer, Paint(false)));
    }

    #[test]
    fn an_explained_answer_shows_who_proposed_what_added_and_who_moved() {
        let (request, answer) = answer(true);
        insta::assert_snapshot!(response(&request, &answer, Paint(false)));
    }

    #[test]
    fn json_has_no_nan() {
        let (_, answer) = answer(true);
        let value = super::super::json::response(&answer);
        assert!(value["recommendations"][0]["explanation"]["contributions"][0]["value"].is_null());
        assert_eq!(value["recommendations"][1]["propensity"], 0.25);
        assert_eq!(value["report"]["drops"][0]["count"], 18);
    }

    #[test]
    fn numbers_have_four_digits_that_matter() {
        let shown: Vec<_> = [0.0, 0.05, 1.5, 12.345, 999.96, 12_345.6, f32::NAN].map(number).to_vec();
        assert_eq!(shown, ["0", "0.05", "1.5", "12.35", "1000", "12346", "missing"]);
    }
}
