//! What the bounds of tenants made the stores let go of, as a metric that is read when somebody scrapes.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts};
use recommend_stores::RetentionStats;

/// Reads the counters of the stores at each scrape.
pub(crate) struct RetentionMetrics {
    stats: Arc<RetentionStats>,
    descriptions: Vec<Desc>,
}

impl RetentionMetrics {
    pub(crate) fn new(stats: Arc<RetentionStats>) -> Result<Self, prometheus::Error> {
        let descriptions = dropped()?.desc().into_iter().cloned().collect();
        Ok(RetentionMetrics { stats, descriptions })
    }
}

fn dropped() -> Result<IntCounterVec, prometheus::Error> {
    let help = "Interactions that are not held any more: older than is kept, beyond what a tenant may have, or late.";
    IntCounterVec::new(Opts::new("recommend_store_interactions_dropped_total", help), &["reason"])
}

impl Collector for RetentionMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.stats.snapshot();
        let Ok(counter) = dropped() else { return Vec::new() };
        for (reason, count) in [("expired", now.expired), ("limit", now.crowded_out), ("late", now.late)] {
            counter.with_label_values(&[reason]).inc_by(count);
        }
        counter.collect()
    }
}
