//! What was asked of Redis and of Qdrant, as metrics that are read when somebody scrapes.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge, Opts};
use recommend_stores::vectors::RemoteSnapshot;
use recommend_stores::{RedisSnapshot, RedisStats, VectorStore};

/// One metric and where its number comes from.
type Counted<S> = (&'static str, &'static str, fn(&S) -> u64);

const REDIS: [Counted<RedisSnapshot>; 10] = [
    ("recommend_redis_calls_total", "Commands that were to be sent to Redis.", |s| s.calls),
    ("recommend_redis_errors_total", "Commands without a good answer, those out of time included.", |s| {
        s.errors
    }),
    ("recommend_redis_timeouts_total", "Commands without an answer in time.", |s| s.timeouts),
    ("recommend_redis_refused_total", "Commands that the circuit breaker held back.", |s| s.refused),
    ("recommend_redis_connections_total", "Connections that were opened.", |s| s.connections),
    ("recommend_redis_row_hits_total", "Rows that this process had read lately.", |s| s.hits),
    ("recommend_redis_row_misses_total", "Rows that were read.", |s| s.misses),
    ("recommend_redis_rows_ahead_total", "Rows that were read again before they had run out.", |s| s.ahead),
    ("recommend_redis_stale_rows_total", "Old rows that stood in because Redis did not answer.", |s| s.stale),
    ("recommend_redis_folds_total", "Long rows that were folded.", |s| s.folds),
];

const REDIS_OPEN: Counted<RedisSnapshot> =
    ("recommend_redis_breaker_open", "1 while Redis is left alone because it failed, else 0.", |s| {
        u64::from(s.open)
    });

const QDRANT: [Counted<RemoteSnapshot>; 6] = [
    ("recommend_qdrant_calls_total", "Calls that were to be made to Qdrant.", |s| s.calls),
    ("recommend_qdrant_errors_total", "Calls without a good answer, those out of time included.", |s| {
        s.errors
    }),
    ("recommend_qdrant_timeouts_total", "Calls without an answer in time.", |s| s.timeouts),
    ("recommend_qdrant_retries_total", "Calls made again after a failure that may pass.", |s| s.retries),
    ("recommend_qdrant_refused_total", "Calls that the circuit breaker held back.", |s| s.refused),
    ("recommend_qdrant_connections_total", "Connections that were begun.", |s| s.connections),
];

const QDRANT_OPEN: Counted<RemoteSnapshot> =
    ("recommend_qdrant_breaker_open", "1 while Qdrant is left alone because it failed, else 0.", |s| {
        u64::from(s.open)
    });

/// Reads the counters of a store at each scrape.
pub(crate) struct StoreMetrics<S: 'static> {
    read: Box<dyn Fn() -> S + Send + Sync>,
    counters: &'static [Counted<S>],
    open: Counted<S>,
    descriptions: Vec<Desc>,
}

impl StoreMetrics<RedisSnapshot> {
    pub(crate) fn redis(stats: Arc<RedisStats>) -> Result<Self, prometheus::Error> {
        StoreMetrics::new(Box::new(move || stats.snapshot()), &REDIS, REDIS_OPEN)
    }
}

impl StoreMetrics<RemoteSnapshot> {
    pub(crate) fn qdrant(vectors: Arc<dyn VectorStore>) -> Result<Self, prometheus::Error> {
        StoreMetrics::new(Box::new(move || vectors.remote().unwrap_or_default()), &QDRANT, QDRANT_OPEN)
    }
}

impl<S> StoreMetrics<S> {
    fn new(
        read: Box<dyn Fn() -> S + Send + Sync>,
        counters: &'static [Counted<S>],
        open: Counted<S>,
    ) -> Result<Self, prometheus::Error> {
        let mut descriptions = Vec::new();
        for (name, help, _) in counters {
            let counter = IntCounter::with_opts(Opts::new(*name, *help))?;
            descriptions.extend(counter.desc().into_iter().cloned());
        }
        descriptions.extend(IntGauge::new(open.0, open.1)?.desc().into_iter().cloned());
        Ok(StoreMetrics { read, counters, open, descriptions })
    }
}

impl<S> Collector for StoreMetrics<S> {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = (self.read)();
        let mut families = Vec::new();
        for (name, help, value) in self.counters {
            if let Ok(counter) = IntCounter::with_opts(Opts::new(*name, *help)) {
                counter.inc_by(value(&now));
                families.extend(counter.collect());
            }
        }
        let (name, help, value) = self.open;
        if let Ok(gauge) = IntGauge::new(name, help) {
            gauge.set(value(&now) as i64);
            families.extend(gauge.collect());
        }
        families
    }
}
