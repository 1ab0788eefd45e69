//! What came of an experiment, by the log: who saw which variant, and what they clicked.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use recommend_core::RequestId;
use recommend_events::{InteractionRow, LogReader, RequestRow};
use recommend_experiments::statistics::Metric;

/// Clicks per impression of every variant of every experiment, by the names of both. Users are the units: whatever one of
/// them did is one observation.
pub(crate) type Outcomes = BTreeMap<(String, String), Arm>;

/// One variant.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Arm {
    pub(crate) metric: Metric,
    pub(crate) requests: u64,
    pub(crate) impressions: u64,
    pub(crate) clicks: u64,
}

/// Reads the outcomes of all experiments in a log.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn read(log: &LogReader) -> Result<Outcomes> {
    Ok(tell(&log.requests()?, &log.interactions()?))
}

/// An impression counts one click at most, and only clicks that answer a request that was in an experiment count.
fn tell(requests: &[RequestRow], interactions: &[InteractionRow]) -> Outcomes {
    #[derive(Default)]
    struct User {
        requests: u64,
        impressions: u64,
        clicks: u64,
    }
    let arm = |request: &RequestRow| {
        Some((request.experiment.as_ref()?.to_string(), request.variant.as_ref()?.to_string()))
    };
    let mut users: HashMap<(u64, u64), BTreeMap<(String, String), User>> = HashMap::new();
    let mut whose: HashMap<RequestId, &RequestRow> = HashMap::new();
    for request in requests.iter().filter(|request| request.shadow_of.is_none()) {
        let Some(arm) = arm(request) else { continue };
        whose.insert(request.request, request);
        let user = users.entry((request.tenant, request.user)).or_default().entry(arm).or_default();
        user.requests += 1;
        user.impressions += u64::from(request.returned);
    }
    let mut clicked = HashSet::new();
    for interaction in interactions.iter().filter(|interaction| interaction.kind.as_str() == "click") {
        let Some(request) = interaction.request.and_then(|id| whose.get(&id)) else { continue };
        if !clicked.insert((request.request, interaction.entity)) {
            continue;
        }
        let user = users.get_mut(&(request.tenant, request.user));
        if let Some(user) = user.and_then(|arms| arm(request).and_then(|arm| arms.get_mut(&arm))) {
            user.clicks += 1;
        }
    }
    let mut outcomes = Outcomes::new();
    for (name, user) in users.into_values().flatten() {
        let arm = outcomes.entry(name).or_default();
        arm.metric.add(user.clicks as f64, user.impressions as f64);
        arm.requests += user.requests;
        arm.impressions += user.impressions;
        arm.clicks += user.clicks;
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use recommend_core::{InteractionId, Name, Timestamp};

    use super::*;

    fn request(id: u128, user: u64, variant: Option<&'static str>, returned: u32) -> RequestRow {
        RequestRow {
            request: RequestId(id),
            time: Timestamp(0),
            tenant: 1,
            user,
            corpus: Name::literal("channel"),
            source: Name::literal("channel-browser"),
            experiment: variant.map(|_| Name::literal("browser")),
            variant: variant.map(Name::literal),
            shadow_of: None,
            model: "linear".to_owned(),
            schema: 0,
            limit: 5,
            candidates: 9,
            scored: 9,
            returned,
            latency_us: 100,
            seed: 0,
            degraded: Vec::new(),
        }
    }

    fn click(id: u128, request: u128, entity: u64, kind: &'static str) -> InteractionRow {
        InteractionRow {
            id: InteractionId(id),
            request: Some(RequestId(request)),
            tenant: 1,
            user: 7,
            corpus: Name::literal("channel"),
            entity,
            kind: Name::literal(kind),
            time: Timestamp(1),
            value: 1.0,
        }
    }

    #[test]
    fn clicks_count_once_for_the_variant_that_their_request_was_answered_by() {
        let mut shadow = request(5, 7, Some("ranker"), 5);
        shadow.shadow_of = Some(RequestId(1));
        let requests = [
            request(1, 7, Some("control"), 5),
            request(2, 7, Some("control"), 5),
            request(3, 8, Some("ranker"), 4),
            request(4, 9, None, 5),
            shadow,
        ];
        let interactions = [
            click(1, 1, 10, "click"),
            click(2, 1, 10, "click"),
            click(3, 1, 10, "channel_join"),
            click(4, 2, 10, "click"),
            click(5, 4, 10, "click"),
            click(6, 99, 10, "click"),
            click(7, 5, 10, "click"),
        ];
        let outcomes = tell(&requests, &interactions);
        let arm = |name: &str| outcomes[&("browser".to_owned(), name.to_owned())];
        assert_eq!(outcomes.len(), 2, "{outcomes:?}");
        let (control, ranker) = (arm("control"), arm("ranker"));
        assert_eq!((control.requests, control.impressions, control.clicks), (2, 10, 2));
        assert_eq!((ranker.requests, ranker.impressions, ranker.clicks), (1, 4, 0));
        assert_eq!((control.metric.users, ranker.metric.users), (1, 1));
        assert!((control.metric.ratio() - 0.2).abs() < 1e-12);
    }
}
