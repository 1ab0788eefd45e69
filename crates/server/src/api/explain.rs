//! Explanations and reports as messages.

use recommend_core::{Degradation, Explained, Report, WhyNot};

use super::recommend::count;
use crate::proto;

pub(super) fn explanation(explained: &Explained) -> proto::Explanation {
    proto::Explanation {
        fetched_by: explained
            .fetchers
            .iter()
            .map(|(fetcher, score, rank)| proto::FetchedBy {
                fetcher: fetcher.to_string(),
                score: *score,
                rank: count(rank + 1),
            })
            .collect(),
        bias: explained.bias,
        contributions: explained
            .contributions
            .iter()
            .map(|part| proto::Contribution {
                feature: part.feature.to_string(),
                value: part.value,
                contribution: part.contribution,
            })
            .collect(),
        raw_score: explained.raw,
        moves: explained
            .moves
            .iter()
            .map(|step| proto::RankMove {
                reranker: step.component.to_string(),
                from_rank: count(step.from + 1),
                to_rank: count(step.to + 1),
            })
            .collect(),
    }
}

pub(super) fn degradation(degraded: &Degradation) -> proto::Degradation {
    proto::Degradation {
        stage: degraded.stage.name().to_owned(),
        component: degraded.component.to_string(),
        cause: recommend_core::Cause::from(&degraded.error).name().to_owned(),
        message: degraded.error.to_string(),
    }
}

pub(super) fn report(report: &Report) -> proto::RunReport {
    proto::RunReport {
        stages: report
            .stages
            .iter()
            .map(|stage| proto::StageReport {
                stage: stage.stage.name().to_owned(),
                micros: u64::try_from(stage.time.as_micros()).unwrap_or(u64::MAX),
                candidates_in: count(stage.candidates_in),
                candidates_out: count(stage.candidates_out),
            })
            .collect(),
        fetched: report
            .fetched
            .iter()
            .map(|fetched| proto::FetchReport {
                fetcher: fetched.component.to_string(),
                candidates: count(fetched.candidates),
            })
            .collect(),
        drops: report
            .drops
            .iter()
            .map(|drop| proto::DropReport {
                filter: drop.component.to_string(),
                reason: drop.reason.to_owned(),
                count: count(drop.count),
            })
            .collect(),
    }
}

/// One sentence about an entity that somebody missed.
pub(super) fn why_not(entity: &str, why_not: &WhyNot) -> String {
    match why_not {
        WhyNot::NotProposed { fetchers } => {
            let names: Vec<&str> = fetchers.iter().map(recommend_core::Name::as_str).collect();
            format!("{entity} was proposed by no fetcher; {} ran", names.join(", "))
        }
        WhyNot::Dropped { filter, reason } => {
            format!("{entity} was dropped by the filter {filter}: {reason}")
        }
        WhyNot::Removed { reranker, from } => {
            format!("{entity} stood at rank {} until the reranker {reranker} took it out", from + 1)
        }
        WhyNot::BelowLimit { rank, score, last_score } => format!(
            "{entity} came to rank {} with a score of {score}; the last one returned has {last_score}",
            rank + 1
        ),
        WhyNot::Returned { rank } => format!("{entity} is in the answer, at rank {}", rank + 1),
        WhyNot::Unknown { .. } => format!("what became of {entity} could not be told"),
    }
}

#[cfg(test)]
mod tests {
    use recommend_core::Name;

    use super::*;

    #[test]
    fn why_not_is_a_sentence_with_ranks_from_one() {
        let fetchers = vec![Name::literal("popular"), Name::literal("recent")];
        assert_eq!(
            why_not("C1", &WhyNot::NotProposed { fetchers }),
            "C1 was proposed by no fetcher; popular, recent ran"
        );
        assert_eq!(
            why_not("C1", &WhyNot::Dropped { filter: Name::literal("not-private"), reason: "private" }),
            "C1 was dropped by the filter not-private: private"
        );
        assert!(why_not("C1", &WhyNot::Returned { rank: 0 }).ends_with("rank 1"));
    }
}
