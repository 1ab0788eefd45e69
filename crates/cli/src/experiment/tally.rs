//! From visits to metrics: sums per unit, so that the variance is that of units and not of their impressions.

use clap::ValueEnum;
use recommend_core::Timestamp;
use recommend_experiments::statistics::Metric;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::observe::Visit;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MetricKind {
    /// Clicked impressions over impressions.
    Ctr,
    /// The objective over requests.
    ObjectivePerRequest,
    /// The objective over units.
    ObjectivePerUser,
    /// DCG over requests: clicks far up count more.
    Dcg,
}

impl MetricKind {
    pub(crate) const ALL: [MetricKind; 4] =
        [MetricKind::Ctr, MetricKind::ObjectivePerRequest, MetricKind::ObjectivePerUser, MetricKind::Dcg];

    /// What tables and plots call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            MetricKind::Ctr => "CTR",
            MetricKind::ObjectivePerRequest => "objective a request",
            MetricKind::ObjectivePerUser => "objective a user",
            MetricKind::Dcg => "DCG",
        }
    }
}

/// The sums of one unit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) requests: f64,
    pub(crate) impressions: f64,
    pub(crate) clicks: f64,
    pub(crate) label: f64,
    pub(crate) dcg: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, visit: &Visit) {
        self.requests += 1.0;
        self.impressions += f64::from(visit.impressions);
        self.clicks += f64::from(visit.clicks);
        self.label += visit.label;
        self.dcg += visit.dcg;
    }

    /// What is counted, and out of how much.
    pub(crate) fn pair(&self, kind: MetricKind) -> (f64, f64) {
        match kind {
            MetricKind::Ctr => (self.clicks, self.impressions),
            MetricKind::ObjectivePerRequest => (self.label, self.requests),
            MetricKind::ObjectivePerUser => (self.label, 1.0),
            MetricKind::Dcg => (self.dcg, self.requests),
        }
    }
}

/// The sums of all units of an arm.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(FxHashMap<u32, Sums>);

impl Tally {
    pub(crate) fn add(&mut self, visit: &Visit) {
        self.0.entry(visit.unit).or_default().add(visit);
    }

    pub(crate) fn units(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn metric(&self, kind: MetricKind) -> Metric {
        // Sorted, so that the last bits of a sum do not depend on a hash map.
        let mut units: Vec<(&u32, &Sums)> = self.0.iter().collect();
        units.sort_unstable_by_key(|(unit, _)| **unit);
        units.into_iter().map(|(_, sums)| sums.pair(kind)).collect()
    }

    /// All units together.
    pub(crate) fn total(&self) -> Sums {
        let mut total = Sums::default();
        let mut units: Vec<(&u32, &Sums)> = self.0.iter().collect();
        units.sort_unstable_by_key(|(unit, _)| **unit);
        for (_, sums) in units {
            total.requests += sums.requests;
            total.impressions += sums.impressions;
            total.clicks += sums.clicks;
            total.label += sums.label;
            total.dcg += sums.dcg;
        }
        total
    }
}

/// The times of the looks at visits that are sorted by time: about so many, at whole steps that people know, and the end.
pub(crate) fn looks(visits: &[Visit], about: i64) -> Vec<Timestamp> {
    const STEPS: [i64; 9] = [1, 60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400];
    let (Some(first), Some(last)) = (visits.first(), visits.last()) else { return Vec::new() };
    let (first, last) = (first.time.millis(), last.time.millis());
    let step = STEPS.into_iter().map(|step| step * 1000).find(|step| (last - first) / step <= about);
    let step = step.unwrap_or(365 * 86_400_000);
    let mut looks = Vec::new();
    let mut at = (first.div_euclid(step) + 1) * step;
    while at <= last {
        looks.push(Timestamp(at));
        at += step;
    }
    looks.push(Timestamp(last.saturating_add(1)));
    looks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn visit(unit: u32, millis: i64) -> Visit {
        Visit {
            unit,
            arm: 0,
            time: Timestamp(millis),
            latency_us: 0,
            impressions: 10,
            clicks: unit,
            label: 2.0,
            dcg: 1.0,
            credit: BTreeMap::new(),
        }
    }

    #[test]
    fn a_unit_is_one_pair_whatever_it_asked() {
        let mut tally = Tally::default();
        for visit in [visit(1, 0), visit(1, 5), visit(3, 7)] {
            tally.add(&visit);
        }
        assert_eq!(tally.units(), 2);
        assert!((tally.metric(MetricKind::Ctr).ratio() - 5.0 / 30.0).abs() < 1e-12);
        assert!((tally.metric(MetricKind::ObjectivePerUser).ratio() - 3.0).abs() < 1e-12);
        assert_eq!(tally.metric(MetricKind::Dcg).users, 2);
    }

    #[test]
    fn looks_are_at_whole_days_and_at_the_end() {
        let day = 86_400_000;
        let visits = [visit(0, 5 * day + 7), visit(0, 19 * day)];
        let looks = looks(&visits, 60);
        let at = |days: i64| Timestamp(days * day);
        assert!(looks.len() <= 62 && looks.contains(&at(7)));
        assert_eq!(looks.last(), Some(&Timestamp(19 * day + 1)));
        assert!(super::looks(&[], 60).is_empty());
    }
}
