//! An answer as JSON, with the names of the proto in lowerCamelCase; what is absent is left out.

use recommend_server::proto::{Explanation, RecommendResponse, RunReport};
use serde_json::{Map, Value, json};

/// The whole answer.
pub(super) fn response(response: &RecommendResponse) -> Value {
    let recommendations = response.recommendations.iter().map(|item| {
        let mut object = object(json!({
            "entity": item.entity,
            "score": item.score,
            "propensity": item.propensity,
        }));
        if let Some(found) = &item.explanation {
            object.insert("explanation".into(), explanation(found));
        }
        Value::Object(object)
    });
    let mut answer = object(json!({
        "requestId": response.request_id,
        "modelVersion": response.model_version,
        "recommendations": recommendations.collect::<Vec<_>>(),
    }));
    if !response.degraded.is_empty() {
        let degraded = response.degraded.iter().map(
            |d| json!({ "stage": d.stage, "component": d.component, "cause": d.cause, "message": d.message }),
        );
        answer.insert("degraded".into(), degraded.collect());
    }
    if let Some(found) = &response.report {
        answer.insert("report".into(), report(found));
    }
    if !response.why_not.is_empty() {
        answer.insert("whyNot".into(), json!(response.why_not));
    }
    Value::Object(answer)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn explanation(explanation: &Explanation) -> Value {
    json!({
        "fetchedBy": explanation.fetched_by.iter().map(|by| {
            json!({ "fetcher": by.fetcher, "score": by.score, "rank": by.rank })
        }).collect::<Vec<_>>(),
        "bias": explanation.bias,
        // A missing value is NaN, which JSON has not: it becomes null.
        "contributions": explanation.contributions.iter().map(|part| {
            json!({ "feature": part.feature, "value": part.value, "contribution": part.contribution })
        }).collect::<Vec<_>>(),
        "rawScore": explanation.raw_score,
        "moves": explanation.moves.iter().map(|step| {
            json!({ "reranker": step.reranker, "fromRank": step.from_rank, "toRank": step.to_rank })
        }).collect::<Vec<_>>(),
    })
}

fn report(report: &RunReport) -> Value {
    json!({
        "stages": report.stages.iter().map(|stage| {
            json!({
                "stage": stage.stage,
                "micros": stage.micros,
                "candidatesIn": stage.candidates_in,
                "candidatesOut": stage.candidates_out,
            })
        }).collect::<Vec<_>>(),
        "fetched": report.fetched.iter().map(|fetch| {
            json!({ "fetcher": fetch.fetcher, "candidates": fetch.candidates })
        }).collect::<Vec<_>>(),
        "drops": report.drops.iter().map(|drop| {
            json!({ "filter": drop.filter, "reason": drop.reason, "count": drop.count })
        }).collect::<Vec<_>>(),
    })
}
