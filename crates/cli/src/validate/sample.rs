//! Runs a recommender for a sample of users and looks at what its features are: one that never varies tells nothing.

use std::time::Duration;

use anyhow::Result;
use recommend_core::{
    Deadline, EntityId, Name, Outcome, Query, Recommender, RequestId, RunOptions, Timestamp, UserId,
};
use recommend_server::Config;
use recommend_server::config::RecommenderConfig;
use recommend_stores::Stores;

use super::data::{Data, Tenant};
use super::finding::Finding;

/// Users asked per recommender and tenant.
const USERS: usize = 20;

/// Recommendations looked at per user.
const LIMIT: usize = 200;

/// Fewer rows than this tell nothing about a feature.
const ENOUGH_ROWS: usize = 20;

/// How long one run may take: this is no request of a product.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen of one feature.
#[derive(Debug, Clone, Copy)]
struct Seen {
    low: f32,
    high: f32,
    missing: usize,
    rows: usize,
}

/// Runs the recommender and reports features that are constant or missing, and users who get nothing.
pub(super) async fn check(
    config: &Config,
    settings: &RecommenderConfig,
    recommender: &Recommender,
    data: &Data,
    stores: &Stores,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let place = || Some(format!("{}:{}", config.file(), settings.line));
    let name = settings.place();
    for tenant in &data.tenants {
        let users = users(stores, tenant, recommender.corpus())?;
        if users.is_empty() {
            continue;
        }
        // Imported history may be old: look at it as of its end, when its windows are full.
        let now = tenant.kinds.iter().map(|kind| kind.last).max().unwrap_or_default();
        let mut seen = vec![
            Seen { low: f32::MAX, high: f32::MIN, missing: 0, rows: 0 };
            recommender.schema().names().len()
        ];
        let (mut empty, mut failed) = (0, None);
        for (user, chosen) in &users {
            let query = query(tenant, recommender, *user, now);
            let mut outcome = recommender.run(&query, RunOptions::default()).await;
            if outcome.as_ref().is_ok_and(|outcome| outcome.items.is_empty()) && !chosen.is_empty() {
                // Some recommenders have nothing to say before somebody was chosen.
                let query = Query { seeds: chosen.clone(), ..query };
                outcome = recommender.run(&query, RunOptions::default()).await;
            }
            match outcome {
                Ok(outcome) => {
                    empty += usize::from(outcome.items.is_empty());
                    for degraded in outcome.report.degraded.iter().take(1) {
                        failed
                            .get_or_insert(format!("{} is degraded: {}", degraded.component, degraded.error));
                    }
                    observe(&mut seen, &outcome);
                }
                Err(error) => drop(failed.get_or_insert(error.to_string())),
            }
        }
        let who = &tenant.name;
        if let Some(reason) = failed {
            findings.push(Finding::warning(place(), format!("{name}, sampled in tenant {who}: {reason}")));
        }
        if empty * 2 > users.len() {
            let (n, text) = (users.len(), "recommend query --explain shows where the candidates go");
            findings.push(Finding::warning(
                place(),
                format!("{name}: {empty} of {n} sampled users of tenant {who} get nothing; {text}"),
            ));
        }
        for (feature, seen) in recommender.schema().names().iter().zip(&seen) {
            if let Some(what) = seen.verdict() {
                let text = format!("{name}: the feature {feature} is {what} in {} sampled rows", seen.rows);
                findings.push(Finding::warning(place(), format!("{text} of tenant {who}")));
            }
        }
    }
    Ok(())
}

fn observe(seen: &mut [Seen], outcome: &Outcome) {
    for (column, seen) in seen.iter_mut().enumerate().take(outcome.features.ncols()) {
        for value in outcome.features.column(column) {
            seen.rows += 1;
            if value.is_nan() {
                seen.missing += 1;
            } else {
                seen.low = seen.low.min(*value);
                seen.high = seen.high.max(*value);
            }
        }
    }
}

impl Seen {
    fn verdict(&self) -> Option<String> {
        match self {
            Seen { rows, .. } if *rows < ENOUGH_ROWS => None,
            Seen { rows, missing, .. } if rows == missing => Some("missing".to_owned()),
            Seen { low, high, missing: 0, .. } if low == high => Some(format!("always {low}")),
            _ => None,
        }
    }
}

fn query(tenant: &Tenant, recommender: &Recommender, user: UserId, now: Timestamp) -> Query {
    Query {
        request: RequestId(0),
        tenant: tenant.id,
        user,
        corpus: recommender.corpus().clone(),
        source: recommender.source().clone(),
        limit: LIMIT,
        context: Vec::new(),
        seeds: Vec::new(),
        given: Vec::new(),
        now,
        deadline: Deadline::after(PATIENCE),
        seed: 0,
    }
}

/// Users spread evenly over those who did something, each with the last two entities of the corpus that they chose.
fn users(stores: &Stores, tenant: &Tenant, corpus: &Name) -> Result<Vec<(UserId, Vec<EntityId>)>> {
    let mut all: Vec<(UserId, Vec<EntityId>)> = Vec::new();
    let mut corpora: Vec<&Name> = tenant.kinds.iter().map(|kind| &kind.corpus).collect();
    corpora.dedup();
    // Who is active in the corpus itself comes first; for corpora without interactions, whoever is active at all.
    corpora.sort_by_key(|name| *name != corpus);
    for from in corpora {
        let mut each = |user: UserId, events: &[recommend_stores::Event]| {
            let mut chosen: Vec<EntityId> = Vec::new();
            if from == corpus {
                for event in events.iter().rev().take(50) {
                    if chosen.len() < 2 && !chosen.contains(&event.entity) {
                        chosen.push(event.entity);
                    }
                }
            }
            all.push((user, chosen));
        };
        stores.interactions.scan_users(
            tenant.id,
            from,
            &[],
            Timestamp(i64::MIN),
            Timestamp(i64::MAX),
            &mut each,
        )?;
        if !all.is_empty() {
            break;
        }
    }
    let step = (all.len() / USERS).max(1);
    Ok(all.into_iter().step_by(step).take(USERS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_judged_by_enough_rows() {
        let seen = Seen { low: 2.0, high: 2.0, missing: 0, rows: 30 };
        assert_eq!(seen.verdict().as_deref(), Some("always 2"));
        assert_eq!(Seen { rows: 5, ..seen }.verdict(), None);
        assert_eq!(Seen { missing: 30, ..seen }.verdict().as_deref(), Some("missing"));
        assert_eq!(Seen { missing: 3, ..seen }.verdict(), None, "missing or 2 are two values");
        assert_eq!(Seen { high: 3.0, ..seen }.verdict(), None);
    }
}
