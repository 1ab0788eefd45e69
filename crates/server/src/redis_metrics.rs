//! What was asked of Redis, as metrics that are read when somebody scrapes.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge, Opts};
use recommend_stores::{RedisSnapshot, RedisStats};

/// One counter and where its number comes from.
type Counted = (&'static str, &'static str, fn(&RedisSnapshot) -> u64);

const COUNTERS: [Counted; 9] = [
    ("recommend_redis_calls_total", "Commands that were to be sent to Redis.", |s| s.calls),
    ("recommend_redis_errors_total", "Commands without a good answer, those out of time included.", |s| {
        s.errors
    }),
    ("recommend_redis_timeouts_total", "Commands without an answer in time.", |s| s.timeouts),
    ("recommend_redis_refused_total", "Commands that the circuit breaker held back.", |s| s.refused),
    ("recommend_redis_connections_total", "Connections that were opened.", |s| s.connections),
    ("recommend_redis_row_hits_total", "Rows that this process had read lately.", |s| s.hits),
    ("recommend_redis_row_misses_total", "Rows that were read.", |s| s.misses),
    ("recommend_redis_stale_rows_total", "Old rows that stood in because Redis did not answer.", |s| s.stale),
    ("recommend_redis_folds_total", "Long rows that were folded.", |s| s.folds),
];

/// Reads the counters of the stores at each scrape.
pub(crate) struct RedisMetrics {
    stats: Arc<RedisStats>,
    descriptions: Vec<Desc>,
}

impl RedisMetrics {
    pub(crate) fn new(stats: Arc<RedisStats>) -> Result<Self, prometheus::Error> {
        let mut descriptions = Vec::new();
        for (name, help, _) in COUNTERS {
            descriptions.extend(IntCounter::with_opts(Opts::new(name, help))?.desc().into_iter().cloned());
        }
        descriptions.extend(open()?.desc().into_iter().cloned());
        Ok(RedisMetrics { stats, descriptions })
    }
}

fn open() -> Result<IntGauge, prometheus::Error> {
    IntGauge::new("recommend_redis_breaker_open", "1 while Redis is left alone because it failed, else 0.")
}

impl Collector for RedisMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.stats.snapshot();
        let mut families = Vec::new();
        for (name, help, value) in COUNTERS {
            if let Ok(counter) = IntCounter::with_opts(Opts::new(name, help)) {
                counter.inc_by(value(&now));
                families.extend(counter.collect());
            }
        }
        if let Ok(gauge) = open() {
            gauge.set(i64::from(now.open));
            families.extend(gauge.collect());
        }
        families
    }
}
